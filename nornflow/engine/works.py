"""The work of every step of a run, bound to one pass over its graph."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nornflow.engine.progress import Progress
from nornflow.engine.tools import Tools
from nornflow.engine.work import StepWork
from nornflow.model.device import HostView
from nornflow.model.run import RunInfo
from nornflow.model.workflow import Workflow
from nornflow.policy.lowering import of_step
from nornflow.workflow.frames import Passing


def works_of(progress: Progress, tools: Tools) -> dict[str, StepWork]:
    """Return each step's work by its id; the comparison of a snapshot is the engine's own and has none."""
    workflow, run = progress.workflow, progress.run
    comparison = workflow.snapshot.compare if workflow.snapshot else None
    works = {}
    for step in workflow.every_step:
        if step is comparison:
            continue
        profile = of_step(run.profile, step, tools.profiles)
        works[step.id] = StepWork(step, tools.step_types[step.type], profile, tools, run, progress)
    return works


def progress_of(
    workflow: Workflow,
    hosts: Mapping[str, HostView],
    run: RunInfo,
    inputs: Mapping[str, Any],
    variables: Mapping[str, Any],
    tools: Tools,
) -> Progress:
    """Return the empty results of a pass over the graph, in which values get into the workflows that this one calls."""
    passing = Passing(tools.renderer, run.profile.strictness.max_string, run.project)
    return Progress(workflow, hosts, run, inputs, variables, passing)
