"""Who has approved a sealed plan, whose word counts, and how long."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nornflow.errors import ConfigurationError
from nornflow.model.approval import Answer, Approval
from nornflow.model.profile import Quorum
from nornflow.model.sealed import SealedPlan
from nornflow.policy.approvals import ballot
from nornflow.policy.profiles import load_profiles
from nornflow.policy.quorum import stricter_quorum

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
PLAN = SealedPlan(NOON, "ann", ("Bob Berg <bob@example.com>", "carol"), {}, {}, (), {}, hash="abc")
DAY = timedelta(days=1)


def said(user: str, answer: Answer = Answer.APPROVED, hours: float = 1, plan: str = "abc") -> Approval:
    return Approval(plan, user, answer, NOON + timedelta(hours=hours), "because")


def test_two_others_carry_it() -> None:
    standing = ballot(Quorum(2), PLAN, [said("dave"), said("erin")], NOON + DAY)
    assert (standing.carried, standing.missing) == (True, 0)
    assert str(standing) == "2 of 2 approvals (dave, erin)"


@pytest.mark.parametrize("user", ["ann", "ANN", "bob", "Bob", "Bob Berg", "carol"])
def test_who_made_the_plan_or_wrote_the_workflow_does_not_count(user: str) -> None:
    standing = ballot(Quorum(1), PLAN, [said(user)], NOON + DAY)
    assert not standing.carried
    assert f"{user} " in str(standing)


def test_one_person_counts_once() -> None:
    standing = ballot(Quorum(2), PLAN, [said("dave", hours=1), said("dave", hours=2)], NOON + DAY)
    assert (standing.carried, standing.missing) == (False, 1)


def test_approvals_of_another_plan_do_not_count() -> None:
    assert not ballot(Quorum(1), PLAN, [said("dave", plan="abd")], NOON + DAY).carried


def test_an_approval_runs_out() -> None:
    quorum = Quorum(1, valid_for=3600)
    assert ballot(quorum, PLAN, [said("dave")], NOON + timedelta(hours=2)).carried
    late = ballot(quorum, PLAN, [said("dave")], NOON + timedelta(hours=2, seconds=1))
    assert not late.carried
    assert "the approval of dave ran out 60 minutes after it was given" in str(late)


def test_an_approval_from_the_future_does_not_count() -> None:
    early = ballot(Quorum(1), PLAN, [said("dave", hours=5)], NOON)
    assert not early.carried
    assert "from the future" in str(early)
    assert ballot(Quorum(1), PLAN, [said("dave", hours=0.05)], NOON).carried  # clocks of two machines differ a little


def test_a_rejection_stands_whoever_approves_until_its_author_does() -> None:
    answers = [said("dave", Answer.REJECTED, 1), said("erin", hours=2), said("frank", hours=3)]
    standing = ballot(Quorum(2), PLAN, answers, NOON + DAY)
    assert not standing.carried
    assert str(standing) == "dave rejected it at 2026-11-21 13:00 UTC: because"
    assert ballot(Quorum(2), PLAN, [*answers, said("dave", hours=4)], NOON + DAY).carried


def test_who_made_it_may_reject_it_and_a_stranger_may_not() -> None:
    quorum = Quorum(1, ("dave", "@netops"))
    assert not ballot(quorum, PLAN, [said("dave"), said("ann", Answer.REJECTED)], NOON + DAY).carried
    assert ballot(quorum, PLAN, [said("dave"), said("mallory", Answer.REJECTED)], NOON + DAY).carried


def test_only_those_who_are_listed_count() -> None:
    quorum = Quorum(1, ("dave", "@netops"))
    groups = {"netops": {"erin"}}
    assert ballot(quorum, PLAN, [said("erin")], NOON + DAY, lambda name: groups.get(name, ())).carried
    other = ballot(quorum, PLAN, [said("frank")], NOON + DAY, lambda name: groups.get(name, ()))
    assert not other.carried
    assert "missing from dave, @netops but ann, Bob Berg, bob, carol; frank is not among dave, @netops" in str(other)


@given(
    st.lists(
        st.builds(
            said,
            st.sampled_from(["ann", "bob", "dave", "erin", "frank"]),
            st.sampled_from(Answer),
            st.floats(-30, 30),
            st.sampled_from(["abc", "abd"]),
        ),
        max_size=12,
    ),
    st.integers(1, 3),
)
def test_what_is_carried_has_enough_living_words_of_others(answers: list[Approval], count: int) -> None:
    standing = ballot(Quorum(count, valid_for=86_400), PLAN, answers, NOON + DAY)
    if standing.carried:
        users = {each.user for each in standing.approved}
        assert len(users) >= count
        assert not users & {"ann", "bob"}
        assert all(NOON <= each.at <= NOON + DAY + timedelta(minutes=5) for each in standing.approved)
    assert not (standing.carried and standing.rejected)


class TestProfile:
    def test_a_number_or_a_mapping(self) -> None:
        profiles = load_profiles(
            {"a": {"approvals": 2}, "b": {"approvals": {"count": 1, "from": ["ann", "@ops"], "valid_for": "12h"}}},
            lambda name: "nornflow.yaml",
        )
        assert profiles["a"].approvals == Quorum(2)
        assert profiles["b"].approvals == Quorum(1, ("ann", "@ops"), 43_200)
        assert profiles["restricted"].approvals.count == 1
        assert profiles["standard"].approvals.count == 0

    @pytest.mark.parametrize(
        ("value", "words"),
        [
            ("two", "must be a whole number"),
            (-1, "must be a whole number"),
            (21, "must be a whole number"),
            (True, "must be a whole number"),
            ({"cuont": 1}, "cuont: unknown key"),
            ({"from": "ann"}, "must be a list of users"),
            ({"count": 2, "from": ["ann"]}, "names 1 users, and 2 must approve"),
            ({"valid_for": "soon"}, "must be a time like 30m"),
            ({"valid_for": "0h"}, "must be a time like 30m"),
            ({"valid_for": "99999999w"}, "must be a time like 30m"),
        ],
    )
    def test_what_is_wrong_is_told_with_its_place(self, value: object, words: str) -> None:
        with pytest.raises(ConfigurationError, match="approvals") as caught:
            load_profiles({"a": {"approvals": value}}, lambda name: "nornflow.yaml")
        assert words in str(caught.value)

    def test_the_stricter_of_two_asks_for_both(self) -> None:
        strict = stricter_quorum(Quorum(2, ("ann", "bob"), 100), Quorum(1, ("bob",), 50))
        assert strict == Quorum(2, ("bob",), 50)


def test_where_none_is_asked_for_whoever_made_the_plan_may_say_yes_beforehand() -> None:
    standing = ballot(Quorum(), PLAN, [said("ann")], NOON + DAY)
    assert (standing.carried, [each.user for each in standing.approved]) == (True, ["ann"])


def test_the_last_word_is_the_one_that_was_given_last_whatever_the_clock_said() -> None:
    answers = [said("dave", hours=5), said("dave", Answer.REJECTED, hours=1)]  # the clock was set right in between
    standing = ballot(Quorum(1), PLAN, answers, NOON + DAY)
    assert [each.user for each in standing.rejected] == ["dave"]


def test_no_approval_of_a_stranger_counts_and_every_rejection_does() -> None:
    standing = ballot(Quorum(1), PLAN, [said("dave"), said("erin")], NOON + DAY, stranger="it came by mail")
    assert (standing.carried, standing.missing) == (False, 1)
    assert str(standing).endswith("nobody can tell who made it, so no approval counts: it came by mail")
    rejected = ballot(Quorum(1), PLAN, [said("dave", Answer.REJECTED)], NOON + DAY, stranger="it came by mail")
    assert len(rejected.rejected) == 1
