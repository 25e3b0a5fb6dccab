"""Steps that judge: assert something, or choose between two branches."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from nornflow import Expression, HostState, Scope, StepContext, StepResult, StepType


class AssertParams(BaseModel):
    """The keys of an `assert` step."""

    model_config = ConfigDict(extra="forbid")

    condition: Annotated[str, Expression] = Field(
        description="An expression that must be true, on each device when it depends on steps of devices.", min_length=1
    )
    message: str = Field("", description="What is told when it is false.")


class AssertStep(StepType):
    """Check that a condition holds; a check after a change that fails is what `on_failure: rollback` acts upon.

    It runs per device when it depends on a step of devices, and once otherwise or with `once: true`. `retry` asks again,
    `on_failure: warn` makes a warning of a false condition and `continue` a skipped step. Not run while planning.
    """

    name = "assert"
    scope = Scope.ANY
    verifies = True
    result_keys = ("assertion_result",)
    Params = AssertParams

    def apply(self, context: StepContext, params: AssertParams) -> StepResult:
        """Evaluate the condition."""
        if context.evaluate(params.condition):
            return StepResult(outputs={"assertion_result": True})
        return StepResult(
            HostState.FAILED,
            outputs={"assertion_result": False},
            error=params.message or f"not true: {params.condition}",
            reason="assertion",
            hint="the values that it looked at stand in the run record",
        )


class ConditionalParams(BaseModel):
    """The keys of a `conditional` step, besides `then_steps` and `else_steps`."""

    model_config = ConfigDict(extra="forbid")

    condition: Annotated[str, Expression] = Field(
        description="An expression; true takes the branch of `then_steps`, false that of `else_steps`.", min_length=1
    )


class ConditionalStep(StepType):
    """Choose between the steps under `then_steps` and those under `else_steps`."""

    name = "conditional"
    scope = Scope.ANY
    result_keys = ("branch",)
    Params = ConditionalParams

    def apply(self, context: StepContext, params: ConditionalParams) -> StepResult:
        """Evaluate the condition and name the branch: `then` or `else`."""
        return StepResult(outputs={"branch": "then" if context.evaluate(params.condition) else "else"})
