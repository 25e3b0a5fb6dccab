"""Whether a sealed plan has the approvals that its profile asks for: whose count, who is missing, what has run out."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from nornflow.model.approval import Answer, Approval
from nornflow.model.profile import Quorum
from nornflow.record import record

AHEAD = timedelta(minutes=5)
"""How far clocks of two machines may be apart; what is said to come from later than that is not believed."""

Members = Callable[[str], Collection[str]]
"""Returns the users of a group of the operating system."""


class Matter(Protocol):
    """What is approved or not: its hash, who asked for it and who wrote it; a sealed plan, or what a run waits for."""

    @property
    def hash(self) -> str:
        """The hash that answers are bound to."""

    @property
    def requester(self) -> str:
        """Who asked for it."""

    @property
    def authors(self) -> tuple[str, ...]:
        """Who wrote it."""


@record
class Ballot:
    """How approvals of a plan stand: who approved, who rejected, how many more are wanted, and why others do not count."""

    wanted: int
    approved: tuple[Approval, ...] = ()
    rejected: tuple[Approval, ...] = ()
    discounted: tuple[str, ...] = ()
    eligible: str = ""

    @property
    def missing(self) -> int:
        """Return how many approvals are still missing."""
        return max(0, self.wanted - len(self.approved))

    @property
    def carried(self) -> bool:
        """Tell whether the plan may be applied as far as approvals go."""
        return not self.rejected and not self.missing

    def __str__(self) -> str:
        if self.rejected:
            return "; ".join(
                f"{each.user} rejected it at {each.at:%Y-%m-%d %H:%M} UTC{f': {each.comment}' if each.comment else ''}"
                for each in self.rejected
            )
        if not self.wanted and not self.approved:
            return "none are asked for"
        names = ", ".join(each.user for each in self.approved)
        have = (
            f"{len(self.approved)} of {max(self.wanted, len(self.approved))} approvals{f' ({names})' if names else ''}"
        )
        if not self.missing:
            return have
        notes = "".join(f"; {note}" for note in self.discounted)
        return f"{have}, {self.missing} missing from {self.eligible}{notes}"


def ballot(
    quorum: Quorum,
    plan: Matter,
    answers: Sequence[Approval],
    now: datetime,
    members: Members = lambda group: (),
    *,
    stranger: str = "",
) -> Ballot:
    """Count the answers about a plan: the last one of each user, never of who made the plan or wrote the workflow.

    They come in the order in which they were given, whatever the clocks said. A rejection stands, whoever else approves,
    until the same user approves. An approval ends `valid_for` seconds after it was given, and one that is dated in the future
    (a clock was set back) does not count. `stranger` says why nobody can tell who made the plan, if so: then no approval
    counts, for it may be that of just that user.
    """
    last = {each.user: each for each in answers if each.plan == plan.hash}
    approved, rejected, discounted = [], [], []
    if quorum.count and stranger:
        discounted.append(f"nobody can tell who made it, so no approval counts: {stranger}")
    for user, each in last.items():
        why = excluded(user, quorum, plan, members)
        if each.answer is Answer.REJECTED:
            if not why or _made(user, plan):  # also who asked for it may say that it must not be applied
                rejected.append(each)
        elif why:
            discounted.append(why)
        elif quorum.count and stranger:
            pass  # told once, above
        elif each.at > now + AHEAD:
            discounted.append(f"the approval of {user} is from the future: see to the clocks")
        elif quorum.valid_for and each.at + timedelta(seconds=quorum.valid_for) < now:
            discounted.append(f"the approval of {user} ran out {quorum.valid_for // 60} minutes after it was given")
        else:
            approved.append(each)
    return Ballot(
        quorum.count, tuple(approved), tuple(rejected), tuple(discounted), eligible(", ".join(quorum.approvers), plan)
    )


def excluded(user: str, quorum: Quorum, plan: Matter, members: Members) -> str:
    """Return why a user's approval does not count, or an empty string: where none is asked for, anybody may say yes."""
    if not quorum.count:
        return ""
    if _same(user, plan.requester):
        return f"{user} made the plan"
    if any(_same(user, name) for author in plan.authors for name in _names(author)):
        return f"{user} wrote the workflow"
    listed = quorum.approvers
    if (
        listed
        and user not in listed
        and not any(name.startswith("@") and user in members(name.removeprefix("@")) for name in listed)
    ):
        return f"{user} is not among {', '.join(listed)}"
    return ""


def _made(user: str, plan: Matter) -> bool:
    return _same(user, plan.requester) or any(_same(user, name) for author in plan.authors for name in _names(author))


def eligible(who: str, plan: Matter, approved: Sequence[str] = ()) -> str:
    """Return from whom approvals can come, in words: of `who` (empty: anybody) not those who made it, or have `approved`."""
    made = (plan.requester, *(name for author in plan.authors for name in _names(author)))
    return f"{who or 'anybody'} but {', '.join(dict.fromkeys((*made, *approved)))}"


def _names(author: str) -> tuple[str, ...]:
    """Return what an author may be called: as written, and of `Ann Lee <ann@example.com>` the parts."""
    found = re.fullmatch(r"\s*(.*?)\s*<([^<>@\s]+)@?[^<>]*>\s*", author)
    if found:
        return tuple(name for name in found.groups() if name)
    local = re.fullmatch(r"([^@\s]+)@\S+", author.strip())
    return (local[1],) if local else ((author.strip(),) if author.strip() else ())


def _same(one: str, other: str) -> bool:
    return one.casefold() == other.casefold()
