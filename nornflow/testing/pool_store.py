"""What every keeper of pools must do: subclass `PoolContract`, give it a fixture `process`, and run pytest."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from nornflow.abc import Pools
from nornflow.errors import RunLost
from nornflow.model.pool import MOST_PASSED, Asked
from nornflow.record import record


@record
class PoolProcess:
    """One process of several that share the pools `{"cpu": 8, "licences": 2}`: its view of them, and how it dies."""

    pools: Pools
    die: Callable[[], None]


def taken(process: PoolProcess, run: str, **wants: float) -> int:
    """Take resources that are free and return the ticket."""
    ticket = process.pools.request(run, Asked(wants))
    assert process.pools.grant(ticket), f"{run} did not get {wants}"
    return ticket


class PoolContract:
    """Tests of any `Pools`; the fixture `process` gives one more process each time it is called."""

    @pytest.fixture
    def process(self) -> Callable[[], PoolProcess]:
        """Give processes that share pools; a subclass must."""
        raise NotImplementedError("a subclass gives the fixture `process`")

    def test_no_more_is_given_than_there_is(self, process: Callable[[], PoolProcess]) -> None:
        """And of each resource for itself."""
        first, second = process(), process()
        taken(first, "run-1", cpu=6, licences=1)
        ticket = second.pools.request("run-2", Asked({"cpu": 3, "licences": 1}))
        assert not second.pools.grant(ticket)
        amounts, holders, waiting = second.pools.in_the_way(ticket)
        assert (amounts, [one.run for one in holders], waiting) == ({"cpu": 6, "licences": 1}, ["run-1"], [])
        taken(process(), "run-3", licences=1)

    def test_what_is_given_back_goes_to_who_waits(self, process: Callable[[], PoolProcess]) -> None:
        """To grant once more what was granted takes nothing more."""
        first, second = process(), process()
        taken(first, "run-1", cpu=6)
        ticket = second.pools.request("run-2", Asked({"cpu": 8}))
        assert not second.pools.grant(ticket)
        first.pools.release("run-1")
        assert second.pools.grant(ticket)
        assert second.pools.grant(ticket)
        assert not first.pools.grant(first.pools.request("run-3", Asked({"cpu": 0.5})))

    def test_a_higher_priority_is_served_first_and_otherwise_who_asked_first(
        self, process: Callable[[], PoolProcess]
    ) -> None:
        """Who waits is told who is served before."""
        holder, early, late, urgent = process(), process(), process(), process()
        taken(holder, "run-1", cpu=8)
        tickets = [
            each.pools.request(run, Asked({"cpu": 5}, priority))
            for each, run, priority in ((early, "early", 0), (late, "late", 0), (urgent, "urgent", 7))
        ]
        assert [one.run for one in late.pools.in_the_way(tickets[1])[2]] == ["urgent", "early"]
        holder.pools.release("run-1")
        assert [one.pools.grant(ticket) for one, ticket in zip((early, late), tickets, strict=False)] == [False, False]
        assert urgent.pools.grant(tickets[2])
        urgent.pools.release("urgent")
        assert not late.pools.grant(tickets[1])
        assert early.pools.grant(tickets[0])

    def test_small_requests_pass_a_large_one_but_not_for_ever(self, process: Callable[[], PoolProcess]) -> None:
        """As many as fit are at work, and the large one is served in the end, whatever priority others have."""
        holder, large, small = process(), process(), process()
        taken(holder, "holder", cpu=2)
        ticket = large.pools.request("large", Asked({"cpu": 8}, -5))
        for number in range(MOST_PASSED):
            taken(small, f"small-{number}", cpu=1)
            small.pools.release(f"small-{number}")
        behind = small.pools.request("one-too-many", Asked({"cpu": 1}, 100))
        assert not small.pools.grant(behind)
        holder.pools.release("holder")
        assert not small.pools.grant(behind)
        assert large.pools.grant(ticket)
        large.pools.release("large")
        assert small.pools.grant(behind)

    def test_what_the_dead_hold_and_wait_for_is_free(self, process: Callable[[], PoolProcess]) -> None:
        """Should the dead one wake up, it is told."""
        dead, other, living = process(), process(), process()
        held = taken(dead, "run-1", cpu=6)
        other.pools.request("run-2", Asked({"cpu": 8}, 9))
        ticket = living.pools.request("run-3", Asked({"cpu": 8}))
        assert not living.pools.grant(ticket)
        dead.die()
        other.die()
        assert living.pools.grant(ticket)
        with pytest.raises(RunLost):
            dead.pools.grant(held)
        with pytest.raises(RunLost):
            dead.pools.request("run-4", Asked({"cpu": 1}))

    def test_a_new_request_of_a_run_takes_the_place_of_its_old_one(self, process: Callable[[], PoolProcess]) -> None:
        """One that goes on in another process leaves nothing behind."""
        first, second = process(), process()
        old = taken(first, "run-1", cpu=8)
        taken(second, "run-1", cpu=8)
        first.pools.release("run-1")
        with pytest.raises(RunLost, match="lost its place"):
            first.pools.grant(old)
        assert not first.pools.grant(first.pools.request("run-2", Asked({"cpu": 1})))
