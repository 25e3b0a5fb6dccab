"""Being a worker: a process that carries out a run says that it lives, and hears when others have taken it for dead."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from nornflow.abc import RunStore
from nornflow.app.build import Project
from nornflow.engine.turns import Turns
from nornflow.errors import RunLost, StoreError
from nornflow.model.lock import WhenHeld
from nornflow.model.pool import NOTHING, Asked
from nornflow.store.nothing import NoStore

if TYPE_CHECKING:
    from nornflow.store.pulse import Pulse
    from nornflow.store.workers import Workers

LOOK = 0.5
"""Seconds between two looks at a process of which nobody knows whether it lives."""


class Alive:
    """This process as a worker: its id, the table of workers, and the pulse that others may watch along with.

    Without a store (`store.url: none`) it has neither, and an empty id. `given_up` tells whether the store is still waited for.
    """

    def __init__(self, store: RunStore, silence: float) -> None:
        self.workers: Workers | None = None
        self.pulse: Pulse | None = None
        self.id = ""
        self.given_up: Callable[[], bool] = lambda: False
        self._error: RunLost | None = None
        self._tell: list[Callable[[StoreError], None]] = []
        if isinstance(store, NoStore):
            return  # and the database is not loaded
        from nornflow.store.patience import PatientRunStore
        from nornflow.store.pulse import Pulse
        from nornflow.store.runs import SqlRunStore
        from nornflow.store.workers import Workers

        if isinstance(store, SqlRunStore):
            self.workers = Workers(store.engine, silence=silence)
            if isinstance(store, PatientRunStore):
                self.given_up = store.patience.given_up
            self.pulse = Pulse(self.workers, lost=self._lost)
            self.id = self.workers.register()

    def tell(self, lost: Callable[[StoreError], None]) -> None:
        """Call this too when others have taken this process for dead, behind those before it; at once if they have already."""
        self._tell.append(lost)
        if self._error is not None:
            lost(self._error)

    def _lost(self) -> None:
        self._error = RunLost(
            "this process was taken for dead: it was stopped for too long, or cut off from the store",
            hint="see how the run stands: nornflow runs list",
        )
        for lost in list(self._tell):
            lost(self._error)


@contextmanager
def alive(store: RunStore, project: Project) -> Iterator[Alive]:
    """Be a worker as long as the `with` lasts; StoreError when the store cannot be written."""
    me = Alive(store, project.settings.store.silence)
    if me.workers is None or me.pulse is None:
        yield me
        return
    try:
        with me.pulse:
            yield me
    finally:
        with suppress(StoreError):  # a row that stays is found dead by whoever looks
            me.workers.leave()


def living(me: Alive, worker: str, wait: Callable[[float], object]) -> str:
    """Return where a worker lives, an empty text once it is dead; one that cannot be looked at from here takes a while."""
    from nornflow.store.processes import is_there, this_process

    workers = me.workers
    assert workers is not None  # without a store there is nothing to be found
    end = time.monotonic() + workers.silence + 2 * LOOK
    before = workers.about(worker)
    while not workers.gone(worker):
        now = workers.about(worker)
        beaten = before is not None and now is not None and now.beat_at != before.beat_at
        lives_here = now is not None and is_there(now.process, this_process()) is True
        if beaten or lives_here or time.monotonic() > end:
            return f"{worker} on {now.process.machine}, process {now.process.pid}" if now is not None else worker
        wait(LOOK)
    return ""


def turns_of(me: Alive, project: Project, when_held: str = "", asked: Asked = NOTHING) -> Turns | None:
    """Return where a run of this worker queues for its profile, resources and devices; None without a store.

    `when_held` is what it does while others are in its way, instead of the setting `locks.when_held`; `asked` is what it
    wants of the pools.
    """
    if me.workers is None:
        return None
    from nornflow.store.locks import SqlDeviceLocks
    from nornflow.store.patience import Patience
    from nornflow.store.patient_turns import PatientLocks, PatientPools, PatientSlots
    from nornflow.store.pools import SqlPools
    from nornflow.store.slots import SqlSlots

    settings, engine = project.settings, me.workers.engine
    patience = Patience(settings.store.patience, given_up=me.given_up)
    return Turns(
        PatientLocks(SqlDeviceLocks(engine, me.workers), patience),
        PatientSlots(SqlSlots(engine, me.workers), patience),
        WhenHeld(when_held or settings.locks.when_held),
        float(settings.locks.timeout),
        pools=PatientPools(SqlPools(engine, me.workers, settings.pools), patience),
        asked=asked,
    )
