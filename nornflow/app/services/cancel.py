"""Ending a run early from another process: the wish is kept in the store, and the run's own process heeds it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from nornflow.abc import RunStore
from nornflow.app.build import Project
from nornflow.app.clock import now
from nornflow.engine.cancel import StopSwitch
from nornflow.engine.recovery.fates import fates
from nornflow.errors import RunLost, StateConflict, StoreError
from nornflow.model.event import EventKind
from nornflow.model.journal import EntryKind
from nornflow.model.run import RUN_MOVES, RunState
from nornflow.model.wish import Level, Wish
from nornflow.record import record
from nornflow.store.processes import user
from nornflow.store.records import RunRecords

if TYPE_CHECKING:
    from nornflow.app.services.workers.alive import Alive

LOOK = 0.2
"""Seconds between two looks at whether the wish was heard."""
PATIENCE = 5.0
"""Seconds that a run's process gets to hear it; it looks twice a second."""
BEFORE_DEVICES = frozenset((RunState.PENDING, RunState.PLANNING, RunState.AWAITING_APPROVAL, RunState.QUEUED))
"""States in which nothing has been sent to a device: a run whose process died in one of them ends as cancelled."""


@record
class Cancelled:
    """What became of a wish: `heard` by the run's process, or not yet; `state` is how the run stands now."""

    run: str
    wish: Wish
    state: RunState
    heard: bool
    process: str = ""

    @property
    def ended(self) -> bool:
        """Tell whether the run has ended."""
        return self.state not in RUN_MOVES

    @property
    def waits(self) -> bool:
        """Tell whether the run waits without a process: whoever goes on with it (`resume_run`) ends it."""
        return self.state is RunState.WAITING


@contextmanager
def heeding(store: RunStore, me: Alive, run: str, switch: StopSwitch) -> Iterator[None]:
    """Heed, as long as the `with` lasts, what is wished for the run in the store, and keep there what is wished here."""
    if me.pulse is None:  # nothing is remembered, and the database is not loaded
        yield
        return
    from nornflow.store.runs import SqlRunStore
    from nornflow.store.wishes import Wishes

    assert isinstance(store, SqlRunStore)  # no other one has a pulse
    wishes = Wishes(store.engine)

    def keep(wish: Wish) -> None:
        # whoever goes on with the run, if this process dies now, is to end it as early
        with suppress(StoreError):  # a store that is away ends the run by itself; one that has ended needs no wish
            wishes.ask(run, wish)

    look = wishes.heeded_by(run, switch)
    look()
    me.pulse.watch(look)
    unwish = switch.on_wish(lambda wish: threading.Thread(target=keep, args=(wish,), daemon=True, name="wish").start())
    try:
        yield
    finally:
        unwish()


def cancel_run(
    project: Project,
    beginning: str,
    level: Level,
    *,
    until_end: bool = False,
    wait: Callable[[float], object] = time.sleep,
    monotonic: Callable[[], float] = time.monotonic,
    clock: Callable[[], datetime] = now,
) -> Cancelled:
    """Have a run end early and return what became of that; with `until_end` only when it has ended, or waits.

    StateConflict when the run has ended already, or when its process is dead and so nobody ends it; UsageError when there
    is no such run.
    """
    from nornflow.store.runs import SqlRunStore
    from nornflow.store.wishes import Wishes

    with closing(project.store(create=False)) as store:
        run = store.find(beginning)
        assert isinstance(store, SqlRunStore)  # no other one finds a run
        wish = Wishes(store.engine).ask(run, Wish(level, user(), clock(), "nornflow runs cancel")).wish
    return followed(project, run, wish, until_end=until_end, wait=wait, monotonic=monotonic, clock=clock)


