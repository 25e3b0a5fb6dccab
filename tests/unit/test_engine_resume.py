"""A run whose process dies, at whatever entry of its journal, goes on in another one and ends as if nothing had happened."""

from __future__ import annotations

import pytest

from engine_stage import CONFIG, Stage, changing, fates
from mortal import SAVE, Death, Paper, Script, Story, both, growing, network, seen, sent, stage_start, undisturbed
from nornflow.abc import Gate
from nornflow.engine.recovery.recovery import Earlier
from nornflow.errors import PolicyDenied, RunLost, Unreachable, UsageError
from nornflow.model.decision import Decision, GateRequest, Verdict
from nornflow.model.journal import Entry, EntryKind
from nornflow.model.rollout import Amount, Matching, Rollout
from nornflow.model.run import HostState, RunState
from nornflow.model.step import OnFailure


def test_dying_at_every_entry_of_the_journal_changes_neither_the_end_nor_what_thirty_devices_receive() -> None:
    calm, record = undisturbed(growing, network(30))
    assert record.state is RunState.ROLLED_BACK
    expected, lines, total = seen(calm, record), sent(calm), calm.counts[0]
    assert total > 150
    for entry in range(1, total + 1):
        death = Death(entry, after=entry % 3 == 0, notes=entry % 3 != 1)
        story = Story(growing, network(30), again="yes")
        found = story.live(death)
        assert story.deaths == 1, death
        assert seen(story, found) == expected, death
        assert sent(story) == lines, death


@pytest.mark.parametrize(("after", "notes"), [(False, False), (False, True), (True, False), (True, True)])
def test_whether_notes_reach_the_disk_or_not(after: bool, notes: bool) -> None:
    calm, record = undisturbed(growing, network(4))
    expected, lines = seen(calm, record), sent(calm)
    for entry in range(1, calm.counts[0] + 1):
        story = Story(growing, network(4), again="yes")
        found = story.live(Death(entry, after=after, notes=notes))
        assert seen(story, found) == expected, entry
        assert sent(story) == lines, entry


def checked(stage: Stage) -> Stage:
    """Batches by name and by number, each checked on its devices and once; the last one is not well, and all goes back."""
    rollout = Rollout(batches=(Matching("name == 'r3'"), Matching("name == 'r9'"), Amount(1)), soak=5)
    stage.workflow |= {"on_failure": OnFailure.ROLLBACK, "rollout": rollout}
    stage.step("configure", "fake.configure", lines=["ntp server 192.0.2.9", SAVE])
    stage.step("look", "fake.check", condition="host.name != 'r4'", check=True)
    return stage.step("ask", "fake.say", text="well?", check=True)


def test_checks_of_a_batch_are_done_again_and_nothing_else_is() -> None:
    calm, record = undisturbed(checked, network(4))
    assert record.state is RunState.ROLLED_BACK
    assert [(batch.by, batch.good) for batch in record.batches] == [
        ("name == 'r3'", True),
        ("name == 'r9'", True),
        ("1", True),
        ("1", True),
        ("1", False),
    ]
    for entry in range(1, calm.counts[0] + 1):
        story = Story(checked, network(4))
        found = story.live(Death(entry, after=entry % 3 == 0, notes=entry % 3 != 1))
        assert story.deaths == 1
        assert seen(story, found) == seen(calm, record), entry
        assert sent(story) == sent(calm), entry


@pytest.mark.parametrize("line", range(1, 6))
def test_dying_between_two_lines_of_a_block_or_of_a_rollback(line: int) -> None:
    calm, story = both(growing, lambda: network(4), Death(line=line))
    assert story.end == calm.end
    assert story.deaths == 1
    assert sent(story) == sent(calm)


def test_whoever_goes_on_may_die_too() -> None:
    calm, _ = undisturbed(growing, network(4))
    for first in range(1, calm.counts[0] + 1, 3):
        deaths = [Death(first), Death(2, after=True), Death(1, after=True, notes=True), Death(line=1), Death(3)]
        calm, story = both(growing, lambda: network(4), *deaths)
        assert story.end == calm.end
        assert sent(story) == sent(calm), first


def test_a_step_of_the_run_that_was_cut_off_is_not_done_again_unless_somebody_says_so() -> None:
    def script(stage: Stage) -> Stage:
        return changing(stage.step("tell", "fake.say", text="begin")).step("end", "fake.say", "configure", text="end")

    calm, _ = undisturbed(script, network(2))
    begun = calm.counts[0] - 1  # the last two entries are about the last step
    story = Story(script, network(2))
    record = story.live(Death(begun, after=True))
    assert (record.state, record.steps[2].result and record.steps[2].result.reason) == (RunState.FAILED, "interrupted")
    assert record.hint.endswith("--from end")
    assert story.say.said == ["begin"]
    again = Story(script, network(2), again="yes")
    assert again.live(Death(begun, after=True)).state is RunState.SUCCEEDED
    assert again.say.said == ["begin", "end"]


