"""A step that runs any Nornir task."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from nornflow import NornFlowError, StepContext, StepError, StepResult, StepType, as_step_result

_ACCESS = {
    "read": frozenset({"device.read"}),
    "configure": frozenset({"device.read", "device.configure"}),
    "command": frozenset({"device.read", "device.configure", "device.command"}),
}


class NornirTaskParams(BaseModel):
    """The keys of a `nornir.task` step."""

    model_config = ConfigDict(extra="forbid")

    task: str = Field(
        description="Dotted path of the task, as in `nornir_napalm.plugins.tasks.napalm_get`.",
        pattern=r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)+$",
    )
    args: dict[str, Any] = Field(default_factory=dict, description="Arguments of the task, by name.")
    access: Literal["read", "configure", "command"] = Field(
        "configure",
        description="What the task may do on the device; the guard holds it to that: `read`, `configure` (which also saves),"
        " or `command` (exec commands that are no reads as well).",
    )

    @field_validator("args")
    @classmethod
    def _no_task(cls, value: dict[str, Any]) -> dict[str, Any]:
        if "task" in value:
            raise ValueError("`task` is Nornir's own argument; the path stands in the step's `task`")
        return value


class NornirTaskStep(StepType):
    """Run any existing Nornir task on each device, under the guard.

    Which tasks may be imported is the profile's choice: installed `nornir_*` packages and the project's tasks folder, or
    any. The task is planned like every other step: its reads reach the device, its configuration lines are captured.
    """

    name = "nornir.task"
    permissions = _ACCESS["configure"]
    result_keys = ("result",)
    Params = NornirTaskParams

    def needs(self, params: Mapping[str, Any]) -> frozenset[str]:
        """Return what `access` says; whatever is not known yet counts as `configure`."""
        return _ACCESS.get(str(params.get("access", "configure")), _ACCESS["command"])

    def apply(self, context: StepContext, params: NornirTaskParams) -> StepResult:
        """Import the task, check its arguments and run it as a subtask."""
        from nornir.core.exceptions import NornirSubTaskError

        function = context.nornir_task(params.task)
        _check_arguments(function, params)
        try:
            results = context.task.run(task=function, **params.args)
        except NornirSubTaskError as error:
            raise _cause(error, params.task) from error
        return as_step_result(results[0])


def _check_arguments(function: Callable[..., Any], params: NornirTaskParams) -> None:
    """Raise StepError when the task does not take the arguments, naming those that it takes."""
    try:
        signature = _signature(function)
        known = [name for name in signature.parameters if name != "task"]
        signature.bind(None, **{name: value for name, value in params.args.items() if name not in _NORNIRS_OWN})
    except TypeError as error:
        raise StepError(f"{params.task}: {error}", hint=f"its arguments are: {', '.join(known) or 'none'}") from error
    except ValueError:
        return  # a callable that tells nothing about its arguments will complain itself


@lru_cache(maxsize=64)
def _signature(function: Callable[..., Any]) -> inspect.Signature:
    """Return the signature, worked out once and not once per device."""
    return inspect.signature(function)


_NORNIRS_OWN = frozenset(("name", "severity_level"))


def _cause(error: Any, path: str) -> NornFlowError:
    """Return what really ended the task: the exception of the innermost task that failed."""
    cause: Any = error
    while getattr(cause, "result", None) is not None and getattr(cause.result, "exception", None) is not None:
        cause = cause.result.exception
    if isinstance(cause, NornFlowError):
        return cause
    lines = [line.strip() for line in str(cause).splitlines() if line.strip()] or ["it failed without a word"]
    text = lines[-1] if lines[0].startswith("Traceback") else lines[0]
    return StepError(f"{path}: {type(cause).__name__}: {text}", hint="the task itself failed; see its documentation")
