"""A run that applies a sealed plan: only its lines, only where nothing drifted, also when the process dies on the way."""

from __future__ import annotations

from dataclasses import replace

import pytest

from engine_stage import CONFIG, OneFirst, Stage, changing, fates
from mortal import Death, Mortal, Story, both, growing, network, seen, sent, undisturbed
from nornflow.errors import ApprovalRequired
from nornflow.model.event import Event, EventKind
from nornflow.model.rollout import Amount, Matching, Rollout
from nornflow.model.run import RunState
from nornflow.model.step import OnFailure
from nornflow.testing.fakes import RememberingObserver
from sealed_stage import applying, plan_for


def test_applies_without_planning_and_without_a_question() -> None:
    devices = network(3)
    sealed = plan_for(changing, devices)
    story = Story(applying(changing, sealed), devices)
    record = story.live()
    assert record.state is RunState.SUCCEEDED
    assert set(fates(record).values()) == {"changed"}
    assert {name: device.received for name, device in devices.items()} == {
        name: ["ntp server 192.0.2.9"] for name in devices
    }


def test_a_device_that_drifted_is_left_alone_and_the_others_go_on_and_stay() -> None:
    devices = network(4)
    sealed = plan_for(changing, devices, blame=lambda host: "run 7")
    devices["r2"].config = CONFIG.format("r2") + "snmp-server location here\n"

    def script(stage: Stage) -> Stage:
        stage.workflow |= {"on_failure": OnFailure.ROLLBACK}
        return changing(stage)

    record = Story(applying(script, sealed), devices).live()
    assert fates(record) == {"r1": "changed", "r2": "stale", "r3": "changed", "r4": "changed"}
    assert (record.state, record.exit_code) == (RunState.FAILED, 1)  # more than max_failures, and nothing is taken back
    assert "run 7 changed it since" in record.hosts[1].error
    assert "+snmp-server location here" in record.hosts[1].error
    assert not devices["r2"].received


def test_what_the_rollout_bears_is_a_success() -> None:
    devices = network(4)
    sealed = plan_for(changing, devices)
    devices["r2"].config = "hostname elsewhere\n"

    def script(stage: Stage) -> Stage:
        stage.workflow |= {"rollout": Rollout(max_failures=Amount(1))}
        return changing(stage)

    record = Story(applying(script, sealed), devices).live()
    assert (record.state, record.exit_code) == (RunState.SUCCEEDED, 0)


def test_where_the_only_first_device_drifted_the_others_do_not_all_come_first() -> None:
    devices = network(4)

    def script(stage: Stage) -> Stage:
        stage.gates = (OneFirst(),)
        stage.workflow |= {"rollout": Rollout((Matching("name == 'r2'"), Amount(100, percent=True)))}
        return changing(stage)

    sealed = plan_for(script, devices)
    devices["r2"].config = "hostname elsewhere\n"
    record = Story(applying(script, sealed), devices).live()
    assert (record.state, record.error) == (RunState.DENIED, "3 devices would be first")
    assert not any(device.received for device in devices.values())


@pytest.mark.parametrize("strict", [True, False])
def test_nothing_is_applied_when_all_drifted_or_one_did_and_that_is_forbidden(strict: bool) -> None:
    devices = network(3)
    sealed = plan_for(changing, devices, strict=strict)
    for name in ["r3"] if strict else devices:
        devices[name].config = f"hostname {name}\nntp server 198.51.100.1\n"
    record = Story(applying(changing, sealed), devices).live()
    assert (record.state, record.exit_code) == (RunState.FAILED, 5)
    assert not any(device.received for device in devices.values())
    assert fates(record)["r3"] == "stale"


def test_what_the_inventory_means_otherwise_is_stale_without_being_read() -> None:
    devices = network(2)
    sealed = plan_for(changing, devices, outdated={"r1": "r1: another address"})
    record = Story(applying(changing, sealed), devices).live()
    assert fates(record) == {"r1": "stale", "r2": "changed"}
    assert not devices["r1"].received


def test_a_task_that_does_something_else_than_was_sealed_is_denied() -> None:
    def script(stage: Stage) -> Stage:
        return stage.step("sly", "fake.careless", line="ntp server 192.0.2.9")

    devices = network(2)
    record = Story(applying(script, plan_for(script, devices)), devices).live()
    assert record.state is not RunState.SUCCEEDED
    assert not any(device.received for device in devices.values())