def test_only_a_step_that_was_cut_off_can_be_done_again() -> None:
    story = Story(growing, network(2))
    assert story.process(Death(5, after=True)) is None
    stage = growing(Stage(dict(network(2))))
    stage.earlier = Earlier(RunState.RUNNING, story.entries, stage_start(), "tell")
    with pytest.raises(UsageError, match=r"stays as it is: step tell was not cut off"):
        stage.run()
    assert not any(device.received for device in stage.devices.values())


class Freeze(Gate):
    """Says no while there is a freeze."""

    name = "freeze"

    def check(self, request: GateRequest) -> list[Decision]:
        return [Decision(Verdict.DENY, "nothing is changed in December", self.name)]


@pytest.mark.parametrize("entry", [1, 3, 6, 9])
def test_a_gate_that_says_no_today_leaves_the_run_as_it_is(entry: int) -> None:
    story = Story(growing, network(3), again="yes")
    assert story.process(Death(entry, after=True)) is None
    story.deaths, kept = 1, list(story.entries)
    before = {name: list(device.received) for name, device in story.devices.items()}
    frozen = Story(lambda stage: _frozen(growing(stage)), story.devices, entries=kept, state=story.state, deaths=1)
    with pytest.raises(PolicyDenied, match="stays as it is: nothing is changed in December"):
        frozen.process(Death())
    assert {name: device.received for name, device in story.devices.items()} == before
    assert frozen.entries == kept
    calm, record = undisturbed(growing, network(3))
    assert seen(story, story.live()) == seen(calm, record)


def _frozen(stage: Stage) -> Stage:
    stage.gates = (Freeze(),)
    return stage


def test_a_finished_batch_is_neither_soaked_nor_asked_about_again() -> None:
    def script(stage: Stage) -> Stage:
        stage.workflow["rollout"] = Rollout(batches=(Amount(1),), soak=30, pause_after=frozenset({1}))
        return changing(stage)

    calm, _ = undisturbed(script, network(3))
    assert (calm.naps, len(calm.questions)) == ([30, 30], 1)
    done = [number for number, kind in enumerate(kinds(script, 3), 1) if kind is EntryKind.BATCH_DONE]
    for entry in done:
        calm, story = both(script, lambda: network(3), Death(entry, after=True))
        assert story.end == calm.end
        assert (story.naps, len(story.questions)) == ([30, 30], 1)


def kinds(script: Script, count: int) -> list[EntryKind]:
    story, _ = undisturbed(script, network(count))
    return [entry.kind for entry in story.entries]


def test_a_run_that_died_before_it_was_approved_is_planned_again() -> None:
    story = Story(growing, network(3), again="yes")
    story.state, story.deaths = RunState.AWAITING_APPROVAL, 1  # it died at its question
    calm, record = undisturbed(growing, network(3))
    assert seen(story, story.live()) == seen(calm, record)


def test_a_device_that_rebooted_meanwhile_is_done_from_the_beginning() -> None:
    calm, record = undisturbed(plain_change, network(2))
    story = Story(plain_change, network(2))
    assert story.process(Death(line=1)) is None
    story.deaths = 1
    story.devices["r1"].config = CONFIG.format("r1")  # it was not saved
    story.devices["r1"].received.clear()
    assert seen(story, story.live()) == seen(calm, record)
    assert sent(story) == sent(calm)


def plain_change(stage: Stage) -> Stage:
    return stage.step("configure", "fake.configure", lines=["ntp server 192.0.2.9", "no ntp server 192.0.2.1", SAVE])


@pytest.mark.parametrize(("on_failure", "fate"), [(OnFailure.ROLLBACK, "rolled_back"), (OnFailure.STOP, "unknown")])
def test_a_device_that_somebody_else_changed_meanwhile_is_unknown_until_it_is_taken_back(
    on_failure: OnFailure, fate: str
) -> None:
    def script(stage: Stage) -> Stage:
        stage.workflow |= {"on_failure": on_failure, "rollout": Rollout(max_failures=Amount(1))}
        return plain_change(stage)

    story = Story(script, network(2))
    assert story.process(Death(line=1)) is None
    story.deaths = 1
    story.devices["r1"].config += "snmp-server contact me\n"
    record = story.live()
    assert fates(record) == {"r1": fate, "r2": "changed"}
    (unknown,) = [step.hosts["r1"] for step in record.steps]
    assert (unknown.state, unknown.reason) == (HostState.UNKNOWN, "interrupted")
    assert "+snmp-server contact me" in unknown.diff
    assert story.devices["r1"].received == (
        ["ntp server 192.0.2.9"] if fate == "unknown" else story.devices["r1"].received
    )


