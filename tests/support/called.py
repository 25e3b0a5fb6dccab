"""Workflows that call others, compiled from texts with the small step types of the engine's tests."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine_stage import Check, Configure, Look, Say, Stage
from nornflow.abc import StepType
from nornflow.model.workflow import Workflow
from nornflow.workflow.compiler import compile_workflow
from nornflow.workflow.expressions import Evaluator
from nornflow.workflow.frames import Passing, unrolled
from nornflow.workflow.library import Library
from nornflow.workflow.loader import load
from nornflow.workflow.templating import Renderer
from nornflow_builtins.calls import CallStep
from nornflow_builtins.checks import ConditionalStep

PROJECT = Path("/project")
TYPES: Mapping[str, StepType] = {
    kind.name: kind for kind in (Configure(), Check(), Look(), Say(), CallStep(), ConditionalStep())
}


def compiled(main: str, inputs: Mapping[str, Any] | None = None, /, **others: str) -> Workflow:
    """Compile a workflow beside which others lie, by their names, with its calls repeated as its inputs say."""
    kept = {str(PROJECT / f"{name}.yaml"): text for name, text in others.items()}
    library = Library(PROJECT, PROJECT, kept=kept)
    workflow = compile_workflow(load("main.yaml", text=main), TYPES, library=library)
    renderer = Renderer(step_ids=workflow.written_ids)
    evaluator = Evaluator(step_ids=workflow.written_ids)
    return unrolled(workflow, inputs or {}, {}, evaluator, Passing(renderer, 1000, PROJECT))


def running(stage: Stage, main: str, inputs: Mapping[str, Any] | None = None, /, **others: str) -> Stage:
    """Let a stage run such a workflow."""
    stage.compiled, stage.inputs = compiled(main, inputs, **others), inputs or {}
    return stage
