"""Sharing rounds out among processes, whatever they are and however they are talked to; and going on when one of them dies."""

from __future__ import annotations

import threading
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from nornflow.abc import Cancellation
from nornflow.engine.host_notes import put_notes, take_notes
from nornflow.engine.progress import Progress
from nornflow.engine.shards.lost import LostShard, refused
from nornflow.engine.shards.shard import Finished, Order
from nornflow.engine.shards.shards import Desk, Done, Round, Shards, Work
from nornflow.engine.tools import Tools
from nornflow.errors import NornFlowError
from nornflow.model.journal import Entry
from nornflow.model.run import RunInfo
from nornflow.record import record

Group = tuple[int, tuple[str, ...]]
"""A process and its devices."""


@record
class Refused:
    """An order was not done, and will not be: `error` says why."""

    error: NornFlowError


@record
class Died:
    """A process died at an order; `told` is what it had told of the journal since it began with it."""

    told: Sequence[Entry] = ()


class Sharing(Shards):
    """Gives each of `count` processes its devices for the length of the run, so that it keeps its sessions with them.

    `owner` says which process has which device, where no other can do it.

    When one dies it is replaced, and its devices are gone on with one by one: one of them may be what it died of. What was
    open there is settled by reading them. A device that one process after the other dies of is given up; the others go on.
    Where no dead one can be replaced, this process does the rest itself.
    """

    def __init__(self, count: int, targets: Sequence[str], owner: Mapping[str, int] | None = None) -> None:
        self._count = count
        self._fixed = owner is not None
        self._owner = dict(owner or {host: number % count for number, host in enumerate(targets)})
        self._lock = threading.Lock()
        self._orders = 0
        self._progress: Progress | None = None

    @abstractmethod
    def join(self, run: RunInfo, tools: Tools) -> None:
        """Let the processes begin with a run; `tools` are what its record is written with."""

    @abstractmethod
    def begin(self, process: int, order: Order, cancellation: Cancellation) -> None:
        """Have a process (by its number, from 0) begin with an order."""

    @abstractmethod
    def finish(self, process: int, order: Order, cancellation: Cancellation) -> Finished | Died | Refused:
        """Wait until the process is done with the order, or dies, or it is known that nobody does it.

        One order is waited for after the other: when work is to end, all processes are told by whoever waits for one of them.
        """

    @abstractmethod
    def start_pass(self) -> None:
        """Have every process forget results: what was planned is applied now."""

    @abstractmethod
    def replace_dead(self) -> bool:
        """Put new processes in the place of dead ones; False when there can be none."""

    def do(self, round: Round, desk: Desk, here: Callable[[Round], Done], cancellation: Cancellation) -> Done:
        """Share a round out, and put together what came of it."""
        self._enter(desk.progress)
        work = _Work(round, desk, LostShard(round, desk), [])
        groups, alone = self._groups(round.hosts), list[str]()
        while groups:
            if not self.replace_dead():
                left = (*(host for _, hosts in groups for host in hosts), *alone)
                resumed = round.resumed or any(map(work.lost.died_of, left))
                work.parts.append(here(replace(round, hosts=left, resumed=resumed)))
                break
            alone += self._all_at(groups, work, cancellation)
            groups = self._one_each(alone)
            alone = [host for host in alone if not any(host in hosts for _, hosts in groups)]
        return _together(round, work.parts)

    def _all_at(self, groups: Sequence[Group], work: _Work, cancellation: Cancellation) -> list[str]:
        """Have each process do its devices, all at once, and return the devices that are to be gone on with."""
        further: list[str] = []
        orders = [(number, self._order(hosts, work)) for number, hosts in groups]
        for number, order in orders:
            self.begin(number, order, cancellation)
        for number, order in orders:
            found = self.finish(number, order, cancellation)
            if isinstance(found, Refused):
                done = refused(work.round, order.round.hosts, found.error)
            elif isinstance(found, Died):
                done, open = work.lost.settle(order.round.hosts, found.told)
                further += open
            else:
                done = found.done
                for host, notes in found.notes.items():
                    put_notes(work.desk.progress, work.desk.planned, host, notes, results=False)
            work.parts.append(done)
            with self._lock:
                self._owner.update(dict.fromkeys(order.round.hosts, number))
        return further

    def _one_each(self, hosts: Sequence[str]) -> list[Group]:
        """Return one device for each process, as far as there are."""
        if not self._fixed:
            return [(number, (host,)) for number, host in enumerate(hosts[: self._count])]
        first: dict[int, str] = {}
        for host in hosts:
            first.setdefault(self._owner[host], host)
        return [(number, (host,)) for number, host in first.items()]

    def _groups(self, hosts: Sequence[str]) -> list[Group]:
        found: dict[int, list[str]] = {}
        with self._lock:
            for host in hosts:
                # one that nobody thought of comes from another process that shares devices, in the place of a dead one
                number = self._owner.setdefault(host, len(self._owner) % self._count)
                found.setdefault(number, []).append(host)
        return [(number, tuple(each)) for number, each in found.items()]

    def _order(self, hosts: tuple[str, ...], work: _Work) -> Order:
        round, progress = work.round, work.desk.progress
        # a device that another process planned so far may be gone on with: its planner comes along
        notes = {host: take_notes(progress, work.desk.planned, host, planner=round.work is Work.PLAN) for host in hosts}
        with self._lock:
            self._orders += 1
            number = self._orders
        mine = replace(round, hosts=hosts, resumed=round.resumed or any(map(work.lost.died_of, hosts)))
        return Order(number, mine, notes, dict(progress.results), progress.batch, progress.over)

    def _enter(self, progress: Progress) -> None:
        with self._lock:
            before, self._progress = self._progress, progress
            if before is not None and before is not progress:
                self.start_pass()


@record
class _Work:
    """A round while it is being done, with the parts of it that are."""

    round: Round
    desk: Desk
    lost: LostShard
    parts: list[Done]


def _together(round: Round, parts: Sequence[Done]) -> Done:
    results = {host: result for part in parts for host, result in part.results.items()}
    return Done(
        {host: results[host] for host in round.hosts if host in results},
        {host: error for part in parts for host, error in part.errors.items()},
        frozenset(host for part in parts for host in part.told),
        frozenset(host for part in parts for host in part.kept),
        {step: why for part in parts for step, why in part.unplanned.items()},
    )
