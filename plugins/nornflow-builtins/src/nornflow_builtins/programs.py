"""Steps that run programs and scripts on the machine of the run."""

from __future__ import annotations

import signal
from contextlib import suppress
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from nornflow import HostState, Scope, StepContext, StepResult, StepType, Verbatim, Words

_FOLDER = "Folder inside the run's workspace in which it runs; the workspace itself when empty."
_CAPTURE = "Whether the output is kept in the record and for later steps; it is shown live in any case."
_KEYS = ("stdout", "stderr", "exit_code")


class ShellParams(BaseModel):
    """The keys of a `shell` step."""

    model_config = ConfigDict(extra="forbid")

    command: Annotated[list[str], Words] = Field(
        description="Program and arguments; split into words before templates are rendered, so a value stays one word.",
        min_length=1,
    )
    working_directory: str = Field("", description=_FOLDER)
    capture_output: bool = Field(True, description=_CAPTURE)


class ShellStep(StepType):
    """Run a program, without a shell.

    The program must be in the profile's list. There are no pipes, no redirections and no variables in the command; that is
    what `script` is for. `environment` (a key of every step) sets variables. A non-zero exit code fails the step, which
    keeps its output.
    """

    name = "shell"
    scope = Scope.RUN
    permissions = frozenset({"shell.execute"})
    result_keys = _KEYS
    Params = ShellParams

    def apply(self, context: StepContext, params: ShellParams) -> StepResult:
        """Run the program and keep its output."""
        ended = context.sandbox.program(
            params.command, cwd=params.working_directory, environment=context.environment, timeout=context.timeout
        )
        return _result(params.command[0], ended, params.capture_output)


class ScriptParams(BaseModel):
    """The keys of a `script` step."""

    model_config = ConfigDict(extra="forbid")

    script: Annotated[str, Verbatim] = Field(
        description="The text of the script, run by `/bin/sh -eu` (by bash when its first line says `#!/bin/bash`); it is"
        " not a template: values come by `environment`.",
        min_length=1,
    )
    working_directory: str = Field("", description=_FOLDER)
    capture_output: bool = Field(True, description=_CAPTURE)


class ScriptStep(StepType):
    """Run a shell script that gets its values through the environment only.

    Pipes, redirections and variables work as in any script. The text is never rendered, so no value can become code; give
    values with `environment: {SERVER: "{{ inputs.server }}"}` and read them as `"$SERVER"`.
    """

    name = "script"
    scope = Scope.RUN
    permissions = frozenset({"shell.script"})
    result_keys = _KEYS
    Params = ScriptParams

    def apply(self, context: StepContext, params: ScriptParams) -> StepResult:
        """Run the script and keep its output."""
        ended = context.sandbox.script(
            params.script, cwd=params.working_directory, environment=context.environment, timeout=context.timeout
        )
        return _result("the script", ended, params.capture_output)


def _result(name: str, ended: Any, kept: bool) -> StepResult:
    stdout, stderr = (ended.stdout, ended.stderr) if kept else ("", "")
    common: dict[str, Any] = {"stdout": stdout, "stderr": stderr, "exit_code": ended.exit_code, "usage": ended.usage}
    if ended.exit_code == 0:
        return StepResult(**common)
    last = ended.stderr.strip().rpartition("\n")[2][:200]
    return StepResult(
        HostState.FAILED,
        error=f"{name} {_how(ended.exit_code)}{f': {last}' if last else ''}",
        reason="exit-code",
        hint="its whole output stands in the run record; `on_failure: continue` lets the workflow go on",
        **common,
    )


def _how(exit_code: int) -> str:
    if exit_code < 0:
        with suppress(ValueError):
            return f"was ended by {signal.Signals(-exit_code).name}"
    return f"exited with {exit_code}"
