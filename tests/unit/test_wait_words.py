"""What is said of what a run waits for: from whom answers are wanted, whether there are enough of them, and when it is over."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from nornflow.app.services.waits.waiting import advice, told
from nornflow.model.approval import Answer, Approval
from nornflow.model.wait import Awaited, Wait, WaitKind
from nornflow.policy.waits import possible, standing

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
LATE = NOON + timedelta(hours=1)
BOARD = Awaited(WaitKind.APPROVAL, approvers=2, who=("bin", "mail", "ada"), expires=3600)


def wait_for(asked: Awaited, *users: str, allowed: tuple[str, ...] = ()) -> Wait:
    """Return what a run of ada waits for, which these have approved."""
    said = tuple(Approval("h", user, Answer.APPROVED, NOON) for user in users)
    return Wait("run-1", 1, "board", 0, asked, NOON, "h", "ada", ("ann",), allowed, said)


def members(group: str) -> Collection[str]:
    return {"netops": ("ada", "bin", "carol"), "noc": ("carol",)}.get(group, ())


def test_nobody_is_wanted_who_has_approved_already() -> None:
    stands = standing(wait_for(BOARD, "bin"), NOON)
    assert str(stands) == "1 of 2 approvals (bin), 1 missing from bin, mail, ada but ada, ann, bin"


def test_whom_the_profile_does_not_let_approve_is_not_wanted() -> None:
    assert standing(wait_for(BOARD, allowed=("bin", "@noc")), NOON).eligible == (
        "those of bin, mail, ada who are among bin, @noc but ada, ann"
    )
    anybody = replace(BOARD, who=())
    assert standing(wait_for(anybody, allowed=("bin",)), NOON).eligible == "bin but ada, ann"
    assert standing(wait_for(anybody), NOON).eligible == "anybody but ada, ann"


@pytest.mark.parametrize(
    ("who", "allowed", "found"),
    [
        ((), (), None),
        (("bin", "mail"), (), 2),
        (("bin", "ada", "ann"), (), 1),
        (("@netops",), (), 2),
        (("@netops", "bin"), ("@noc",), 1),
        ((), ("@noc",), 1),
        (("@nosuch",), (), 0),
    ],
)
def test_how_many_can_approve_is_known(who: tuple[str, ...], allowed: tuple[str, ...], found: int | None) -> None:
    assert possible(wait_for(replace(BOARD, who=who), allowed=allowed), members) == found
    assert possible(wait_for(replace(BOARD, who=who, approvers=0), allowed=allowed), members) is None


def test_that_too_few_can_approve_is_said() -> None:
    assert "only 1 of them can approve" in told(wait_for(replace(BOARD, who=("ada", "bin"))), NOON)
    assert "none of them can approve" in told(wait_for(replace(BOARD, who=("@no-such-group",))), NOON)
    assert "can approve" not in told(wait_for(BOARD), NOON)


def test_what_is_over_is_not_waited_for() -> None:
    signal = Awaited(WaitKind.SIGNAL, signal="ci", expires=3600)
    night = Awaited(WaitKind.TIME, until=LATE)
    for asked, early, late in (
        (replace(BOARD, approvers=0), "step board waits for a yes of anybody, until", "step board waited for a yes"),
        (signal, "step board waits for the signal ci, until", "step board waited for the signal ci, until"),
        (night, "step board waits until", "its time has come"),
    ):
        wait = wait_for(asked)
        assert told(wait, NOON).startswith(early)
        assert late in told(wait, LATE)
    assert "it is too late" in told(wait_for(BOARD), LATE)
    assert advice([wait_for(signal)], "run-1", now=NOON).startswith("nornflow runs signal run-1 ci; then")
    assert advice([wait_for(signal)], "run-1", now=LATE) == "nornflow runs resume run-1"
