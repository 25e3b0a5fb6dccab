"""The key `confirm`: lengths of time in their units, bounds with their places, and what it does not go together with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nornflow.model.confirm import UNITS, length
from nornflow.model.workflow import Workflow
from nornflow.workflow.forms import Duration

TEXT = """
name: change
version: 1.0
confirm: {confirm}
steps:
  - id: configure
    type: netmiko.config
    lines: [ntp server 192.0.2.9]
"""


def text(confirm: str, more: str = "") -> str:
    return TEXT.format(confirm=confirm) + more


@pytest.mark.parametrize(
    ("written", "seconds"),
    [("5", 5.0), ("7.5", 7.5), ("30s", 30.0), ("5m", 300.0), ("1h", 3600.0), ("12h", 43_200.0), ('"90"', None)],
)
def test_a_length_of_time_is_seconds_or_a_number_with_its_unit(
    check: Callable[..., tuple[Workflow | None, Any]], written: str, seconds: float | None
) -> None:
    workflow, diagnostics = check(text(f"{{within: {written}}}"))
    if seconds is None:
        assert [one.code for one in diagnostics] == ["NF103"]
    else:
        assert not diagnostics
        assert workflow is not None
        assert workflow.confirm is not None
        assert workflow.confirm.within == seconds


@pytest.mark.parametrize(
    ("confirm", "found"),
    [
        ("{within: 4}", ("NF104", "3:19")),
        ("{within: 13h}", ("NF104", "3:19")),
        ("{within: 0m}", ("NF104", "3:19")),
        ("{within: -5m}", ("NF103", "3:19")),
        ("{within: 5 m}", ("NF103", "3:19")),
        ("{within: 5d}", ("NF103", "3:19")),
        ("{within: true}", ("NF103", "3:19")),
        ("{}", ("NF102", "3:10")),
        ("5m", ("NF103", "3:10")),
        ("{within: 5m, after: 1m}", ("NF101", "3:23")),
    ],
)
def test_what_is_no_such_length_is_refused_at_its_place(
    faults: Callable[..., list[tuple[str, str]]], confirm: str, found: tuple[str, str]
) -> None:
    assert found in faults(text(confirm))


def test_without_the_key_nothing_has_to_be_confirmed(compiled: Callable[..., Workflow]) -> None:
    assert compiled(text("").replace("confirm: \n", "")).confirm is None


def test_a_change_that_is_never_taken_back_and_a_soak_beyond_the_time_are_refused(
    faults: Callable[..., list[tuple[str, str]]],
) -> None:
    assert faults(text("{within: 5m}", "    rollback: false\n")) == [("NF412", "8:15")]
    soaking = text("{within: 5m}", "rollout: {batches: [1, 100%], soak: 300}\n")
    assert faults(soaking) == [("NF413", "8:37")]
    assert faults(soaking.replace("300", "299")) == []


@given(st.integers(1, 999_999), st.sampled_from(sorted(UNITS)))
def test_every_length_is_read_as_it_is_shown_and_fits_its_schema(number: int, unit: str) -> None:
    form = Duration(0, 1e12)
    seconds = number * UNITS[unit]
    jsonschema.validate(f"{number}{unit}", form.schema())
    assert form.takes(f"{number}{unit}")
    shown = length(seconds)
    assert float(shown[:-1]) * UNITS[shown[-1]] == pytest.approx(seconds)