def test_a_step_that_was_not_sealed_sends_nothing() -> None:
    devices = network(2)
    sealed = plan_for(changing, devices)

    def more(stage: Stage) -> Stage:
        return changing(stage).step("more", "fake.configure", "configure", lines=["ntp server 203.0.113.66"])

    Story(applying(more, sealed), devices).live()
    assert not any("203.0.113.66" in device.config for device in devices.values())


def test_dying_at_every_entry_changes_neither_the_end_nor_what_devices_receive() -> None:
    sealed = plan_for(growing, network(4))
    script = applying(growing, sealed)
    calm, record = undisturbed(script, network(4))
    expected, lines = seen(calm, record), sent(calm)
    for entry in range(1, calm.counts[0] + 1):
        for after in (False, True):
            story = Story(script, network(4), again="yes")
            found = story.live(Death(entry, after=after, notes=after))
            assert seen(story, found) == expected, entry
            assert sent(story) == lines, entry


def test_drift_is_looked_for_again_when_the_process_died_before_it_was_known() -> None:
    def drifted() -> dict[str, Mortal]:
        devices = network(4)
        devices["r2"].config += "snmp-server location here\n"
        return devices

    script = applying(changing, plan_for(changing, network(4)))
    for entry in range(1, undisturbed(script, drifted())[0].counts[0] + 1):
        calm, story = both(script, drifted, Death(entry, after=True, notes=True))
        assert story.end == calm.end


def test_the_check_is_told() -> None:
    devices = network(3)
    sealed = plan_for(changing, devices)
    devices["r2"].config += "snmp-server location here\n"
    stage = applying(changing, sealed)(Stage(dict(devices)))
    stage.run()
    assert [event.host for event in stage.observer.of(EventKind.DRIFT_FOUND)] == ["r2"]
    assert stage.observer.of(EventKind.DRIFT_CHECKED)[0].data == {"hosts": 3, "stale": ["r2"]}


def taken_back() -> None:
    raise ApprovalRequired("the plan is not approved: dave rejected it", hint="talk to dave")


def test_a_word_that_is_taken_back_while_devices_are_waited_for_is_heard() -> None:
    devices = network(3)
    record = Story(applying(changing, plan_for(changing, devices, still=taken_back)), devices).live()
    assert (record.state, record.exit_code) == (RunState.CANCELLED, 4)
    assert not any(device.received for device in devices.values())


@pytest.mark.parametrize("recover", [False, True])
def test_a_run_that_was_cut_off_is_left_as_it_is_when_the_approval_was_taken_back_since(recover: bool) -> None:
    def in_batches(stage: Stage) -> Stage:
        stage.workflow |= {"rollout": Rollout((Amount(1), Amount(1)))}
        return changing(stage)

    devices = network(2)
    sealed = plan_for(in_batches, devices)
    story = Story(applying(in_batches, sealed), devices, recover=recover)
    while story.deaths == 0:
        assert story.process(Death(line=1)) is None
        story.deaths += 1
    got = {name: list(device.received) for name, device in devices.items()}
    story.script = applying(in_batches, replace(sealed, still=taken_back))
    if recover:  # to take back what was done needs nobody's word
        story.process(Death())
    else:
        with pytest.raises(ApprovalRequired, match="stays as it is"):
            story.process(Death())
        assert {name: list(device.received) for name, device in devices.items()} == got
        story.script = applying(in_batches, sealed)
        story.deaths += 1
        assert set(fates(story.live()).values()) == {"changed"}


def test_a_device_that_is_changed_between_the_check_and_the_write_gets_nothing() -> None:
    devices = network(3)
    sealed = plan_for(changing, devices)

    class Meddler(RememberingObserver):
        """Changes a device when the check is over."""

        def observe(self, event: Event) -> None:
            super().observe(event)
            if event.kind is EventKind.DRIFT_CHECKED:
                devices["r2"].config += "snmp-server location here\n"

    def script(stage: Stage) -> Stage:
        stage.observer = Meddler()
        return changing(stage)

    record = Story(applying(script, sealed), devices).live()
    assert fates(record)["r2"] == "stale"
    assert not devices["r2"].received
