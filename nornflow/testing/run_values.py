"""Runs, records and events for the tests of stores."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from nornflow.model.event import Event, EventKind
from nornflow.model.history import NewRun
from nornflow.model.run import HostRecord, HostState, RunRecord, RunState, StepRecord, StepResult

NOON = datetime(2026, 11, 21, 12, 0, 0, 123456, tzinfo=UTC)
PLATFORMS: Mapping[str, str] = {"r2": "cisco_ios", "r1": "arista_eos"}


def new_run(run: str = "run-1", **keys: Any) -> NewRun:
    """Return a run of two devices that begins at noon."""
    given: dict[str, Any] = {"workflow": "ntp", "version": "1.0", "user": "ada", "profile": "standard", **keys}
    return NewRun(id=run, **{"started_at": NOON, "inputs": {"n": [1, None]}, "hosts": PLATFORMS, "file": "f", **given})


def ended_run(run: str = "run-1", seconds: float = 2.0, **keys: Any) -> RunRecord:
    """Return the record of such a run: one step on two devices, of which one failed, and one step that ran once."""
    end = NOON + timedelta(seconds=seconds)
    good = StepResult(
        HostState.CHANGED,
        True,
        {"sent": 2, "lines": ["a", "ü"]},
        diff="+a\n",
        started_at=NOON,
        completed_at=end,
        duration=1.5,
    )
    bad = StepResult(HostState.FAILED, error="refused", reason="line-rejected", hint="look", attempts=2, duration=4.0)
    values: dict[str, Any] = {
        "state": RunState.FAILED,
        "steps": (
            StepRecord("configure", "x.config", HostState.FAILED, NOON, end, hosts={"r2": good, "r1": bad}),
            StepRecord("tell", "shell", HostState.OK, end, end, StepResult(stdout="told\n", exit_code=0, duration=0.5)),
        ),
        "hosts": (
            HostRecord("r2", HostState.ROLLED_BACK, 1, diff="+a\n", rollback="running == pre-image"),
            HostRecord("r1", HostState.FAILED, 1, "configure", "refused", "line-rejected", "look"),
        ),
        "error": "step configure: refused",
        "hint": "look",
        "exit_code": 1,
        **keys,
    }
    return RunRecord(
        run, "ntp", "1.0", user="ada", profile="standard", inputs={"n": [1, None]}, started_at=NOON, completed_at=end,
        file="f", **values,
    )  # fmt: skip


def event(message: str = "", run: str = "run-1", **data: Any) -> Event:
    """Return an event at noon."""
    return Event(EventKind.STEP_OUTPUT, NOON, run, "configure", "r1", message, data)
