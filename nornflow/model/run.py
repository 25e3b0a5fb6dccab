"""The states of runs and hosts, the moves between them, and the record of what every step did."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from nornflow.model.approval import Approval
from nornflow.model.profile import Profile
from nornflow.model.wait import Wait
from nornflow.record import record


class RunState(StrEnum):
    """Where a run stands as a whole."""

    PENDING = "pending"
    PLANNING = "planning"
    AWAITING_APPROVAL = "awaiting_approval"
    QUEUED = "queued"
    RUNNING = "running"
    WAITING = "waiting"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    ROLLED_BACK = "rolled_back"
    ROLLBACK_FAILED = "rollback_failed"
    CANCELLED = "cancelled"
    TIMED_OUT = "timed_out"
    DENIED = "denied"


class HostState(StrEnum):
    """Where one device stands in a run, or how a step ended on it (`ok` did not change it, `changed` did)."""

    PENDING = "pending"
    RUNNING = "running"
    OK = "ok"
    CHANGED = "changed"
    FAILED = "failed"
    SKIPPED = "skipped"
    PLANNED = "planned"
    CACHED = "cached"
    TIMED_OUT = "timed_out"
    UNKNOWN = "unknown"
    STALE = "stale"
    CANCELLED = "cancelled"
    ROLLED_BACK = "rolled_back"
    ROLLBACK_FAILED = "rollback_failed"


_R = RunState
RUN_MOVES: Mapping[RunState, frozenset[RunState]] = {
    _R.PENDING: frozenset(
        {_R.PLANNING, _R.AWAITING_APPROVAL, _R.QUEUED, _R.RUNNING, _R.CANCELLED, _R.DENIED, _R.FAILED}
    ),
    _R.PLANNING: frozenset(
        {_R.AWAITING_APPROVAL, _R.QUEUED, _R.RUNNING, _R.SUCCEEDED, _R.FAILED, _R.CANCELLED, _R.TIMED_OUT, _R.DENIED}
    ),
    _R.AWAITING_APPROVAL: frozenset(
        {_R.PLANNING, _R.QUEUED, _R.RUNNING, _R.FAILED, _R.CANCELLED, _R.TIMED_OUT, _R.DENIED}
    ),
    _R.QUEUED: frozenset({_R.PLANNING, _R.RUNNING, _R.FAILED, _R.CANCELLED, _R.TIMED_OUT, _R.DENIED}),
    _R.RUNNING: frozenset(
        {_R.WAITING, _R.SUCCEEDED, _R.FAILED, _R.ROLLED_BACK, _R.ROLLBACK_FAILED, _R.CANCELLED, _R.TIMED_OUT}
    ),
    _R.WAITING: frozenset({_R.RUNNING, _R.FAILED, _R.CANCELLED, _R.TIMED_OUT, _R.DENIED}),
}
"""The only allowed moves of a run; a state that is not a key is final.

