"""Taking up a sealed plan: what it holds is known again, and devices that drifted since are left alone."""

from __future__ import annotations

from collections.abc import Sequence

from nornflow.engine.plans.drift import Drift, Sealed
from nornflow.engine.record import few
from nornflow.engine.recovery.recovery import Recovery
from nornflow.engine.stepping import Working
from nornflow.engine.tools import Tools
from nornflow.errors import PlanStale
from nornflow.model.journal import Entry, EntryKind
from nornflow.model.plan import Plan
from nornflow.model.run import HostState, StepResult
from nornflow.model.step import Step


def open_sealed(sealed: Sealed, working: Working) -> Plan:
    """Return the plan, with what planning found on each device known to the works of its steps."""
    entry = Entry(EntryKind.APPROVED, data=sealed.approved)
    plan = Recovery(working.progress, working.ledger, working.planned).play_entry(entry).plan
    assert plan is not None  # a sealed plan has one
    working.ledger.unplanned = frozenset(host.host for host in plan.hosts if host.error)
    return plan


def keep_errors(plan: Plan, body: Sequence[Step], working: Working, tools: Tools) -> None:
    """Give the devices that could not be planned their end: they are not begun."""
    for host in plan.hosts:
        if host.error:
            result = StepResult(HostState.FAILED, error=host.error, reason=host.reason, hint=host.hint)
            _keep_out(body, host.host, result, working, tools)


def leave_drifted(
    sealed: Sealed, plan: Plan, targets: Sequence[str], body: Sequence[Step], working: Working, tools: Tools
) -> bool:
    """Leave devices alone that are not what the plan was made on; True when the run was stopped meanwhile.

    PlanStale when nothing is left to be applied, or with `strict` when one is stale.
    """
    ledger = working.ledger
    without = ledger.left_out.keys() | ledger.unplanned
    hosts = [host for host in targets if host not in without]
    drift = Drift(plan, sealed, working.progress, tools)
    stale, unreadable = drift.check(hosts)
    if tools.switch.finishing:
        return True
    tools.log.left_out(stale)
    ledger.left_out.update(stale)
    ledger.unplanned |= unreadable.keys()
    for host, error in unreadable.items():
        step = next(step for step in body if step.configures)
        _keep_out(body, host, working.works[step.id].failed(error, host), working, tools)
    changing = [host.host for host in plan.hosts if host.changes and host.host in hosts]
    if stale and (sealed.strict or all(host in stale for host in changing)):
        if drift.early == stale.keys():
            raise PlanStale(
                f"nothing was applied: plan {sealed.after} has to be applied first, to {few(sorted(stale))}",
                hint="apply that one, then this one; its approvals hold as long as the profile lets them",
            )
        raise PlanStale(
            f"nothing was applied: {len(stale)} of {len(targets)} devices are not what the plan was made on: "
            f"{few(sorted(stale))}",
            hint="plan again (nornflow apply FILE --replan-stale makes a plan for these alone), and have that approved",
        )
    return False


def _keep_out(body: Sequence[Step], host: str, result: StepResult, working: Working, tools: Tools) -> None:
    step = next(step for step in body if step.configures)
    working.progress.record(step, {host: result})
    tools.log.outcome(step.id, host, result, None, final=True)
