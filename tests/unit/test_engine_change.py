"""Changes on devices in memory: planned, applied, read back, and rolled out in batches."""

from __future__ import annotations

from engine_stage import CONFIG, LosesOnce, Stage, changing, fates, network
from nornflow.cli.run_view import record_text
from nornflow.errors import Unreachable
from nornflow.model.plan import Plan
from nornflow.model.rollout import Amount, Rollout
from nornflow.model.run import HostState, RunState
from nornflow.model.step import OnFailure, Retry
from nornflow.testing.fakes import FakeDevice


class TestChange:
    def test_a_change_is_planned_applied_and_read_back(self) -> None:
        stage = changing(network())
        record = stage.run()
        assert record.state is RunState.SUCCEEDED
        assert fates(record) == {"r1": "changed", "r2": "changed", "r3": "changed"}
        assert "+ntp server 192.0.2.9" in record.hosts[0].diff
        assert all("ntp server 192.0.2.9" in device.config for device in stage.devices.values())

    def test_a_second_run_reports_no_change_and_sends_nothing(self) -> None:
        stage = changing(network())
        stage.run()
        for device in stage.devices.values():
            device.received.clear()
        again = changing(Stage(stage.devices))
        record = again.run()
        assert fates(record) == {"r1": "ok", "r2": "ok", "r3": "ok"}
        assert not any(device.received for device in stage.devices.values())

    def test_planning_writes_nothing(self) -> None:
        stage = changing(network())
        before = {name: device.config for name, device in stage.devices.items()}
        plan, _ = stage.prepare().plan()
        assert plan.changes
        assert {step.method.value for host in plan.hosts for step in host.steps} == {"model"}
        assert {name: device.config for name, device in stage.devices.items()} == before

    def test_the_second_step_is_planned_on_top_of_the_first(self) -> None:
        stage = changing(network(1)).step("more", "fake.configure", "configure", lines=["no ntp server 192.0.2.9"])
        plan, _ = stage.prepare().plan()
        assert "-ntp server 192.0.2.9" in plan.hosts[0].steps[1].diff
        assert stage.run().state is RunState.SUCCEEDED

    def test_saying_no_leaves_everything_as_it_was(self) -> None:
        stage = changing(network())
        stage.approve = lambda plan, held: False
        record = stage.run()
        assert record.state is RunState.CANCELLED
        assert not any(device.received for device in stage.devices.values())

    def test_the_lines_of_a_refused_plan_count_nowhere(self) -> None:
        stage = changing(network(1))
        stage.approve = lambda plan, held: False
        record = stage.run()
        assert (record.hosts[0].diff, record.exit_code) == ("", 1)
        assert "not approved" in record.error
        assert "+0 -0 lines" in "\n".join(record_text(record))

    def test_what_two_steps_changed_is_counted_once_each(self) -> None:
        stage = changing(network(1)).step("more", "fake.configure", "configure", lines=["ntp server 192.0.2.10"])
        assert "devices: 1 changed; +2 -0 lines" in list(record_text(stage.run()))

    def test_branches_that_configure_the_same_device_do_not_make_each_other_stale(self) -> None:
        stage = network(3)
        for number in range(5):
            stage.step(f"branch-{number}", "fake.configure", lines=[f"ntp server 198.51.100.{number}"])
        plans = [stage.prepare().plan()[0] for _ in range(2)]
        assert [step.diff for step in plans[0].hosts[0].steps] == [step.diff for step in plans[1].hosts[0].steps]
        assert fates(stage.run()) == {"r1": "changed", "r2": "changed", "r3": "changed"}

    def test_a_branch_does_not_wait_for_the_change_of_one_that_failed(self) -> None:
        stage = changing(network(1)).step("other", "fake.configure", lines=["ntp server 192.0.2.10"])

        def approve_and_break(plan: Plan, held: bool) -> bool:
            stage.fleet.before = refuse_the_first
            return True

        def refuse_the_first(step: str, host: str) -> None:
            if step == "configure":
                raise Unreachable("r1: the connection was refused")

        stage.approve = approve_and_break
        other = stage.run().steps[1].hosts["r1"]
        assert other.state is HostState.CHANGED  # and not stale: nobody else was there
        assert "ntp server 192.0.2.10" in stage.devices["r1"].config

    def test_what_the_first_attempt_changed_is_not_forgotten_by_the_second(self) -> None:
        stage = changing(network(0, r1=LosesOnce(CONFIG.format("r1"))), retry=Retry(attempts=2, delay=1))
        stage.workflow["on_failure"] = OnFailure.ROLLBACK
        record = stage.step("verify", "fake.check", "configure", condition="false").run()
        assert record.steps[0].hosts["r1"].attempts == 2
        assert "+ntp server 192.0.2.9" in record.hosts[0].diff
        assert fates(record) == {"r1": "rolled_back"}

    def test_templates_and_conditions_are_per_host(self) -> None:
        stage = network(2).step(
            "configure", "fake.configure", lines=["snmp-server location {{ host.name }}"], when="host.name == 'r2'"
        )
        record = stage.run()
        assert fates(record) == {"r1": "skipped", "r2": "changed"}
        assert "snmp-server location r2" in stage.devices["r2"].config

    def test_somebody_else_changed_the_device_meanwhile(self) -> None:
        stage = changing(network(2))

        def meddle(plan: Plan, held: bool) -> bool:
            stage.devices["r1"].config += "ip name-server 192.0.2.53\n"
            return True

        stage.approve = meddle
        record = stage.run()
        assert fates(record)["r1"] == "stale"
        assert not stage.devices["r1"].received
        assert fates(record)["r2"] in ("changed", "skipped", "cancelled")


