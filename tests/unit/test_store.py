"""Records of runs as files of the workspace."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from nornflow.errors import UsageError
from nornflow.model.run import HostRecord, HostState, RunRecord, RunState, StepRecord, StepResult
from nornflow.redaction import Redactor, Secret
from nornflow.store.records import RunRecords

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
