"""Where a step may stand that waits without a process, for people, a time or a signal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nornflow.abc import StepType
from nornflow.model.step import Scope, Step
from nornflow.workflow import order
from nornflow.workflow.diagnostics import problem
from nornflow.workflow.forms import Reader


def check_waits(steps: Sequence[Step], step_types: Mapping[str, StepType], reader: Reader, *, confirmed: bool) -> None:
    """Report steps that wait as a check, for each of many items, or in a batch that has to be `confirmed` in time.

    `steps` are those of the one graph, in order, the steps of called workflows among them.
    """
    before = order.ancestors([step.id for step in steps], {step.id: step.after for step in steps})
    devices = {step.id for step in steps if step.scope is Scope.DEVICE and not step.check}
    grounds = {ground for device in devices for ground in before[device]}

    def report(step: Step, message: str, hint: str, key: str = "type") -> None:
        where = step.places.get(key, step.location)
        reader.diagnostics.append(
            problem("NF210", f"step {step.id!r} waits, {message}", where, found=step.type, hint=hint)
        )

    for step in steps:
        step_type = step_types.get(step.type)
        if step_type is None or not _waits(step_type, step.params):
            continue
        if step.check:
            report(step, "and a check looks", "let `rollout: {pause_after: ...}` ask people behind a batch")
        if step.for_each is not None:
            report(step, "and cannot do that for each of many items", "write a step for each", "for_each")
        if confirmed and step.id in grounds and devices.intersection(before[step.id]):
            message = "between the steps of a batch, which has to be confirmed in time (`confirm`)"
            report(step, message, "wait before the devices or behind them, or with `rollout: {pause_after: ...}`")


def check_pause(rollout: Mapping[str, Any], reader: Reader) -> None:
    """Report who is asked behind a batch where they can never say yes, or are never asked or reminded."""
    pause, batches, path = rollout.get("pause_after", ()), rollout.get("batches", ("100%",)), ("rollout", "pause_after")
    numbers = pause.get("batches", ()) if isinstance(pause, Mapping) else pause
    late = [number for number in numbers if number >= len(batches)] if batches and batches[-1] == "100%" else []
    if late:
        message = f"nobody is asked behind batch {late[0]}: none follows"
        reader.report("NF408", message, path, hint="name one that others follow: with `batches: [1, 100%]` that is 1")
    if not isinstance(pause, Mapping):
        return
    users = set(pause.get("users", ()))
    if users and not pause.get("groups") and len(users) < pause.get("approvers", 1):
        message = f"{len(users)} users are named, and {pause.get('approvers', 1)} must approve"
        where = "approvers" if "approvers" in pause else "users"
        reader.report("NF104", message, (*path, where), hint="name more users, or groups")
    if 0 in pause.get("batches", ()):
        message = "nobody is asked behind batch 0: the first batch is 1"
        reader.report("NF104", message, (*path, "batches"), hint="leave `pause_after` out, or name a batch")
    if 0 < pause.get("expires", 0) <= pause.get("remind", 0):
        message = "they are reminded when it is too late for an answer: `remind` is not shorter than `expires`"
        reader.report("NF104", message, (*path, "remind"))


def _waits(step_type: StepType, params: Mapping[str, Any]) -> bool:
    try:
        return step_type.waits(params) is True
    except (Exception, SystemExit):  # noqa: BLE001 - a plugin's code, given values that may be wrong: the run asks it again
        return True
