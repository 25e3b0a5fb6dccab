"""A step's parameters: rendered with what is known on this host, then checked by the step type's model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nornflow.abc import StepType
from nornflow.errors import StepError
from nornflow.model.workflow import Step
from nornflow.registration import Words
from nornflow.workflow.parameters import markers
from nornflow.workflow.templating import Renderer, has_template


class BoundParams:
    """The parameters of one step in one run; a step without a template is validated once, not once per host."""

    def __init__(self, step: Step, step_type: StepType, renderer: Renderer) -> None:
        self._step = step
        self._renderer = renderer
        self._model = step_type.Params
        marked = markers(self._model)
        self._as_they_are = frozenset(name for name, mark in marked.items() if mark is not Words)
        self._words = frozenset(name for name, mark in marked.items() if mark is Words)
        self._static = not any(
            has_template_inside(value) for name, value in step.params.items() if name not in self._as_they_are
        )
        self._validated: Any = None

    def bind(self, names: Mapping[str, Any]) -> Any:
        """Return the validated model for these names; ExpressionError or StepError when that is not possible."""
        if self._validated is not None:
            return self._validated
        values = {name: self._value(name, value, names) for name, value in self._step.params.items()}
        params = self._validate(values)
        if self._static:
            self._validated = params
        return params

    def _value(self, name: str, value: Any, names: Mapping[str, Any]) -> Any:
        if name in self._as_they_are:
            return value
        if name in self._words and isinstance(value, str):
            return self._renderer.render_words(value, names)
        return self._renderer.render_value(value, names)

    def _validate(self, values: Mapping[str, Any]) -> Any:
        from pydantic import ValidationError

        try:
            return self._model.model_validate(values)
        except ValidationError as error:
            problems = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
            raise StepError(
                f"step {self._step.id} ({self._step.location}): {problems}",
                hint=f"see the parameters of {self._step.type}: nornflow plugins show",
            ) from None


def has_template_inside(value: Any) -> bool:
    """Tell whether a JSON-like value holds a template anywhere."""
    if isinstance(value, str):
        return has_template(value)
    if isinstance(value, Mapping):
        return any(has_template_inside(item) for pair in value.items() for item in pair)
    return isinstance(value, (list, tuple)) and any(map(has_template_inside, value))
