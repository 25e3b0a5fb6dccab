"""Where a step may stand that waits without a process, for people, a time or a signal."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from nornflow.model.workflow import Scope, Step
from nornflow.workflow.drafts import Draft
from nornflow.workflow.forms import Reader


def check_waits(
    drafts: Mapping[str, Draft],
    steps: Sequence[Step],
    before: Mapping[str, Collection[str]],
    reader: Reader,
    *,
    confirmed: bool,
) -> None:
    """Report steps that wait as a check, again and again, or in a batch that has to be `confirmed` in time.

    `before` maps each step to those that it comes after.
    """
    devices = {step.id for step in steps if step.scope is Scope.DEVICE and not step.check}
    grounds = {ground for device in devices for ground in before[device]}
    for step in steps:
        draft = drafts[step.id]
        if not _waits(draft):
            continue
        where = (*draft.path, "type")
        if step.check:
            hint = "let `rollout: {pause_after: ...}` ask people behind a batch"
            reader.report("NF210", f"step {step.id!r} waits, and a check looks", where, found=step.type, hint=hint)
        if step.for_each is not None:
            message = f"step {step.id!r} waits, and cannot do that for each of many items"
            reader.report("NF210", message, (*draft.path, "for_each"), hint="write a step for each")
        if confirmed and step.id in grounds and devices.intersection(before[step.id]):
            message = (
                f"step {step.id!r} waits between the steps of a batch, which has to be confirmed in time (`confirm`)"
            )
            hint = "wait before the devices or behind them, or with `rollout: {pause_after: ...}`"
            reader.report("NF210", message, where, found=step.type, hint=hint)


def _waits(draft: Draft) -> bool:
    try:
        return draft.type.waits(draft.params) is True
    except (Exception, SystemExit):  # noqa: BLE001 - a plugin's code, given values that may be wrong: the run asks it again
        return True
