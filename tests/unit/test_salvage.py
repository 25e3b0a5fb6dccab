"""What is left of a damaged SQLite file: before and after the damage, with a new header, and from the record files."""

from __future__ import annotations

import json
import os
import shutil
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from nornflow.model.run import RunState
from nornflow.store.opening import open_store
from nornflow.store.records import RunRecords, record_json
from nornflow.store.salvage import Salvage
from nornflow.store.upkeep import examine
from nornflow.testing.run_store import NOON, ended_run, event, new_run


def damaged(workspace: Path, start: int, length: int) -> None:
    """Write over a part of the database file."""
    file = workspace / "nornflow.db"
    content = bytearray(file.read_bytes())
    content[start : start + length] = b"\xff" * len(content[start : start + length])
    file.write_bytes(content)


def leaf_with(workspace: Path, text: bytes) -> int:
    """Return where the first page begins that holds rows of a table without row ids, among them this text."""
    content = (workspace / "nornflow.db").read_bytes()
    pages = range(0, len(content), 4096)
    return next(start for start in pages if content[start] == 0x0A and text in content[start : start + 4096])


class TestSalvage:
    """A file with 30 runs of 20 events each, damaged in one way or another."""

    @pytest.fixture
    def workspace(self, tmp_path: Path) -> Path:
        with closing(open_store("", tmp_path)) as store:
            for number in range(30):
                run = f"run-{number:02}"
                store.begin(new_run(run))
                store.move(run, RunState.PENDING, RunState.RUNNING, NOON)
                store.append(run, 1, [event(f"{run} " + "x" * 300, run=run) for _ in range(20)])
                store.finish(ended_run(run), RunState.RUNNING)
                RunRecords(tmp_path).write(ended_run(run))
        return tmp_path

    def left(self, workspace: Path) -> tuple[int, int, list[str]]:
        before = (workspace / "nornflow.db").read_bytes()
        with Salvage("", workspace) as salvage:
            ids = salvage.runs()
            assert len(ids) == len(set(ids))
            records = sum(salvage.record(run) == json_of(run) for run in ids)
            count = sum(len(list(salvage.events(run))) for run in ids)
        assert (workspace / "nornflow.db").read_bytes() == before
        return records, count, salvage.troubles

    def test_a_sound_store_gives_everything(self, workspace: Path) -> None:
        assert self.left(workspace) == (30, 600, [])

    def test_a_header_that_was_written_over_costs_nothing(self, workspace: Path) -> None:
        damaged(workspace, 0, 100)
        records, count, troubles = self.left(workspace)
        assert (records, count) == (30, 600)
        assert "not a database" in troubles[0]

    def test_what_stands_before_and_after_a_damaged_page_is_read(self, workspace: Path) -> None:
        damaged(workspace, leaf_with(workspace, b"run-15 xxx"), 4096)
        records, count, troubles = self.left(workspace)
        assert records == 30
        assert 550 < count < 600
        assert all("some of its events are lost" in trouble for trouble in troubles)
        found = {each.what: each for each in examine("", workspace, records=30)}
        assert not all(each.well for each in found.values())
        assert f"30 of 30 known runs with their results, and {count} events" in found["recoverable"].text

    def test_a_file_that_was_cut_off_gives_what_is_before_the_cut(self, workspace: Path) -> None:
        file = workspace / "nornflow.db"
        os.truncate(file, file.stat().st_size - 10_000)
        records, count, troubles = self.left(workspace)
        assert records == 30
        assert 500 < count < 600
        assert "malformed" in troubles[0]
        os.truncate(file, 5000)
        assert self.left(workspace)[:2] == (30, 0)  # the record files

    def test_a_log_that_is_gone_leaves_the_store_as_it_was_before_and_the_record_files(
        self, workspace: Path, tmp_path: Path
    ) -> None:
        with closing(open_store("", workspace)) as store:
            store.begin(new_run("run-30"))
            RunRecords(workspace).write(ended_run("run-30"))
            copy = tmp_path / "copy"
            shutil.copytree(workspace, copy, ignore=shutil.ignore_patterns("*-wal", "*-shm", "copy"))
        assert self.left(copy) == (31, 600, [])

    @example(88199, 1)
    @given(st.integers(0, 2**31), st.integers(1, 20_000))
    @settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    def test_no_damage_is_a_traceback(self, workspace: Path, start: int, length: int) -> None:
        file = workspace / "nornflow.db"
        sound = file.read_bytes()
        damaged(workspace, start % len(sound), length)
        try:
            assert list(examine("", workspace, records=30))
            assert self.left(workspace)[0] == 30
        finally:
            file.write_bytes(sound)


def json_of(run: str) -> dict[str, object]:
    shown: dict[str, object] = json.loads(json.dumps(record_json(ended_run(run))))
    return shown
