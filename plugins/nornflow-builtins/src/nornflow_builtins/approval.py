"""A step that other people have to approve before the run goes on."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from nornflow import Awaited, Diagnostic, Scope, Severity, Step, StepContext, StepResult, StepType, WaitKind, Workflow
from nornflow_builtins.lengths import Length

Name = Annotated[str, Field(min_length=1, max_length=64)]


class ApprovalParams(BaseModel):
    """The keys of an `approval` step."""

    model_config = ConfigDict(extra="forbid")

    text: str = Field("", description="What they are asked; templates are rendered.", max_length=10_000)
    approvers: int = Field(
        1,
        ge=0,
        le=20,
        description="How many people have to say yes; none of them asked for the run, sealed its plan or wrote its workflow. "
        "With 0 one yes is enough, of anybody.",
    )
    groups: list[Name] = Field(
        default_factory=list,
        description="Groups of the system whose members may approve; with `users` empty too: anybody.",
    )
    users: list[Name] = Field(default_factory=list, description="Users who may approve.")
    expires: Length | None = Field(None, description="How long they have (`24h`): then the step fails.")
    remind: Length | None = Field(None, description="After how long, again and again, they are reminded by an event.")
    different_from: list[Name] = Field(
        default_factory=list, description="Other approval steps: nobody approves both one of them and this one."
    )
    different_each_batch: bool = Field(
        False,
        description="Whether nobody may approve it for more than one batch, where it stands between steps of devices.",
    )

    @model_validator(mode="after")
    def _answerable(self) -> Self:
        if self.users and not self.groups and len(set(self.users)) < self.approvers:
            raise ValueError(f"names {len(set(self.users))} users, and {self.approvers} must approve")
        if self.expires and self.remind and self.remind >= self.expires:
            raise ValueError("reminds when it is too late for an answer: `remind` has to be shorter than `expires`")
        return self


class ApprovalStep(StepType):
    """Wait until other people have approved the run's plan, without a process; they answer with `nornflow approve RUN`.

    An answer is bound to the plan. A no fails the step at once, and so does the end of `expires`: what the workflow says of
    a failure is done. Between steps of devices each batch is asked about by itself.
    """

    name = "approval"
    scope = Scope.RUN
    result_keys = ("approved_by", "comments", "approved_at")
    Params = ApprovalParams

    def awaits(self, context: StepContext, params: ApprovalParams) -> Awaited:
        """Return whose yes is wanted."""
        return Awaited(
            WaitKind.APPROVAL,
            text=params.text,
            approvers=params.approvers,
            who=(*params.users, *(f"@{group.removeprefix('@')}" for group in params.groups)),
            different_from=tuple(params.different_from),
            different_each_batch=params.different_each_batch,
            expires=params.expires or 0.0,
            remind=params.remind or 0.0,
        )

    def apply(self, context: StepContext, params: ApprovalParams) -> StepResult:
        """Say who approved it."""
        assert context.wait is not None  # the engine has waited
        said = {each.user: each for each in context.wait.answers if each.user in context.wait.approved_by}
        return StepResult(
            outputs={
                "approved_by": list(said),
                "comments": {user: each.comment for user, each in said.items() if each.comment},
                "approved_at": max(each.at for each in said.values()).isoformat(),
            },
            stdout=f"approved by {', '.join(said)}\n",
        )


DIFFERS = "NFB101"
"""The code of an approval that is to differ from a step that nobody approves."""


def unknown_differences(workflow: Workflow) -> Iterable[Diagnostic]:
    """Yield a diagnostic for each name in `different_from` that is no other approval of the workflow."""
    asked = [step for step in workflow.steps if step.type == ApprovalStep.name]
    for step in asked:
        known = _known_beside(step, asked, workflow)
        wanted = step.params.get("different_from", ())
        for other in wanted if isinstance(wanted, list) else ():
            if other in known or "{{" in str(other):
                continue
            hint = f"approvals: {', '.join(sorted(known)) or 'there is no other one'}"
            if step.id in (other, f"{step.frame}.{other}"):
                hint = "for other people at each batch write `different_each_batch: true`"
            message = f"step {step.id!r} differs from {other!r}, which is no other approval"
            where = step.places.get("different_from", step.location)
            yield Diagnostic(DIFFERS, message, where, Severity.ERROR, str(other), hint=hint)


def _known_beside(step: Step, asked: Iterable[Step], workflow: Workflow) -> set[str]:
    """Return how a step can name the other approvals: those of the workflow that it is of, and of what that calls once."""
    inside = f"{step.frame}." if step.frame else ""
    repeated = [frame for frame in workflow.frames.values() if frame.for_each is not None]
    return {
        other.id.removeprefix(inside)
        for other in asked
        if other is not step
        and other.id.startswith(inside)
        and not any(frame.holds(other.frame) and not frame.holds(step.frame) for frame in repeated)
    }