def test_a_device_that_cannot_be_read_afterwards_is_unknown() -> None:
    story = Story(plain_change, network(2))
    assert story.process(Death(line=1)) is None
    story.deaths = 1
    story.devices["r1"].hung = Unreachable("r1: it does not answer")
    record = story.live()
    assert fates(record) == {"r1": "unknown", "r2": "changed"}
    assert record.hosts[0].error == "r1: it does not answer"
    assert "read the device" in record.hosts[0].hint


def test_a_run_that_is_stopped_comes_back_to_the_device_that_was_at_work_and_begins_no_other() -> None:
    calm, _ = undisturbed(plain_change, network(2))
    story = Story(plain_change, network(2))
    assert story.process(Death(line=1)) is None
    story.deaths = 1
    record = story.process(Death(), stopped=True)
    assert record is not None
    assert record.state is RunState.CANCELLED
    assert fates(record)["r1"] == "changed"
    assert sent(story)["r1"] == sent(calm)["r1"]
    assert story.devices["r2"].received == []


@pytest.mark.parametrize(("on_failure", "fate"), [(OnFailure.ROLLBACK, "rolled_back"), (OnFailure.STOP, "unknown")])
def test_a_run_that_is_to_end_at_once_says_that_nobody_knows_or_takes_back(on_failure: OnFailure, fate: str) -> None:
    def script(stage: Stage) -> Stage:
        stage.workflow["on_failure"] = on_failure
        return plain_change(stage)

    story = Story(script, network(2))
    assert story.process(Death(line=1)) is None
    story.deaths = 1
    record = story.process(Death(), aborted=True)
    assert record is not None
    assert record.state is RunState.CANCELLED
    assert fates(record)["r1"] == fate
    assert story.devices["r2"].received == []


def test_own_rollback_lines_are_not_sent_twice() -> None:
    def script(stage: Stage) -> Stage:
        stage.workflow["on_failure"] = OnFailure.ROLLBACK
        own = ("no ntp server 192.0.2.9", "ntp server 192.0.2.1")
        plain = ["ntp server 192.0.2.9", "no ntp server 192.0.2.1"]
        stage.step("configure", "fake.configure", lines=plain, rollback=own)
        return stage.step("verify", "fake.check", "configure", condition="false")

    for line in (3, 4):
        calm, story = both(script, lambda: network(2), Death(line=line))
        assert story.end == calm.end
        assert sent(story) == sent(calm)


def test_what_changes_a_device_otherwise_than_by_lines_is_asked_again() -> None:
    def script(stage: Stage) -> Stage:
        return stage.step("api", "fake.api")

    story = Story(script, network(1))
    assert story.process(Death(2 + 1, after=True)) is None  # approved, batch, intent
    story.deaths = 1
    assert fates(story.live()) == {"r1": "changed"}


def test_the_time_that_a_device_has_goes_on_where_it_stopped() -> None:
    def script(stage: Stage) -> Stage:
        stage.workflow["rollout"] = Rollout(host_timeout=limit)
        stage.step("look", "fake.check", condition="true")
        stage.step("configure", "fake.configure", "look", lines=["ntp server 192.0.2.9"])
        return stage.step("verify", "fake.check", "configure", condition="true")

    limit = 1000.0
    free, record = undisturbed(script, network(1))
    used = [entry.data["used"][""] for entry in free.entries if entry.kind is EntryKind.OUTCOME]
    assert (used, fates(record)) == (sorted(set(used)), {"r1": "changed"})
    limit = used[1]  # all that it has is gone when it comes to the last step
    calm, record = undisturbed(script, network(1))
    assert fates(record) == {"r1": "timed_out"}
    ended = [number for number, entry in enumerate(calm.entries, 1) if entry.kind is EntryKind.OUTCOME]
    for entry in ended[:2]:
        calm, story = both(script, lambda: network(1), Death(entry, after=True, notes=True))
        assert story.end == calm.end
        assert story.deaths == 1


class Lost(Paper):
    """A journal that another process has taken over after some entries."""

    def write(self, *entries: Entry) -> None:
        if self.count >= 4:
            raise RunLost("run-1 is carried on by another process")
        super().write(*entries)


def test_a_process_that_lost_the_run_sends_nothing_more() -> None:
    devices = network(4)
    stage = plain_change(Stage(dict(devices)))
    stage.workflow |= {"on_failure": OnFailure.ROLLBACK, "rollout": Rollout(batches=(Amount(1),))}
    stage.journal = Lost(Death())
    record = stage.run()
    assert [name for name, device in devices.items() if device.received] == ["r1"]
    assert (record.state, record.reason) == (RunState.FAILED, "run-lost")
    assert devices["r1"].received == ["ntp server 192.0.2.9", "no ntp server 192.0.2.1", SAVE]
