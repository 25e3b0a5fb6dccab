"""The key `snapshot`: steps that look at each device before its change and after it, and what counts of the difference."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from nornflow.abc import StepType
from nornflow.model.snapshot import Snapshot
from nornflow.model.step import OnFailure, Scope, Step
from nornflow.workflow import order
from nornflow.workflow.diagnostics import listing
from nornflow.workflow.document import Path
from nornflow.workflow.drafts import Draft, read_steps
from nornflow.workflow.forms import Reader
from nornflow.workflow.keys import LOOK_KEYS, STEP

COMPARE = Step("state:differences", "snapshot", Scope.DEVICE)
"""Stands in the record for the comparison; ids that are written have no colon, so this one is nobody else's."""
_READS = frozenset(("device.read", "file.read", "secret.read"))


def read_looks(data: Mapping[str, Any], reader: Reader, step_types: Mapping[str, StepType]) -> dict[str, Draft]:
    """Return the drafts of the steps under `snapshot: take:` by id; what is not a look is reported."""
    written = data.get("snapshot")
    items = written.get("take") if isinstance(written, dict) else None
    drafts = read_steps(items, ("snapshot", "take"), reader, step_types)
    for draft in drafts:
        _check_keys(draft, reader)
    return order.check_ids([draft for draft in drafts if draft.owner is None], reader)


def _check_keys(draft: Draft, reader: Reader) -> None:
    written: Any = reader.document.data
    for part in draft.path:
        written = written[part]
    for key in written:
        if key in STEP.keys and key not in LOOK_KEYS and key not in draft.params:
            message = f"`{key}` has no meaning in a step of `snapshot`"
            hint = f"it is done once before the change and once after it; its keys are {listing(sorted(LOOK_KEYS), 20)}"
            reader.report("NF208", message, (*draft.path, key), key=True, found=key, hint=hint)


def check_look(draft: Draft, permissions: Collection[str], reader: Reader) -> None:
    """Report a step that does not run on devices, or that may do more there than read."""
    path: Path = (*draft.path, "type")
    if draft.type.scope is not Scope.DEVICE:
        message = f"{draft.type.name} does not run on devices, and `snapshot` looks at devices"
        hint = "take a step type that reads a device, such as ttp.show, textfsm.show or napalm.get"
        reader.report("NF208", message, path, found=draft.type.name, hint=hint)
    elif more := sorted(set(permissions) - _READS):
        message = f"{draft.type.name} needs {', '.join(more)}, and a step of `snapshot` only reads"
        reader.report("NF208", message, path, found=draft.type.name, hint="what changes something belongs in `steps`")


def snapshot(read: Mapping[str, Any] | None, steps: Sequence[Step]) -> Snapshot | None:
    """Return the snapshot of a document without errors, None when it has none; `steps` are its looks as written."""
    if read is None:
        return None
    learning = float(read.get("learn", 0))
    return Snapshot(
        before=_phase("before", steps),
        after=_phase("after", steps),
        compare=COMPARE,
        learn=_phase("learn", steps) if learning else (),
        learning=learning,
        settle=float(read.get("settle", 0)),
        noise=tuple(read.get("noise", ())),
        intended=tuple(read.get("intended", ())),
        keys=tuple(read.get("keys", ())),
        unexplained=OnFailure(read.get("unexplained", "warn")),
    )


def _phase(name: str, steps: Sequence[Step]) -> tuple[Step, ...]:
    return tuple(replace(step, id=f"{name}:{step.id}") for step in steps)


def look_of(step_id: str) -> str:
    """Return the id under which a look was written."""
    return step_id.partition(":")[2]
