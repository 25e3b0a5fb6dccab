"""A run whose process is dead and that is ended as it is: each device gets the end that the journal tells."""

from __future__ import annotations

import pytest

from engine_stage import Stage
from mortal import Death, Story, growing, network, undisturbed
from nornflow.engine.recovery.fates import fates
from nornflow.model.journal import Entry, EntryKind
from nornflow.model.rollout import Amount, Rollout
from nornflow.model.run import HostState

LINE = "ntp server 192.0.2.9"


def at_once(stage: Stage) -> Stage:
    """Two devices, one of which refuses the line."""
    stage.workflow["rollout"] = Rollout(batches=(Amount(1),), max_failures=Amount(2))
    stage.step("configure", "fake.configure", lines=[LINE])
    return stage.step("verify", "fake.check", "configure", condition="host.name != 'r2'")


def ends(story: Story) -> dict[str, str]:
    return {each.host: each.state.value for each in fates(list(story.devices), story.entries)}


def test_a_device_with_an_open_intent_is_unknown_one_with_an_outcome_keeps_it_and_the_rest_is_cancelled() -> None:
    calm, _ = undisturbed(at_once, network(4))
    intents = [number for number, entry in enumerate(calm.entries, 1) if entry.kind is EntryKind.INTENT]
    story = Story(at_once, network(4))
    assert story.process(Death(intents[2], after=True)) is None
    assert ends(story) == {"r1": "changed", "r2": "failed", "r3": "unknown", "r4": "cancelled"}
    first, second, third, fourth = fates(list(story.devices), story.entries)
    assert (first.batch, f"+{LINE}" in first.diff) == (1, True)
    assert (second.failed_step, second.batch) == ("verify", 2)
    assert "died in configure" in third.error
    assert "read the device" in third.hint
    assert (fourth.reason, fourth.batch) == ("cancelled", 0)


def test_what_was_taken_back_and_what_was_being_taken_back_are_told_apart() -> None:
    calm, record = undisturbed(growing, network(3))
    assert {host.host: host.state.value for host in record.hosts} == ends(calm)
    back = [number for number, entry in enumerate(calm.entries, 1) if entry.kind is EntryKind.ROLLBACK]
    story = Story(growing, network(3))
    assert story.process(Death(back[-1], after=True, notes=True)) is None
    assert sorted(ends(story).values()).count("unknown") == 1


def test_devices_that_were_left_to_others_say_so() -> None:
    left = Entry(EntryKind.LEFT_OUT, host="r1", data={"state": "skipped", "error": "left out", "reason": "locked"})
    (end,) = fates(["r1"], [left])
    assert (end.state, end.error, end.reason) == (HostState.SKIPPED, "left out", "locked")


@pytest.mark.parametrize("after", [False, True])
def test_whenever_it_died_no_device_that_got_a_line_counts_as_not_begun(after: bool) -> None:
    calm, _ = undisturbed(growing, network(4))
    for entry in range(1, calm.counts[0] + 1):
        story = Story(growing, network(4))
        assert story.process(Death(entry, after=after)) is None
        found = ends(story)
        assert list(found) == list(story.devices)
        begun = {name for name, device in story.devices.items() if device.received}
        assert not [name for name in begun if found[name] in ("cancelled", "ok", "skipped")], entry
