"""Looking at plan files: what they say, how two differ, and whether one would be taken now."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

from nornflow.app.build import Project
from nornflow.app.clock import now
from nornflow.app.services.plans.applying import open_change
from nornflow.app.services.plans.approvals import profile_of, standing_of
from nornflow.app.services.plans.files import read_plan
from nornflow.app.services.plans.provenance import ELSEWHERE, vouched
from nornflow.engine.record import few
from nornflow.errors import ApprovalRequired, PlanStale
from nornflow.model.plan import HostPlan
from nornflow.model.sealed import SealedPlan
from nornflow.planning.signing import fingerprint
from nornflow.policy.approvals import Ballot
from nornflow.record import record


@record
class Inspected:
    """A plan with how its approvals stand, and whether what it says of itself is known to be true (`vouched`)."""

    plan: SealedPlan
    said: Ballot
    known: bool = True


def inspected(project: Project, file: Path, key: Path | None = None) -> Inspected:
    """Return the plan of a file; what is wrong with the file is raised."""
    plan = read_plan(file, key)
    with closing(project.store(create=False)) as store:
        said = standing_of(store, project, plan, profile_of(project, plan), now())
        return Inspected(plan, said, vouched(store, project, plan))


def verified(project: Project, file: Path, key: Path | None = None) -> tuple[int, Sequence[str]]:
    """Return the exit code of a check of a plan file, and what it found, in words; what is wrong with the file is raised."""
    found = inspected(project, file, key)
    plan = found.plan
    lines = [f"sealed    sha256 {plan.hash}"]
    lines += [f"signed    {fingerprint(signature.key)}" for signature in plan.signatures] or ["signed    by nobody"]
    if plan.after:
        lines.append(
            f"after     plan {plan.after}{f', to be applied first to {few(plan.awaited)}' if plan.awaited else ''}"
        )
    if not found.known:
        lines.append(f"stranger  nobody can tell who made it: {ELSEWHERE}")
    code = 0
    try:
        ready = open_change(project, plan, now())
    except PlanStale as error:
        code = error.exit_code
        lines.append(f"stale     {error.message}")
    else:
        ready.change.close()
        lines += [f"stale     {why}" for why in ready.outdated.values()]
        if not ready.outdated:
            lines.append("in force  workflow, files, inventory and versions are what they were")
    if not found.said.carried:
        code = code or ApprovalRequired.exit_code
    lines.append(f"approved  {found.said}" if found.said.carried else f"missing   {found.said}")
    return code, lines


def differences_of(a: SealedPlan, b: SealedPlan) -> Iterator[str]:
    """Yield, line by line, what plan `b` says otherwise than plan `a`."""
    for name in ("text", "inputs", "used"):
        first, second = a.spec[name], b.spec[name]
        if first != second:
            what = {"text": "the workflow", "inputs": "the inputs", "used": "the profile"}[name]
            yield f"{what}:"
            yield from _diff(str(first).splitlines(), str(second).splitlines())
    before = {host.host: host for host in a.plan.hosts}
    after = {host.host: host for host in b.plan.hosts}
    for name in before.keys() - after.keys():
        yield f"{name}: only in the first plan"
    for name in sorted(after.keys()):
        if name not in before:
            yield f"{name}: only in the second plan"
        elif _said(before[name]) != _said(after[name]):
            yield f"{name}:"
            yield from _diff(_said(before[name]), _said(after[name]))
        elif before[name].pre_hash != after[name].pre_hash:
            yield f"{name}: the same lines, planned on another configuration"


def _said(host: HostPlan) -> list[str]:
    if host.error:
        return [f"not planned: {host.error}"]
    return [f"{step.step}: {line}" for step in host.steps for line in step.lines or step.diff.splitlines()]


def _diff(a: Sequence[str], b: Sequence[str]) -> Iterator[str]:
    for line in difflib.ndiff(list(a), list(b)):
        if line[0] in "+-":
            yield f"  {line[0]}{line[2:]}"
