"""The database behind the store: its schema, its settings, what is refused, and what a broken one leaves."""

from __future__ import annotations

import os
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect
from sqlalchemy.exc import OperationalError

import nornflow.store.migrations
from nornflow.errors import ConfigurationError, StoreError
from nornflow.model.run import HostState, RunState, StepRecord, StepResult
from nornflow.redaction import Redactor, Secret
from nornflow.store import queue_tables as queue_tables  # its tables are of the same metadata
from nornflow.store.blobs import LIMIT, Blobs
from nornflow.store.database import connect, parsed, reading, told
from nornflow.store.migrations import REVISIONS
from nornflow.store.opening import open_store
from nornflow.store.pipeline_tables import pipelines
from nornflow.store.runs import SqlRunStore
from nornflow.store.upkeep import examine
from nornflow.testing.run_store import NOON, ended_run, event, new_run

LARGE = "x" * LIMIT


def execute(workspace: Path, statement: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(workspace / "nornflow.db")) as connection, connection:
        return connection.execute(statement).fetchall()


def end(store: SqlRunStore, run: str, stdout: str) -> None:
    steps = (StepRecord("show", "x", HostState.OK, hosts={"r1": StepResult(stdout=stdout)}),)
    store.begin(new_run(run))
    store.move(run, RunState.PENDING, RunState.RUNNING, NOON)
    store.finish(ended_run(run, steps=steps), RunState.RUNNING)


