"""The steps under `rollout: checks:`, which are done behind each batch: what they may be, and what they can speak of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nornflow.abc import StepType
from nornflow.model.step import Scope, Step
from nornflow.workflow.drafts import Draft, read_steps
from nornflow.workflow.forms import Reader


def read_checks(data: Mapping[str, Any], reader: Reader, step_types: Mapping[str, StepType]) -> list[Draft]:
    """Return the drafts of the checks, those of their blocks included."""
    rollout = data.get("rollout")
    items = rollout.get("checks") if isinstance(rollout, dict) else None
    drafts = read_steps(items, ("rollout", "checks"), reader, step_types)
    for draft in drafts:
        draft.check = True
    return drafts


def check_places(drafts: Mapping[str, Draft], steps: Sequence[Step], reader: Reader) -> None:
    """Report checks that change devices, or that no batch comes before, and what waits across the line between them."""
    for step in steps:
        draft = drafts[step.id]
        if step.check and step.configures:
            hint = "what changes devices belongs in `steps`, where it is planned and approved"
            message = f"{step.type} can change a device, and a check only looks"
            reader.report("NF209", message, (*draft.path, "type"), found=step.type, hint=hint)
        for name in draft.keys.get("depends_on", ()):
            other = drafts.get(name)
            if other is None or other.check is step.check:
                continue
            hint = "it is done when all steps of a batch are; leave the dependency out"
            message = f"the check {step.id!r} depends on {name!r}, which is no check"
            if not step.check:
                hint = "a check is done behind each batch, when all steps are"
                message = f"step {step.id!r} depends on {name!r}, which is a check of the rollout"
            reader.report("NF209", message, (*draft.path, "depends_on"), found=name, hint=hint)
    checks = [step for step in steps if step.check]
    if checks and not any(step.scope is Scope.DEVICE for step in steps if not step.check):
        message = "checks are done behind each batch of devices, and no step of this workflow runs on devices"
        reader.report("NF209", message, ("rollout", "checks"), key=True, hint="make them steps")


def with_checks(before: Mapping[str, frozenset[str]], steps: Sequence[Step]) -> dict[str, frozenset[str]]:
    """Return for each step what has ended before it; for a check that is all but the steps of the run that come last."""
    device = {step.id for step in steps if step.scope is Scope.DEVICE and not step.check}
    awaited = device.union(*(before[step] for step in device))
    ended = {step.id for step in steps if not step.check and (step.id in awaited or not before[step.id] & device)}
    return {step.id: before[step.id] | (ended if step.check else frozenset()) for step in steps}
