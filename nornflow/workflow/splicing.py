"""Puts the steps of called workflows into the graph of the one that calls them, each in its own namespace."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from nornflow.model.frame import Frame
from nornflow.model.permission import both
from nornflow.model.step import Edge, Scope, Step
from nornflow.model.workflow import Workflow


def spliced(
    steps: Sequence[Step],
    called: Mapping[str, Workflow],
    files: Mapping[str, Path],
    before: Mapping[str, Collection[str]],
) -> tuple[list[Step], dict[str, Frame]]:
    """Return the steps with those of each called workflow before the step that calls it, and the frames that they stand in.

    A step's id begins with that of the call. All of them wait for what the call waits for, and the call for all of them:
    what depends on it, or looks at its results, comes after the whole workflow. `before` are, for each step, those that
    have ended when it begins, `files` those of the workflows that are called.
    """
    found: list[Step] = []
    frames: dict[str, Frame] = {}
    for step in steps:
        if step.id not in called:
            found.append(step)
            continue
        workflow = called[step.id]
        alone = not any(other.configures for other in steps if other is not step)
        inner = [_within(step, one, workflow, cached=alone) for one in workflow.steps]
        made = _frame(step, workflow, str(files[step.id]), frozenset(before[step.id]))
        frames[made.id] = made
        frames |= {frame.id: frame for frame in (_below(step.id, one) for one in workflow.frames.values())}
        after = tuple(dict.fromkeys((*step.after, *(Edge(one.id) for one in inner))))
        bare: dict[str, Any] = {"for_each": None, "when": "", "inputs": {}, "environment": {}, "params": {}}
        end = replace(step, after=after, permissions=frozenset(), **bare)
        found += [*inner, end]
    return found, frames


def _within(call: Step, step: Step, workflow: Workflow, *, cached: bool) -> Step:
    """Return a step of the called workflow as a step of the one that calls it."""
    profiles = tuple(name for name in (call.profile, workflow.profile) if name)
    return replace(
        step,
        id=f"{call.id}.{step.id}",
        frame=f"{call.id}.{step.frame}" if step.frame else call.id,
        after=(*(Edge(f"{call.id}.{edge.step}", edge.on) for edge in step.after), *call.after),
        under=(*profiles, *step.under),
        permitted=both(workflow.permissions, step.permitted),
        # what another step changes must not be looked at in a result of an earlier run
        cache=step.cache if cached or step.scope is Scope.RUN else None,
    )


def _frame(call: Step, workflow: Workflow, path: str, seen: frozenset[str]) -> Frame:
    return Frame(
        id=call.id,
        outer="",
        call=call.id,
        name=workflow.name,
        version=workflow.version,
        description=workflow.description,
        author=workflow.author,
        inputs=workflow.inputs,
        outputs=workflow.outputs,
        given=call.inputs,
        seen=seen,
        when=call.when,
        targets=workflow.targets,
        environments=(call.environment, workflow.environment),
        for_each=call.for_each,
        file=workflow.file,
        path=path,
        location=call.location,
    )


def _below(call: str, frame: Frame) -> Frame:
    """Return a frame of the called workflow as one of the workflow that calls it."""
    return replace(
        frame,
        id=f"{call}.{frame.id}",
        outer=f"{call}.{frame.outer}" if frame.outer else call,
        call=f"{call}.{frame.call}",
        seen=frozenset(f"{call}.{step}" for step in frame.seen),
    )
