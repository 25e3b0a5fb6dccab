"""Reads the steps of a document, blocks and all, into drafts that still know where they stand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from nornflow.abc import StepType
from nornflow.errors import PluginError
from nornflow.model.step import On
from nornflow.registration import Expression
from nornflow.workflow.diagnostics import did_you_mean, listing
from nornflow.workflow.document import Path
from nornflow.workflow.forms import MISSING, Reader
from nornflow.workflow.keys import BLOCKS, STEP
from nornflow.workflow.parameters import check_params, markers, own_keys, takes_anything
from nornflow.workflow.shapes import unknown_key

CONDITIONAL = "conditional"
CALL = "workflow"
_EDGE = {"then_steps": On.THEN, "else_steps": On.ELSE, "rescue": On.FAILED, "always": On.FINISHED}


@dataclass(slots=True)
class Draft:
    """One step as it was read: its common keys, the keys of its type, and its place among the other steps."""

    id: str
    path: Path
    type: StepType
    keys: dict[str, Any]
    params: dict[str, Any]
    owner: Draft | None = None
    on: On = On.OK
    before: Draft | None = None
    check: bool = False
    nested: list[Draft] = field(default_factory=list)

    def everything_in(self) -> Iterator[Draft]:
        """Yield the steps of this step's blocks, and of their blocks."""
        for step in self.nested:
            yield step
            yield from step.everything_in()

    def owners(self) -> Iterator[Draft]:
        """Yield the steps in whose blocks this one stands, the nearest first."""
        owner = self.owner
        while owner is not None:
            yield owner
            owner = owner.owner


def read_steps(
    items: Any,
    path: Path,
    reader: Reader,
    step_types: Mapping[str, StepType],
    owner: Draft | None = None,
    on: On = On.OK,
) -> list[Draft]:
    """Return the drafts of a list of steps and of all blocks in it, in the order they are written."""
    drafts: list[Draft] = []
    before: Draft | None = None
    for index, item in enumerate(items if isinstance(items, list) else ()):
        where = (*path, index)
        if not isinstance(item, dict):
            reader.wrong_type(item, where, "a step", "a step is a mapping with `id:` and `type:`")
            continue
        draft = _read_step(item, where, reader, step_types)
        if draft is None:
            _read_blocks(item, where, reader, step_types, None)
            continue
        draft.owner, draft.on = owner, on
        draft.before = before if owner is not None else None
        if owner is not None:
            owner.nested.append(draft)
        before = draft
        drafts.append(draft)
        drafts.extend(_read_blocks(item, where, reader, step_types, draft))
    return drafts


def _read_blocks(
    item: dict[str, Any], path: Path, reader: Reader, step_types: Mapping[str, StepType], owner: Draft | None
) -> list[Draft]:
    drafts: list[Draft] = []
    for block in BLOCKS:
        steps = item.get(block)
        if isinstance(steps, list):
            if block in ("then_steps", "else_steps") and item.get("type") != CONDITIONAL:
                message = f"`{block}` belongs to a step of type {CONDITIONAL}"
                hint = "use `when` on the steps, or make this step a conditional"
                reader.report("NF207", message, (*path, block), key=True, hint=hint)
            drafts.extend(read_steps(steps, (*path, block), reader, step_types, owner, _EDGE[block]))
    return drafts


def _read_step(item: dict[str, Any], path: Path, reader: Reader, step_types: Mapping[str, StepType]) -> Draft | None:
    keys = STEP.read_known(item, path, reader)
    if item.get("type") == CONDITIONAL and not any(isinstance(item.get(one), list) for one in BLOCKS[:2]):
        reader.report("NF207", "a conditional without `then_steps` and `else_steps` decides nothing", path)
    name = keys.get("type", MISSING)
    step_type = step_types.get(name) if isinstance(name, str) else None
    if step_type is None:
        if isinstance(name, str):
            reason = reader.absent.get(name, "")
            near = "" if reason else did_you_mean(name, step_types)
            hint = "" if near else f"installed step types: {listing(sorted(step_types), 40)}"
            hint = hint if step_types else "no plugin that brings step types is installed"
            if reason:
                hint = "`nornflow plugins list` shows every plugin with what is wrong with it"
            message = f"there is no step type {name!r}{f': {reason}' if reason else ''}"
            reader.report("NF201", message, (*path, "type"), found=name, suggestion=near, hint=hint)
        return None
    try:
        own = own_keys(step_type.Params)
        anything = takes_anything(step_type.Params)
    except PluginError as error:
        reader.report("NF206", f"{step_type.name}: {error.message}", (*path, "type"), hint=error.hint)
        return None
    if not anything:
        known = dict.fromkeys((*own, *STEP.keys))
        for key in item:
            if key not in known:
                unknown_key(reader, key, path, known, STEP.instead)
    params = {key: value for key, value in item.items() if key in own or (anything and key not in STEP.keys)}
    for key, mark in markers(step_type.Params).items():
        if mark is Expression and isinstance(params.get(key), bool):
            params[key] = str(params[key]).lower()  # `condition: true` is the expression `true`
    check_params(step_type, params, path, reader)
    if "id" not in keys:
        return None
    return Draft(keys["id"], path, step_type, keys, params)
