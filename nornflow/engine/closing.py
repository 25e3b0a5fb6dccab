"""Closing a run: its record, put together from everything that is known of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from nornflow.engine.graph import device_phases
from nornflow.engine.record import host_records, step_records
from nornflow.engine.stepping import Working
from nornflow.engine.tools import Tools
from nornflow.errors import NornFlowError, StillWaiting
from nornflow.model.run import HostRecord, HostState, RunInfo, RunRecord, RunState
from nornflow.model.wait import Wait
from nornflow.model.workflow import Workflow
from nornflow.record import record


@record
class Ended:
    """How a run ended: by an error, or with `why` and `hint` in words; what it gave out, and when it was begun."""

    state: RunState
    error: NornFlowError | None
    why: str
    hint: str
    outputs: Mapping[str, Any]
    started_at: datetime


def record_of(
    info: RunInfo,
    workflow: Workflow,
    inputs: Mapping[str, Any],
    targets: Sequence[str],
    working: Working,
    tools: Tools,
    end: Ended,
) -> RunRecord:
    """Return the record of a run that has ended."""
    error, hint = (end.error.message, end.error.hint) if end.error else (end.why, end.hint)
    return RunRecord(
        id=info.id,
        workflow=workflow.name,
        version=workflow.version,
        state=end.state,
        user=info.user,
        profile=info.profile.name,
        inputs=dict(inputs),
        outputs=end.outputs,
        steps=step_records(working.progress, working.ledger),
        hosts=_hosts(end.state, workflow, targets, working),
        started_at=end.started_at,
        completed_at=tools.clock(),
        error=error,
        hint=hint,
        reason=end.error.reason if end.error else "",
        exit_code=_exit_code(end),
        security_events=tuple(tools.emitter.security_events),
        file=workflow.file,
        batches=tuple(batch for _, batch in sorted(working.ledger.batches.items())),
    )


def _exit_code(end: Ended) -> int:
    """Return how the process ends: 0 done, 1 failed, 3 denied, 4 waits for approval, 5 stale (design: command line)."""
    if end.state is RunState.SUCCEEDED:
        return 0
    return max(end.error.exit_code, 1) if end.error else 1


def _hosts(state: RunState, workflow: Workflow, targets: Sequence[str], working: Working) -> tuple[HostRecord, ...]:
    body = device_phases(workflow.steps)[1]
    if not body:
        return ()
    if state is RunState.DENIED:
        return tuple(HostRecord(host, HostState.SKIPPED, error="denied", reason="denied") for host in targets)
    return host_records(targets, body, working.progress, working.ledger)


def as_it_waits(record: RunRecord, waits: Sequence[Wait]) -> RunRecord:
    """Return the record of a run that waits: what is not done yet on a device is still to be done."""
    early = (HostState.SKIPPED, "not-reached"), (HostState.CANCELLED, "cancelled")
    hosts = tuple(
        HostRecord(host.host, HostState.PENDING, host.batch, diff=host.diff)
        if (host.state, host.reason) in early
        else host
        for host in record.hosts
    )
    # what failed so far may yet be mended, and is told where it failed
    code = StillWaiting.exit_code
    return replace(record, waits=tuple(waits), exit_code=code, hosts=hosts, error="", hint="")
