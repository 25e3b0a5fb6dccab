"""Changes made up at random on simulated IOS routers: predictions hold, and every rollback comes back."""

from __future__ import annotations

from hypothesis import given, settings

from ios_changes import START, changes
from nornflow.planning.diff import unified
from nornflow.planning.normalise import normalise
from nornflow.planning.predict import predict
from nornflow.planning.rollback import returns, rollback_lines
from nornflow.platforms.load import platform_for
from nornflow.testing import Router
from nornflow.testing.routers.config import Cursor, Rejected
from nornflow.testing.routers.grammar import Unparsed

IOS = platform_for("ios")


def _play(device: Router, lines: list[str]) -> list[str]:
    """Type lines in one session and return those that the device took."""
    taken: list[str] = []
    cursor: Cursor = ()
    for line in lines:
        try:
            cursor = device.config.apply(cursor, line.strip())
        except (Rejected, Unparsed):
            continue
        taken.append(line)
    return taken


@settings(deadline=None)
@given(changes)
def test_the_router_shows_what_was_predicted(lines: list[str]) -> None:
    device = Router("r1", lambda: START.splitlines())
    before = device.running_config

    taken = _play(device, lines)

    assert predict(before, taken, IOS).text == normalise(device.running_config, IOS)


@settings(deadline=None)
@given(changes)
def test_the_rollback_returns_to_the_text_before(lines: list[str]) -> None:
    after = predict(START, lines, IOS).text

    back = rollback_lines(after, START, IOS)

    assert returns(after, back, START, IOS)
    assert (back == ()) == (after == normalise(START, IOS))


@settings(deadline=None)
@given(changes)
def test_the_rollback_brings_a_router_back(lines: list[str]) -> None:
    device = Router("r1", lambda: START.splitlines())
    before = device.running_config
    _play(device, lines)

    device.configure(*(line for line in rollback_lines(device.running_config, before, IOS) if line.strip() != "exit"))

    assert sorted(normalise(device.running_config, IOS)) == sorted(normalise(before, IOS))


@settings(deadline=None)
@given(changes)
def test_what_is_there_already_changes_nothing(lines: list[str]) -> None:
    after = predict(START, [line for line in lines if "no " not in line], IOS).text

    assert unified(after, predict(after, after.splitlines(), IOS).text, IOS) == ""


def test_equal_configurations_need_no_lines() -> None:
    assert rollback_lines(START, START + "end\n", IOS) == ()


def test_a_platform_that_nobody_knows_gets_no_lines() -> None:
    generic = platform_for("acme_os")

    assert rollback_lines("a\n", "b\n", generic) == ()
    assert not returns("a\n", (), "b\n", generic)
