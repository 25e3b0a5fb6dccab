"""The record of a run, put together from what its progress knows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from nornflow.engine.progress import NOT_TAKEN, Progress
from nornflow.errors import NornFlowError
from nornflow.model.run import BatchRecord, CheckRecord, HostRecord, HostState, StepRecord, StepResult
from nornflow.model.step import Scope, Step


@dataclass(slots=True)
class Times:
    """When a step of the run began and ended, over all its devices and batches."""

    started: datetime
    ended: datetime | None = None


@dataclass(slots=True)
class Ledger:
    """What the run keeps beside the results: batches and how they ended, planning failures, who is left out, rollbacks, times.

    `given_up` are devices that others have had since the run was cut off: how a step ends there that was not done.
    """

    batch_of: dict[str, int] = field(default_factory=dict)
    batches: dict[int, BatchRecord] = field(default_factory=dict)
    unplanned: frozenset[str] = frozenset()
    left_out: dict[str, StepResult] = field(default_factory=dict)
    given_up: dict[str, StepResult] = field(default_factory=dict)
    rollbacks: dict[str, NornFlowError | None] = field(default_factory=dict)
    times: dict[str, Times] = field(default_factory=dict)
    stopped: str = ""
    """Why no further batch was begun, when people were asked and did not say yes."""
    unconfirmed: dict[int, str] = field(default_factory=dict)
    """Batches that did not stand, each with the reason."""

    def unconfirmed_at(self, host: str) -> bool:
        """Tell whether the device was in a batch that did not stand."""
        return self.batch_of.get(host, 0) in self.unconfirmed


def step_records(progress: Progress, ledger: Ledger) -> tuple[StepRecord, ...]:
    """Return a record of every step of the workflow, those that never ran as `pending`."""
    return tuple(_step_record(step, progress, ledger.times.get(step.id)) for step in progress.workflow.every_step)


def _step_record(step: Step, progress: Progress, times: Times | None) -> StepRecord:
    single = progress.results.get(step.id)
    per_host = dict(progress.host_results.get(step.id, {}))
    state = single.state if single is not None else _of_all(list(per_host.values()))
    return StepRecord(
        step.id, step.type, state, times.started if times else None, times.ended if times else None, single, per_host
    )


def _of_all(results: Sequence[StepResult]) -> HostState:
    states = [result.state for result in results]
    if not states:
        return HostState.PENDING
    for state in (HostState.ROLLBACK_FAILED, HostState.UNKNOWN, HostState.FAILED, HostState.TIMED_OUT, HostState.STALE):
        if state in states:
            return state
    if HostState.CHANGED in states:
        return HostState.CHANGED
    return states[0] if len(set(states)) == 1 else HostState.OK


def check_record(step: Step, hosts: Sequence[str], progress: Progress) -> CheckRecord:
    """Return how a health check ended on the devices of one batch, or once for all of them."""
    single = progress.results.get(step.id)
    found = progress.host_results.get(step.id, {})
    per_host = {host: found[host] for host in hosts if host in found}
    results = [single] if single is not None else list(per_host.values())
    bad = [result for result in results if result.failed]
    return CheckRecord(
        step.id,
        _of_all(results),
        tuple(host for host, result in per_host.items() if result.failed),
        next((result.error for result in bad), ""),
        max((result.attempts for result in results), default=0),
    )


def host_records(
    hosts: Sequence[str], body: Sequence[Step], progress: Progress, ledger: Ledger
) -> tuple[HostRecord, ...]:
    """Return the fate of every target: no host vanishes from a report, whatever happened to the run."""
    return tuple(_host_record(host, body, progress, ledger) for host in hosts)


BY_HAND = "read the device, compare it with the diff in the record, and bring it back by hand"
"""What to do about a device that could not be taken back."""


def _host_record(host: str, body: Sequence[Step], progress: Progress, ledger: Ledger) -> HostRecord:
    batch = ledger.batch_of.get(host, 0)
    results: Mapping[str, StepResult] = {
        step.id: progress.host_results[step.id][host] for step in body if host in progress.host_results.get(step.id, {})
    }
    diff = "".join(result.diff for result in results.values() if result.state is not HostState.PLANNED)
    failure = progress.failure(host)
    step_id, bad = (failure[0].id, failure[1]) if failure else ("", None)
    if bad is None and host in ledger.left_out:
        bad = ledger.left_out[host]
    state = bad.state if bad else _good_state(host, results, body, ledger)
    rollback = ""
    error = ledger.rollbacks.get(host)
    if host in ledger.rollbacks:
        if state is not HostState.STALE or host not in ledger.given_up:  # others have had it: that is for good
            state = HostState.ROLLBACK_FAILED if error else HostState.ROLLED_BACK
        rollback = error.message if error else "running == pre-image"
    error_text, reason, hint = (bad.error, bad.reason, bad.hint) if bad else _why(state)
    unconfirmed = ledger.unconfirmed.get(batch, "")
    if unconfirmed and bad is None and (host in ledger.rollbacks or state is HostState.CANCELLED):
        error_text, reason = f"batch {batch} was not confirmed: {unconfirmed}", "unconfirmed"
    if error is not None:
        hint = error.hint or BY_HAND
    elif host in ledger.rollbacks and bad and bad.state is HostState.UNKNOWN:
        hint = "the device was read since: run the change again, it is planned anew"
    armed = progress.armed.get(host)
    confirm = armed.plain() if armed else {}
    return HostRecord(host, state, batch, step_id, error_text, reason, hint, diff, rollback, confirm)


def _good_state(host: str, results: Mapping[str, StepResult], body: Sequence[Step], ledger: Ledger) -> HostState:
    if not body:
        return HostState.SKIPPED
    if host not in ledger.batch_of:
        return HostState.SKIPPED
    if any(step.id not in results for step in body if step.scope is Scope.DEVICE and not step.once):
        return HostState.CANCELLED
    batch = ledger.batches.get(ledger.batch_of[host])
    if batch is not None and batch.good is None and batch.checks:
        return HostState.CANCELLED  # it was changed, and nobody has found out whether the network bears that
    if any(result.changed for result in results.values()):
        return HostState.CHANGED
    ran = [
        result for result in results.values() if result.state is not HostState.SKIPPED or result.reason not in NOT_TAKEN
    ]
    return HostState.SKIPPED if ran and all(result.state is HostState.SKIPPED for result in ran) else HostState.OK


def _why(state: HostState) -> tuple[str, str, str]:
    if state is HostState.SKIPPED:
        return "not reached", "not-reached", ""
    if state is HostState.CANCELLED:
        return (
            "the run was stopped before this device was done",
            "cancelled",
            "run the change again: it is planned anew",
        )
    return "", "", ""


def few(hosts: Sequence[str]) -> str:
    """Return the first of these names, and how many more there are."""
    return ", ".join(hosts[:6]) + (f" and {len(hosts) - 6} more" if len(hosts) > 6 else "")
