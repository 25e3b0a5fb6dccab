"""What the steps of a called workflow see as their inputs, and calls that are repeated for each of some items."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from nornflow.errors import ExpressionError, StepError, UsageError
from nornflow.model.frame import Frame
from nornflow.model.step import Edge, Step
from nornflow.model.workflow import Workflow
from nornflow.record import record
from nornflow.workflow.expressions import Evaluator
from nornflow.workflow.inputs import resolve_inputs
from nornflow.workflow.keys import MAX_STEPS
from nornflow.workflow.templating import Renderer


@record
class Passing:
    """How values get into called workflows: `max_string` is the longest text, `base` the folder that files are below."""

    renderer: Renderer
    max_string: int
    base: Path

    def inputs(self, frame: Frame, outer: Mapping[str, Any]) -> dict[str, Any]:
        """Return the inputs of a frame, of what its caller sees; StepError when they do not fit, and ExpressionError."""
        if frame.index is not None:
            item = self.renderer.render_value(frame.item, outer) if frame.written else frame.item
            outer = {**outer, "item": item, "index": frame.index}
        given = self.renderer.render_value(dict(frame.given), outer)
        try:
            return resolve_inputs(frame.inputs, given, max_string=self.max_string, base=self.base)
        except UsageError as error:
            hint = f"see the inputs of {frame.file}"
            raise StepError(f"step {frame.call} ({frame.location}): {error.message}", hint=hint) from None


def unrolled(
    workflow: Workflow, inputs: Mapping[str, Any], variables: Mapping[str, Any], evaluator: Evaluator, passing: Passing
) -> Workflow:
    """Return the workflow with each call that is repeated in the place of its one: its steps once for each item.

    The steps for one item come after those for the one before, with ids like `CALL.2.STEP`. Raises UsageError when the
    items cannot be told from the inputs, or are too many.
    """
    top = {"inputs": inputs, "vars": variables}
    while repeated := [frame for frame in workflow.frames.values() if frame.for_each is not None]:
        frame = min(repeated, key=lambda one: one.id.count("."))
        try:
            items = _items(frame, _seen(workflow, frame.outer, top, passing), evaluator, passing.renderer)
        except (ExpressionError, StepError) as error:
            raise UsageError(
                f"step {frame.call} ({frame.location}): for_each: {error.message}",
                hint="how often a workflow is called is known before it begins: a list, or an expression over `inputs`",
            ) from None
        workflow = _repeated(workflow, frame, items)
        if len(workflow.steps) > MAX_STEPS:
            raise UsageError(
                f"step {frame.call} ({frame.location}): with {len(items):,} items the workflow has"
                f" {len(workflow.steps):,} steps, and no more than {MAX_STEPS:,} are taken",
                hint="give the list to a step that repeats itself, or cut it into runs of their own",
            )
    return workflow


def _seen(workflow: Workflow, frame: str, top: Mapping[str, Any], passing: Passing) -> Mapping[str, Any]:
    """Return what a frame sees before anything is done."""
    if not frame:
        return top
    one = workflow.frames[frame]
    return {"inputs": passing.inputs(one, _seen(workflow, one.outer, top, passing)), "vars": {}}


def _items(frame: Frame, names: Mapping[str, Any], evaluator: Evaluator, renderer: Renderer) -> list[Any]:
    written = frame.for_each
    if not isinstance(written, str):
        return list(written)  # each of them is rendered where it is used: it may speak of a device
    rendered = renderer.render(written, names)
    items = evaluator.evaluate(written, names) if rendered == written else rendered
    if isinstance(items, Mapping):
        return [{"key": key, "value": value} for key, value in items.items()]
    if not isinstance(items, list | tuple):
        raise ExpressionError(f"it gives {type(items).__name__}, a list is expected")
    return list(items)


def _repeated(workflow: Workflow, frame: Frame, items: Sequence[Any]) -> Workflow:
    inner = [step for step in workflow.steps if frame.holds(step.frame)]
    ids = {step.id for step in inner}
    steps: list[Step] = []
    for step in workflow.steps:
        if step.id == frame.call:
            steps += _copies(frame, inner, len(items))
        if step.id not in ids:
            each = [_copied_edges(frame, edge, len(items)) if edge.step in ids else (edge,) for edge in step.after]
            steps.append(replace(step, after=tuple(edge for edges in each for edge in edges)))
    frames = {one.id: one for one in workflow.frames.values() if not frame.holds(one.id)}
    for number, item in enumerate(items, 1):
        for one in workflow.frames.values():
            if frame.holds(one.id):
                copy = _copied(frame, one, number)
                if one is frame:
                    written = not isinstance(frame.for_each, str)
                    copy = replace(copy, for_each=None, item=item, written=written, index=number - 1)
                frames[copy.id] = copy
    return replace(workflow, steps=tuple(steps), frames=frames)


def _copied_edges(frame: Frame, edge: Edge, count: int) -> Iterator[Edge]:
    return (replace(edge, step=_name(frame, edge.step, number)) for number in range(1, count + 1))


def _copies(frame: Frame, inner: Sequence[Step], count: int) -> Iterator[Step]:
    ids = {step.id for step in inner}
    before: tuple[Edge, ...] = ()
    for number in range(1, count + 1):
        made = []
        for step in inner:
            first = not any(edge.step in ids for edge in step.after)
            after = tuple(replace(edge, step=_name(frame, edge.step, number)) for edge in step.after)
            made.append(
                replace(
                    step,
                    id=_name(frame, step.id, number),
                    frame=_name(frame, step.frame, number),
                    after=(*after, *before) if first else after,
                )
            )
        yield from made
        before = tuple(Edge(step.id) for step in made)


def _copied(frame: Frame, one: Frame, number: int) -> Frame:
    inside = one is not frame
    return replace(
        one,
        id=_name(frame, one.id, number),
        outer=_name(frame, one.outer, number) if inside else one.outer,
        call=_name(frame, one.call, number) if inside else one.call,
        seen=frozenset(_name(frame, step, number) for step in one.seen) if inside else one.seen,
    )


def _name(frame: Frame, name: str, number: int) -> str:
    """Return the id of a step or frame inside of a repeated one as it is for one of the items; others stay."""
    if name == frame.id:
        return f"{name}.{number}"
    inside = name.startswith(f"{frame.id}.")
    return f"{frame.id}.{number}{name[len(frame.id) :]}" if inside else name
