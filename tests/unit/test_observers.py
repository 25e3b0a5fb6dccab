"""Observers of strangers: told in a thread of their own, and never at the cost of the run or its record."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

from nornflow.abc import EventSink, Observer
from nornflow.engine.emit import Emitter
from nornflow.engine.feed import Feed
from nornflow.errors import StoreError
from nornflow.model.event import Event, EventKind
from nornflow.redaction import Redactor
from nornflow.testing.fakes import RememberingObserver
from nornflow.testing.run_store import event

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


class Kept(EventSink):
    """A record in memory that is full after so many events."""

    def __init__(self, room: int = 1000) -> None:
        self.events: list[Event] = []
        self._room = room

    def take(self, event: Event) -> None:
        if len(self.events) >= self._room:
            raise StoreError("the disk is full")
        self.events.append(event)


class Stuck(Observer):
    """Never comes back from its first event until it is let go."""

    name = "stuck"

    def __init__(self) -> None:
        self.reached, self.go = threading.Event(), threading.Event()
        self.heard: list[str] = []

    def observe(self, event: Event) -> None:
        self.reached.set()
        self.go.wait(60)
        self.heard.append(event.message)


class Broken(Observer):
    """Raises at its second event."""

    name = "broken"

    def __init__(self) -> None:
        self.heard = 0

    def observe(self, event: Event) -> None:
        self.heard += 1
        if self.heard == 2:
            raise KeyError("oops")


def test_an_observer_hears_everything_in_order() -> None:
    observer, reports = RememberingObserver(), list[str]()
    feed = Feed(observer, reports.append)
    told = [event(str(number)) for number in range(500)]
    for each in told:
        feed.offer(each)
    feed.close(60)
    assert observer.events == told
    assert reports == []


def test_a_full_queue_costs_the_observer_events_and_nobody_else_time() -> None:
    stuck, reports = Stuck(), list[str]()
    feed = Feed(stuck, reports.append, size=2)
    feed.offer(event("heard late"))
    assert stuck.reached.wait(60)
    for number in range(5):
        feed.offer(event(f"{number}"))
    assert feed.missed == 3
    assert reports == ["observer stuck cannot keep up and misses events; the record of the run has them all"]
    stuck.go.set()
    feed.close(60)
    assert stuck.heard == ["heard late", "0", "1"]


def test_one_that_is_stuck_at_the_end_is_left_behind() -> None:
    stuck, remembering, record = Stuck(), RememberingObserver(), Kept()
    emitter = Emitter("run-1", [remembering], lambda: NOON, strangers=[stuck], sink=record)
    emitter.emit(EventKind.STEP_OUTPUT, "one")
    emitter.emit(EventKind.STEP_OUTPUT, "two")
    assert stuck.reached.wait(60)
    emitter.close(0)
    emitter.close(0)
    (trouble,) = remembering.of(EventKind.OBSERVER_FAILED)
    assert trouble.message == "observer stuck had not heard the last 2 events when the run ended"
    assert [each.message for each in record.events] == ["one", "two", trouble.message]
    stuck.go.set()


def test_one_that_raises_is_told_of_once_and_the_record_has_everything() -> None:
    broken, remembering, record = Broken(), RememberingObserver(), Kept()
    emitter = Emitter("run-1", [], lambda: NOON, strangers=[broken, remembering], sink=record)
    for number in range(50):
        emitter.emit(EventKind.STEP_OUTPUT, str(number))
    emitter.close(60)
    assert broken.heard == 2
    assert [each.message for each in remembering.of(EventKind.STEP_OUTPUT)] == [str(number) for number in range(50)]
    troubles = [each for each in record.events if each.kind is EventKind.OBSERVER_FAILED]
    assert len(troubles) == 1
    assert "observer broken failed and is left out: KeyError" in troubles[0].message
    assert len(record.events) == 51


def test_a_full_record_is_said_once_and_kept_as_the_failure() -> None:
    lost = list[str]()
    emitter = Emitter("run-1", [], lambda: NOON, sink=Kept(room=1), lost=lambda: lost.append("lost"))
    emitter.emit(EventKind.STEP_OUTPUT, "one")
    assert emitter.failure is None
    emitter.emit(EventKind.STEP_OUTPUT, "two")
    emitter.emit(EventKind.STEP_OUTPUT, "three")
    assert lost == ["lost"]
    assert str(emitter.failure) == "the disk is full"


def test_the_record_has_no_secret() -> None:
    record = Kept()
    Emitter("run-1", [], lambda: NOON, Redactor(["hunter22"]), sink=record).emit(
        EventKind.STEP_OUTPUT, "key hunter22", lines=["hunter22"]
    )
    assert "hunter22" not in repr(record.events)
