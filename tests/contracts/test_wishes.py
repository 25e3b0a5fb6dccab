"""Wishes in the store, on SQLite and on PostgreSQL: kept once, raised and never lowered, refused when the run has ended."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import update

from nornflow.engine.cancel import StopSwitch
from nornflow.errors import StateConflict, StoreError, UsageError
from nornflow.model.run import RunState
from nornflow.model.wish import Level, Wish
from nornflow.store.blobs import Blobs
from nornflow.store.opening import open_engine
from nornflow.store.runs import SqlRunStore
from nornflow.store.tables import runs
from nornflow.store.wishes import Wishes
from nornflow.testing.run_store import NOON, ended_run, new_run


@pytest.fixture
def store(database_url: str, tmp_path: Path) -> Iterator[SqlRunStore]:
    store = SqlRunStore(open_engine(database_url, tmp_path), Blobs(tmp_path / "blobs"))
    store.begin(new_run())
    yield store
    store.close()


@pytest.fixture
def wishes(store: SqlRunStore) -> Wishes:
    return Wishes(store.engine)


def wish(level: Level, by: str = "ada lovelace") -> Wish:
    return Wish(level, by, datetime(2026, 11, 21, 12, 0, 1, 500, tzinfo=UTC), "nornflow runs cancel")


def test_nothing_is_wished_for_at_first(wishes: Wishes) -> None:
    assert wishes.of("run-1") is None
    assert wishes.of("no such run") is None


def test_a_wish_is_kept_with_who_when_and_how(wishes: Wishes) -> None:
    asked = wishes.ask("run-1", wish(Level.AFTER_BATCH))
    assert (asked.state, asked.wish) == (RunState.PENDING, wish(Level.AFTER_BATCH))
    assert wishes.of("run-1") == wish(Level.AFTER_BATCH)


def test_it_goes_up_and_never_down(wishes: Wishes) -> None:
    wishes.ask("run-1", wish(Level.AFTER_DEVICE))
    assert wishes.ask("run-1", wish(Level.AFTER_BATCH, "bob")).wish == wish(Level.AFTER_DEVICE)
    assert wishes.ask("run-1", wish(Level.AFTER_DEVICE, "bob")).wish.by == "ada lovelace"
    assert wishes.ask("run-1", wish(Level.NOW, "bob")).wish == wish(Level.NOW, "bob")


def test_of_many_at_once_the_highest_stays(store: SqlRunStore, wishes: Wishes) -> None:
    levels = [level for level in Level for _ in range(6)]
    together = threading.Barrier(len(levels), timeout=30)

    def ask(level: Level) -> None:
        together.wait()
        Wishes(store.engine).ask("run-1", wish(level))

    threads = [threading.Thread(target=ask, args=(level,)) for level in levels]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert wishes.of("run-1") == wish(Level.NOW)


def test_a_run_that_has_ended_has_none(store: SqlRunStore, wishes: Wishes) -> None:
    store.move("run-1", RunState.PENDING, RunState.RUNNING, NOON)
    record = ended_run()
    store.finish(record, RunState.RUNNING)
    with pytest.raises(StateConflict, match=f"has ended already: it is {record.state}"):
        wishes.ask("run-1", wish(Level.NOW))


def test_a_run_that_is_not_there_is_told_as_such(wishes: Wishes) -> None:
    with pytest.raises(UsageError, match="no run 'run-9'"):
        wishes.ask("run-9", wish(Level.NOW))


def test_what_a_newer_version_wrote_is_no_reason_to_guess(store: SqlRunStore, wishes: Wishes) -> None:
    with store.engine.begin() as connection:
        connection.execute(update(runs).values(wish="sometime-soon"))
    with pytest.raises(StoreError, match="sometime-soon"):
        wishes.of("run-1")


def test_the_run_heeds_it_at_the_next_look(wishes: Wishes) -> None:
    switch = StopSwitch()
    look = wishes.heeded_by("run-1", switch)
    look()
    assert switch.wish is None
    wishes.ask("run-1", wish(Level.NOW))
    look()
    look()
    assert (switch.undoing, switch.wish) == (True, wish(Level.NOW))
