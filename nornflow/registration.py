"""The records that hooks return, and the decorators that make a step type of a function."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, get_type_hints

from nornflow.abc import StepContext, StepType
from nornflow.errors import PluginError, StepError
from nornflow.model.diagnostic import Diagnostic
from nornflow.model.run import HostState, StepResult
from nornflow.model.step import Scope
from nornflow.model.workflow import Workflow
from nornflow.record import record

if TYPE_CHECKING:
    from pydantic import BaseModel


class Verbatim:
    """Marks a field (`Annotated[str, Verbatim]`) whose text the step renders itself, or not at all."""


class Expression:
    """Marks a field (`Annotated[str, Expression]`) that holds an expression; it is checked when the workflow compiles."""


class Words:
    """Marks a field (`Annotated[list[str], Words]`): one string, split into words before it is rendered word by word."""


@record
class TemplateFilter:
    """A filter for templates: its name, a pure function, and one line of documentation."""

    name: str
    function: Callable[..., Any]
    description: str = ""


@record
class Check:
    """A further diagnostic: `function` gets the compiled workflow and yields diagnostics with this code."""

    code: str
    title: str
    function: Callable[[Workflow], Iterable[Diagnostic]]


@record
class Command:
    """A command of the command line; `load` imports and returns the click command when it is called for."""

    name: str
    help: str
    load: Callable[[], Any]


class FunctionStep(StepType):
    """A step type made of a function: parameters from its signature, documentation from its docstring."""

    def __init__(self, function: Callable[..., Any], name: str, scope: Scope, permissions: Iterable[str]) -> None:
        first = next(iter(inspect.signature(function).parameters.values()), None)
        if first is None or first.kind not in (first.POSITIONAL_ONLY, first.POSITIONAL_OR_KEYWORD):
            given = "Nornir task" if scope is Scope.DEVICE else "context"
            raise PluginError(
                f"step type {name}: {function.__name__}() takes no first parameter for the {given}",
                hint=f"write `def {function.__name__}({'task' if scope is Scope.DEVICE else 'context'}, ...)`",
            )
        self.function = function
        self.name = name
        self.scope = scope
        self.permissions = frozenset(permissions)
        self.__doc__ = inspect.getdoc(function) or ""
        self.__module__ = function.__module__

    @cached_property
    def Params(self) -> type[BaseModel]:
        """The pydantic model made of the function's signature (without its first parameter)."""
        from pydantic import ConfigDict, create_model

        try:
            hints = get_type_hints(self.function, include_extras=True)
        except NameError as error:
            raise PluginError(
                f"step type {self.name}: {error}", hint="import the names of its annotations at module level"
            ) from error
        fields: dict[str, Any] = {}
        for parameter in list(inspect.signature(self.function).parameters.values())[1:]:
            if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
                raise PluginError(
                    f"step type {self.name}: *{parameter.name} cannot become a key of a step",
                    hint="give every parameter a name and a type",
                )
            default = ... if parameter.default is parameter.empty else parameter.default
            fields[parameter.name] = (hints.get(parameter.name, Any), default)
        model: type[BaseModel] = create_model(
            f"{self.name}.Params", __config__=ConfigDict(extra="forbid", arbitrary_types_allowed=True), **fields
        )
        return model

    def apply(self, context: StepContext, params: Any) -> StepResult:
        """Call the function with the Nornir task (device steps) or the context (steps of the run)."""
        first = context.task if self.scope is Scope.DEVICE else context
        answer = self.function(first, **{name: getattr(params, name) for name in type(params).model_fields})
        return as_step_result(answer)


def as_step_result(answer: Any) -> StepResult:
    """Turn what a task returned (StepResult, Nornir Result, mapping, None or any value) into a step result."""
    if isinstance(answer, StepResult):
        return answer
    if (
        isinstance(answer, list) and answer and all(_is_nornir(part) for part in answer)
    ):  # what `task.run` gives: a MultiResult
        return _of_subtasks(answer)
    if _is_nornir(answer):  # nornir.core.task.Result, without importing Nornir
        if answer.failed:
            text = str(answer.exception or answer.result or "").strip() or "the task says that it failed, and not why"
            raise StepError(text, hint="see the task's own documentation")
        state = HostState.CHANGED if answer.changed else HostState.OK
        extra = {k: v for k, v in vars(answer).items() if k not in _NORNIR_RESULT and not k.startswith("_")}
        text = answer.result if isinstance(answer.result, str) else ""
        return StepResult(
            state,
            changed=bool(answer.changed),
            outputs={**extra, "result": answer.result},
            stdout=text,
            diff=answer.diff or "",
        )
    if answer is None:
        return StepResult()
    if isinstance(answer, dict):
        return StepResult(outputs={"result": answer, **{str(k): v for k, v in answer.items()}})
    return StepResult(outputs={"result": answer}, stdout=answer if isinstance(answer, str) else "")


def _is_nornir(answer: Any) -> bool:
    return hasattr(answer, "failed") and hasattr(answer, "result")


def _of_subtasks(results: list[Any]) -> StepResult:
    """Return the first task's result; it is a change when one of its subtasks changed something, and no success if one failed."""
    failed = next((result for result in results if result.failed), None)
    first = as_step_result(failed if failed is not None else results[0])
    changed = any(result.changed for result in results)
    return replace(first, state=HostState.CHANGED, changed=True) if changed else first


_NORNIR_RESULT = frozenset(
    ("result", "host", "changed", "diff", "failed", "exception", "severity_level", "name", "stdout", "stderr")
)


def device_step(name: str, *, permissions: Iterable[str] = ()) -> Callable[[Callable[..., Any]], FunctionStep]:
    """Make a device-scoped step type of a Nornir task; without permissions it needs `device.read`."""

    def decorate(function: Callable[..., Any]) -> FunctionStep:
        return FunctionStep(function, name, Scope.DEVICE, frozenset(permissions) or {"device.read"})

    return decorate


def run_step(name: str, *, permissions: Iterable[str] = ()) -> Callable[[Callable[..., Any]], FunctionStep]:
    """Make a run-scoped step type of a function whose first parameter is the StepContext."""

    def decorate(function: Callable[..., Any]) -> FunctionStep:
        return FunctionStep(function, name, Scope.RUN, frozenset(permissions))

    return decorate
