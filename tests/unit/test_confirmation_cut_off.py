"""A change that has to be confirmed while the processes that make it die, or go on too late."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from engine_stage import Stage, fates
from mortal import Death, Story
from nornflow.model.confirm import OwnTimer
from nornflow.model.journal import EntryKind
from nornflow.model.run import RunState
from on_trial import (
    COMMIT_TIMER,
    DEAD_MAN,
    LONG,
    MIXED,
    back,
    ends,
    held,
    network,
    script,
    script_with_a_bad_one,
    script_with_checks,
)

# ------------------------------------------------------------------ processes that die


@pytest.mark.parametrize("change", [script, script_with_a_bad_one, script_with_checks])
def test_dying_at_every_entry_and_going_on_in_time_ends_as_if_nothing_had_happened(change: Any) -> None:
    calm = Story(change, network(*MIXED))
    expected = ends(calm, calm.live())
    assert calm.counts[0] > 20
    for entry, after in itertools.product(range(1, calm.counts[0] + 1), (False, True)):
        story = Story(change, network(*MIXED))
        found = ends(story, story.live(Death(entry, after=after, notes=bool(entry % 2))))
        assert found == expected, (entry, after)


@pytest.mark.parametrize("how", ["recovered at once", "recovered when the timers are over", "gone on with too late"])
@pytest.mark.parametrize("change", [script, script_with_a_bad_one])
def test_dying_at_every_entry_and_being_recovered_leaves_nothing_unconfirmed(change: Any, how: str) -> None:
    calm = Story(change, network(*MIXED))
    calm.live()
    states = set()
    for entry, after in itertools.product(range(1, calm.counts[0] + 1), (False, True)):
        story = Story(change, network(*MIXED), recover="recovered" in how)
        if story.process(Death(entry, after=after)) is not None:
            continue
        story.deaths = 1
        if not any(kept.kind is EntryKind.APPROVED for kept in story.entries):
            continue  # nothing had been sent: there is nothing to recover
        unconfirmed = unconfirmed_of(story)
        if how != "recovered at once":
            for device in story.devices.values():
                device.expire()
        if "late" in how:
            story.ticks = itertools.count(2 * int(LONG))
        record = story.process(Death())
        assert record is not None
        states.add(record.state)
        assert not any(device.armed for device in story.devices.values()), (entry, after)
        at_home = back(story.devices)
        assert all(at_home[host] for host in unconfirmed), (entry, after, at_home)
        assert all(host.confirm["reverted_at"] for host in record.hosts if host.host in unconfirmed)
    assert RunState.ROLLED_BACK in states
    assert states <= {RunState.ROLLED_BACK, RunState.FAILED, RunState.SUCCEEDED}


def unconfirmed_of(story: Story) -> set[str]:
    """Return the devices that were armed and, as far as the journal knows, not confirmed."""
    armed = {entry.host for entry in story.entries if entry.kind is EntryKind.ARMED}
    return armed - {entry.host for entry in story.entries if entry.kind is EntryKind.CONFIRMED}


def until(kind: EntryKind, change: Any = script, timers: tuple[OwnTimer | None, ...] = MIXED) -> int:
    calm = Story(change, network(*timers))
    calm.live()
    return 1 + [entry.kind for entry in calm.entries].index(kind)


def one_batch(stage: Stage) -> Stage:
    return held(stage, within=1000.0)


def test_a_run_that_is_gone_on_with_too_late_takes_back_and_says_so() -> None:
    timers = (None, COMMIT_TIMER)
    death = Death(until(EntryKind.CONFIRMED, one_batch, timers))
    story = Story(one_batch, network(*timers))
    assert story.process(death) is None
    story.deaths = 1
    story.devices["r2"].expire()  # the device has its own clock
    story.ticks = itertools.count(2000)
    record = story.live()
    assert record.state is RunState.ROLLED_BACK
    assert "its time was over before the run was gone on with (r1, r2)" in record.error
    assert all(back(story.devices).values())


def test_a_clock_that_went_back_prolongs_nothing() -> None:
    timers = (None, None)
    story = Story(one_batch, network(*timers))
    assert story.process(Death(until(EntryKind.CONFIRMED, one_batch, timers))) is None
    story.deaths = 1
    story.ticks = itertools.count(-5000)
    record = story.live()
    assert record.state is RunState.ROLLED_BACK
    assert all(back(story.devices).values())


def test_a_device_that_came_back_by_itself_takes_the_others_with_it() -> None:
    timers = (None, COMMIT_TIMER, DEAD_MAN)
    story = Story(one_batch, network(*timers))
    assert story.process(Death(until(EntryKind.CONFIRMED, one_batch, timers))) is None
    story.deaths = 1
    story.devices["r2"].expire()  # it was reloaded, for one
    record = story.live()
    assert "r2 cannot be confirmed: r2: it took the change back" in record.error
    assert all(back(story.devices).values())
    assert fates(record) == dict.fromkeys(story.devices, "rolled_back")


def test_dying_between_two_lines_of_a_device_that_the_controller_holds() -> None:
    for line in range(1, 3):
        story = Story(one_batch, network(None, None), recover=True)
        assert story.process(Death(line=line)) is None
        story.deaths = 1
        record = story.process(Death())
        assert record is not None
        assert record.state is RunState.ROLLED_BACK
        assert all(back(story.devices).values())
