"""A process at a site: does its part of a run, order by order, until the owner of the run needs nothing more."""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from dataclasses import replace
from functools import partial
from typing import Any

from nornflow.app.build import Project
from nornflow.app.clock import now
from nornflow.app.processes import shared_out
from nornflow.app.services.decided import Change, kept_change
from nornflow.app.services.plans.sealing import masked_step
from nornflow.app.services.prepared import run_info, tools_for
from nornflow.app.services.spec import kept_spec
from nornflow.app.services.workers.alive import Alive, alive
from nornflow.app.sites.names import site_of
from nornflow.app.sites.tellings import SiteFence, Tellings
from nornflow.engine.cancel import StopSwitch
from nornflow.engine.emit import Emitter
from nornflow.engine.shards.orders_as_data import finished_data, order_of
from nornflow.engine.shards.shard import Shard
from nornflow.engine.shards.sharing import Sharing
from nornflow.errors import NornFlowError, RunLost, StateConflict, StoreError, WrongKey
from nornflow.store.database import StoreAway
from nornflow.store.patience import Patience
from nornflow.store.runs import SqlRunStore
from nornflow.store.site_shards import Place, SitesDesk, Wanted

LOOK = 0.05
"""Seconds between two looks at what is wanted while something is; four times as long when nothing has been for a while."""
IDLE = 40
"""Looks without an order after which less often is looked."""
PATIENCE = 30.0
"""Seconds that work gets to end when the part is over; what hangs then ends with the process."""


def work_on_part(
    project: Project,
    run: str,
    site: str,
    leaving: Callable[[], bool] = lambda: False,
    *,
    rest: Callable[[float], object] = time.sleep,
) -> bool:
    """Do a site's part of a run, until there is no more of it or another process has it.

    False when it was left before that, between two orders, once `leaving` says so; StoreError when this process cannot go
    on and nobody else has it: another one has to. What keeps this worker from doing it (it knows the devices otherwise than
    they were, files differ) is told to the owner.
    """
    with closing(project.store()) as store, alive(store, project) as me:
        assert isinstance(store, SqlRunStore)  # no other one has sites
        patience = Patience(project.settings.store.patience)
        desk = SitesDesk(store.engine, store.rows.exact, store.rows.value, patience)
        try:
            change = change_at(project, store, run, site)
        except StoreAway:
            raise
        except NornFlowError as error:
            desk.trouble(run, site, error.message)
            return True
        try:
            place = desk.enter(run, site, me.id)
            if place is None:
                return True
            hosts = [host for host in change.spec.targets if host in change.hosts]
            with (
                shared_out(project, change, hosts=hosts) as shards,
                closing(_Part(project, store, change, desk, place, me, shards)) as part,
            ):
                return part.work(leaving, rest)
        finally:
            change.close()


def change_at(project: Project, store: SqlRunStore, run: str, site: str) -> Change:
    """Return the change as it was submitted, with the site's own devices; NornFlowError when something is another here."""
    spec = kept_spec(store.standing(run).spec, project.folder)
    targets, key = frozenset(spec.targets), project.settings.sites.key
    change, today = kept_change(project, spec, lambda host: host.name in targets and site_of(host, key) == site)
    mine = {host: digest for host, digest in spec.devices.items() if host in change.hosts}
    if differences := replace(spec, devices=mine).changes(today):  # what others have this site need not know
        change.close()
        raise StateConflict(f"something is not what it was when the run was begun: {'; '.join(differences)}")
    return change


