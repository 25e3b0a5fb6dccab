"""What is forgotten besides runs and plans: the table of processes would grow for ever."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from nornflow.model.run import RunState
from nornflow.model.worker import Process
from nornflow.store.opening import open_store
from nornflow.store.patience import PatientRunStore
from nornflow.store.tables import workers
from nornflow.store.workers import Workers
from nornflow.testing.run_store import new_run

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
LATER = NOON + timedelta(days=9)


@pytest.fixture
def store(database_url: str, tmp_path: Path) -> Iterator[PatientRunStore]:
    with closing(open_store(database_url, tmp_path)) as store:
        yield store


def process(store: PatientRunStore, pid: int, *, there: bool) -> Workers:
    found = Workers(
        store.engine, clock=lambda: NOON, process=lambda: Process("here", "boot", pid, 7), sees=lambda one, here: there
    )
    found.register()
    return found


def known(store: PatientRunStore) -> set[str]:
    with store.engine.connect() as connection:
        return set(connection.execute(select(workers.c.id)).scalars())


def test_processes_that_were_killed_go_once_nothing_of_theirs_is_open(store: PatientRunStore) -> None:
    dead, left_something, living = (process(store, pid, there=True) for pid in (1, 2, 3))
    store.begin(replace(new_run("r-1"), worker=left_something.id))
    watcher = process(store, 4, there=False)
    assert watcher.gone_of([dead.id, left_something.id]) == {dead.id, left_something.id}
    store.purge(NOON - timedelta(days=1))
    assert known(store) == {dead.id, left_something.id, living.id, watcher.id}
    store.purge(LATER)
    assert known(store) == {left_something.id, living.id, watcher.id}
    store.move("r-1", RunState.PENDING, RunState.CANCELLED, LATER)
    store.purge(LATER)
    assert known(store) == {living.id, watcher.id}
