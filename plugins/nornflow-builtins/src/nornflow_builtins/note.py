"""A step that tells something."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from nornflow import Scope, StepContext, StepResult, StepType


class NoteParams(BaseModel):
    """The keys of a `note` step."""

    model_config = ConfigDict(extra="forbid")

    text: str = Field(description="What is told; templates are rendered.", min_length=1, max_length=10_000)


class NoteStep(StepType):
    """Tell something on the screen and in the run record."""

    name = "note"
    scope = Scope.RUN
    read_only = True
    result_keys = ("stdout",)
    Params = NoteParams

    def apply(self, context: StepContext, params: NoteParams) -> StepResult:
        """Show the text line by line and keep it."""
        for line in params.text.splitlines():
            context.emit(line)
        return StepResult(stdout=f"{params.text}\n")
