"""A plan that nobody vouches for: planned here once more, so that nothing but its lines is taken from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from nornflow.app.build import Project
from nornflow.app.clock import new_run_id, now
from nornflow.app.services.asking import Voices
from nornflow.app.services.decided import Change
from nornflow.app.services.plans.sealing import masked
from nornflow.app.services.prepared import Prepared
from nornflow.model.kept_plan import plan_of
from nornflow.model.plan import HostPlan, Plan
from nornflow.model.sealed import SealedPlan
from nornflow.record import record
from nornflow.store.processes import user


@record
class Checked:
    """A stranger's plan in our own words, as a plan file keeps it, and the devices on which ours is another one."""

    approved: Mapping[str, Any]
    plan: Plan
    others: Mapping[str, str]


def planned_here(project: Project, plan: SealedPlan, change: Change, voices: Voices) -> Checked:
    """Plan what a stranger planned, and return our plan with the devices on which it is not the same.

    Diffs, risks, ways back and what they are worth are claims, which gates and people judge by: ours take their place.
    Closes the connections of `change`. Raises what planning raises.
    """
    change = replace(change, spec=replace(change.spec, sealed=""))
    prepared = Prepared(project, change, voices, run=new_run_id(now()), user=user(), sealing=True)
    try:
        prepared.run.plan()
        approved = masked(prepared.run.kept_plan()[0], project.redactor, project.vault)
    finally:
        prepared.close()
    ours = plan_of(approved["plan"])
    claimed = {host.host: host for host in plan.plan.hosts}
    others = {host.host: why for host in ours.hosts if (why := _difference(claimed.get(host.host), host))}
    return Checked(approved, ours, others)


def _difference(theirs: HostPlan | None, ours: HostPlan) -> str:
    if theirs is None:
        return f"{ours.host}: the plan file says nothing of it"
    if theirs.error or ours.error:
        return f"{ours.host}: it could not be planned: {ours.error or theirs.error}"
    if theirs.pre_hash != ours.pre_hash:
        return f"{ours.host}: its configuration is not the one that was planned on"
    if _sent(theirs) != _sent(ours):
        return f"{ours.host}: planned here, other lines come of it than the plan file has"
    return ""


def _sent(host: HostPlan) -> list[tuple[str, str, tuple[str, ...], tuple[str, ...]]]:
    return [(step.step, step.connection, step.lines, step.digests) for step in host.steps]