class _Part:
    """The part of one run that this process has."""

    def __init__(
        self,
        project: Project,
        store: SqlRunStore,
        change: Change,
        desk: SitesDesk,
        place: Place,
        me: Alive,
        shards: Sharing | None,
    ) -> None:
        self._desk = desk
        self._place = place
        self._switch = StopSwitch()
        self._orders: dict[int, StopSwitch] = {}
        self._known_orders: set[int] = set()
        self._threads: list[threading.Thread] = []
        self._lost: StoreError | None = None
        self._pass = 0
        self._tellings = Tellings(desk, place)
        emitter = Emitter(
            place.run, (), now, project.redactor, sink=self._tellings, lost=partial(self._switch.stop, "store")
        )
        me.tell(self._lose)
        info = run_info(project, change, place.run, store.standing(place.run).user)
        tools = tools_for(project, change, info, emitter=emitter, switch=self._switch, journal=self._tellings)
        self._redactor, self._vault = project.redactor, project.vault
        self._known = frozenset(change.hosts)
        self._fence = SiteFence(desk, place, time.monotonic)
        if change.devices is not None:
            change.devices.put_behind(self._fence)
        if shards is not None:
            tools = replace(tools, shards=shards)
            shards.join(info, tools)
        self._shard = Shard(change.workflow, change.hosts, info, change.spec.inputs, change.spec.variables, tools)

    def work(self, leaving: Callable[[], bool], rest: Callable[[float], object]) -> bool:
        """Do what is wanted, until there is no more; False when it is left between two orders, once `leaving` says so.

        StoreError when this process cannot go on, though it has its place.
        """
        idle, left = 0, False
        while self._lost is None:
            if leaving() and not self._orders:
                left = True
                break
            try:
                wanted = self._desk.wanted(self._place, self._known_orders)
            except StoreError as error:  # RunLost: another process has the place
                self._lose(error)
                break
            self._heed(wanted)
            for body in wanted.orders:
                self._begin(body, wanted.stops.get(body["number"], 0))
            idle = 0 if wanted.orders or self._orders else idle + 1
            if wanted.ended:
                break
            rest(LOOK if idle < IDLE else 4 * LOOK)
        self._switch.abort()
        end = time.monotonic() + PATIENCE
        for thread in self._threads:
            thread.join(max(0.0, end - time.monotonic()))
        if self._lost is not None and self._desk.holds(self._place):
            if not isinstance(self._lost, WrongKey):
                raise self._lost
            self._desk.trouble(
                self._place.run, self._place.site, self._lost.message
            )  # the next process has no other key
        return not left

    def close(self) -> None:
        """Tell what waits, and give the place back."""
        self._tellings.close()
        with suppress(StoreError):
            self._desk.leave(self._place)

    def _lose(self, error: StoreError) -> None:
        self._lost = error
        self._tellings.lose(error)  # and no answer is given, which is told behind what led to it
        self._switch.abort("store")
        for switch in list(self._orders.values()):
            switch.abort("store")

    def _heed(self, wanted: Wanted) -> None:
        _raise(self._switch, wanted.stop)
        for number, level in wanted.stops.items():
            if switch := self._orders.get(number):
                _raise(switch, level)

    def _begin(self, body: Mapping[str, Any], level: int) -> None:
        if unknown := sorted(set(body["notes"]) - self._known):
            self._known_orders.add(body["number"])
            self._desk.trouble(
                self._place.run, self._place.site, f"its inventory has no {', '.join(unknown)} at this site"
            )
            return
        if body["pass"] != self._pass:
            self._pass = body["pass"]
            self._shard.start_pass()
        self._fence.tokens.update(body["tokens"])
        self._known_orders.add(body["number"])
        self._orders[body["number"]] = StopSwitch()
        _raise(self._orders[body["number"]], level)
        thread = threading.Thread(target=self._do, args=(body,), daemon=True, name=f"order-{body['number']}")
        self._threads.append(thread)
        thread.start()

    def _told_abroad(self, data: dict[str, Any]) -> dict[str, Any]:
        """Return an answer without the secrets that this site knows and the owner may not: what it records, it cannot mask.

        Pre-images stay as they are, for the device goes back to them; planned lines get digests, and are planned once more.
        """
        mask = self._redactor.value
        notes = {
            host: {**each, "results": mask(each["results"]), "step": self._masked_plan(each.get("step"))}
            for host, each in data["notes"].items()
        }
        shown = {name: mask(data[name]) for name in ("results", "errors", "unplanned")}
        return {**data, **shown, "notes": {host: _without_none(each) for host, each in notes.items()}}

    def _masked_plan(self, step: Mapping[str, Any] | None) -> dict[str, Any] | None:
        if step is None:
            return None
        found = {**step, "risks": self._redactor.value(step.get("risks"))}
        if "planned" in step:
            planned = masked_step(step["planned"], self._redactor, self._vault)
            found["planned"] = {**planned, "diff": self._redactor.text(planned.get("diff", ""))}
        return _without_none(found)

    def _do(self, body: Mapping[str, Any]) -> None:
        number = int(body["number"])
        try:
            finished = self._shard.do(order_of(body), self._orders[number])
            self._tellings.write()
            self._desk.answer(self._place, number, self._told_abroad(finished_data(finished)))
        except StoreError as error:
            self._lose(error)
        except Exception:  # noqa: BLE001 - a fault of the program: the next process may have more luck
            traceback.print_exc()
            self._lose(RunLost("the program failed"))
        finally:
            del self._orders[number]


def _without_none(data: Mapping[str, Any]) -> dict[str, Any]:
    return {name: item for name, item in data.items() if item is not None}


def _raise(switch: StopSwitch, level: int) -> None:
    if level == 2:
        switch.abort()
    elif level == 1:
        switch.stop()
