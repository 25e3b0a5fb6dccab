"""Changes made up at random on simulated IOS routers: predictions hold, and every rollback comes back."""

from __future__ import annotations

from hypothesis import given, settings

from ios_changes import START, changes
from nornflow.model.plan import Method
from nornflow.planning.diff import unified
from nornflow.planning.normalise import normalise
from nornflow.planning.planner import Planner
from nornflow.planning.predict import predict
from nornflow.planning.rehearse import way_back
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


NAMES = ("configure", "more")


@settings(deadline=None)
@given(changes, changes)
def test_a_rehearsed_way_back_leads_to_the_pre_image_or_the_verdict_says_that_it_does_not(
    first: list[str], second: list[str]
) -> None:
    planner = Planner("r1", START, IOS)
    planned = [planner.plan(name, lines) for name, lines in zip(NAMES, (first, second), strict=True)]

    back = way_back(planner.configuration, START, IOS)

    if any(step.method is Method.IMPOSSIBLE for step in planned):
        return
    reached = predict(planner.configuration, back.lines, IOS).text
    assert (reached == normalise(START, IOS)) == (not back.remaining)
    assert not back.remaining or back.remaining == unified(reached, START, IOS)


@settings(deadline=None)
@given(changes)
def test_what_is_called_a_model_brings_a_simulated_router_back(lines: list[str]) -> None:
    device = Router("r1", lambda: START.splitlines())
    before = device.running_config
    _play(device, lines)
    back = way_back(device.running_config, before, IOS)

    device.configure(*(line for line in back.lines if line.strip() != "exit"))

    if not back.remaining:
        assert unified(device.running_config, before, IOS) == ""
