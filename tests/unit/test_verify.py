"""Holding a reading against a plan: what was to come is there, what was to go is gone, and secrets may look otherwise."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nornflow.planning.predict import predict
from nornflow.planning.verify import verify
from nornflow.platforms.load import platform_for

IOS = platform_for("cisco_ios")
BEFORE = """hostname r1
!
interface Loopback0
 description router id
 ip address 10.255.0.1 255.255.255.255
!
ntp server 192.0.2.1
end
"""
LINES = st.lists(
    st.sampled_from(
        (
            *("ntp server 192.0.2.9", "no ntp server 192.0.2.1", "hostname other", "logging host 192.0.2.7"),
            *("interface Loopback0", " description another", " no description", "interface Loopback7", " shutdown"),
            *("exit", "no interface Loopback7", "snmp-server community public RO"),
        )
    ),
    max_size=8,
)


@given(LINES)
def test_what_came_out_as_predicted_is_as_planned(lines: list[str]) -> None:
    assert verify(BEFORE, predict(BEFORE, lines, IOS).text, lines, IOS).passed is True


@given(LINES)
def test_a_device_that_did_nothing_is_as_planned_only_when_nothing_was_planned(lines: list[str]) -> None:
    planned = set(predict(BEFORE, lines, IOS).text.splitlines())
    nothing = planned == set(predict(BEFORE, [], IOS).text.splitlines())
    assert verify(BEFORE, BEFORE, lines, IOS).passed is nothing


def test_lines_are_named_with_their_sections() -> None:
    lines = ["interface Loopback0", " no description", " shutdown", "ntp server 192.0.2.9"]
    verdict = verify(BEFORE, BEFORE, lines, IOS)
    assert verdict.missing == ("interface Loopback0 / shutdown", "ntp server 192.0.2.9")
    assert verdict.remaining == ("interface Loopback0 / description router id",)
    assert str(verdict).endswith("`interface Loopback0 / description router id` is still there")


def test_a_default_that_the_device_adds_is_no_fault() -> None:
    after = predict(BEFORE, ["interface Loopback7", " description seven"], IOS).text + " mtu 1500\n"
    assert verify(BEFORE, after, ["interface Loopback7", " description seven"], IOS).passed is True


@pytest.mark.parametrize(
    ("typed", "shown", "passed"),
    [
        ("username ops secret Cleartext1", "username ops secret 9 $9$abc$def", True),
        ("enable secret Cleartext1", "enable secret 5 $1$abc", True),
        ("username ops secret Cleartext1", "username other secret 9 $9$abc$def", False),
        ("username ops secret Cleartext1", "", False),
    ],
)
def test_a_secret_may_be_shown_otherwise_than_it_was_typed(typed: str, shown: str, passed: bool) -> None:
    after = BEFORE.replace("hostname r1\n", f"hostname r1\n{shown}\n")
    assert verify(BEFORE, after, [typed], IOS).passed is passed


def test_a_secret_that_was_there_before_does_not_stand_for_a_new_one() -> None:
    before = BEFORE.replace("hostname r1\n", "hostname r1\nenable secret 5 $1$old\n")
    assert verify(before, before, ["enable secret New1"], IOS).passed is False


def test_nobody_knows_without_a_grammar() -> None:
    assert verify(BEFORE, BEFORE, ["anything"], platform_for("no-such-platform")).passed is None
