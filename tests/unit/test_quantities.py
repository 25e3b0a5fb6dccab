"""Amounts of resources as people write them: read exactly, shown so that they are read as the same, whatever they are."""

from __future__ import annotations

from contextlib import suppress
from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from nornflow.model.pool import fits, shown, total
from nornflow.model.quantity import MEASURES, amount_of, measure_of, parts_of, read_amount, written

NAMES = st.sampled_from((*MEASURES, "licences"))
PARTS = st.integers(0, 2**53)
WRITTEN = st.sampled_from(tuple(MEASURES)).flatmap(
    lambda name: st.tuples(
        st.just(name), st.integers(0, 10**6), st.integers(0, 3), st.sampled_from(tuple(MEASURES[name].units))
    )
)


@pytest.mark.parametrize(
    ("name", "text", "amount"),
    [
        ("memory", "1Gi", 1024),
        ("memory", "10G", Fraction(10**10, 2**20)),
        ("memory", "1.5k", Fraction(1500, 2**20)),
        ("storage", "500Mi", Fraction(500, 1024)),
        ("storage", "2Ti", 2048),
        ("bandwidth", "100Mbps", 100),
        ("bandwidth", "64kbps", Fraction("0.064")),
        ("cpu", "500m", Fraction("0.5")),
    ],
)
def test_a_unit_says_how_much_it_is(name: str, text: str, amount: Fraction) -> None:
    assert read_amount(name, text) == float(amount)


@pytest.mark.parametrize(
    ("name", "amount", "text"),
    [
        ("memory", 16384, "16Gi"),
        ("memory", 512, "512Mi"),
        ("memory", 0, "0"),
        ("memory", 10**10 / 2**20, "10G"),
        ("storage", 12.5, "12.5Gi"),
        ("storage", 500 / 2**30, "0.5k"),
        ("bandwidth", 1000, "1Gbps"),
        ("bandwidth", 2.5, "2.5Mbps"),
        ("cpu", 0.5, "0.5"),
        ("cpu", 8, "8"),
        ("licences", 1234567, "1234567"),
    ],
)
def test_it_is_shown_in_the_unit_that_makes_it_short(name: str, amount: float, text: str) -> None:
    assert written(name, amount) == text


@given(WRITTEN)
def test_what_is_written_is_read_to_the_byte_and_shown_as_the_same(one: tuple[str, int, int, str]) -> None:
    name, digits, behind, unit = one
    number = Fraction(digits, 10**behind)
    exact = number * MEASURES[name].units[unit]
    text = f"{digits // 10**behind}.{digits % 10**behind:0{behind}}{unit}" if behind else f"{digits}{unit}"
    if exact.denominator != 1:
        with pytest.raises(ValueError, match="finer"):
            read_amount(name, text)
        return
    amount = read_amount(name, text)
    if exact < 2**53:
        assert parts_of(name, amount) == exact
    again = written(name, amount)
    assert (float(again) if again[-1].isdigit() else read_amount(name, again)) == amount


@given(NAMES, PARTS)
def test_parts_are_kept_exactly_as_a_number(name: str, parts: int) -> None:
    assert parts_of(name, amount_of(name, parts)) == parts


@given(NAMES, st.lists(st.integers(0, 2**48), min_size=1, max_size=20))
@example("cpu", [100_000] * 10)
@example("memory", [1, 2**40])
def test_amounts_are_added_and_compared_to_the_last_part(name: str, several: list[int]) -> None:
    taken = total({name: amount_of(name, parts)} for parts in several[:-1])
    last = {name: amount_of(name, several[-1])}
    assert fits(last, taken, {name: amount_of(name, sum(several))})
    assert not sum(several) or not fits(last, taken, {name: amount_of(name, sum(several) - 1)})


@given(NAMES, st.text(max_size=20) | st.from_regex(r"\A[0-9.]{0,6}[a-zA-Z/ ]{0,6}\Z"))
def test_whatever_text_it_is_it_is_an_amount_or_refused(name: str, text: str) -> None:
    with suppress(ValueError):
        assert read_amount(name, text) >= 0
        assert any(text.endswith(unit) for unit in measure_of(name).units)


def test_amounts_are_shown_with_their_units() -> None:
    assert shown({"cpu": 2, "memory": 512, "bandwidth": 10, "storage": 1, "licences": 3}) == (
        "cpu 2, memory 512Mi, bandwidth 10Mbps, storage 1Gi, licences 3"
    )
