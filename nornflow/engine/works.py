"""The work of every step of a run, bound to one pass over its graph."""

from __future__ import annotations

from nornflow.engine.progress import Progress
from nornflow.engine.tools import Tools
from nornflow.engine.work import StepWork
from nornflow.model.run import RunInfo
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


def passing_of(run: RunInfo, tools: Tools) -> Passing:
    """Return how values get into the workflows that this one calls."""
    return Passing(tools.renderer, run.profile.strictness.max_string, run.project)