class TestSchema:
    def test_the_migrations_make_exactly_the_tables_that_the_code_knows(self, tmp_path: Path) -> None:
        with closing(open_store("", tmp_path)) as store, store.engine.connect() as connection:
            assert compare_metadata(MigrationContext.configure(connection), pipelines.metadata) == []

    def test_the_revisions_that_are_told_are_those_of_the_migrations(self) -> None:
        config = Config()
        config.set_main_option("script_location", str(Path(nornflow.store.migrations.__file__).parent))
        config.set_main_option("path_separator", "os")
        script = ScriptDirectory.from_config(config)
        assert tuple(each.revision for each in script.walk_revisions())[::-1] == REVISIONS

    def test_a_newer_schema_is_refused_with_what_to_do(self, tmp_path: Path) -> None:
        open_store("", tmp_path).close()
        execute(tmp_path, "UPDATE alembic_version SET version_num = 'later_0099'")
        with pytest.raises(StoreError, match="a newer one wrote it") as refused:
            open_store("", tmp_path)
        assert "at least as new" in refused.value.hint

    def test_an_older_schema_is_refused_with_what_to_do(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        open_store("", tmp_path).close()
        monkeypatch.setattr("nornflow.store.database.REVISIONS", (*REVISIONS, "later_0099"))
        with pytest.raises(StoreError, match=f"has the older schema {REVISIONS[-1]}") as refused:
            open_store("", tmp_path)
        assert refused.value.hint == "nornflow db upgrade"

    def test_many_who_come_first_at_the_same_time_make_one_store(self, tmp_path: Path) -> None:
        start, made = threading.Barrier(6), list[str]()

        def come(number: int) -> None:
            start.wait(30)
            with closing(open_store("", tmp_path)) as store:
                store.begin(new_run(f"run-{number}"))
                made.append(f"run-{number}")

        threads = [threading.Thread(target=come, args=(number,)) for number in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert len(made) == 6

    def test_stores_that_are_made_at_the_same_time_get_each_its_own_tables(self, tmp_path: Path) -> None:
        """A reader that finds no file makes a store in memory while a worker beside it makes the file."""
        start, tables = threading.Barrier(6), list[set[str]]()

        def come(number: int) -> None:
            start.wait(30)
            folder = tmp_path / str(number)
            with closing(open_store("", folder, create=number % 2 == 0)) as store, reading(store.engine) as connection:
                tables.append(set(inspect(connection).get_table_names()))

        threads = [threading.Thread(target=come, args=(number,)) for number in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert tables == [{*pipelines.metadata.tables, "alembic_version"}] * 6

    def test_a_file_of_somebody_else_is_refused(self, tmp_path: Path) -> None:
        execute(tmp_path, "CREATE TABLE theirs (x)")
        with pytest.raises(StoreError, match="other tables"):
            open_store("", tmp_path)

    def test_sqlite_writes_ahead_and_waits_for_the_disk(self, tmp_path: Path) -> None:
        with closing(open_store("", tmp_path)) as store, store.engine.connect() as connection:
            pragmas = {
                name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
                for name in ("journal_mode", "synchronous", "foreign_keys")
            }
        assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


class TestUrl:
    @pytest.mark.parametrize("url", ["mysql://db/nornflow", "nonsense", "://"])
    def test_other_databases_are_refused(self, url: str) -> None:
        with pytest.raises(ConfigurationError, match=r"store\.url"):
            parsed(url)

    def test_postgresql_is_spoken_with_our_driver_and_its_password_is_not_shown(self, tmp_path: Path) -> None:
        assert parsed("postgresql://ada:hunter22@db/n").drivername == "postgresql+psycopg"
        with pytest.raises(StoreError) as refused:
            open_store("postgresql://ada:hunter22@127.0.0.1:1/n", tmp_path)
        assert "hunter22" not in refused.value.message + refused.value.hint
        assert "PostgreSQL runs there" in refused.value.hint

    def test_a_reader_leaves_nothing_behind(self, tmp_path: Path) -> None:
        open_store("", tmp_path, create=False).close()
        assert list(tmp_path.iterdir()) == []


class TestSecrets:
    def test_none_is_in_the_file(self, tmp_path: Path) -> None:
        redactor = Redactor(["hunter22"])
        with closing(open_store("", tmp_path, redactor)) as store:
            store.begin(new_run(inputs={"token": Secret("hunter22"), "plain": "hunter22"}))
            store.append("run-1", 1, [event("hunter22", lines=["hunter22"])])
            store.move("run-1", RunState.PENDING, RunState.RUNNING, NOON)
            steps = (
                StepRecord("s", "x", HostState.OK, result=StepResult(stdout="hunter22" + LARGE, error="hunter22")),
            )
            store.finish(ended_run(steps=steps, error="hunter22", outputs={"k": "hunter22"}), RunState.RUNNING)
            kept = repr([store.record("run-1"), list(store.events("run-1"))])
        assert "hunter22" not in kept
        assert all(b"hunter22" not in file.read_bytes() for file in tmp_path.rglob("*") if file.is_file())


class TestBlobs:
    def test_a_large_output_is_kept_once_compressed_and_goes_with_the_last_run_that_has_it(
        self, tmp_path: Path
    ) -> None:
        with closing(open_store("", tmp_path)) as store:
            end(store, "run-1", LARGE)
            end(store, "run-2", LARGE)
            (name,) = store.blobs.names()
            (file,) = (tmp_path / "blobs").glob("??/*.z")
            assert file.stat().st_size < LIMIT / 10
            later = NOON.replace(year=2027)
            os.utime(file, (0, 0))
            end(store, "run-3", LARGE)  # takes the file that is there, which makes it young
            assert store.purge(later) == ["run-1", "run-2", "run-3"]
            assert list(store.blobs.names()) == [name]
            end(store, "run-4", LARGE)
            os.utime(file, (0, 0))
            store.purge(NOON)
            assert list(store.blobs.names()) == [name]
            store.purge(later)
            assert list(store.blobs.names()) == []

    def test_a_file_that_was_changed_is_not_taken_for_the_output(self, tmp_path: Path) -> None:
        blobs = Blobs(tmp_path)
        name, other = blobs.put("one"), blobs.put("other")
        (file, another) = (tmp_path / "blobs" / each[:2] / f"{each}.z" for each in (name, other))
        file.write_bytes(another.read_bytes())
        with pytest.raises(StoreError, match="not the one"):
            blobs.get(name)
        file.write_bytes(b"nonsense")
        with pytest.raises(StoreError, match="cannot be read"):
            blobs.get(name)


class TestExamine:
    def test_a_sound_store_is_said_to_be(self, tmp_path: Path) -> None:
        with closing(open_store("", tmp_path)) as store:
            end(store, "run-1", LARGE)
        found = {each.what: each for each in examine("", tmp_path, records=0)}
        assert all(each.well for each in found.values())
        assert found["runs"].text == "1 runs, 0 of them not ended"

    def test_a_missing_output_is_found(self, tmp_path: Path) -> None:
        with closing(open_store("", tmp_path)) as store:
            end(store, "run-1", LARGE)
            next((tmp_path / "blobs").glob("??/*.z")).unlink()
        assert [each.what for each in examine("", tmp_path, records=0) if not each.well] == ["outputs"]

    @pytest.mark.parametrize("text", [b"nonsense" * 1000, b""])
    def test_a_broken_file_is_told_with_what_is_left(self, tmp_path: Path, text: bytes) -> None:
        (tmp_path / "nornflow.db").write_bytes(text)
        found = {each.what: each for each in examine("", tmp_path, records=7)}
        if not text:  # an empty file is what SQLite makes first
            assert found["database"].well
            return
        assert not found["database"].well
        assert "7 runs have a record file" in found["recoverable"].text

    def test_damage_in_the_middle_of_the_file_is_found(self, tmp_path: Path) -> None:
        with closing(open_store("", tmp_path)) as store:
            store.begin(new_run())
            store.append("run-1", 1, [event("x" * 500) for _ in range(200)])
        file = tmp_path / "nornflow.db"
        content = bytearray(file.read_bytes())
        middle = content.index(b"x" * 400) // 4096 * 4096
        content[middle : middle + 4096] = b"\xff" * 4096
        file.write_bytes(content)
        assert any(not each.well for each in examine("", tmp_path, records=0))


class TestTrouble:
    def test_a_full_disk_keeps_nothing_of_a_batch_and_says_what_to_do(self, tmp_path: Path) -> None:
        with closing(open_store("", tmp_path)) as store:
            store.begin(new_run())
            with store.engine.connect() as connection:  # one connection in the pool, which keeps the limit
                pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
                connection.exec_driver_sql(f"PRAGMA max_page_count={pages + 2}")
            with pytest.raises(StoreError, match="full") as refused:
                store.append("run-1", 1, [event("x" * 1000) for _ in range(100)])
            assert "make room" in refused.value.hint
            assert list(store.events("run-1")) == []

    def test_a_store_that_can_only_be_read_says_so(self, tmp_path: Path) -> None:
        open_store("", tmp_path).close()
        url = f"sqlite:///file:{tmp_path / 'nornflow.db'}?mode=ro&uri=true"
        with closing(open_store(url, tmp_path)) as store, pytest.raises(StoreError, match="readonly") as refused:
            store.begin(new_run())
        assert "who may write" in refused.value.hint


def test_who_finds_no_free_connection_is_told_which_setting_that_is(tmp_path: Path) -> None:
    engine = connect(parsed(f"sqlite:///{tmp_path / 'a.db'}"))
    full = OperationalError("", {}, Exception("connection failed: FATAL:  sorry, too many clients already"))
    with pytest.raises(StoreError) as refused, told(engine, "runs could not be read"):
        raise full
    assert "max_connections" in refused.value.hint
    engine.dispose()
