"""Whose turn it is for shared resources, for any requests: never more than there is, nobody waits for ever."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from nornflow.model.pool import MOST_PASSED, Request, fits, in_order, passed_by, served, too_much, total

POOLS = {"cpu": 4, "memory": 1000}
WANTS = st.fixed_dictionaries(
    {}, optional={"cpu": st.integers(1, 40).map(lambda n: n / 10), "memory": st.integers(1, 1000)}
)
REQUESTS = st.lists(st.tuples(WANTS, st.integers(-3, 3), st.integers(0, MOST_PASSED)), max_size=12).map(
    lambda all_: [Request(n, f"run-{n}", wants, priority, passed) for n, (wants, priority, passed) in enumerate(all_)]
)


@given(waiting=REQUESTS, held=st.lists(WANTS, max_size=3))
def test_who_is_served_fits_together_with_what_is_taken(waiting: list[Request], held: list[dict[str, float]]) -> None:
    taken = total(held)
    if not fits({}, taken, POOLS) or any(taken.get(name, 0) > most for name, most in POOLS.items()):
        return
    found = served(POOLS, taken, waiting)
    assert fits(total(one.wants for one in found), taken, POOLS)
    assert (passed_by(found[0], POOLS, taken, waiting) is not None) if found else True


@given(waiting=REQUESTS.filter(bool))
def test_somebody_is_served_whenever_nothing_is_taken(waiting: list[Request]) -> None:
    assert served(POOLS, {}, waiting)[0] == in_order(waiting)[0]


@given(data=st.data(), waiting=REQUESTS)
def test_everybody_is_served_in_the_end_and_is_passed_a_bounded_number_of_times(
    data: st.DataObject, waiting: list[Request]
) -> None:
    queue = {one.ticket: replace(one, passed=0) for one in waiting}
    working: dict[int, Request] = {}
    most = len(queue) + 1
    for _ in range(3 * most):
        ready = [
            (one, passed)
            for one in queue.values()
            if (passed := passed_by(one, POOLS, total(each.wants for each in working.values()), list(queue.values())))
            is not None
        ]
        if ready and data.draw(st.booleans()):
            one, passed = data.draw(st.sampled_from(ready))
            working[one.ticket] = queue.pop(one.ticket)
            for each in passed:
                queue[each.ticket] = replace(each, passed=each.passed + 1)
                assert queue[each.ticket].passed <= MOST_PASSED
        elif working:
            del working[data.draw(st.sampled_from(sorted(working)))]
        elif ready:
            one, _ = ready[0]
            working[one.ticket] = queue.pop(one.ticket)
        assert fits({}, total(one.wants for one in working.values()), POOLS)
        assert all(
            total(one.wants for one in working.values()).get(name, 0) <= amount for name, amount in POOLS.items()
        )
    for _ in range(2 * most):  # and when those at work end, the rest follows
        working.clear()
        for one in served(POOLS, {}, list(queue.values())):
            working[one.ticket] = queue.pop(one.ticket)
    assert not queue


def test_who_was_passed_often_enough_is_passed_by_nobody() -> None:
    tired = Request(1, "tired", {"cpu": 4}, -3, MOST_PASSED)
    urgent = Request(2, "urgent", {"cpu": 1}, 3)
    assert served(POOLS, {"cpu": 1}, [tired, urgent]) == []
    assert served(POOLS, {"cpu": 1}, [replace(tired, passed=MOST_PASSED - 1), urgent]) == [urgent]


def test_what_the_pools_never_have_is_named() -> None:
    assert too_much({"cpu": 4, "memory": 1001, "licences": 1}, POOLS) == {"memory": 1001, "licences": 1}
    assert total([{"cpu": 0.1}, {"cpu": 0.2}]) == {"cpu": 0.3}
