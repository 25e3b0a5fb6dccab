"""A step's parameters: rendered with what is known on this host, then checked by the step type's model."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping, Sequence
from typing import Any

from nornflow.abc import StepType
from nornflow.errors import StepError
from nornflow.model.step import Step
from nornflow.registration import Expression, Words
from nornflow.workflow.parameters import markers
from nornflow.workflow.templating import Renderer, has_template

_FLAT = (str, int, float, bool, bytes, frozenset, type(None))
"""Values that nobody can change: a shallow copy of a model of these is enough."""


class BoundParams:
    """The parameters of one step in one run; a step without a template is validated once, not once per host."""

    def __init__(self, step: Step, step_type: StepType, renderer: Renderer) -> None:
        self._step = step
        self._renderer = renderer
        self._model = step_type.Params
        marked = markers(self._model)
        self._as_they_are = frozenset(name for name, mark in marked.items() if mark is not Words)
        self.judges = Expression in marked.values()
        """Whether the step type evaluates an expression, so that more than its keys decides on its result."""
        self._words = frozenset(name for name, mark in marked.items() if mark is Words)
        self._static = not any(
            has_template_inside(value) for name, value in step.params.items() if name not in self._as_they_are
        )
        self._validated: Any = None
        self._flat = False

    def bind(self, names: Mapping[str, Any]) -> Any:
        """Return the validated model for these names; ExpressionError or StepError when that is not possible."""
        if not self._static:
            return self._validate(self.rendered(names))
        if self._validated is None:
            self._validated = self._validate(self.rendered(names))
            self._flat = all(isinstance(value, _FLAT) for value in vars(self._validated).values())
        # a step type may change its parameters while it works: the next device must not get what the last one made of them
        return self._validated.model_copy(deep=not self._flat)

    def rendered(self, names: Mapping[str, Any]) -> dict[str, Any]:
        """Return the step's keys with their templates rendered, and expressions and scripts as they are."""
        return {name: self._value(name, value, names) for name, value in self._step.params.items()}

    def _value(self, name: str, value: Any, names: Mapping[str, Any]) -> Any:
        if name in self._as_they_are:
            return value if isinstance(value, _FLAT) else copy.deepcopy(value)
        if name in self._words and isinstance(value, str):
            return self._renderer.render_words(value, names)
        return self._renderer.render_value(value, names)

    def _validate(self, values: Mapping[str, Any]) -> Any:
        from pydantic import ValidationError

        try:
            return self._model.model_validate(values)
        except ValidationError as error:
            texts = None if self._static else _with_texts(values, error.errors())
        try:
            return self._model.model_validate(values if texts is None else texts)
        except ValidationError as error:
            problems = "; ".join(map(_told, error.errors()))
            raise StepError(
                f"step {self._step.id} ({self._step.location}): {problems}",
                hint=f"see the parameters of {self._step.type}: nornflow plugins show",
            ) from None


def _told(fault: Mapping[str, Any]) -> str:
    where, why = ".".join(map(str, fault["loc"])), str(fault["msg"]).removeprefix("Value error, ")
    return f"{where}: {why}" if where else why


def _with_texts(values: Mapping[str, Any], errors: Sequence[Mapping[str, Any]]) -> Any:
    """Return the values with a text in place of each number or boolean where the step type takes only texts.

    A template that is one whole `{{ }}` keeps its value's type: `text: "{{ steps.a.exit_code }}"` means the text of it.
    """
    made = copy.deepcopy(dict(values))
    for error in errors:
        holder: Any = made
        *way, last = error["loc"]
        try:
            for key in way:
                holder = holder[key]
            if error["type"] == "string_type" and isinstance(holder[last], int | float):
                holder[last] = json.dumps(holder[last])
        except (LookupError, TypeError):
            continue  # the place is one of a union or of the model, not of the values
    return made


def has_template_inside(value: Any) -> bool:
    """Tell whether a JSON-like value holds a template anywhere."""
    if isinstance(value, str):
        return has_template(value)
    if isinstance(value, Mapping):
        return any(has_template_inside(item) for pair in value.items() for item in pair)
    return isinstance(value, (list, tuple)) and any(map(has_template_inside, value))
