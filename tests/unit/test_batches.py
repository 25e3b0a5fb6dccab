"""Batches: every device in exactly one, none of them empty or everybody by a rounding, and who is named comes when named."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nornflow.engine.rollouts.batches import Batching
from nornflow.errors import UsageError
from nornflow.model.device import HostView
from nornflow.model.diagnostic import Location
from nornflow.model.plan import Batch
from nornflow.model.rollout import Amount, Matching, Rollout

HOSTS = {
    "lab-1": HostView("lab-1", groups=("lab",), data={"site": "lab", "role": "core"}),
    "ams-1": HostView("ams-1", groups=("core",), data={"site": "ams", "role": "core"}),
    "ams-2": HostView("ams-2", data={"site": "ams", "role": "access"}),
    "lab-2": HostView("lab-2", groups=("lab",), data={"site": "lab", "role": "access"}),
    "fra-1": HostView("fra-1", data={"site": "fra"}),
}
LAB = Matching("site == 'lab'")
NOBODY = Matching("site == 'oslo'")
SHARES = st.builds(Amount, st.decimals("0.001", 100, places=3).map(float), st.just(True))
AMOUNTS = SHARES | st.builds(Amount, st.integers(1, 60))
EXPRESSIONS = st.sampled_from([LAB, NOBODY, Matching("role == 'core'"), Matching("name matches '-1$'")])


def cut(*batches: Amount | Matching, begun: dict[int, tuple[str, ...]] | None = None) -> list[tuple[str, ...]]:
    return [batch.hosts for batch in batching(*batches).cut(tuple(HOSTS), begun)]


def batching(*batches: Amount | Matching) -> Batching:
    return Batching(Rollout(batches=batches), tuple(HOSTS), HOSTS, {"site": "fra"})


def share(value: float) -> Amount:
    return Amount(value, percent=True)


def sizes(count: int, *amounts: Amount) -> list[int]:
    names = [str(number) for number in range(count)]
    return [len(batch.hosts) for batch in Batching(Rollout(batches=amounts), names, {}, {}).cut(names)]


@pytest.mark.parametrize(
    ("count", "amounts", "expected"),
    [
        (10, (Amount(1), share(20)), [1, 2, 2, 2, 2, 1]),  # the last amount repeats
        (2, (share(1),), [1, 1]),  # a share is at least one device
        (3, (share(99), share(100)), [2, 1]),  # and all of them only when it is 100%
        (9, (share(99.999),), [8, 1]),
        (1, (share(50),), [1]),
        (25, (Amount(1), share(10), share(100)), [1, 2, 22]),
        (1000, (share(0.1), share(29), share(4.35), share(100)), [1, 290, 43, 666]),
        (0, (Amount(1),), []),
    ],
)
def test_how_many_devices_a_batch_has(count: int, amounts: tuple[Amount, ...], expected: list[int]) -> None:
    assert sizes(count, *amounts) == expected


@given(st.integers(1, 200), st.lists(AMOUNTS, min_size=1, max_size=6))
def test_rounding_makes_no_batch_of_nobody_and_none_of_everybody(count: int, amounts: list[Amount]) -> None:
    found = sizes(count, *amounts)
    assert sum(found) == count
    assert 0 not in found
    all_at_once = found[0] == count
    assert all_at_once is (
        count == 1 or amounts[0] == share(100) or (not amounts[0].percent and amounts[0].value >= count)
    )


@given(
    st.lists(st.sampled_from(sorted(HOSTS)), unique=True),
    st.lists(AMOUNTS | EXPRESSIONS, min_size=1, max_size=6),
)
def test_every_device_is_in_exactly_one_batch(hosts: list[str], batches: list[Amount | Matching]) -> None:
    parts = batching(*batches).cut(hosts)
    assert sorted(host for batch in parts for host in batch.hosts) == sorted(hosts)
    assert [batch.number for batch in parts] == list(range(1, len(parts) + 1))
    named = {str(one) for one in batches if isinstance(one, Matching)}
    assert all(batch.hosts or batch.by in named for batch in parts)


@given(st.data(), st.lists(AMOUNTS | EXPRESSIONS, min_size=1, max_size=6))
def test_batches_that_were_begun_stay_and_the_others_are_cut_behind_them(
    data: st.DataObject, batches: list[Amount | Matching]
) -> None:
    first = batching(*batches).cut(tuple(HOSTS))
    count = data.draw(st.integers(0, len(first)))
    begun = {batch.number: batch.hosts for batch in first[:count] if batch.hosts}
    lost = data.draw(st.sets(st.sampled_from(sorted(HOSTS)))) - {host for hosts in begun.values() for host in hosts}
    again = batching(*batches).cut([host for host in HOSTS if host not in lost], begun)
    assert {batch.number: batch.hosts for batch in again if batch.number in begun} == begun
    assert sorted(host for batch in again for host in batch.hosts) == sorted(HOSTS.keys() - lost)


def test_who_is_named_comes_when_named_and_in_the_order_of_the_inventory() -> None:
    assert cut(LAB, Amount(1), share(100)) == [("lab-1", "lab-2"), ("ams-1",), ("ams-2", "fra-1")]
    assert cut(Amount(1), LAB, share(50)) == [("lab-1",), ("lab-2",), ("ams-1", "ams-2"), ("fra-1",)]


def test_who_is_not_named_at_all_comes_last() -> None:
    assert cut(LAB) == [("lab-1", "lab-2"), ("ams-1", "ams-2", "fra-1")]
    assert batching(LAB).cut(["ams-1", "lab-1"])[-1] == Batch(2, "the rest", ("ams-1",))


def test_a_batch_that_names_nobody_keeps_its_number() -> None:
    first, second = batching(NOBODY, share(100)).cut(tuple(HOSTS))
    assert (first, second.number) == (Batch(1, "site == 'oslo'"), 2)


def test_groups_and_inputs_can_be_named_and_what_a_device_lacks_is_null() -> None:
    assert cut(Matching("'core' in groups"))[0] == ("ams-1",)
    assert cut(Matching("site == inputs.site"))[0] == ("fra-1",)
    assert cut(Matching("role == null"))[0] == ("fra-1",)


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("sitte == 'lab'", "w.yaml:3:12: no device has 'sitte', did you mean 'site'?"),
        ("site + 1", "w.yaml:3:12: "),
        ("name > 1", "w.yaml:3:12: "),
    ],
)
def test_what_cannot_be_evaluated_is_refused_with_its_place(expression: str, said: str) -> None:
    with pytest.raises(UsageError) as refused:
        batching(Matching(expression, Location("w.yaml", 3, 12)))
    assert refused.value.message.startswith(said)