A run whose process died before it sent anything is planned once more, also when it had come to its question. One that
applies a sealed plan does not plan. One that waits has no process: whoever goes on with it makes it running again.
"""

_H = HostState
_ENDS = frozenset(
    {_H.OK, _H.CHANGED, _H.FAILED, _H.SKIPPED, _H.PLANNED, _H.CACHED, _H.TIMED_OUT, _H.UNKNOWN, _H.STALE, _H.CANCELLED}
)
HOST_MOVES: Mapping[HostState, frozenset[HostState]] = {
    _H.PENDING: _ENDS | {_H.RUNNING},
    _H.RUNNING: _ENDS,
    _H.CHANGED: frozenset({_H.ROLLED_BACK, _H.ROLLBACK_FAILED}),
    _H.FAILED: frozenset({_H.ROLLED_BACK, _H.ROLLBACK_FAILED}),
    _H.TIMED_OUT: frozenset({_H.ROLLED_BACK, _H.ROLLBACK_FAILED}),
    _H.UNKNOWN: frozenset({_H.ROLLED_BACK, _H.ROLLBACK_FAILED}),
    _H.CANCELLED: frozenset({_H.ROLLED_BACK, _H.ROLLBACK_FAILED}),
}
"""The only allowed moves of a device in a run."""

BAD_ENDS = frozenset({_H.FAILED, _H.TIMED_OUT, _H.UNKNOWN, _H.STALE, _H.CANCELLED, _H.ROLLED_BACK, _H.ROLLBACK_FAILED})
"""Ends after which a device does not go on to the next step and counts as failed."""


@record
class StepResult:
    """How one step ended on one device (or once, for a step of the run): the record that templates and reports read.

    `outputs` are the named values a later step may use; `diff` is what really changed on the device, unified;
    `duration` in seconds; `reason` is the stable word of the error, `hint` what to do about it. `cache_key` is what the
    result was looked for under in the cache, `cache_age` how many seconds old one is that was found there.
    """

    state: HostState = HostState.OK
    changed: bool = False
    outputs: Mapping[str, Any] = field(default_factory=dict)
    stdout: str = ""
    stderr: str = ""
    exit_code: int | None = None
    diff: str = ""
    error: str = ""
    reason: str = ""
    hint: str = ""
    warning: str = ""
    rescued: bool = False
    attempts: int = 1
    started_at: datetime | None = None
    completed_at: datetime | None = None
    duration: float = 0.0
    cache_key: str = ""
    cache_age: float = 0.0
    usage: Mapping[str, float] = field(default_factory=dict)

    @property
    def failed(self) -> bool:
        """Tell whether what depends on this step must not run."""
        return self.state in BAD_ENDS and not self.rescued


@record
class StepRecord:
    """One step of a run: run-scoped steps have `result`, device steps one result per host in `hosts`."""

    step: str
    type: str
    state: HostState
    started_at: datetime | None = None
    completed_at: datetime | None = None
    result: StepResult | None = None
    hosts: Mapping[str, StepResult] = field(default_factory=dict)


@record
class HostRecord:
    """The fate of one device in a run: its end state, why, what changed on it and what a rollback left.

    `confirm` is there when its change had to be confirmed: `by`, `token`, `within`, `armed_at`, `deadline`, `confirmed_at`,
    `reverted_at` (`model.confirm.Armed.plain`).
    """

    host: str
    state: HostState
    batch: int = 0
    failed_step: str = ""
    error: str = ""
    reason: str = ""
    hint: str = ""
    diff: str = ""
    rollback: str = ""
    confirm: Mapping[str, Any] = field(default_factory=dict)


@record
class CheckRecord:
    """How one health check of the rollout ended behind one batch: where it failed, and the first error of it."""

    step: str
    state: HostState
    failed: tuple[str, ...] = ()
    error: str = ""
    attempts: int = 1


@record
class BatchRecord:
    """One batch of a rollout: what named its devices, how many it had, which failed, and whether it was found good.

    `good` is None when the run ended before that was found out.
    """

    number: int
    by: str = ""
    hosts: int = 0
    failed: tuple[str, ...] = ()
    good: bool | None = None
    checks: tuple[CheckRecord, ...] = ()

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> BatchRecord:
        """Return the record that was told or kept as plain data."""
        checks = tuple(
            CheckRecord(**{**each, "state": HostState(each["state"]), "failed": tuple(each["failed"])})
            for each in data["checks"]
        )
        return cls(data["batch"], data["by"], data["hosts"], tuple(data["failed"]), data["good"], checks)

    def told(self) -> dict[str, Any]:
        """Return it as plain data."""
        checks = [
            {"step": one.step, "state": one.state.value, "failed": list(one.failed), "error": one.error}
            | {"attempts": one.attempts}
            for one in self.checks
        ]
        return {
            "batch": self.number,
            "by": self.by,
            "hosts": self.hosts,
            "failed": list(self.failed),
            "good": self.good,
            "checks": checks,
        }


@record
class RunRecord:
    """Everything that is known of a run when it is over (or at the moment it is asked).

    `user` began it; `resumed_by` are those who went on with it after its process had died, in order;
    `approvals` is what was answered when somebody was asked about its plan, or about a step that waits for people. `waits` is
    what it waits for at this moment, without a process.
    """

    id: str
    workflow: str
    version: str
    state: RunState
    user: str
    profile: str
    inputs: Mapping[str, Any] = field(default_factory=dict)
    outputs: Mapping[str, Any] = field(default_factory=dict)
    steps: tuple[StepRecord, ...] = ()
    hosts: tuple[HostRecord, ...] = ()
    started_at: datetime | None = None
    completed_at: datetime | None = None
    error: str = ""
    hint: str = ""
    reason: str = ""
    exit_code: int = 0
    security_events: tuple[Mapping[str, Any], ...] = ()
    file: str = ""
    resumed_by: tuple[str, ...] = ()
    approvals: tuple[Approval, ...] = ()
    batches: tuple[BatchRecord, ...] = ()
    waits: tuple[Wait, ...] = ()

    @property
    def duration(self) -> float:
        """Return how long the run took, in seconds; 0 while it is not over."""
        if self.started_at is None or self.completed_at is None:
            return 0.0
        return max(0.0, (self.completed_at - self.started_at).total_seconds())  # a clock may be set back


@record
class RunInfo:
    """Which run a step belongs to; `workspace` is the run's own folder, `project` the folder of the settings file."""

    id: str
    workflow: str
    version: str
    user: str
    profile: Profile
    workspace: Path
    project: Path
