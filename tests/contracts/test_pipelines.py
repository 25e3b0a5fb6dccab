"""Stores of pipelines keep their contract: in memory, on SQLite and on PostgreSQL; what has ended is forgotten in time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from memory_pipelines import MemoryPipelines
from nornflow.abc import PipelineStore
from nornflow.model.pipeline import EntryState, PipelineState
from nornflow.model.run import RunState
from nornflow.redaction import Redactor
from nornflow.store.opening import open_store
from nornflow.store.patience import PatientRunStore
from nornflow.store.pipelines import SqlPipelines
from nornflow.testing.pipeline_store import NOON, PipelineStoreContract, new_pipeline
from nornflow.testing.run_store import ended_run, new_run


@pytest.fixture
def store(database_url: str, tmp_path: Path) -> Iterator[PatientRunStore]:
    with closing(open_store(database_url, tmp_path)) as store:
        yield store


class TestInTheStore(PipelineStoreContract):
    @pytest.fixture
    def desk(self, store: PatientRunStore) -> PipelineStore:
        return SqlPipelines(store)


class TestInMemory(PipelineStoreContract):
    @pytest.fixture
    def desk(self) -> PipelineStore:
        return MemoryPipelines()


def test_secrets_are_masked_and_the_specification_is_exact(database_url: str, tmp_path: Path) -> None:
    redactor = Redactor()
    redactor.add("hunter2-hunter2")
    with closing(open_store(database_url, tmp_path, redactor)) as store:
        desk = SqlPipelines(store)
        desk.begin(new_pipeline(), {"inputs": {"password": "hunter2-hunter2"}})
        entry = desk.record("p-1").entry("a")
        desk.move_entry("p-1", 1, entry, replace(entry, state=EntryState.FAILED, error="no hunter2-hunter2"))
        assert "hunter2" not in desk.record("p-1").entry("a").error
        assert desk.spec("p-1") == {"inputs": {"password": "hunter2-hunter2"}}
        with store.engine.connect() as connection:
            assert "hunter2" not in str(connection.exec_driver_sql("SELECT spec FROM pipelines").scalar())


def test_runs_of_a_pipeline_are_kept_until_it_has_ended(store: PatientRunStore) -> None:
    desk = SqlPipelines(store)
    store.begin(new_run("r-1"))
    store.move("r-1", RunState.PENDING, RunState.RUNNING, NOON)
    store.finish(replace(ended_run("r-1"), completed_at=NOON), RunState.RUNNING)
    desk.begin(new_pipeline(), {})
    pending = desk.record("p-1").entry("a")
    desk.move_entry("p-1", 1, pending, replace(pending, state=EntryState.RUNNING, run="r-1"))
    later = NOON + timedelta(days=9)
    assert store.purge(later) == []
    desk.move("p-1", 1, PipelineState.RUNNING, PipelineState.FAILED, NOON)
    assert store.purge(NOON - timedelta(days=9)) == []
    assert len(desk.pipelines()) == 1
    assert store.purge(later) == ["r-1"]
    assert desk.pipelines() == []
