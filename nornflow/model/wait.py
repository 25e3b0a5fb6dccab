"""What a run waits for without a process: people, a time or a signal, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from nornflow.model.approval import Answer, Approval
from nornflow.record import record


class WaitKind(StrEnum):
    """The closed list of things that a run can wait for."""

    APPROVAL = "approval"
    TIME = "time"
    SIGNAL = "signal"


class WaitEnd(StrEnum):
    """The closed list of ends of a wait: what people said, that its time has come, a signal, or that it took too long."""

    APPROVED = "approved"
    REJECTED = "rejected"
    COME = "come"
    SIGNALLED = "signalled"
    EXPIRED = "expired"


@record
class Awaited:
    """What a step waits for before it is done; lengths of time are in seconds and 0 means never.

    Of an approval: `approvers` is how many people have to say yes, none of whom asked for the run or wrote its workflow;
    with 0 one yes of anybody is enough. `who` are the users and `@groups` that may (empty: anybody). Nobody counts who
    approved a step of `different_from`, or, with `different_each_batch`, the same step for another batch.
    Of a time: `until` when (UTC), and `latest` after which moment that is not good any more and is asked anew.
    Of a signal: its name.
    """

    kind: WaitKind
    text: str = ""
    approvers: int = 1
    who: tuple[str, ...] = ()
    different_from: tuple[str, ...] = ()
    different_each_batch: bool = False
    until: datetime | None = None
    latest: datetime | None = None
    signal: str = ""
    expires: float = 0.0
    remind: float = 0.0

    def plain(self) -> dict[str, Any]:
        """Return it as plain data, without what is at its default."""
        kept: dict[str, Any] = {}
        for field in fields(self):
            value = getattr(self, field.name)
            if value != field.default:
                kept[field.name] = value.isoformat() if isinstance(value, datetime) else value
        return kept

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Awaited:
        """Return what was kept as plain data."""
        given = dict(data)
        given["kind"] = WaitKind(given["kind"])
        for name in ("until", "latest"):
            if name in given:
                given[name] = datetime.fromisoformat(given[name])
        for name in ("who", "different_from"):
            if name in given:
                given[name] = tuple(given[name])
        return cls(**given)


@record
class Wait:
    """One thing that a run waits for, or waited for: since when, for which step and batch, and how it ended, if it has.

    `step` is empty for the pause behind a batch. `plan` is the hash that answers are bound to; `requester` asked for the
    run and `authors` wrote its workflow; `allowed` are those whom the profile lets approve anything. `answers` are in the
    order in which they were given, `data` is what a signal brought. While it is `open` the run has not gone on from it.
    """

    run: str
    number: int
    step: str
    batch: int
    asked: Awaited
    since: datetime
    plan: str = ""
    requester: str = ""
    authors: tuple[str, ...] = ()
    allowed: tuple[str, ...] = ()
    answers: tuple[Approval, ...] = ()
    end: WaitEnd | None = None
    ended_at: datetime | None = None
    data: Any = None
    open: bool = True

    @property
    def hash(self) -> str:
        """Return what answers are bound to, as of a sealed plan."""
        return self.plan

    @property
    def expires_at(self) -> datetime | None:
        """Return when it is too late, if ever."""
        return self.since + timedelta(seconds=self.asked.expires) if self.asked.expires else None

    @property
    def due_at(self) -> datetime | None:
        """Return when it ends by itself, if ever: its time has come, or it is too late."""
        return self.asked.until if self.asked.kind is WaitKind.TIME else self.expires_at

    @property
    def about(self) -> str:
        """Return what it is about, in words."""
        if not self.step:
            return f"the pause after batch {self.batch}"
        return f"step {self.step}" + (f" of batch {self.batch}" if self.batch else "")

    def due(self, moment: datetime) -> bool:
        """Tell whether the run may go on from it."""
        return self.end is not None or (self.due_at is not None and moment >= self.due_at)

    def ended_by_itself(self, moment: datetime) -> WaitEnd | None:
        """Return how it has ended by a moment, though nobody did anything about it; None when it goes on."""
        if self.end is not None or self.due_at is None or moment < self.due_at:
            return self.end
        return WaitEnd.COME if self.asked.kind is WaitKind.TIME else WaitEnd.EXPIRED

    @property
    def approved_by(self) -> tuple[str, ...]:
        """Return who said yes last, of those who said anything, in order."""
        last = {each.user: each.answer for each in self.answers}
        return tuple(user for user, said in last.items() if said is Answer.APPROVED)
