"""Waiting for a database that is away: how long, what is told, and that nothing is done twice when an answer was lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nornflow.errors import RunLost, StateConflict, StoreError
from nornflow.model.run import RunState
from nornflow.store.database import StoreAway
from nornflow.store.opening import open_store
from nornflow.store.patience import LONGEST, Patience, PatientRunStore
from nornflow.store.runs import SqlRunStore
from nornflow.testing.run_store import NOON, ended_run, event, new_run


class Time:
    """A clock that sleeping moves."""

    def __init__(self) -> None:
        self.now = 100.0
        self.pauses: list[float] = []
        self.told: list[str] = []

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds

    def patience(self, seconds: float) -> Patience:
        return Patience(seconds, lambda: self.now, self.sleep, self.told.append)


def away_until(time: Time, end: float) -> Callable[[], str]:
    def call() -> str:
        if time.now < end:
            raise StoreAway("the server is away", hint="see")
        return "done"

    return call


class TestWaiting:
    def test_it_ends_at_once_when_it_is_given_up(self) -> None:
        time = Time()
        patience = replace(time.patience(60), given_up=lambda: time.now > 103)
        with pytest.raises(StoreAway, match=r"away \(waited"):
            patience(away_until(time, float("inf")))
        assert time.now - 100 < 3 + 2 * LONGEST

    @given(st.just(0.0) | st.floats(0.01, 59), st.floats(60, 100))
    def test_it_waits_as_long_as_it_was_given_and_no_longer(self, absence: float, patience: float) -> None:
        time = Time()
        assert time.patience(patience)(away_until(time, 100 + absence)) == "done"
        assert time.now - 100 <= absence + LONGEST
        assert len(time.told) == (2 if absence else 0)
        time = Time()
        with pytest.raises(StoreAway, match=r"away \(waited"):
            time.patience(patience)(away_until(time, float("inf")))
        assert time.now - 100 == pytest.approx(patience, abs=0.01)
        assert max(time.pauses) <= LONGEST

    def test_who_has_no_patience_is_told_at_once(self) -> None:
        time = Time()
        with pytest.raises(StoreAway, match=r"^the server is away$"):
            time.patience(0)(away_until(time, float("inf")))
        assert (time.pauses, time.told) == ([], [])

    def test_other_errors_are_not_waited_for(self) -> None:
        time = Time()

        def full() -> None:
            raise StoreError("the disk is full")

        with pytest.raises(StoreError, match="full"):
            time.patience(60)(full)
        assert time.pauses == []


class Deaf(SqlRunStore):
    """A store whose first answer to each method is lost: what was asked for has been done, and nobody knows."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.heard: set[str] = set()

    def begin(self, *given: Any) -> None:
        super().begin(*given)
        self._lose("begin")

    def move(self, *given: Any, **keys: Any) -> None:
        super().move(*given, **keys)
        self._lose("move")

    def append(self, *given: Any, **keys: Any) -> None:
        super().append(*given, **keys)
        self._lose("append")

    def finish(self, *given: Any, **keys: Any) -> None:
        super().finish(*given, **keys)
        self._lose("finish")

    def take_over(self, *given: Any) -> int:
        fence = super().take_over(*given)
        self._lose("take_over")
        return fence

    def _lose(self, name: str) -> None:
        if name not in self.heard:
            self.heard.add(name)
            raise StoreAway("the answer was lost")


class PatientWithTheDeaf(PatientRunStore, Deaf):
    """What is patient with a store whose answers are lost."""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[PatientRunStore]:
    with closing(open_store("", tmp_path)) as opened:
        yield PatientWithTheDeaf(opened.engine, opened.blobs, patience=Time().patience(60))


class TestLostAnswers:
    def test_what_was_done_is_not_done_twice_and_not_taken_for_somebody_elses(self, store: PatientRunStore) -> None:
        store.begin(new_run(worker="w1"))
        store.move("run-1", RunState.PENDING, RunState.RUNNING, NOON, fence=1)
        store.append("run-1", 1, [event("one"), event("two")], fence=1)
        store.append("run-1", 3, [event("three")], fence=1)
        assert [each.event.message for each in store.events("run-1")] == ["one", "two", "three"]
        assert store.take_over("run-1", 1, "w2") == 2
        store.finish(ended_run(), RunState.RUNNING, fence=2)
        assert store.record("run-1") == ended_run()

    def test_a_refusal_stays_one_when_no_answer_was_lost(self, store: PatientRunStore) -> None:
        store.begin(new_run(worker="w1"))
        with pytest.raises(StoreError, match="already"):
            store.begin(new_run(worker="w1"))
        store.move("run-1", RunState.PENDING, RunState.RUNNING, NOON, fence=1)
        with pytest.raises(StateConflict):
            store.move("run-1", RunState.PENDING, RunState.RUNNING, NOON, fence=1)
        assert store.take_over("run-1", 1, "w2") == 2
        with pytest.raises(RunLost):
            store.append("run-1", 1, [event()], fence=1)

    def test_a_run_of_the_same_id_that_somebody_else_began_is_not_ours(self, store: PatientRunStore) -> None:
        SqlRunStore.begin(store, new_run(worker="w2"))

        class AwayFirst(Deaf):
            def begin(self, *given: Any) -> None:
                self._lose("begin")  # before anything is done
                SqlRunStore.begin(self, *given)

        class PatientWithIt(PatientRunStore, AwayFirst):
            pass

        again = PatientWithIt(store.engine, store.blobs, patience=Time().patience(60))
        with pytest.raises(StoreError, match="already"):
            again.begin(new_run(worker="w1"))
        assert again.heard == {"begin"}
        assert again.standing("run-1").worker == "w2"
