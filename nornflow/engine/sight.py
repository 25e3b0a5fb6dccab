"""What a step sees, and whether a workflow that is called is done at all: names, in the frame that the step stands in."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from nornflow.engine.progress import Progress
from nornflow.errors import ExpressionError
from nornflow.model.frame import Frame
from nornflow.model.rollout import Targets
from nornflow.model.step import Step
from nornflow.model.workflow import Workflow
from nornflow.workflow.matching import is_targeted
from nornflow.workflow.templating import Renderer


class Sight:
    """The names of one step's templates and expressions, on a device or once."""

    def __init__(self, step: Step, progress: Progress, renderer: Renderer) -> None:
        self._step = step
        self._progress = progress
        self._renderer = renderer
        workflow = progress.workflow
        self._frames = tuple(_frames(workflow, step.frame))
        written: list[tuple[Mapping[str, str], str]] = [(workflow.environment, "")]
        for frame in self._frames:
            written += zip(frame.environments, (frame.outer, frame.id), strict=True)
        written.append((step.environment, step.frame))
        self._environments = [(variables, frame) for variables, frame in written if variables]

    def names(self, host: str | None) -> dict[str, Any]:
        """Return what the step's templates see; `env` is the workflow's environment, and over it the step's."""
        names = self._progress.names(host, self._step.frame)
        for environment, frame in self._environments:
            seen = names if frame == self._step.frame else self._progress.names(host, frame)
            rendered = self._renderer.render_value(dict(environment), {**seen, "env": names["env"]})
            names["env"] = {**names["env"], **{key: self._variable(key, value) for key, value in rendered.items()}}
        return names

    def of_when(self, host: str | None) -> dict[str, Any]:
        """Return what the step's condition sees."""
        # `when` may be what keeps an environment from being rendered that cannot be: only one that asks for it gets it
        return self.names(host) if "env" in self._step.when else self._progress.names(host, self._step.frame)

    def left_out(self, host: str | None, evaluate: Callable[[str, Mapping[str, Any]], Any]) -> str:
        """Return why a called workflow that the step is of is not done here; nothing where it is."""
        for frame in self._frames:
            if frame.when and not evaluate(frame.when, self._progress.names(host, frame.outer)):
                return f"when: {frame.when}"
            if host is not None and frame.targets != Targets():
                inputs = self._progress.names(host, frame.id)["inputs"]
                if not is_targeted(self._progress.hosts[host], frame.targets, inputs):
                    return f"targets: {frame.name} is not for {host}"
        return ""

    def _variable(self, name: str, value: Any) -> str:
        if value is None:
            raise ExpressionError(
                f"step {self._step.id} ({self._step.location}): the variable {name} of its environment is null",
                hint="give it a value: `{{ x | default('') }}`",
            )
        return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _frames(workflow: Workflow, frame: str) -> Iterator[Frame]:
    """Yield the frames that a frame stands in, the outermost first, and itself."""
    if frame:
        one = workflow.frames[frame]
        yield from _frames(workflow, one.outer)
        yield one
