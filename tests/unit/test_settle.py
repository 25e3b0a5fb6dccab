"""How far a step came on a device is told from the configuration that is there, or not at all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nornflow.engine.recovery.settle import NOT_STARTED, UNKNOWN, Settled, settle
from nornflow.model.plan import PlannedStep
from nornflow.planning.normalise import normalise
from nornflow.planning.predict import predict
from nornflow.platforms.load import platform_for

IOS = platform_for("ios")
FOUND = "hostname r1\n!\ninterface Loopback0\n description router id\n!\nntp server 192.0.2.1\nend\n"
LINES = (
    "interface Loopback0",
    " description changed",
    " ip address 192.0.2.7 255.255.255.255",
    "ntp server 192.0.2.9",
    "no ntp server 192.0.2.1",
)
SAVE = "exec:write memory"


def after(count: int, lines: tuple[str, ...] = LINES) -> str:
    return predict(FOUND, [line for line in lines[:count] if not line.startswith("exec:")], IOS).text


def settled(current: str, *lines: str) -> Settled:
    return settle(FOUND, current, PlannedStep("configure", "r1", lines=lines or LINES), IOS)


def test_nothing_was_sent() -> None:
    assert settled(FOUND) == NOT_STARTED
    assert settled(FOUND, *LINES, SAVE) == NOT_STARTED
    assert settled(after(1)) == NOT_STARTED  # a section that was opened


def test_everything_was_sent() -> None:
    assert settled(after(5)) == Settled(True)
    assert settled(after(5), *LINES, SAVE) == Settled(
        True, rest=(SAVE,)
    )  # nobody knows, and to save again costs nothing


def test_the_rest_is_sent_in_its_section() -> None:
    assert settled(after(2)) == Settled(True, rest=("interface Loopback0", *LINES[2:]))
    assert settled(after(3), *LINES, SAVE) == Settled(True, rest=("interface Loopback0", *LINES[3:], SAVE))
    assert settled(after(4)) == Settled(True, rest=LINES[4:])


def test_somebody_elses_line_makes_it_unknown() -> None:
    assert settled(FOUND.replace("end", "snmp-server contact me\nend")) == UNKNOWN
    assert settled(after(2).replace("changed", "other")) == UNKNOWN


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (0, NOT_STARTED),
        (1, UNKNOWN),  # the command may have been sent
        (2, UNKNOWN),
        (3, Settled(True, rest=("no ntp server 192.0.2.1",))),  # it was: what comes after it is there
        (4, Settled(True)),
    ],
)
def test_a_command_that_leaves_no_trace_is_never_repeated(sent: int, expected: Settled) -> None:
    lines = ("ntp server 192.0.2.9", "exec:clear ip bgp *", "ntp server 192.0.2.8", "no ntp server 192.0.2.1")
    assert settled(after(sent, lines), *lines) == expected


def test_a_step_that_begins_with_a_command_is_unknown_when_nothing_is_to_be_seen() -> None:
    assert settled(FOUND, "exec:clear ip bgp *") == UNKNOWN


def test_of_a_platform_without_grammar_only_the_beginning_is_told() -> None:
    other = platform_for("some-box")
    planned = PlannedStep("configure", "r1", lines=LINES)
    assert settle(FOUND, FOUND, planned, other) == NOT_STARTED
    assert settle(FOUND, after(5), planned, other) == UNKNOWN


CHOICE = st.sampled_from(
    [
        "ntp server 192.0.2.9",
        "no ntp server 192.0.2.1",
        "hostname r9",
        "interface Loopback0",
        " description changed",
        " ip address 192.0.2.7 255.255.255.255",
        "interface Loopback1",
        " no shutdown",
        "snmp-server contact me",
        "no snmp-server contact me",
        "vlan 10",
        " name users",
    ]
)


def _comes_back(lines: tuple[str, ...]) -> bool:
    """Tell whether a configuration that the lines have left comes again: nobody can tell then how often it was there."""
    texts = [normalise(after(count, lines), IOS) for count in range(len(lines) + 1)]
    changes = [text for text, before in zip(texts, [None, *texts], strict=False) if text != before]
    return len(set(changes)) < len(changes)


def test_what_a_step_sends_and_takes_back_is_sent_again_when_nobody_can_tell_that_it_was() -> None:
    bounce = ("interface Loopback0", " description one", " shutdown", " no shutdown", " description two")
    assert settled(after(4, bounce), *bounce).rest == ("interface Loopback0", *bounce[2:])


@given(st.lists(CHOICE, min_size=1, max_size=8), st.data())
def test_wherever_it_was_cut_off_what_is_sent_in_all_leads_to_the_same_end(
    lines: list[str], data: st.DataObject
) -> None:
    sent = data.draw(st.integers(0, len(lines)))
    planned = tuple(lines)
    current, end = after(sent, planned), after(len(lines), planned)
    found = settled(current, *planned)
    assert found.known
    rest = found.rest if found.begun else planned
    assert predict(current, rest, IOS).text == normalise(end, IOS)
    if (
        found.begun and len(set(lines)) == len(lines) and not _comes_back(planned)
    ):  # what changes something is sent once
        again = [line for line in rest if line in planned[:sent] and line not in planned[sent:]]
        assert predict(current, again, IOS).text == normalise(current, IOS)