class TestRollout:
    def test_the_canary_fails_and_the_others_are_never_touched(self) -> None:
        stage = network(4, r1=FakeDevice(CONFIG.format("r1"), rejects=("192.0.2.9",)))
        stage.workflow["rollout"] = Rollout(batches=(Amount(1), Amount(100, percent=True)))
        record = changing(stage).run()
        assert record.state is RunState.FAILED
        assert fates(record) == {"r1": "failed", "r2": "skipped", "r3": "skipped", "r4": "skipped"}
        assert record.hosts[0].reason == "line-rejected"
        assert "ntp server 192.0.2.9" in record.hosts[0].error
        assert record.exit_code == 1

    def test_failures_within_the_threshold_are_borne(self) -> None:
        stage = network(4, r2=FakeDevice(CONFIG.format("r2"), rejects=("192.0.2.9",)))
        stage.workflow["rollout"] = Rollout(batches=(Amount(2),), max_failures=Amount(25, percent=True))
        record = changing(stage).run()
        assert record.state is RunState.SUCCEEDED
        assert fates(record) == {"r1": "changed", "r2": "failed", "r3": "changed", "r4": "changed"}

    def test_soak_and_pause_come_between_batches_only(self) -> None:
        asked: list[str] = []
        stage = network(3)
        stage.question = lambda text: bool(asked.append(text)) or True
        stage.workflow["rollout"] = Rollout(batches=(Amount(1),), soak=30, pause_after=frozenset({1}))
        record = changing(stage).run()
        assert record.state is RunState.SUCCEEDED
        assert stage.naps == [30, 30]
        assert len(asked) == 1

    def test_on_failure_continue_goes_through_all_batches(self) -> None:
        stage = network(3, r1=FakeDevice(CONFIG.format("r1"), rejects=("192.0.2.9",)))
        stage.workflow |= {"rollout": Rollout(batches=(Amount(1),)), "on_failure": OnFailure.CONTINUE}
        record = changing(stage).run()
        assert record.state is RunState.FAILED
        assert fates(record) == {"r1": "failed", "r2": "changed", "r3": "changed"}

    def test_a_device_that_cannot_be_planned_fails_and_is_listed(self) -> None:
        broken = FakeDevice("", broken=Unreachable("r2: no answer", hint="is it up?"))
        record = changing(network(1, r2=broken)).run()
        assert record.state is RunState.FAILED
        assert fates(record) == {"r1": "skipped", "r2": "failed"}
        assert (record.hosts[1].reason, record.hosts[1].hint) == ("unreachable", "is it up?")

    def test_what_failed_upstream_is_skipped_downstream(self) -> None:
        stage = network(2, r1=FakeDevice(CONFIG.format("r1"), rejects=("192.0.2.9",)))
        stage.workflow["rollout"] = Rollout(max_failures=Amount(1))
        record = changing(stage).step("check", "fake.check", "configure", condition="true").run()
        states = {host: result.state.value for host, result in record.steps[1].hosts.items()}
        assert states == {"r1": "skipped", "r2": "ok"}

    def test_stopping_finishes_the_devices_at_work_and_lists_the_rest(self) -> None:
        stage = changing(network(3))
        stage.workflow["rollout"] = Rollout(batches=(Amount(1),))
        run = stage.prepare()
        stage.fleet.before = lambda step, host: stage.switch.stop() if stage.devices["r1"].received else None
        record = run.execute()
        assert record.state is RunState.CANCELLED
        assert fates(record)["r1"] == "changed"
        assert set(fates(record).values()) <= {"changed", "cancelled", "skipped"}
