"""Looking back at runs: lists, records, event streams (also of a run that is at work) and differences."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

from nornflow.abc import RunStore
from nornflow.app.build import Project
from nornflow.app.services.compare import RunDifference, compare
from nornflow.model.event import Event, EventKind

POLL = 0.25
"""Seconds between two looks for new events of a run that is followed."""


@contextmanager
def history(project: Project) -> Iterator[RunStore]:
    """Give the store of the project's runs for reading; a project that has none yet has no runs."""
    with closing(project.store(create=False)) as store:
        yield store


def differences(store: RunStore, a: str, b: str) -> RunDifference:
    """Compare two runs, given by the beginnings of their ids."""
    return compare(store.record(store.find(a)), store.record(store.find(b)))


def followed(store: RunStore, run: str, wait: Callable[[float], object]) -> Iterator[Event]:
    """Yield the events of a run as they are stored, until the run has ended; `wait` sleeps so many seconds."""
    number = 0
    while True:
        ended = store.summary(run).completed_at is not None  # asked first: what is stored before the end is yielded
        for stored in store.events(run, number):
            number = stored.number
            yield stored.event
            ended = ended or stored.event.kind is EventKind.RUN_FINISHED
        if ended:
            return
        wait(POLL)
