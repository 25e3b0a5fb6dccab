"""A run that waits for people, a time or a signal: its process ends, and another one goes on where it was."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from engine_stage import Stage, changing, fates
from memory_locks import MemoryLocks
from memory_waits import MemoryWaits
from mortal import Script, Story, network, sent
from nornflow.model.event import EventKind
from nornflow.model.rollout import Amount, Rollout
from nornflow.model.run import HostState, RunRecord, RunState
from nornflow.model.step import Edge, On, OnFailure
from nornflow.model.wait import Awaited, Wait, WaitEnd, WaitKind
from waiting import BOARD, after, before_devices, segment, within_batches

START = datetime(2026, 11, 21, tzinfo=UTC)


def steps_of(record: RunRecord) -> dict[str, str]:
    return {step.step: step.state.value for step in record.steps}


def meant(config: str) -> list[str]:
    """Return the lines of a configuration that mean something."""
    return [line for line in config.splitlines() if line not in ("!", "end")]


def behind_devices(stage: Stage) -> Stage:
    stage.workflow["on_failure"] = OnFailure.ROLLBACK
    changing(stage)
    return stage.step("board", "fake.await", "configure", awaited=BOARD)


class TestApprovals:
    def test_nothing_is_sent_before_two_people_have_said_yes(self) -> None:
        story = Story(before_devices, network(2))
        record = segment(story)
        assert (record.state, record.exit_code) == (RunState.WAITING, 4)
        assert [(wait.step, wait.asked.text) for wait in record.waits] == [("board", "go on?")]
        assert fates(record) == {"r1": "pending", "r2": "pending"}
        assert story.waits.open == [("board", 0)]
        story.waits.say("bob", "board")
        assert segment(story).state is RunState.WAITING
        story.waits.say("carol", "board")
        assert not any(sent(story).values())
        record = segment(story)
        assert (record.state, record.exit_code) == (RunState.SUCCEEDED, 0)
        assert fates(record) == {"r1": "changed", "r2": "changed"}
        (board,) = [step.result for step in record.steps if step.step == "board"]
        assert board is not None
        assert board.outputs["by"] == ["bob", "carol"]

    def test_each_batch_is_asked_about_by_itself_and_what_was_done_is_not_done_again(self) -> None:
        story = Story(within_batches, network(3))
        assert fates(segment(story)) == {"r1": "pending", "r2": "pending", "r3": "pending"}
        assert [len(lines) for lines in sent(story).values()] == [1, 0, 0]
        for user in ("bob", "carol"):
            story.waits.say(user, "board", 1)
        record = segment(story)
        assert record.state is RunState.WAITING
        assert story.waits.open == [("board", 2)]
        for user in ("bob", "carol"):
            story.waits.say(user, "board", 2)
        record = segment(story)
        assert record.state is RunState.SUCCEEDED
        assert {host: sum(lines.values()) for host, lines in sent(story).items()} == {"r1": 1, "r2": 1, "r3": 1}

    @pytest.mark.parametrize("script", [before_devices, within_batches, behind_devices])
    def test_a_no_fails_the_step_and_what_was_changed_is_taken_back(self, script: Script) -> None:
        story = Story(script, network(2))
        before = {name: meant(device.config) for name, device in story.devices.items()}
        record = segment(story)
        story.waits.say("bob", "board", record.waits[0].batch, yes=False, comment="not on a friday")
        record = segment(story)
        assert record.state in (RunState.FAILED, RunState.ROLLED_BACK)
        assert "bob rejected it: not on a friday" in record.error
        assert {name: meant(device.config) for name, device in story.devices.items()} == before
        assert {host.state for host in record.hosts} <= {HostState.ROLLED_BACK, HostState.SKIPPED}

    def test_who_made_the_change_does_not_count_and_may_say_no(self) -> None:
        waits = MemoryWaits()
        waits.ask("board", 0, BOARD, "h", START)
        for user in ("ada", "ann", "bob", "bob"):
            waits.say(user, "board")
        assert waits.kept[1].end is None
        waits.say("ada", "board", yes=False)
        assert waits.kept[1].end is WaitEnd.REJECTED

    def test_an_approval_of_another_plan_does_not_count(self) -> None:
        story = Story(before_devices, network(1))
        segment(story)
        (wait,) = story.waits.kept.values()
        story.waits.kept[1] = Wait(**{**_fields(wait), "plan": "another"})
        story.waits.say("bob", "board")
        story.waits.say("carol", "board")
        story.waits.kept[1] = Wait(**{**_fields(story.waits.kept[1]), "plan": wait.plan, "end": None})
        assert len(wait.plan) == 64
        story.waits.say("dora", "board")
        assert story.waits.kept[1].end is None  # hers is the only one
        story.waits.say("emil", "board")
        assert story.waits.kept[1].end is WaitEnd.APPROVED

    def test_too_late_fails_the_step_as_a_no_does(self) -> None:
        story = Story(within_batches, network(2))
        segment(story)
        after(story, 3600)
        record = segment(story)
        assert record.state is RunState.ROLLED_BACK
        assert "nobody answered until 2026-11-21" in record.error

    def test_a_rejection_can_be_rescued(self) -> None:
        def script(stage: Stage) -> Stage:
            stage.step("board", "fake.await", awaited=BOARD)
            return stage.step("tell", "fake.say", Edge("board", On.FAILED), text="they said no")

        story = Story(script, network(1))
        segment(story)
        story.waits.say("bob", "board", yes=False)
        record = segment(story)
        assert (record.state, story.say.said) == (RunState.SUCCEEDED, ["they said no"])

    def test_others_are_waited_for_as_long_as_what_failed_may_be_rescued(self) -> None:
        def script(stage: Stage) -> Stage:
            stage.step("risky", "fake.say", fail=1)
            stage.step("board", "fake.await", Edge("risky", On.FAILED), awaited=BOARD)
            stage.step("mend", "fake.say", "board", text="mended")
            return stage.step("ci", "fake.await", awaited=Awaited(WaitKind.SIGNAL, signal="ci"))

        story = Story(script, network(1))
        assert {wait.step for wait in segment(story).waits} == {"board", "ci"}
        story.waits.signal("ci")
        assert [wait.step for wait in segment(story).waits] == ["board"]
        story.waits.say("bob", "board")
        story.waits.say("carol", "board")
        record = segment(story)
        assert record.state is RunState.SUCCEEDED
        assert steps_of(record)["ci"] == "ok"

    def test_nobody_is_asked_about_a_run_that_fails_in_any_case(self) -> None:
        def script(stage: Stage) -> Stage:
            within_batches(stage)
            stage.workflow["rollout"] = Rollout(batches=(Amount(9),))
            return stage

        story = Story(script, network(2))
        story.devices["r1"].rejects = ("192.0.2.9",)
        record = segment(story)
        assert (record.state, story.waits.kept) == (RunState.ROLLED_BACK, {})

    def test_devices_that_failed_do_not_stay_so_while_others_wait(self) -> None:
        def script(stage: Stage) -> Stage:
            rollout = Rollout(batches=(Amount(9),), max_failures=Amount(1))
            stage.workflow |= {"rollout": rollout, "on_failure": OnFailure.ROLLBACK}
            stage.step("configure", "fake.configure", lines=["ntp server 192.0.2.9", "logging host 192.0.2.3"])
            stage.step("board", "fake.await", "configure", awaited=BOARD)
            return stage.step("verify", "fake.check", "board", condition="1 == 1")

        story = Story(script, network(2))
        story.devices["r1"].rejects = ("logging",)
        record = segment(story)
        assert record.state is RunState.WAITING
        assert fates(record) == {"r1": "rolled_back", "r2": "pending"}


class TestTimesAndSignals:
    def test_some_seconds_are_slept(self) -> None:
        story = Story(waiting_for(lambda now: Awaited(WaitKind.TIME, until=now + timedelta(seconds=4))), network(1))
        assert segment(story).state is RunState.SUCCEEDED
        assert len(story.naps) == 1
        assert story.waits.kept == {}

    def test_longer_times_are_waited_for_without_a_process(self) -> None:
        until = START + timedelta(seconds=600)
        story = Story(waiting_for(Awaited(WaitKind.TIME, until=until)), network(1))
        assert segment(story).state is RunState.WAITING
        assert segment(story).state is RunState.WAITING  # somebody came too early
        after(story, 600)
        assert segment(story).state is RunState.SUCCEEDED
        assert story.say.said == ["then"]
        assert story.naps == []

    def test_whoever_comes_too_late_for_a_moment_waits_for_the_next_one(self) -> None:
        def hourly(now: datetime) -> Awaited | None:
            """Return the next five minutes at the beginning of an hour."""
            begins = now.replace(minute=0, second=0)
            if now < begins + timedelta(minutes=5):
                return None
            begins += timedelta(hours=1)
            return Awaited(WaitKind.TIME, until=begins, latest=begins + timedelta(minutes=5))

        story = Story(waiting_for(hourly), network(1))
        after(story, 600)
        record = segment(story)
        assert record.waits[0].asked.until == START + timedelta(hours=1)
        after(story, 3600)  # ten past one
        record = segment(story)
        assert (record.state, record.waits[0].asked.until) == (RunState.WAITING, START + timedelta(hours=2))
        after(story, 3000)
        assert segment(story).state is RunState.SUCCEEDED

    def test_a_signal_brings_its_data_before_or_after_it_is_waited_for(self) -> None:
        story = Story(waiting_for(Awaited(WaitKind.SIGNAL, signal="ci")), network(1))
        story.waits.signal("other")
        assert segment(story).state is RunState.WAITING
        story.waits.signal("ci", {"n": 1})
        record = segment(story)
        assert record.state is RunState.SUCCEEDED
        assert record.steps[0].result is not None
        assert record.steps[0].result.outputs["data"] == {"n": 1}
        early = Story(waiting_for(Awaited(WaitKind.SIGNAL, signal="ci")), network(1))
        early.waits.signal("ci")
        assert segment(early).state is RunState.SUCCEEDED

    def test_all_that_can_be_done_is_done_before_the_process_ends(self) -> None:
        def script(stage: Stage) -> Stage:
            stage.step("a", "fake.await", awaited=BOARD)
            stage.step("b", "fake.await", awaited=Awaited(WaitKind.SIGNAL, signal="ci"))
            stage.step("side", "fake.say", text="side")
            stage.step("behind-b", "fake.say", "b", text="behind b")
            return stage.step("end", "fake.say", "a", "behind-b", text="end")

        story = Story(script, network(1))
        assert len(segment(story).waits) == 2
        story.waits.signal("ci")
        assert [wait.step for wait in segment(story).waits] == ["a"]
        assert story.say.said == ["side", "behind b"]
        story.waits.say("bob", "a")
        story.waits.say("carol", "a")
        assert segment(story).state is RunState.SUCCEEDED
        assert story.say.said == ["side", "behind b", "end"]


def waiting_for(awaited: object) -> Script:
    def script(stage: Stage) -> Stage:
        stage.step("pause", "fake.await", awaited=awaited)
        return stage.step("then", "fake.say", "pause", text="then")

    return script


def test_people_are_told_what_is_waited_for_and_what_came_of_it() -> None:
    story = Story(before_devices, network(1))
    stage = before_devices(Stage(dict(story.devices)))
    stage.waits = story.waits
    stage.run()
    (opened,) = stage.observer.of(EventKind.WAIT_OPENED)
    assert (opened.step, opened.message, opened.data["approvers"]) == ("board", "go on?", 2)
    assert stage.observer.of(EventKind.RUN_STATE)[-1].data["state"] == "waiting"
    assert stage.observer.events[-1].kind is EventKind.RUN_STATE  # then it may be another process's


def _fields(wait: Wait) -> dict[str, object]:
    return {name: getattr(wait, name) for name in Wait.__slots__}


class TestOthersMeanwhile:
    def test_runs_that_wait_before_their_devices_do_not_take_them_from_each_other(self) -> None:
        locks = MemoryLocks()
        story = Story(before_devices, network(2), turns=locks.turns)
        segment(story)
        assert locks.history == {"r1": [], "r2": []}  # nobody else has to know that it held them
        locks.come_by("hotfix", "r1")
        story.devices["r2"].config += "logging host 192.0.2.99\n"
        story.waits.say("bob", "board")
        story.waits.say("carol", "board")
        record = segment(story)
        assert fates(record) == {"r1": "changed", "r2": "stale"}  # what stands there decides, as when a plan is applied
        assert [host.error for host in record.hosts][
            1
        ] == "r2: the configuration is not the one that was planned against"

    def test_a_device_that_is_changed_already_is_left_to_who_has_had_it(self) -> None:
        locks = MemoryLocks()
        story = Story(within_batches, network(2), turns=locks.turns)
        segment(story)
        assert {device: len(had) for device, had in locks.history.items()} == {"r1": 1, "r2": 0}
        locks.come_by("hotfix", "r1", "r2")
        for user in ("bob", "carol"):
            story.waits.say(user, "board", 1)
        record = segment(story)
        assert fates(record) == {"r1": "stale", "r2": "skipped"}
        assert "held r1 at 2026-11-21" in record.hosts[0].error
