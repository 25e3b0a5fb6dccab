"""Records, cached results and run slots as files of the workspace."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from nornflow.errors import PolicyDenied, UsageError
from nornflow.model.run import HostRecord, HostState, RunRecord, RunState, StepRecord, StepResult
from nornflow.redaction import Redactor, Secret
from nornflow.store.cache import FileCache
from nornflow.store.records import RunRecords
from nornflow.store.slots import run_slot

WL15 = ("cached", "cache_key", "stdout", "stderr", "exit_code")
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def record(run_id: str = "20261121-120000-aaaaaa", **keys: object) -> RunRecord:
    result = StepResult(HostState.CHANGED, changed=True, stdout="key hunter22", started_at=NOON, duration=1.5)
    steps = (StepRecord("configure", "netmiko.config", HostState.CHANGED, NOON, NOON, hosts={"r1": result}),)
    hosts = (HostRecord("r1", HostState.CHANGED, batch=1),)
    return RunRecord(run_id, "ntp", "1.0", RunState.SUCCEEDED, "ada", "standard", steps=steps, hosts=hosts, **keys)


class TestRecords:
    def test_a_record_has_every_field_of_a_step_and_no_secret(self, tmp_path: Path) -> None:
        records = RunRecords(tmp_path, Redactor(["hunter22"]))
        file = records.write(record(inputs={"token": Secret("hunter22")}, started_at=NOON, completed_at=NOON))
        text = file.read_text(encoding="utf-8")
        assert "hunter22" not in text
        step = json.loads(text)["steps"][0]["hosts"]["r1"]
        for key in (
            *["step_id", "status", "started_at", "completed_at", "duration_seconds", "outputs", "error"],
            *WL15,
        ):
            assert key in step
        assert step["started_at"] == "2026-11-21T12:00:00+00:00"

    def test_the_beginning_of_an_id_is_enough_when_it_is_the_only_one(self, tmp_path: Path) -> None:
        records = RunRecords(tmp_path)
        for run_id in ("20261121-120000-aaaaaa", "20261121-120000-bbbbbb", "20261122-120000-cccccc"):
            records.write(record(run_id))
        assert next(records.ids()) == "20261122-120000-cccccc"
        assert records.read("20261122")["id"] == "20261122-120000-cccccc"
        with pytest.raises(UsageError, match="more than one"):
            records.read("20261121")
        with pytest.raises(UsageError, match="there is no run"):
            records.read("../../etc")


class TestCache:
    def test_a_result_lives_as_long_as_it_was_given(self, tmp_path: Path) -> None:
        cache = FileCache(tmp_path)
        cache.put("k", StepResult(outputs={"n": 1}, stdout="x"), NOON, ttl=60)
        found = cache.get("k", NOON + timedelta(seconds=59))
        assert found is not None
        assert (found.outputs, found.stdout) == ({"n": 1}, "x")
        assert cache.get("k", NOON + timedelta(seconds=60)) is None

    def test_the_oldest_leave_first(self, tmp_path: Path) -> None:
        cache = FileCache(tmp_path, max_entries=2)
        for key in ("a", "b", "c"):
            cache.put(key, StepResult(), NOON, ttl=60)
        assert [cache.get(key, NOON) is not None for key in ("a", "b", "c")] == [False, True, True]

    def test_a_broken_entry_is_no_result(self, tmp_path: Path) -> None:
        cache = FileCache(tmp_path)
        cache.put("k", StepResult(), NOON, ttl=60)
        (tmp_path / "cache" / "k.json").write_text("{", encoding="utf-8")
        assert cache.get("k", NOON) is None
        assert cache.clear() == 1


class TestSlots:
    def test_no_more_runs_at_once_than_the_profile_has_slots(self, tmp_path: Path) -> None:
        with run_slot(tmp_path, "standard", 2), run_slot(tmp_path, "standard", 2):
            with pytest.raises(PolicyDenied, match="max_concurrent_workflows"), run_slot(tmp_path, "standard", 2):
                raise AssertionError("a third run got a slot")
            with run_slot(tmp_path, "elevated", 1) as slot:
                assert slot == 0
        with run_slot(tmp_path, "standard", 1) as slot:
            assert slot == 0
