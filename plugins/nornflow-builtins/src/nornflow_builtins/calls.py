"""A step that calls another workflow."""

from __future__ import annotations

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from nornflow import Scope, StepContext, StepError, StepResult, StepType


class CallParams(BaseModel):
    """The keys of a `workflow` step, besides `inputs`."""

    model_config = ConfigDict(extra="forbid")

    file: str | None = Field(
        None, description="The workflow's file: a path from this file's folder, or from the project's.", min_length=1
    )
    workflow: str | None = Field(
        None,
        description="The workflow's name, in place of `file`: NAME.yaml beside this file, or in the project's `workflows`.",
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$",
    )

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if (self.file is None) == (self.workflow is None):
            raise ValueError("give either `file` or `workflow`")
        return self


class CallStep(StepType):
    """Call another workflow: its steps become steps of this one, with ids that begin with this step's, `ID.STEP`.

    They see the called workflow's inputs, which `inputs` gives, and its steps, and nothing of this workflow. The outputs of
    the called workflow are those of the step.
    """

    name = "workflow"
    scope = Scope.ANY
    Params = CallParams

    def apply(self, context: StepContext, params: CallParams) -> StepResult:
        """Raise StepError: the engine does the steps that are called, and this one is their end."""
        raise StepError(
            f"step {context.step} calls a workflow whose steps are not there", hint="compile the workflow again"
        )
