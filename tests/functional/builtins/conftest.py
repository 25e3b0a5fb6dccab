"""Runs one step of the builtins as the engine does: parameters rendered, bound, and the real sandbox below."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from nornflow import HostView, Mode, RunInfo, StepContext, StepResult, StepType
from nornflow.engine.params import BoundParams
from nornflow.model.step import Step
from nornflow.policy.profiles import load_profiles
from nornflow.redaction import Redactor
from nornflow.sandbox.sandbox import LocalSandbox
from nornflow.workflow.expressions import Evaluator
from nornflow.workflow.templating import Renderer


class RunBench:
    """One run's surroundings: workspace, project, profile, and the lines of live output in `lines`."""

    def __init__(self, folder: Path) -> None:
        self.workspace = folder / "workspace"
        self.project = folder / "project"
        self.workspace.mkdir()
        self.project.mkdir()
        self.profiles = dict(load_profiles())
        self.lines: list[str] = []
        self.redactor = Redactor()
        self.tasks: dict[str, Any] = {}

    def run(
        self,
        step_type: StepType,
        params: Mapping[str, Any],
        names: Mapping[str, Any] | None = None,
        *,
        profile: str = "standard",
        environment: Mapping[str, str] | None = None,
        timeout: float | None = None,
        task: Any = None,
        host: HostView | None = None,
    ) -> StepResult:
        everything = {"inputs": {}, "vars": {}, "steps": {}, "run": {}, "workflow": {}, "env": {}, **(names or {})}
        renderer, evaluator = Renderer(), Evaluator()
        step = Step("it", step_type.name, step_type.scope, params=params)
        chosen = self.profiles[profile]
        context = StepContext(
            mode=Mode.APPLY,
            step="it",
            run=RunInfo("run-1", "a-change", "1.0", "tester", chosen, self.workspace, self.project),
            sandbox=LocalSandbox(
                chosen,
                workspace=self.workspace,
                project=self.project,
                emit=self.lines.append,
                redactor=self.redactor,
            ),
            names=everything,
            render=lambda text, **more: renderer.render(text, {**everything, **more}),
            evaluate=lambda text, **more: evaluator.evaluate(text, {**everything, **more}),
            emit=self.lines.append,
            nornir_task=lambda path: self.tasks[path],
            host=host,
            task=task or SimpleNamespace(host=SimpleNamespace(port=None)),
            environment=environment or {},
            timeout=timeout,
        )
        return step_type.apply(context, BoundParams(step, step_type, renderer).bind(everything))


@pytest.fixture
def run_bench(tmp_path: Path) -> RunBench:
    return RunBench(tmp_path)
