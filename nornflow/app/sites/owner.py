"""The owner's end of a run whose devices lie at several sites."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace

from nornflow.abc import Cancellation
from nornflow.engine.shards.orders_as_data import finished_of, order_data
from nornflow.engine.shards.shard import Finished, Order
from nornflow.engine.shards.shards import Desk, Done, Round
from nornflow.engine.shards.sharing import Died, Refused, Sharing
from nornflow.engine.tools import Tools
from nornflow.errors import StepCancelled, StepError, StoreError
from nornflow.model.event import EventKind
from nornflow.model.journal import Entry, EntryKind
from nornflow.model.run import RunInfo
from nornflow.store.site_shards import OwnersDesk, Telling

LOOK = 0.1
"""Seconds between two looks at what sites tell and answer."""
SELDOM = 20
"""So many looks at an order for one at whether the site's part was given up."""
TOLD = "told"
"""Under which key an entry of the journal has the number of the telling that it came in: none is written down twice."""


class AtSites(Sharing):
    """Has each site's workers do what is to be done on its devices; devices of no site are the owner's own.

    Those are shared out among processes of its own, if `own` is given; whoever made them ends them.
    `submit` puts the part of a site into its queue, `given_up` says why no worker takes it any more, if so. Whoever has that
    part there is counted by the store (its epoch): when another worker of the site follows a dead one, orders that were begun
    are settled by reading, as in a resumed run.
    """

    def __init__(
        self,
        desk: OwnersDesk,
        fence: int,
        sites: Mapping[str, str],
        submit: Callable[[str], None],
        given_up: Callable[[str], str],
        own: Sharing | None = None,
        *,
        rest: Callable[[float], object] = time.sleep,
    ) -> None:
        self._sites = sorted(set(sites.values()))
        number = {site: place for place, site in enumerate(self._sites)}
        super().__init__(len(self._sites), tuple(sites), {host: number[site] for host, site in sites.items()})
        self._site_of = sites
        self._desk = desk
        self._fence = fence
        self._submit = submit
        self._given_up = given_up
        self._own = own
        self._rest = rest
        self._pass = 0
        self._taken: frozenset[int] = frozenset()
        self._taking = threading.Lock()
        self._told: dict[int, list[Entry]] = {}
        self._open: dict[int, Cancellation] = {}
        self._passed: dict[int, int] = {}
        self._run = ""
        self._tools: Tools | None = None

    def join(self, run: RunInfo, tools: Tools) -> None:
        """Ask the sites to take part."""
        if self._own is not None:
            self._own.join(run, tools)
        self._run, self._tools = run.id, tools
        self._desk.open(run.id, self._fence, self._sites)
        for site in self._sites:
            self._submit(site)

    def do(self, round: Round, desk: Desk, here: Callable[[Round], Done], cancellation: Cancellation) -> Done:
        """Share a round out among the sites; what is on devices of no site is done here, at the same time."""
        own = tuple(host for host in round.hosts if host not in self._site_of)
        far = tuple(host for host in round.hosts if host in self._site_of)
        if not own:
            return super().do(round, desk, here, cancellation)
        if not far:
            return self._at_home(round, desk, here, cancellation)
        with ThreadPoolExecutor(1, thread_name_prefix="own") as pool:
            mine = pool.submit(self._at_home, replace(round, hosts=own), desk, here, cancellation)
            theirs = super().do(replace(round, hosts=far), desk, here, cancellation)
            done = mine.result()
        return Done(
            {**done.results, **theirs.results},
            {**done.errors, **theirs.errors},
            frozenset(done.told | theirs.told),
            frozenset(done.kept | theirs.kept),
            {**done.unplanned, **theirs.unplanned},
        )

    def _at_home(self, round: Round, desk: Desk, here: Callable[[Round], Done], cancellation: Cancellation) -> Done:
        return here(round) if self._own is None else self._own.do(round, desk, here, cancellation)

    def begin(self, process: int, order: Order, cancellation: Cancellation) -> None:
        """Put an order into the store, with the tokens of its devices."""
        assert self._tools is not None  # it was joined
        fence = self._tools.devices.fence if self._tools.devices is not None else None
        tokens = fence.tokens if fence is not None else {}
        body = {
            **order_data(order),
            "pass": self._pass,
            "tokens": {host: tokens[host] for host in order.round.hosts if host in tokens},
        }
        with self._taking:
            self._told[order.number] = []
            self._open[order.number] = cancellation
        try:
            self._desk.order(self._run, self._fence, self._sites[process], order.number, body)
        except StoreError as error:
            self._tools.emitter.lose(error)

    def finish(self, process: int, order: Order, cancellation: Cancellation) -> Finished | Died | Refused:
        """Look again and again how the order stands, take what is told, and pass on how far the run is to end."""
        assert self._tools is not None  # it was joined
        waited, looks = False, 0
        try:
            while True:
                state = self._desk.state(self._run, order.number)
                self._take()
                if state.answer is not None:
                    self._desk.done(self._run, self._fence, order.number)
                    return finished_of(state.answer)
                looks += 1
                trouble = state.trouble or ("" if looks % SELDOM else self._given_up(self._sites[process]))
                if state.dead or trouble:
                    return self._not_done(process, order, trouble)
                stopping = _level(cancellation) and not state.begun
                if stopping and self._desk.withdraw(self._run, self._fence, order.number):
                    return Refused(StepCancelled("not started, the run was stopped"))
                self._pass_on()
                if not state.begun and not waited and self._desk.unmanned(self._run, self._sites[process]):
                    waited = True
                    text = f"no worker of site {self._sites[process]} has begun yet; the run waits for one"
                    self._tools.emitter.emit(EventKind.QUEUE_WAITING, text, of="site", place=1)
                self._rest(LOOK)
        except StoreError as error:
            self._tools.emitter.lose(error)
            return Refused(StepError(error.message, hint=error.hint))
        finally:
            with self._taking:
                self._told.pop(order.number, None)
                self._open.pop(order.number, None)
                self._passed.pop(order.number, None)

    def _pass_on(self) -> None:
        """Say, once, how far the work on each order is to end, whichever of them is waited for; and how far the run is."""
        assert self._tools is not None  # it was joined
        with self._taking:
            levels = {number: _level(cancellation) for number, cancellation in self._open.items()}
            risen = {number: level for number, level in levels.items() if level > self._passed.get(number, 0)}
            self._passed |= risen
        for number, level in risen.items():
            self._desk.stop(self._run, self._fence, level, number)
        if risen and (level := _level(self._tools.switch)):
            self._desk.stop(self._run, self._fence, level)

    def _not_done(self, process: int, order: Order, trouble: str) -> Died | Refused:
        assert self._tools is not None  # it was joined
        site = self._sites[process]
        with self._taking:
            told = list(self._told[order.number])
        self._desk.done(self._run, self._fence, order.number)
        if trouble:
            return Refused(StepError(f"site {site} cannot do it: {trouble}", hint="nornflow workers list"))
        self._tools.emitter.emit(EventKind.PROCESS_DIED, f"a process at site {site} died", site=site)
        return Died(told)

    def start_pass(self) -> None:
        """What is ordered from now on is of the next pass."""
        self._pass += 1

    def replace_dead(self) -> bool:
        """Whoever is dead is followed by its site's other workers."""
        return True

    def close(self) -> None:
        """Let every site end."""
        if self._tools is not None:
            with suppress(StoreError):  # what is left there is nothing that the run is made of any more
                self._take()
            with suppress(StoreError):  # whoever owns the run next lets them end
                self._desk.end(self._run, self._fence)

    def _take(self) -> None:
        """Write down what sites have told since the last time, and tell it."""
        assert self._tools is not None  # it was joined
        with self._taking:
            tellings = [each for each in self._desk.tellings(self._run) if each.number not in self._taken]
            entries: list[Entry] = []
            for telling in tellings:
                if "event" in telling.body:
                    self._emit(telling.body["event"])
                else:
                    entries.append(entry_of(telling))
            for told in self._told.values():
                told += entries
            if tellings:
                self._tools.journal.write(*entries)
                numbers = [each.number for each in tellings]
                self._taken = frozenset(numbers)  # until they are gone
                self._desk.written(self._run, self._fence, numbers)

    def _emit(self, event: Mapping[str, object]) -> None:
        assert self._tools is not None  # it was joined
        kind, message, step, host = (str(event[name]) for name in ("kind", "message", "step", "host"))
        data = event["data"]
        assert isinstance(data, dict)  # a site wrote it so
        self._tools.emitter.emit(EventKind(kind), message, step=step, host=host, **data)


def _level(cancellation: Cancellation) -> int:
    return 2 if cancellation.aborted else 1 if cancellation.stopping else 0


def entry_of(telling: Telling) -> Entry:
    """Return the entry of the journal that a site told."""
    body = telling.body
    return Entry(EntryKind(body["kind"]), body["step"], body["host"], {**body["data"], TOLD: telling.number})


def left_over(desk: OwnersDesk, run: str, known: Sequence[Entry]) -> list[Entry]:
    """Return what sites told a dead owner of a run and it did not write down: the journal goes on with that."""
    taken = {entry.data[TOLD] for entry in known if TOLD in entry.data}
    tellings = (each for each in desk.tellings(run) if "event" not in each.body)
    return [entry_of(each) for each in tellings if each.number not in taken]
