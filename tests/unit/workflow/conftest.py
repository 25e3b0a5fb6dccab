"""Small step types that bring every kind of parameter, and a compiler that reads a text: what the language's tests need."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from textwrap import dedent
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field

from nornflow.abc import StepContext, StepType
from nornflow.model.diagnostic import Diagnostic
from nornflow.model.run import StepResult
from nornflow.model.step import Scope
from nornflow.model.wait import Awaited, WaitKind
from nornflow.model.workflow import Workflow
from nornflow.registration import Expression, Verbatim, Words
from nornflow.workflow.compiler import check_workflow
from nornflow.workflow.loader import load
from nornflow_builtins.calls import CallStep


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ShellParams(Strict):
    command: Annotated[list[str], Words] = Field(description="the program and its arguments")
    working_directory: str = ""
    capture_output: bool = True


class AssertParams(Strict):
    condition: Annotated[str, Expression]
    message: str = ""


class ConfigParams(Strict):
    lines: list[str] = []
    template: str = ""
    save: bool = False
    level: Annotated[int, Field(ge=1, le=5)] = 1
    mode: Literal["merge", "replace"] = "merge"


class ShowParams(Strict):
    command: str
    template: Annotated[str, Verbatim] = ""


class FreeParams(BaseModel):
    model_config = ConfigDict(extra="allow")
    task: str


class ConditionalParams(Strict):
    condition: Annotated[str, Expression]


class Fake(StepType):
    """A step type without work to do."""

    def __init__(
        self, name: str, params: type[BaseModel], scope: Scope, permissions: set[str], results: tuple[str, ...] = ()
    ) -> None:
        self.name = name
        self.scope = scope
        self.permissions = frozenset(permissions)
        self.result_keys = results
        self._params = params

    @property
    def Params(self) -> type[BaseModel]:
        return self._params

    def apply(self, context: StepContext, params: Any) -> StepResult:
        raise AssertionError("nothing is run here")


class Patient(Fake):
    """A step type that waits for people."""

    def awaits(self, context: StepContext, params: Any) -> Awaited:
        return Awaited(WaitKind.APPROVAL)


class ApprovalParams(Strict):
    approvers: int = 1


def step_type_table() -> Mapping[str, StepType]:
    fakes = (
        Fake("shell", ShellParams, Scope.RUN, {"shell.execute"}, ("stdout", "exit_code")),
        Fake("assert", AssertParams, Scope.ANY, set(), ("assertion_result",)),
        Fake("conditional", ConditionalParams, Scope.RUN, set()),
        CallStep(),
        Fake("netmiko.config", ConfigParams, Scope.DEVICE, {"device.configure"}, ("lines",)),
        Fake("ttp.show", ShowParams, Scope.DEVICE, {"device.read"}, ("parsed", "text")),
        Patient("approval", ApprovalParams, Scope.RUN, set()),
        Fake("nornir.task", FreeParams, Scope.DEVICE, {"device.read"}),
    )
    return {fake.name: fake for fake in fakes}


Checked = tuple[Workflow | None, tuple[Diagnostic, ...]]
Check = Callable[..., Checked]


@pytest.fixture(scope="session")
def step_types() -> Mapping[str, StepType]:
    return step_type_table()


@pytest.fixture
def check(step_types: Mapping[str, StepType]) -> Check:
    """Compile a text and return the workflow and what was said about it."""

    def checked(text: str, **more: Any) -> Checked:
        return check_workflow(load("change.yaml", text=dedent(text).lstrip("\n")), step_types, **more)

    return checked


@pytest.fixture
def compiled(check: Check) -> Callable[..., Workflow]:
    """Compile a text that must have nothing wrong with it."""

    def workflow(text: str, **more: Any) -> Workflow:
        made, diagnostics = check(text, **more)
        assert not diagnostics, diagnostics
        assert made is not None
        return made

    return workflow


@pytest.fixture
def faults(check: Check) -> Callable[..., list[tuple[str, str]]]:
    """Compile a text and return code and line:column of each thing that was said about it."""

    def found(text: str, **more: Any) -> list[tuple[str, str]]:
        return [(one.code, f"{one.location.line}:{one.location.column}") for one in check(text, **more)[1]]

    return found
