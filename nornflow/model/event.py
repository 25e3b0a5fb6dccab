"""What happens in a run, as a value that observers, logs and dashboards receive."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from datetime import datetime
from enum import StrEnum
from typing import Any

from nornflow.record import record


class EventKind(StrEnum):
    """The closed list of things that are told about a run."""

    RUN_STATE = "run.state"
    RUN_STOPPING = "run.stopping"
    RUN_SUBMITTED = "run.submitted"
    RUN_TAKEN = "run.taken"
    RUN_PARKED = "run.parked"
    RUN_RESUMED = "run.resumed"
    RUN_LEFT = "run.left"
    PROCESS_DIED = "process.died"
    RUN_FINISHED = "run.finished"
    PLAN_STARTED = "plan.started"
    PLAN_FINISHED = "plan.finished"
    GATE_DECIDED = "gate.decided"
    QUEUE_WAITING = "queue.waiting"
    LOCK_TAKEN = "lock.taken"
    LOCK_SKIPPED = "lock.skipped"
    LOCK_LOST = "lock.lost"
    LOCK_BROKEN = "lock.broken"
    BATCH_EMPTY = "batch.empty"
    DRIFT_FOUND = "drift.found"
    DRIFT_CHECKED = "drift.checked"
    BATCH_STARTED = "batch.started"
    CHECKS_STARTED = "checks.started"
    BATCH_FINISHED = "batch.finished"
    CONFIRM_ARMED = "confirm.armed"
    CONFIRM_DONE = "confirm.done"
    CONFIRM_REFUSED = "confirm.refused"
    SOAK_STARTED = "soak.started"
    WAIT_OPENED = "wait.opened"
    WAIT_ANSWERED = "wait.answered"
    WAIT_SIGNALLED = "wait.signalled"
    WAIT_REMINDED = "wait.reminded"
    WAIT_ENDED = "wait.ended"
    STEP_STARTED = "step.started"
    STEP_FINISHED = "step.finished"
    STEP_RETRY = "step.retry"
    STEP_OUTPUT = "step.output"
    CACHE_HIT = "cache.hit"
    CACHE_MISS = "cache.miss"
    HOST_STATE = "host.state"
    STATE_COMPARED = "state.compared"
    ROLLBACK_STARTED = "rollback.started"
    ROLLBACK_FINISHED = "rollback.finished"
    ACCESS_DENIED = "security.access_denied"
    INJECTION_BLOCKED = "security.injection_blocked"
    RESOURCE_EXCEEDED = "security.resource_exceeded"
    POLICY_VIOLATION = "security.policy_violation"
    PIPELINE_STATE = "pipeline.state"
    PIPELINE_ENTRY = "pipeline.entry"
    OBSERVER_FAILED = "observer.failed"


@record
class Event:
    """One thing that happened: what, when (UTC), in which run, on which step and host, with details for a machine."""

    kind: EventKind
    time: datetime
    run: str
    step: str = ""
    host: str = ""
    message: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)