def followed(
    project: Project,
    run: str,
    wish: Wish,
    *,
    until_end: bool = False,
    wait: Callable[[float], object] = time.sleep,
    monotonic: Callable[[], float] = time.monotonic,
    clock: Callable[[], datetime] = now,
) -> Cancelled:
    """Return what becomes of a wish that is kept, as `cancel_run` does."""
    from nornflow.store.runs import SqlRunStore
    from nornflow.store.workers import Workers

    with closing(project.store(create=False)) as store:
        assert isinstance(store, SqlRunStore)  # it keeps the wish
        workers, began, seen = Workers(store.engine, silence=project.settings.store.silence), monotonic(), 0
        heard = False
        while True:
            standing = store.standing(run)
            if standing.ended:
                return Cancelled(run, wish, standing.state, heard=True)
            for stored in store.events(run, seen):
                seen = stored.number
                heard = heard or _tells(stored.event.kind, stored.event.data, wish)
            about = workers.about(standing.worker)
            found = Cancelled(run, wish, standing.state, heard, str(about) if about else standing.worker)
            gone = not standing.worker or workers.gone(standing.worker)
            if gone and store.standing(run) != standing:  # its process ended it, and went, between these two looks
                continue
            if gone and standing.state is RunState.WAITING:
                return found
            if gone:
                with suppress(RunLost):  # a worker took it in this very moment
                    return _of_the_dead(store, project.records(), found, standing.fence, clock())
            if not until_end and (heard or monotonic() - began >= PATIENCE):
                return found
            wait(LOOK)


def end_untaken(project: Project, store: RunStore, run: str) -> None:
    """End a run that shall end early where no process has taken it and nothing was done; leave every other one alone.

    StateConflict when it has ended, or goes on, in this moment.
    """
    standing = store.standing(run)
    wish = Wish.read(standing.wish)
    if wish is None or standing.worker or standing.state not in BEFORE_DEVICES:
        return
    found = Cancelled(run, wish, standing.state, heard=False)
    with suppress(RunLost):  # a worker took it in this very moment
        _of_the_dead(store, project.records(), found, standing.fence, now())


def _tells(kind: EventKind, data: object, wish: Wish) -> bool:
    if kind is not EventKind.RUN_STOPPING or not isinstance(data, dict):
        return False
    return Level(data["level"]).height >= wish.level.height


def end_untouched(project: Project, found: Cancelled) -> Cancelled | None:
    """End a waiting run that cannot be gone on with, as is wished, if it has sent nothing to a device; else None.

    StateConflict, or RunLost, when somebody goes on with it in this moment.
    """
    with closing(project.store(create=False)) as store:
        standing = store.standing(found.run)
        if standing.state is not RunState.WAITING or any(e.kind is EntryKind.INTENT for e in store.entries(found.run)):
            return None
        return _ended(store, project.records(), found, standing.fence, now(), "it waited")


def _of_the_dead(store: RunStore, records: RunRecords, found: Cancelled, fence: int, at: datetime) -> Cancelled:
    """End a run whose process is dead, where it had sent nothing to a device; StateConflict elsewhere."""
    if found.state not in BEFORE_DEVICES:
        raise StateConflict(
            f"run {found.run} is {found.state} and its process is dead ({found.process}): nobody carries out the wish",
            hint=f"nornflow runs resume {found.run} looks at what it was doing, and then ends it so: {found.wish.level}",
        )
    why = "its process was dead" if found.process else "no worker had taken it"
    return _ended(store, records, found, fence, at, why)


def _ended(store: RunStore, records: RunRecords, found: Cancelled, fence: int, at: datetime, why: str) -> Cancelled:
    known = store.record(found.run)
    record = replace(
        known,
        state=RunState.CANCELLED,
        hosts=fates([host.host for host in known.hosts], store.entries(found.run)),
        completed_at=at,
        error=f"{found.wish}; {why}, nothing had been sent to a device",
        hint="run the change again: it is planned anew",
        reason="cancelled",
        exit_code=1,
    )
    store.finish(record, found.state, fence=fence)
    with suppress(OSError):  # the store has it
        records.write(record)
    return Cancelled(found.run, found.wish, RunState.CANCELLED, heard=False)
