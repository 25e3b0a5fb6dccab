"""Devices that another run has had since a run was cut off: whoever resumes it lets them be, and says who had them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine_stage import Stage, fates
from memory_locks import MemoryLocks
from mortal import Death, Story, growing, network, seen, sent, undisturbed
from nornflow.model.event import EventKind
from nornflow.model.journal import EntryKind
from nornflow.model.rollout import Amount, Rollout
from nornflow.model.run import HostState, RunRecord, RunState
from nornflow.model.step import OnFailure

NTP = "ntp server 192.0.2.9"


def change(max_failures: int = 1, on_failure: OnFailure = OnFailure.STOP, bad: str = "") -> Callable[[Stage], Stage]:
    """Two devices at a time, in two steps that both change them; the verification may fail on one."""

    def script(stage: Stage) -> Stage:
        stage.workflow |= {
            "on_failure": on_failure,
            "rollout": Rollout(batches=(Amount(1), Amount(2)), max_failures=Amount(max_failures)),
        }
        stage.step("configure", "fake.configure", lines=[NTP, "no ntp server 192.0.2.1"])
        stage.step("more", "fake.configure", "configure", lines=["hostname changed"])
        return stage.step("verify", "fake.check", "more", condition=f"host.name != '{bad}'")

    return script


class Night:
    """A run that was cut off, others that come by, and what became of it when it was resumed."""

    def __init__(self, script: Callable[[Stage], Stage], count: int = 3, *, line: int = 0, intent: str = "") -> None:
        """Cut the run off when a device has got so many lines, or when it is about to change the device `intent`."""
        calm, _ = undisturbed(script, network(count))
        about = [each.host if each.kind is EntryKind.INTENT else "" for each in calm.entries]
        death = Death(about.index(intent) + 1, after=True) if intent else Death(line=line)
        self.locks = MemoryLocks()
        self.story = Story(script, network(count), turns=self.locks.turns)
        assert self.story.process(death) is None
        self.story.deaths = 1

    def config(self, host: str) -> str:
        return self.story.devices[host].config

    def step(self, record: RunRecord, step: str, host: str) -> tuple[HostState, str]:
        (found,) = [each.hosts[host] for each in record.steps if each.step == step]
        return found.state, found.reason


def test_a_device_at_work_that_another_run_has_held_is_let_be_and_the_others_go_on() -> None:
    night = Night(change(), line=1)
    before = night.config("r1")
    night.locks.come_by("run-9", "r1")
    record = night.story.live()
    assert fates(record) == {"r1": "stale", "r2": "changed", "r3": "changed"}
    assert record.state is RunState.SUCCEEDED, "one device may fail"
    assert night.config("r1") == before
    stale = record.hosts[0]
    assert (stale.failed_step, stale.reason) == ("configure", "lock-lost")
    assert "run run-9 of hotfix (bob) held r1 at 2026-11-21 12:00:00 UTC" in stale.error
    assert "nornflow runs show run-9" in stale.hint
    assert "--limit r1" in stale.hint


def test_it_counts_as_failed() -> None:
    night = Night(change(max_failures=0), line=1)
    night.locks.come_by("run-9", "r1")
    record = night.story.live()
    assert record.state is RunState.FAILED
    assert "1 of 3 devices failed, none may; r1 at configure: run run-9 of hotfix" in record.error
    assert fates(record) == {"r1": "stale", "r2": "skipped", "r3": "skipped"}


def test_what_the_run_did_there_is_not_taken_back_and_the_record_says_so() -> None:
    night = Night(change(0, OnFailure.ROLLBACK, bad="r3"), intent="r2")  # r1 is done
    night.locks.come_by("run-9", "r1")
    done = night.config("r1")
    record = night.story.live()
    assert fates(record) == {"r1": "rollback_failed", "r2": "rolled_back", "r3": "rolled_back"}
    assert record.state is RunState.ROLLBACK_FAILED
    assert record.error == "not back at their pre-image: r1"
    assert "r1 was not taken back: run run-9 of hotfix (bob) held r1" in record.hosts[0].rollback
    assert night.config("r1") == done


def test_a_device_that_was_done_stays_done_when_nothing_is_to_be_taken_back() -> None:
    night = Night(change(), intent="r2")
    night.locks.come_by("run-9", "r1")
    record = night.story.live()
    assert (record.state, fates(record)["r1"]) == (RunState.SUCCEEDED, "changed")


def test_a_device_that_the_run_had_not_come_to_is_not_begun() -> None:
    night = Night(change(), line=1)
    night.locks.come_by("run-9", "r3")
    record = night.story.live()
    assert fates(record) == {"r1": "changed", "r2": "changed", "r3": "stale"}
    assert night.story.devices["r3"].received == []


def test_a_half_done_device_of_a_run_that_goes_back_is_stale_and_not_taken_back() -> None:
    night = Night(change(0, OnFailure.ROLLBACK), line=1)
    before = night.config("r1")
    night.locks.come_by("run-9", "r1")
    record = night.story.live()
    assert (record.state, fates(record)["r1"]) == (RunState.ROLLBACK_FAILED, "stale")
    assert "r1 was not taken back" in record.hosts[0].rollback
    assert night.config("r1") == before


def test_a_rollback_that_was_cut_off_is_not_gone_on_with() -> None:
    script = change(0, OnFailure.ROLLBACK, bad="r1")
    night = Night(script, 1, line=4)  # three lines of the change, one of the rollback
    before = night.config("r1")
    night.locks.come_by("run-9", "r1")
    record = night.story.live()
    assert fates(record) == {"r1": "rollback_failed"}
    assert night.config("r1") == before


@pytest.mark.parametrize(("device", "fate"), [("r1", "stale"), ("r3", "changed")])
def test_a_run_that_found_a_device_in_order_counts_on_it_only_where_something_was_begun(device: str, fate: str) -> None:
    night = Night(change(), line=1)
    night.locks.come_by("run-9", device, held=False)
    record = night.story.live()
    assert fates(record)[device] == fate
    if fate == "stale":
        assert "found nothing to do on r1" in record.hosts[0].error


def test_a_lock_that_somebody_broke_is_not_the_runs_any_more() -> None:
    night = Night(change(), line=1)
    night.locks.broken("bob on desk", "r1")
    record = night.story.live()
    assert fates(record)["r1"] == "stale"
    assert "the lock of r1 was broken by bob on desk" in record.hosts[0].error
    assert "nornflow runs logs run-1" in record.hosts[0].hint


def test_own_locks_of_processes_before_are_nobody_elses() -> None:
    calm, record = undisturbed(growing, network(4))
    for first in range(1, calm.counts[0] + 1, 4):
        locks = MemoryLocks()
        story = Story(growing, network(4), again="yes", turns=locks.turns)
        found = story.live(Death(first), Death(2, after=True), Death(3))
        assert seen(story, found) == seen(calm, record), first
        assert sent(story) == sent(calm), first
        assert EntryKind.GIVEN_UP not in [entry.kind for entry in story.entries]


def test_whoever_resumes_after_that_knows_it_and_asks_no_more_for_the_device() -> None:
    night = Night(change(), line=1)
    night.locks.come_by("run-9", "r1")
    given_up = next(number for number in range(1, 9) if _dies_given_up(night, number))
    assert given_up == 1, "before anything else"
    record = night.story.live()
    assert [sorted(asked) for asked in night.locks.asked] == [["r1", "r2", "r3"], ["r1", "r2", "r3"], ["r2", "r3"]]
    assert fates(record) == {"r1": "stale", "r2": "changed", "r3": "changed"}


def _dies_given_up(night: Night, entry: int) -> bool:
    assert night.story.process(Death(entry, after=True)) is None
    return night.story.entries[-1].kind is EntryKind.GIVEN_UP


def test_a_run_that_is_to_end_at_once_says_who_had_the_device() -> None:
    night = Night(change(), line=1)
    night.locks.come_by("run-9", "r1")
    record = night.story.process(Death(), stopped=True)
    assert record is None or record.state is RunState.CANCELLED
    night = Night(change(), line=1)
    night.locks.come_by("run-9", "r1")
    record = night.story.process(Death(), aborted=True)
    assert record is not None
    assert fates(record)["r1"] == "stale"


def test_the_runs_own_observers_are_told() -> None:
    night = Night(change(), line=1)
    night.locks.come_by("run-9", "r1")
    told = []
    script = night.story.script
    night.story.script = lambda stage: told.append(stage.observer) or script(stage)
    night.story.live()
    (lost,) = told[0].of(EventKind.LOCK_LOST)
    assert (lost.host, "run run-9 of hotfix" in lost.message) == ("r1", True)


def test_what_a_run_finds_in_order_it_notes_for_others() -> None:
    locks, devices = MemoryLocks(), network(2)
    devices["r2"].config = devices["r2"].config.replace("192.0.2.1", "192.0.2.9").replace("r2", "changed")
    record = Story(change(), devices, turns=locks.turns).live()
    assert fates(record) == {"r1": "changed", "r2": "ok"}
    assert (locks.asked, locks.noted) == ([frozenset({"r1"})], ["r2"])


DEATHS = st.one_of(
    st.builds(Death, entry=st.integers(1, 40), after=st.booleans()), st.builds(Death, line=st.integers(1, 6))
)


@settings(max_examples=80)
@given(
    death=DEATHS,
    again=st.lists(DEATHS, max_size=2),
    others=st.sets(st.sampled_from(["r1", "r2", "r3", "r4"]), min_size=1),
    on_failure=st.sampled_from([OnFailure.ROLLBACK, OnFailure.STOP]),
    bad=st.sampled_from(["", "r2", "r4"]),
)
def test_nothing_is_ever_sent_to_what_others_have_had(
    death: Death, again: list[Death], others: set[str], on_failure: OnFailure, bad: str
) -> None:
    locks = MemoryLocks()
    story = Story(change(1, on_failure, bad), network(4), turns=locks.turns)
    if story.process(death) is not None:
        return  # it lived to its end
    story.deaths = 1
    had = {host for host in others if locks.history.get(host)}  # the run held it before
    locks.come_by("run-9", *others)
    before = {host: (list(story.devices[host].received), story.devices[host].config) for host in had}
    record = story.live(*again)
    assert {host: (list(story.devices[host].received), story.devices[host].config) for host in had} == before
    assert {host.host for host in record.hosts} == set(story.devices)
    ends = {host.host: host for host in record.hosts}
    for host in had:
        assert ends[host].state.value in {"stale", "changed", "failed", "rollback_failed", "rolled_back", "skipped"}
        if ends[host].state is HostState.STALE:
            assert "run-9" in ends[host].error
