"""Looking back at runs: lists, records, event streams (also of a run that is at work) and differences."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import datetime
from typing import TYPE_CHECKING

from nornflow.abc import RunStore
from nornflow.app.build import Project
from nornflow.app.services.compare import RunDifference, compare
from nornflow.errors import StateConflict
from nornflow.model.approval import Approval
from nornflow.model.event import Event, EventKind
from nornflow.model.plan import Plan

if TYPE_CHECKING:
    from nornflow.store.patience import PatientRunStore
    from nornflow.store.plans import SqlPlans

POLL = 0.25
"""Seconds between two looks for new events of a run that is followed."""
LOOK = 1.0
"""Seconds between two looks at the process of a run that is followed."""
SILENT = 20.0
"""Seconds after which a process on another machine that says nothing counts as dead for somebody who watches."""


@contextmanager
def history(project: Project) -> Iterator[RunStore]:
    """Give the store of the project's runs for reading; a project that has none yet has no runs."""
    with closing(project.store(create=False)) as store:
        yield store


def differences(store: RunStore, a: str, b: str) -> RunDifference:
    """Compare two runs, given by the beginnings of their ids, with the plans that they were asked about."""
    first, second = store.find(a), store.find(b)
    return compare(store.record(first), store.record(second), last_plan(store, first), last_plan(store, second))


def last_plan(store: RunStore, run: str) -> Plan | None:
    """Return the plan that a run asked about last; None when it asked about none."""
    said = answers(store, run)
    return _plans(store).plan(said[-1].plan) if said else None


def answers(store: RunStore, run: str) -> Sequence[Approval]:
    """Return who answered what about the plans of a run, in order."""
    return _plans(store).answers(run)


def _plans(store: RunStore) -> SqlPlans:
    from nornflow.store.plans import SqlPlans

    return SqlPlans(patient(store))


def patient(store: RunStore) -> PatientRunStore:
    """Return the store as the database that it is; TypeError for one that keeps nothing."""
    from nornflow.store.patience import PatientRunStore

    if not isinstance(store, PatientRunStore):
        raise TypeError("plans and journals are kept in the database of runs alone")
    return store


def followed(
    store: RunStore, run: str, wait: Callable[[float], object], dead: Callable[[], str] = lambda: ""
) -> Iterator[Event]:
    """Yield the events of a run as they are stored, until the run has ended; `wait` sleeps so many seconds.

    `dead` says why nobody carries the run out any more, if so: then StateConflict is raised after the last event.
    """
    number = 0
    why = ""
    while True:
        ended = store.summary(run).completed_at is not None  # asked first: what is stored before the end is yielded
        for stored in store.events(run, number):
            number = stored.number
            yield stored.event
            ended = ended or stored.event.kind is EventKind.RUN_FINISHED
        if ended:
            return
        if why:
            raise StateConflict(
                f"run {run} has not ended, and nobody carries it out: {why}", hint=f"nornflow runs resume {run}"
            )
        why = dead()  # what it wrote until then is yielded first
        if not why:
            wait(POLL)


def cut_off(store: RunStore) -> frozenset[str]:
    """Return the runs whose process is known to be dead, so that nobody carries them out; nothing is changed."""
    from nornflow.app.services.dead import cut_off_runs
    from nornflow.store.runs import SqlRunStore
    from nornflow.store.workers import Workers

    if not isinstance(store, SqlRunStore):
        return frozenset()
    return frozenset(run.run for run in cut_off_runs(store, Workers(store.engine).is_dead))


def parked(store: RunStore) -> Mapping[str, str]:
    """Return why no worker takes a run that was left to workers, by the ids of those with which that is so."""
    from nornflow.store.runs import SqlRunStore
    from nornflow.store.submissions import Submissions

    if not isinstance(store, SqlRunStore):
        return {}
    return {each.run: each.submission.parked for each in Submissions(store.engine).open() if each.submission.parked}


class Watch:
    """Looks whether the process of a run still lives, without changing anything; called again and again."""

    def __init__(self, store: RunStore, run: str, monotonic: Callable[[], float] = time.monotonic) -> None:
        from nornflow.store.runs import SqlRunStore
        from nornflow.store.workers import Workers

        self._store = store
        self._run = run
        self._monotonic = monotonic
        self._workers = Workers(store.engine) if isinstance(store, SqlRunStore) else None
        self._beat: tuple[str, datetime | None] = ("", None)
        self._since = self._looked = float("-inf")

    def __call__(self) -> str:
        """Return why nobody carries the run out any more; an empty text while somebody may."""
        now = self._monotonic()
        if self._workers is None or now - self._looked < LOOK:
            return ""
        self._looked = now
        worker = self._store.standing(self._run).worker
        if not worker:
            return ""
        if self._workers.is_dead(worker):
            return f"its process ({worker}) is dead"
        about = self._workers.about(worker)
        beat = (worker, about.beat_at if about else None)
        if beat != self._beat:
            self._beat, self._since = beat, now
        if now - self._since >= SILENT:
            return f"its process ({worker}) has said nothing for {SILENT:.0f} s"
        return ""
