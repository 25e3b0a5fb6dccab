"""What a failed change leaves behind is taken back, and that it is back is proved."""

from __future__ import annotations

import pytest

from engine_stage import CONFIG, Stage, changing, fates, network
from nornflow.errors import StepCancelled, UnexpectedPrompt
from nornflow.model.rollout import Amount, Rollout
from nornflow.model.run import RunState
from nornflow.model.step import OnFailure
from nornflow.planning.normalise import normalise
from nornflow.platforms.load import platform_for
from nornflow.testing.fakes import FakeDevice


class TestRollback:
    def failing(self, stage: Stage) -> Stage:
        stage.workflow["on_failure"] = OnFailure.ROLLBACK
        return changing(stage).step("verify", "fake.check", "configure", condition="host.name != 'r2'")

    def test_a_failed_verification_takes_every_changed_device_back(self) -> None:
        stage = self.failing(network(3))
        before = {name: device.config for name, device in stage.devices.items()}
        record = stage.run()
        assert record.state is RunState.ROLLED_BACK
        assert fates(record) == {"r1": "rolled_back", "r2": "rolled_back", "r3": "rolled_back"}
        for name, device in stage.devices.items():
            assert normalise(device.config, platform_for("ios")) == normalise(before[name], platform_for("ios"))
        assert record.hosts[0].rollback == "running == pre-image"

    def test_within_the_threshold_only_the_failed_device_goes_back(self) -> None:
        stage = self.failing(network(3))
        stage.workflow["rollout"] = Rollout(max_failures=Amount(1))
        record = stage.run()
        assert record.state is RunState.SUCCEEDED
        assert fates(record) == {"r1": "changed", "r2": "rolled_back", "r3": "changed"}

    def test_a_device_that_does_not_go_back_is_never_a_quiet_success(self) -> None:
        stubborn = FakeDevice(CONFIG.format("r2"), stubborn=("no ntp server 192.0.2.9",))
        record = self.failing(network(1, r2=stubborn)).run()
        assert record.state is RunState.ROLLBACK_FAILED
        assert fates(record) == {"r1": "rolled_back", "r2": "rollback_failed"}
        assert "-ntp server 192.0.2.9" in record.hosts[1].rollback

    def test_a_rejected_line_leaves_nothing_half_done(self) -> None:
        stage = network(1, r2=FakeDevice(CONFIG.format("r2"), rejects=("192.0.2.10",)))
        stage.workflow |= {"on_failure": OnFailure.ROLLBACK, "rollout": Rollout(max_failures=Amount(1))}
        stage.step("configure", "fake.configure", lines=["ntp server 192.0.2.9", "ntp server 192.0.2.10"])
        record = stage.run()
        assert fates(record) == {"r1": "changed", "r2": "rolled_back"}
        assert "192.0.2.9" not in stage.devices["r2"].config

    def test_own_rollback_lines_come_first(self) -> None:
        stage = network(1)
        stage.workflow["on_failure"] = OnFailure.ROLLBACK
        changing(stage, rollback=("no ntp server 192.0.2.9",))
        record = stage.step("verify", "fake.check", "configure", condition="false").run()
        assert record.state is RunState.ROLLED_BACK
        assert stage.devices["r1"].received == ["ntp server 192.0.2.9", "no ntp server 192.0.2.9"]

    def test_a_step_with_rollback_false_stays(self) -> None:
        stage = network(1)
        stage.workflow["on_failure"] = OnFailure.ROLLBACK
        changing(stage, rollback=False).step("more", "fake.configure", "configure", lines=["ntp server 192.0.2.10"])
        stage.step("last", "fake.configure", "more", lines=["ntp server 192.0.2.11"], rollback=False)
        record = stage.step("verify", "fake.check", "last", condition="false").run()
        assert record.state is RunState.ROLLED_BACK
        servers = [line for line in stage.devices["r1"].config.splitlines() if line.startswith("ntp server")]
        assert servers == ["ntp server 192.0.2.1", "ntp server 192.0.2.9", "ntp server 192.0.2.11"]

    def test_with_nothing_to_take_back_the_device_has_failed(self) -> None:
        stage = network(1)
        stage.workflow["on_failure"] = OnFailure.ROLLBACK
        record = changing(stage, rollback=False).step("verify", "fake.check", "configure", condition="false").run()
        assert (record.state, fates(record)) == (RunState.FAILED, {"r1": "failed"})
        assert "ntp server 192.0.2.9" in stage.devices["r1"].config

    def test_what_a_step_of_its_own_saved_is_saved_again_after_the_rollback(self) -> None:
        stage = network(1)
        stage.workflow["on_failure"] = OnFailure.ROLLBACK
        changing(stage).step("save", "fake.configure", "configure", lines=["exec:write memory"])
        record = stage.step("verify", "fake.check", "save", condition="false").run()
        assert record.state is RunState.ROLLED_BACK
        assert stage.devices["r1"].received[-2:] == ["no ntp server 192.0.2.9", "exec:write memory"]

    def test_a_rollback_that_cannot_be_saved_has_failed(self) -> None:
        stage = network(1)
        stage.workflow["on_failure"] = OnFailure.ROLLBACK
        changing(stage).step("save", "fake.configure", "configure", lines=["exec:write memory"])
        stage.step("verify", "fake.check", "save", condition="false")
        run, device = stage.prepare(), stage.devices["r1"]

        def from_now_on_saving_is_refused(step: str, host: str) -> None:
            if step == "rollback":
                device.rejects = ("write memory",)

        stage.fleet.before = from_now_on_saving_is_refused
        record = run.execute()
        assert record.state is RunState.ROLLBACK_FAILED
        assert "could not be saved" in record.hosts[0].rollback
        assert "by hand" in record.hosts[0].hint

    @pytest.mark.parametrize(("on_failure", "fate"), [(OnFailure.ROLLBACK, "rolled_back"), (OnFailure.STOP, "unknown")])
    def test_a_device_that_was_cut_off_while_it_was_configured_is_unknown_until_it_is_taken_back(
        self, on_failure: OnFailure, fate: str
    ) -> None:
        stage = network(2, r1=FakeDevice(CONFIG.format("r1"), rejects=("192.0.2.10",)))
        stage.step("configure", "fake.configure", lines=["ntp server 192.0.2.9", "ntp server 192.0.2.10"])
        stage.workflow |= {"on_failure": on_failure, "rollout": Rollout(batches=(Amount(1),))}

        def cut(step: str, host: str) -> None:
            if step == "configure" and stage.devices["r1"].received:
                stage.switch.abort()
                raise StepCancelled("r1: cut off in the middle of configure")

        run = stage.prepare()
        stage.fleet.after = cut
        record = run.execute()
        assert record.state is RunState.CANCELLED
        assert fates(record) == {"r1": fate, "r2": "skipped"}
        assert ("ntp server 192.0.2.9" in stage.devices["r1"].config) is (fate == "unknown")

    def test_a_session_that_hangs_does_not_keep_the_device_from_going_back(self) -> None:
        stage = self.failing(network(2))
        run = stage.prepare()

        def hang(step: str, host: str) -> None:
            if step == "verify":
                stage.devices[host].hung = UnexpectedPrompt("the prompt did not come")

        stage.fleet.after = hang
        assert fates(run.execute()) == {"r1": "rolled_back", "r2": "rolled_back"}

    def test_a_rollback_ends_only_by_its_own_switch(self) -> None:
        stage = self.failing(network(2))
        run = stage.prepare()

        def give_up(step: str, host: str) -> None:
            if step == "rollback":
                stage.switch.abort()
                stage.switch.rollbacks.abort()

        stage.fleet.before = give_up
        record = run.execute()
        assert record.state is RunState.ROLLBACK_FAILED
        assert fates(record) == {"r1": "rollback_failed", "r2": "rolled_back"}  # r2, which had failed, was first
        assert "by hand" in record.hosts[0].hint
