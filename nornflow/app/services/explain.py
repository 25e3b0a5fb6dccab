"""Explains a profile to a workflow: step by step what is needed, what is given, and which rule says so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from nornflow.app.build import Project
from nornflow.app.services.choice import chosen_profile
from nornflow.app.services.given import given_inputs
from nornflow.errors import PolicyDenied
from nornflow.model.decision import GateRequest
from nornflow.model.permission import both
from nornflow.model.profile import Profile
from nornflow.model.step import Step
from nornflow.model.workflow import Workflow
from nornflow.policy.gates import LimitsGate
from nornflow.policy.lowering import of_step
from nornflow.policy.permissions import effective
from nornflow.record import record
from nornflow.workflow.compiler import compile_workflow
from nornflow.workflow.inputs import resolve_inputs
from nornflow.workflow.loader import load


@record
class Explained:
    """One thing that a workflow needs: whether it is given, the rule that decided, where it stands and the way out.

    `step` is empty for what the run as a whole needs; `needs` is a permission, or the key whose value is judged.
    """

    step: str
    needs: str
    allowed: bool
    rule: str
    where: str
    hint: str = ""


@record
class Explanation:
    """Everything a workflow needs under one profile; `later` says what only a plan can show."""

    workflow: str
    profile: str
    rows: tuple[Explained, ...]
    later: tuple[str, ...]

    @property
    def allowed(self) -> bool:
        """Tell whether the workflow may run, as far as it can be told without a plan."""
        return all(row.allowed for row in self.rows)


def explain_policy(project: Project, file: Path, profile_name: str = "", inputs: Sequence[str] = ()) -> Explanation:
    """Judge each step of a workflow by a profile (the workflow's, then the settings', when none is named).

    Inputs that are given are checked as a run would. Raises InvalidDocument and UsageError.
    """
    workflow = compile_workflow(
        load(file),
        project.step_types,
        checks=project.checks,
        profiles=project.profiles,
        filters=project.filters,
        absent=project.absent,
        library=project.library,
    )
    profile = chosen_profile(project, profile_name, workflow)
    if inputs:
        most = profile.strictness.max_string
        resolve_inputs(workflow.inputs, given_inputs(inputs), max_string=most, base=project.folder)
    rows = [*_judged("", frozenset({"workflow.execute"}), profile, None, workflow)]
    for step in workflow.judged_steps:
        rows += _explain_step(step, profile, workflow, project.profiles)
    if not any(row.needs == "profile" and not row.allowed for row in rows):
        rows += _limits(workflow, profile, project.profiles)
    return Explanation(workflow.name, profile.name, tuple(rows), _later(workflow, profile))


def _explain_step(step: Step, base: Profile, workflow: Workflow, profiles: Mapping[str, Profile]) -> list[Explained]:
    try:
        profile = of_step(base, step, profiles)
    except PolicyDenied as error:
        place = str(step.places.get("profile", step.location))
        return [Explained(step.id, "profile", False, error.message, place, error.hint)]
    return _judged(step.id, step.permissions, profile, both(workflow.permissions, step.permitted), workflow)


def _judged(
    step: str,
    permissions: frozenset[str],
    profile: Profile,
    given: frozenset[str] | None,
    workflow: Workflow,
) -> list[Explained]:
    allowance = effective(profile, given, workflow_where=f"{workflow.file}: permissions")
    rulings = [allowance.judge(permission) for permission in sorted(permissions)]
    return [Explained(step, r.permission, r.allowed, r.rule, r.where, r.hint) for r in rulings]


def _limits(workflow: Workflow, profile: Profile, profiles: Mapping[str, Profile]) -> list[Explained]:
    decisions = LimitsGate(profiles).check(GateRequest("", profile.name, workflow, {}, (), in_force=profile))
    return [Explained(d.step, "timeout", False, d.reason, d.where, d.hint) for d in decisions]


def _later(workflow: Workflow, profile: Profile) -> tuple[str, ...]:
    if not any(step.configures for step in workflow.steps):
        return ()
    notes = [f"each planned line is held against {len(profile.deny_rules)} rules (`nornflow plan` shows the verdict)"]
    notes.append(f"a plan that would lock the controller out of a device: {profile.lockout} (lockout, {profile.where})")
    if profile.rollback is not None:
        notes.append(
            f"the way back of every device is rehearsed and must be {profile.rollback}, else: {profile.unproven}"
        )
    if profile.canary:
        notes.append("the first batch must be one device when there are several targets")
    if profile.sealed_only:
        notes.append("the plan must be approved before devices are changed")
    return tuple(notes)
