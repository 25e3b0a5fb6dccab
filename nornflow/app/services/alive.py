"""Being a worker: a process that carries out a run says that it lives, and hears when others have taken it for dead."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from nornflow.abc import RunStore
from nornflow.app.build import Project
from nornflow.engine.locking import Turns
from nornflow.errors import RunLost, StoreError
from nornflow.model.lock import WhenHeld
from nornflow.store.nothing import NoStore

if TYPE_CHECKING:
    from nornflow.store.pulse import Pulse
    from nornflow.store.workers import Workers


class Alive:
    """This process as a worker: its id, the table of workers, and the pulse that others may watch along with.

    Without a store (`store.url: none`) it has neither, and an empty id.
    """

    def __init__(self, store: RunStore) -> None:
        self.workers: Workers | None = None
        self.pulse: Pulse | None = None
        self.id = ""
        self._error: RunLost | None = None
        self._tell: Callable[[StoreError], None] = lambda error: None
        if isinstance(store, NoStore):
            return  # and the database is not loaded
        from nornflow.store.pulse import Pulse
        from nornflow.store.runs import SqlRunStore
        from nornflow.store.workers import Workers

        if isinstance(store, SqlRunStore):
            self.workers = Workers(store.engine)
            self.pulse = Pulse(self.workers, lost=self._lost)
            self.id = self.workers.register()

    def tell(self, lost: Callable[[StoreError], None]) -> None:
        """Call this when others have taken this process for dead; at once if they have already."""
        self._tell = lost
        if self._error is not None:
            lost(self._error)

    def _lost(self) -> None:
        self._error = RunLost(
            "this process was taken for dead: it was stopped for too long, or cut off from the store",
            hint="see how the run stands: nornflow runs list",
        )
        self._tell(self._error)


@contextmanager
def alive(store: RunStore) -> Iterator[Alive]:
    """Be a worker as long as the `with` lasts; StoreError when the store cannot be written."""
    me = Alive(store)
    if me.workers is None or me.pulse is None:
        yield me
        return
    try:
        with me.pulse:
            yield me
    finally:
        with suppress(StoreError):  # a row that stays is found dead by whoever looks
            me.workers.leave()


def turns_of(me: Alive, project: Project, when_held: str = "") -> Turns | None:
    """Return where a run of this worker queues for its profile and its devices; None without a store.

    `when_held` is what it does while others are in its way, instead of the setting `locks.when_held`.
    """
    if me.workers is None:
        return None
    from nornflow.store.locks import SqlDeviceLocks
    from nornflow.store.patience import Patience
    from nornflow.store.patient_turns import PatientLocks, PatientSlots
    from nornflow.store.slots import SqlSlots

    settings, engine = project.settings, me.workers.engine
    patience = Patience(settings.store.patience)
    return Turns(
        PatientLocks(SqlDeviceLocks(engine, me.workers), patience),
        PatientSlots(SqlSlots(engine, me.workers), patience),
        WhenHeld(when_held or settings.locks.when_held),
        float(settings.locks.timeout),
    )
