"""The record of a run's events: in order, in batches, for good before the run acts, and loud when it cannot be kept."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from nornflow.app.services.remember import remembered
from nornflow.errors import RunLost, StateConflict, StoreError
from nornflow.model.event import Event, EventKind
from nornflow.model.journal import Entry, EntryKind
from nornflow.model.run import RunRecord, RunState
from nornflow.store.opening import open_store
from nornflow.store.recorder import RunRecorder
from nornflow.store.runs import SqlRunStore
from nornflow.testing.run_store import NOON, ended_run, event, new_run

NEVER = 3600.0


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlRunStore]:
    with closing(open_store("", tmp_path)) as store:
        yield store


def messages(store: SqlRunStore) -> list[str]:
    return [stored.event.message for stored in store.events("run-1")]


def moved(state: str) -> Event:
    return Event(EventKind.RUN_STATE, NOON, "run-1", data={"state": state})


def begun(store: SqlRunStore, every: float = NEVER) -> RunRecorder:
    recorder = RunRecorder(store, "run-1", every)
    recorder.begin(new_run())
    return recorder


def test_what_is_told_from_many_threads_is_kept_once_and_in_order(store: SqlRunStore) -> None:
    recorder = begun(store, every=0.001)
    lock, told = threading.Lock(), list[str]()

    def work(name: int) -> None:
        for number in range(200):
            with lock:  # as the emitter does
                told.append(f"{name}-{number}")
                recorder.take(event(told[-1]))

    threads = [threading.Thread(target=work, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    recorder.take(moved("running"))
    recorder.take(moved("failed"))
    recorder.finish(ended_run())
    assert messages(store) == [*told, "", ""]
    assert store.summary("run-1").state is RunState.FAILED


def test_everything_is_kept_before_a_step_begins_and_the_rest_within_a_moment(store: SqlRunStore) -> None:
    recorder = begun(store)
    recorder.take(event("one"))
    assert messages(store) == []
    recorder.take(Event(EventKind.STEP_STARTED, NOON, "run-1", "configure", message="step"))
    assert messages(store) == ["one", "step"]
    recorder.take(moved("running"))
    assert store.summary("run-1").state is RunState.RUNNING
    recorder.finish(ended_run())


def test_a_reader_sees_the_end_of_a_run_only_with_its_results(store: SqlRunStore) -> None:
    recorder = begun(store)
    recorder.take(moved("running"))
    recorder.take(moved("failed"))
    assert store.summary("run-1").state is RunState.RUNNING
    recorder.finish(ended_run())
    assert store.record("run-1") == ended_run()


class Full(SqlRunStore):
    """A store whose disk is full from the third event on."""

    def append(self, run: str, first: int, events: Sequence[Event], **more: Any) -> None:
        if first + len(events) > 3:
            raise StoreError("the disk is full")
        super().append(run, first, events, **more)


@pytest.fixture
def full(store: SqlRunStore) -> SqlRunStore:
    return Full(store.engine, store.blobs)


def test_who_tells_an_event_learns_that_it_cannot_be_kept(full: SqlRunStore) -> None:
    recorder = begun(full)
    recorder.take(event("one"))
    recorder.take(event("two"))
    with pytest.raises(StoreError, match="full"):
        recorder.take(moved("running"))
    assert full.summary("run-1").state is RunState.PENDING
    with pytest.raises(StoreError, match="full"):
        recorder.take(event("three"))
    with pytest.raises(StateConflict):  # it never was running, and the end is told as it is
        recorder.finish(ended_run(state=RunState.SUCCEEDED))


def test_a_run_whose_program_failed_is_ended(store: SqlRunStore) -> None:
    recorder = begun(store)
    recorder.take(moved("planning"))
    recorder.take(moved("awaiting_approval"))
    later: datetime = NOON
    recorder.give_up(later, "the program failed: KeyError")
    summary = store.summary("run-1")
    assert (summary.state, summary.completed_at) == (RunState.FAILED, later)
    assert summary.error == "the program failed: KeyError"
    assert len(messages(store)) == 2


ENTRY = Entry(EntryKind.INTENT, "configure", "r1", {"found": "hostname r1"})


class Counting(SqlRunStore):
    """A store that counts its commits, and whose first one waits until it is let go."""

    def __init__(self, store: SqlRunStore) -> None:
        super().__init__(store.engine, store.blobs)
        self.commits = 0
        self.begun, self.go = threading.Event(), threading.Event()

    def append(self, run: str, first: int, events: Sequence[Event], **more: Any) -> None:
        self.commits += 1
        self.begun.set()
        assert self.go.wait(60)
        super().append(run, first, events, **more)


def test_devices_that_journal_at_once_share_a_commit_and_each_waits_for_its_own(store: SqlRunStore) -> None:
    slow = Counting(store)
    recorder = begun(slow)
    done: list[str] = []

    def device(name: str) -> None:
        recorder.write(Entry(EntryKind.INTENT, "configure", name))
        assert name in [entry.host for entry in store.entries("run-1")]
        done.append(name)

    threads = [threading.Thread(target=device, args=(f"r{number}",)) for number in range(51)]
    threads[0].start()
    assert slow.begun.wait(60)
    for thread in threads[1:]:
        thread.start()
    while len(recorder._entries) < 50:  # all of them wait for the one that is writing
        threading.Event().wait(0.001)
    assert done == []
    slow.go.set()
    for thread in threads:
        thread.join(60)
    assert len(done) == 51
    assert slow.commits == 2


def test_a_note_is_kept_with_what_is_written_next(store: SqlRunStore) -> None:
    recorder = begun(store)
    recorder.note(ENTRY)
    assert list(store.entries("run-1")) == []
    recorder.write()
    assert list(store.entries("run-1")) == [ENTRY]


def test_an_owner_who_was_taken_for_dead_can_do_nothing_more(store: SqlRunStore) -> None:
    recorder = begun(store)
    recorder.take(moved("running"))
    store.take_over("run-1", 1, "another")
    for _ in range(2):
        with pytest.raises(RunLost, match="another"):
            recorder.write(ENTRY)
    with pytest.raises(RunLost):
        recorder.take(event("more"))
    with pytest.raises(RunLost):
        recorder.finish(ended_run())
    assert store.summary("run-1").state is RunState.RUNNING


def test_another_process_goes_on_where_the_dead_one_was(store: SqlRunStore) -> None:
    dead = begun(store)
    dead.take(moved("running"))
    dead.write(ENTRY)
    fence = store.take_over("run-1", 1, "w2")
    recorder = RunRecorder(store, "run-1", NEVER, standing=store.standing("run-1"), fence=fence)
    recorder.take(moved("running"))
    recorder.write(Entry(EntryKind.OVER))
    recorder.take(moved("failed"))
    recorder.finish(ended_run())
    assert [stored.number for stored in store.events("run-1")] == [1, 2, 3]
    assert store.summary("run-1").state is RunState.FAILED


def test_what_a_process_cuts_off_that_was_taken_for_dead_is_no_outcome(store: SqlRunStore) -> None:
    """Also while nobody has taken the run over: the journal is what whoever does so goes by."""
    recorder = begun(store)
    recorder.take(moved("running"))
    recorder.write(ENTRY)
    recorder.lose(RunLost("taken for dead"))
    with pytest.raises(RunLost):
        recorder.write(Entry(EntryKind.OVER))
    with pytest.raises(RunLost):
        recorder.take(moved("cancelled"))
    recorder.leave()
    assert list(store.entries("run-1")) == [ENTRY]
    assert store.summary("run-1").state is RunState.RUNNING


def test_a_run_whose_program_failed_while_it_was_at_work_on_devices_is_left_to_be_resumed(store: SqlRunStore) -> None:
    recorder = begun(store)
    recorder.take(moved("running"))
    recorder.note(ENTRY)
    recorder.give_up(NOON, "the program failed: KeyError", open=True)
    standing = store.standing("run-1")
    assert (standing.state, standing.ended, standing.entries) == (RunState.RUNNING, False, 1)


def test_a_run_that_another_process_has_ended_gets_no_record_of_this_one() -> None:
    """It was frozen behind its last device, and somebody else found out how the run ends."""

    def lost(record: RunRecord) -> None:
        raise RunLost("another process carries the run on")

    written: list[RunRecord] = []
    ended = remembered(
        SimpleNamespace(finish=lost),  # type: ignore[arg-type]
        SimpleNamespace(write=written.append),  # type: ignore[arg-type]
        SimpleNamespace(execute=ended_run),  # type: ignore[arg-type]
        SimpleNamespace(emitter=SimpleNamespace(close=lambda: None, failure=None)),  # type: ignore[arg-type]
        tuple,
    )
    assert written == []
    assert (ended.error, ended.exit_code) == ("another process carries the run on", 1)
