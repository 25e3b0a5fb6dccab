"""Durable engines keep one contract: over the store alone, over DBOS on SQLite, and over DBOS on PostgreSQL."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

import durable_worker
from durable_worker import engine_of
from freezing import freeze
from nornflow.abc.durable import Ctx, DurableEngine, Duty
from nornflow.model.job import Job, JobState
from nornflow.store.database import StoreAway, connect, parsed, upgrade
from nornflow.testing.durable_engine import DurableEngineContract
from nornflow.testing.durable_stage import Paper, Site, Workers, python, state, until, works_of
from nornflow.testing.postgres import postgres_server

ABSENCE = float(os.environ.get("NORNFLOW_TEST_ABSENCE", "2"))
"""Seconds for which the server stays away; 30 in the long tests."""


class Database(Site):
    """A database with our tables, and an engine of one kind on it."""

    def __init__(self, kind: str, url: str, folder: Path) -> None:
        self.kind, self.url, self.folder = kind, url, folder
        self._stack = ExitStack()
        engine = connect(parsed(url))
        upgrade(engine)
        engine.dispose()

    def engine(self) -> DurableEngine:
        engine = engine_of(self.kind, self.url)
        self._stack.callback(engine.close)
        return engine

    def words(self) -> Sequence[str]:
        return python(Path(durable_worker.__file__), self.kind, self.url, str(self.folder))

    def freeze(self, process: subprocess.Popen[str]) -> None:
        if self.url.startswith("sqlite"):
            freeze(process, self.folder / "store.db")
        else:
            super().freeze(process)

    def close(self) -> None:
        self._stack.close()


class TestInline(DurableEngineContract):
    @pytest.fixture
    def site(self, tmp_path: Path) -> Iterator[Database]:
        site = Database("inline", f"sqlite:///{tmp_path / 'store.db'}", tmp_path)
        yield site
        site.close()

    def test_a_job_at_which_the_store_went_away_for_too_long_is_done_when_it_is_back(self, site: Database) -> None:
        """Nobody else would put it back: its worker lives."""
        engine, gone = site.engine(), [StoreAway("the store is away")] * 2

        def work(ctx: Ctx, data: Mapping[str, Any]) -> str:
            if gone:
                raise gone.pop()
            return "done"

        with engine.serve(Duty("w1", ["ams"]), {"work": work}):
            engine.submit(Job("j1", "ams", "work"))
            until(lambda: state(engine, "j1") is JobState.DONE)
        assert not gone


class TestDbosOnSqlite(DurableEngineContract):
    @pytest.fixture
    def site(self, tmp_path: Path) -> Iterator[Database]:
        site = Database("dbos", f"sqlite:///{tmp_path / 'store.db'}", tmp_path)
        yield site
        site.close()

    def test_documented_calls_alone_put_a_dead_workers_jobs_back_as_well(
        self, site: Database, workers: Workers
    ) -> None:
        """Should DBOS change what `recover` is made of."""
        engine, paper = site.engine(), Paper(site.folder / "paper")
        dying = workers.start("dying", "ams")
        engine.submit(Job("j1", "ams", "count", {"gate": "a"}))
        until(lambda: "dying j1 two" in paper.lines)
        dying.kill()
        dying.wait()
        assert engine.recover_publicly(["dying"]) == ["j1"]
        (site.folder / "go-a").touch()
        with engine.serve(Duty("heir", ["ams"]), works_of(site.folder, "heir")):
            until(lambda: state(engine, "j1") is JobState.DONE)
        assert paper.lines == ["dying j1 one", "dying j1 two", "heir j1 two", "heir j1 three"]
        assert "dbos_enterprise" not in sys.modules, "its door to what is not free stays shut"


class TestDbosOnPostgresql(DurableEngineContract):
    @pytest.fixture
    def site(self, empty_postgresql: str, tmp_path: Path) -> Iterator[Database]:
        engine = connect(parsed(empty_postgresql))
        with engine.begin() as connection:
            connection.execute(text("DROP SCHEMA IF EXISTS nornflow_durable CASCADE"))
        engine.dispose()
        site = Database("dbos", empty_postgresql, tmp_path)
        yield site
        site.close()


@pytest.mark.faults
@pytest.mark.parametrize(("kind", "way"), [("inline", "tcp"), ("dbos", "tcp"), ("dbos", "socket")])
def test_a_job_goes_on_when_the_server_is_back(kind: str, way: str, tmp_path: Path) -> None:
    with postgres_server(tcp=way == "tcp") as server:
        site = Database(kind, server.url, tmp_path)
        workers, paper = Workers(site), Paper(tmp_path / "paper")
        try:
            engine = site.engine()
            workers.start("w1", "ams")
            engine.submit(Job("j1", "ams", "count", {"gate": "a"}))
            until(lambda: "w1 j1 two" in paper.lines)
            server.stop("immediate")
            (tmp_path / "go-a").touch()
            time.sleep(ABSENCE)
            server.start()
            until(lambda: state(engine, "j1") is JobState.DONE)
            engine.submit(Job("j2", "ams", "count", {"gate": "a"}))
            until(lambda: state(engine, "j2") is JobState.DONE)
            assert [line for line in paper.lines if "j1" in line] == ["w1 j1 one", "w1 j1 two", "w1 j1 three"]
        finally:
            workers.end()
            site.close()
