"""What somebody answered when asked about a plan."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from nornflow.record import record


class Answer(StrEnum):
    """The closed list of answers."""

    APPROVED = "approved"
    REJECTED = "rejected"


@record
class Approval:
    """An answer: to which plan (its SHA-256), whose, which, when (UTC), and what was said with it.

    `via` is by which means: `terminal` for somebody who was asked there, `--yes` for the word of the command line, with
    which nobody need have seen the plan, `nornflow approve` for a sealed plan or what a run waits for; empty when that was
    not kept. `step` and `batch` say which step of a run it is about, or, without a step, the pause behind which batch.
    """

    plan: str
    user: str
    answer: Answer
    at: datetime
    comment: str = ""
    via: str = ""
    step: str = ""
    batch: int = 0

    @property
    def about(self) -> str:
        """Return what it is about, in words."""
        if not (self.step or self.batch):
            return "the plan"
        if not self.step:
            return f"the pause after batch {self.batch}"
        return f"step {self.step}" + (f" of batch {self.batch}" if self.batch else "")
