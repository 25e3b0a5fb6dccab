"""Who may answer what a run waits for, and what their answers come to: the rules of sealed plans, and who must differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from nornflow.model.profile import Quorum
from nornflow.model.wait import Wait, WaitEnd
from nornflow.policy.approvals import Ballot, Members, ballot, eligible, excluded


def nobody(group: str) -> tuple[str, ...]:
    """Return the members of a group where nobody knows of any."""
    return ()


def quorum_of(wait: Wait) -> Quorum:
    """Return who must say yes; an answer holds for as long as is waited."""
    return Quorum(wait.asked.approvers, wait.asked.who, valid_for=0)


def standing(wait: Wait, moment: datetime, members: Members = nobody) -> Ballot:
    """Return how the answers stand, and from whom more are wanted: never from who has approved already."""
    stands = ballot(quorum_of(wait), wait, wait.answers, moment, members)
    who, allowed = ", ".join(wait.asked.who), ", ".join(wait.allowed if wait.asked.approvers else ())
    wanted = f"those of {who} who are among {allowed}" if who and allowed else who or allowed
    return replace(stands, eligible=eligible(wanted, wait, [each.user for each in stands.approved]))


def possible(wait: Wait, members: Members) -> int | None:
    """Return how many people can approve, those who have included; None when it is anybody."""
    named = wait.asked.who or wait.allowed
    if not wait.asked.approvers or not named:
        return None
    people = {user for name in named for user in (members(name.removeprefix("@")) if name.startswith("@") else (name,))}
    return sum(not barred(user, wait, (), members) for user in people)


def judged(wait: Wait, moment: datetime, members: Members = nobody) -> WaitEnd | None:
    """Return what the answers have decided, None when nothing yet: one no decides, and a yes of so many as are wanted."""
    stands = standing(wait, moment, members)
    if stands.rejected:
        return WaitEnd.REJECTED
    return WaitEnd.APPROVED if stands.carried and stands.approved else None


def barred(user: str, wait: Wait, others: Sequence[Wait], members: Members = nobody) -> str:
    """Return why a user's yes does not count, empty when it does; `others` is what else the run waits or waited for.

    It is the same whichever of two steps that want different people is answered first.
    """
    asked = wait.asked
    why = excluded(user, quorum_of(wait), wait, members)
    if not why and asked.approvers and wait.allowed:
        why = excluded(user, Quorum(1, wait.allowed), wait, members)
    if why:
        return why
    for other in others:
        if user not in other.approved_by:
            continue
        if other.step in asked.different_from or wait.step in other.asked.different_from:
            return f"{user} approved {other.about}, and somebody else has to approve this one"
        if other.step == wait.step and asked.different_each_batch:
            return f"{user} approved {other.about}, and each batch needs somebody else"
    return ""
