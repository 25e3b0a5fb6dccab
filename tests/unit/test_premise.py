"""Planning for after another plan: what that leaves of a device, and which devices can be taken for it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings

from ios_changes import START, changes
from nornflow.errors import PlanStale
from nornflow.model.plan import HostPlan, Method, Plan, PlannedStep, Rehearsal
from nornflow.planning.diff import unified
from nornflow.planning.normalise import config_hash, normalise
from nornflow.planning.planner import Planner
from nornflow.planning.premise import AfterPlan, hash_left_by, left_by
from nornflow.platforms.load import platform_for

IOS = platform_for("ios")
BEFORE = "hostname r1\ninterface Loopback0\n description old\nntp server 192.0.2.1\n"


def host_plan(*steps: tuple[str, ...], text: str = BEFORE) -> HostPlan:
    planner = Planner("r1", text, IOS)
    planned = tuple(planner.plan(f"step-{number}", lines, "netmiko") for number, lines in enumerate(steps))
    rehearsal = Rehearsal(Method.MODEL, planned[0].rollback, start_hash=config_hash(planner.configuration, IOS))
    return HostPlan("r1", "ios", planned, pre_hash=planner.pre_hash, rollback=rehearsal)


def after(host: HostPlan, image: str | None = None) -> AfterPlan:
    return AfterPlan(Plan("ntp", "1", "standard", {}, (host,)), "ab12", lambda name: image)


FIRST = host_plan(("interface Loopback0", "description new"), ("ntp server 192.0.2.9",))
LEFT = "hostname r1\ninterface Loopback0\n description new\nntp server 192.0.2.1\nntp server 192.0.2.9\n"


def test_a_device_that_the_plan_was_not_applied_to_is_taken_for_what_it_will_have() -> None:
    premise = after(FIRST)
    said = "Current configuration : 100 bytes\n"  # a twin is chosen by what a device says of itself
    supposed = premise("r1", f"{said}{BEFORE}")
    assert supposed is not None
    assert (supposed.text, supposed.why) == (said + LEFT, "planned on what plan ab12 will have left")
    assert premise.awaited == {"r1": FIRST.pre_hash}


@pytest.mark.parametrize("image", [None, BEFORE])
def test_a_device_that_it_was_applied_to_is_planned_as_it_is(image: str | None) -> None:
    known = FIRST if image is None else replace(FIRST, rollback=None)  # without the hash the kept image tells it
    premise = after(known, image)
    assert premise("r1", LEFT) is None
    assert premise.awaited == {}


def test_devices_that_it_does_not_change_are_planned_as_they_are() -> None:
    assert after(FIRST)("r2", "hostname r2\n") is None
    assert after(host_plan(("ntp server 192.0.2.1",)))("r1", "hostname other\n") is None


def test_a_device_that_is_neither_is_refused_by_name() -> None:
    with pytest.raises(PlanStale, match="r1 is neither as plan ab12 found it nor as that leaves it"):
        after(FIRST)("r1", BEFORE + "logging host 192.0.2.7\n")


@pytest.mark.parametrize(
    "host",
    [
        host_plan(("ntp server 192.0.2.9", "exec:clear ip bgp *")),
        host_plan(("interface range gi1 - 2", " shutdown")),
        replace(FIRST, steps=(PlannedStep("load", "r1", diff="+x"),)),
        replace(FIRST, steps=(replace(FIRST.steps[0], lines=("username ada secret ********",), digests=("ab",)),)),
    ],
)
def test_what_cannot_be_told_from_lines_is_refused(host: HostPlan) -> None:
    with pytest.raises(PlanStale, match="what plan ab12 leaves of r1 cannot be told from its lines"):
        after(host)("r1", BEFORE)


def test_what_a_twin_showed_counts_more_than_what_text_predicts() -> None:
    shown = "hostname r1\ninterface Loopback0\n description NEW\nntp server 192.0.2.1\n"
    step = replace(FIRST.steps[0], method=Method.PROVEN, diff=unified(BEFORE, shown, IOS))
    proven = replace(FIRST, steps=(step,), rollback=Rehearsal(Method.PROVEN, (), "", config_hash(shown, IOS)))
    supposed = after(proven)("r1", BEFORE)
    assert supposed is not None
    assert supposed.text == shown
    assert left_by(proven, "hostname other\n") is None


def test_a_plan_on_a_premise_says_so_and_takes_no_diff_of_the_device() -> None:
    planner = Planner("r1", LEFT, IOS, supposed="planned on what plan ab12 will have left")
    planned = planner.plan("configure", ("interface Loopback0", "description newer"), "napalm", "the device's own")
    assert planned.method is Method.MODEL
    assert planned.note == "planned on what plan ab12 will have left"
    assert "- description new" in planned.diff


@settings(deadline=None)
@given(changes)
def test_the_hash_in_a_plan_is_that_of_what_it_leaves(lines: list[str]) -> None:
    host = host_plan(tuple(lines), text=START)
    left = left_by(host, START)
    assert left is not None
    assert config_hash(left, IOS) == hash_left_by(host) == hash_left_by(replace(host, rollback=None), lambda: START)
    proven = replace(host, steps=tuple(replace(step, method=Method.PROVEN) for step in host.steps))
    assert left_by(proven, START) == left == normalise(left, IOS)
