"""Making a plan anew so that it comes after another one: on what that one leaves, whether it is applied yet or not."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path

from nornflow.app.build import Project
from nornflow.app.clock import now
from nornflow.app.services.asking import Voices
from nornflow.app.services.change import PlannedChange
from nornflow.app.services.plans.applying import open_change
from nornflow.app.services.plans.approvals import sealed_plans
from nornflow.app.services.plans.sealing import After, seal_again
from nornflow.errors import PlanStale, UsageError
from nornflow.model.sealed import SealedPlan
from nornflow.planning.premise import AfterPlan


def rebase_plan(
    project: Project, plan: SealedPlan, first: SealedPlan, voices: Voices, file: Path, key: Path | None = None
) -> tuple[PlannedChange, SealedPlan]:
    """Plan what was sealed once more, to come after the first plan, into a file of its own.

    Devices are read. Where the first plan is applied the new one is made on what is there, elsewhere on what the first one
    will have left. A device that is neither as the first plan found it nor as that leaves it is not planned, and is named.
    Raises UsageError when the two have no device in common, PlanStale when nothing could be planned.
    """
    if first.hash == plan.hash:
        raise UsageError(f"both files hold plan {plan.short}", hint="name the plan that comes first: --after A")
    changed = {host.host for host in first.plan.hosts if host.changes}
    if not changed & set(plan.spec["targets"]):
        raise UsageError(
            f"plan {first.short} changes no device that plan {plan.short} is for, so either can come first",
            hint="apply them as they are",
        )
    ready = open_change(project, plan, now())
    try:
        gone = [host for host in ready.change.spec.targets if host not in ready.devices]
        if gone:
            raise PlanStale(f"the inventory has no {', '.join(gone)} any more", hint="plan the change anew")
        with closing(project.store(create=False)) as store:
            kept = sealed_plans(store)
            hashes = {host.host: host.pre_hash for host in first.plan.hosts}
            premise = AfterPlan(
                first.plan,
                first.short,
                lambda host: kept.image(first.hash, host, hashes[host]) if kept is not None else None,
            )
            change = replace(ready.change, spec=replace(ready.change.spec, sealed=""))
            after = After(first.hash, premise)
            return seal_again(project, plan, change, change.spec.targets, voices, file, key, after)
    finally:
        ready.change.close()
