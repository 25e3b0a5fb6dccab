"""Whole runs on devices in memory: plan, gates, batches, failures, rollback, and every device's fate."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from nornflow.abc import Gate, StepContext, StepType
from nornflow.cli.run_view import record_text
from nornflow.engine.cancel import StopSwitch
from nornflow.engine.emit import Emitter
from nornflow.engine.run import Run
from nornflow.engine.tools import Tools
from nornflow.errors import ConnectionLost, StepCancelled, StepError, UnexpectedPrompt, Unreachable
from nornflow.model.decision import Decision, GateRequest, Verdict
from nornflow.model.event import EventKind
from nornflow.model.plan import Plan
from nornflow.model.run import HostState, RunInfo, RunRecord, RunState, StepResult
from nornflow.model.workflow import (
    Amount,
    Cache,
    Edge,
    On,
    OnFailure,
    Output,
    Retry,
    Rollout,
    Scope,
    Step,
    Targets,
    Workflow,
)
from nornflow.planning.normalise import normalise
from nornflow.platforms.load import platform_for
from nornflow.policy.profiles import load_profiles
from nornflow.testing.fakes import FakeDevice, FakeDevices, FakeSandbox, RememberingObserver
from nornflow.workflow.expressions import Evaluator
from nornflow.workflow.templating import Renderer

CONFIG = "hostname {0}\n!\ninterface Loopback0\n description router id\n!\nntp server 192.0.2.1\nend\n"
CONFIGURES = frozenset({"device.read", "device.configure"})


class Configure(StepType):
    """Sends configuration lines."""

    name = "fake.configure"
    permissions = CONFIGURES

    class Params(BaseModel):
        lines: list[str]

    def apply(self, context: StepContext, params: Params) -> StepResult:
        context.connection("fake").send_config_set(params.lines)
        return StepResult(outputs={"sent": len(params.lines)})


class Check(StepType):
    """Evaluates a condition."""

    name = "fake.check"
    verifies = True

    class Params(BaseModel):
        condition: Any

    def apply(self, context: StepContext, params: Params) -> StepResult:
        if not context.evaluate(params.condition):
            raise StepError(f"not true: {params.condition}")
        return StepResult()


class Say(StepType):
    """Runs once and says something."""

    name = "fake.say"
    scope = Scope.RUN

    class Params(BaseModel):
        text: str = ""
        fail: int = 0

    def __init__(self) -> None:
        self.said: list[str] = []

    def apply(self, context: StepContext, params: Params) -> StepResult:
        self.said.append(params.text)
        if len(self.said) <= params.fail:
            raise StepError("not yet")
        return StepResult(stdout=params.text + "\n", outputs={"text": params.text}, exit_code=0)


class Careless(StepType):
    """Swallows whatever its connection says, as third-party tasks do."""

    name = "fake.careless"
    permissions = CONFIGURES

    class Params(BaseModel):
        line: str

    def apply(self, context: StepContext, params: Params) -> StepResult:
        line = params.line if context.mode == "plan" else "something else"
        try:
            context.connection("fake").send_config_set([line])
        except Exception:  # noqa: BLE001
            return StepResult()
        return StepResult()


@dataclass
class LosesOnce(FakeDevice):
    """Takes the lines and drops the session before it answers, the first time."""

    def take(self, lines: Sequence[str]) -> None:
        first = not self.received
        super().take(lines)
        if first:
            raise ConnectionLost("the session was dropped")


@dataclass
class Stage:
    """A small network and the words to run a workflow on it."""

    devices: dict[str, FakeDevice]
    steps: list[Step] = field(default_factory=list)
    gates: tuple[Gate, ...] = ()
    approve: Callable[[Plan, bool], bool] = lambda plan, held: True
    question: Callable[[str], bool] = lambda text: True
    profile: str = "standard"
    workflow: dict[str, Any] = field(default_factory=dict)
    inputs: Mapping[str, Any] = field(default_factory=dict)
    naps: list[float] = field(default_factory=list)
    say: Say = field(default_factory=Say)
    switch: StopSwitch = field(default_factory=StopSwitch)
    observer: RememberingObserver = field(default_factory=RememberingObserver)

    def step(self, name: str, kind: str, *after: str | Edge, **keys: Any) -> Stage:
        scope = Scope.RUN if kind == "fake.say" else Scope.DEVICE
        edges = tuple(edge if isinstance(edge, Edge) else Edge(edge) for edge in after)
        permissions = CONFIGURES if kind in ("fake.configure", "fake.careless") else frozenset()
        own = {key: keys.pop(key) for key in list(keys) if key in ("lines", "condition", "text", "fail", "line")}
        self.steps.append(Step(name, kind, scope, permissions, after=edges, params=own, **keys))
        return self

    def prepare(self) -> Run:
        ticks = itertools.count()
        clock = lambda: datetime(2026, 11, 21, tzinfo=UTC) + timedelta(seconds=next(ticks))  # noqa: E731
        profiles = load_profiles()
        workflow = Workflow("test", "1.0", tuple(self.steps), targets=Targets(), **self.workflow)
        ids = tuple(step.id for step in self.steps)
        fleet = self.fleet = FakeDevices(self.devices)
        types: list[StepType] = [Configure(), Check(), self.say, Careless()]
        tools = Tools(
            step_types={kind.name: kind for kind in types},
            profiles=profiles,
            gates=self.gates,
            devices=fleet,
            evaluator=Evaluator(step_ids=ids),
            renderer=Renderer(step_ids=ids),
            sandbox=lambda profile, permissions, step, emit: FakeSandbox(),
            emitter=Emitter("run-1", [self.observer], clock),
            switch=self.switch,
            cache=None,
            clock=clock,
            sleep=lambda seconds: bool(self.naps.append(seconds)),
            approve=self.approve,
            question=self.question,
        )
        info = RunInfo("run-1", "test", "1.0", "ada", profiles[self.profile], Path("/nowhere"), Path("/nowhere"))
        return Run(workflow, list(self.devices), self.inputs, info, tools, hosts=fleet.hosts())

    def run(self) -> RunRecord:
        return self.prepare().execute()


def network(count: int = 3, **faults: FakeDevice) -> Stage:
    devices = {f"r{n}": FakeDevice(CONFIG.format(f"r{n}")) for n in range(1, count + 1)}
    return Stage({**devices, **faults})


def fates(record: RunRecord) -> dict[str, str]:
    return {host.host: host.state.value for host in record.hosts}


def changing(stage: Stage, **keys: Any) -> Stage:
    return stage.step("configure", "fake.configure", lines=["ntp server 192.0.2.9"], **keys)


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
        stage.workflow["rollout"] = Rollout(batches=(Amount(1),), soak=30, pause_after=1)
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


class TestSteps:
    def test_a_workflow_without_devices_runs_at_once(self) -> None:
        stage = Stage({}).step("hello", "fake.say", text="Hello {{ inputs.name }}!")
        stage.inputs = {"name": "Developer"}
        stage.workflow["outputs"] = {
            "greeting": Output("greeting", "hello.text"),
            "well": Output("well", "hello.exit_code == 0", "boolean"),
        }
        record = stage.run()
        assert record.state is RunState.SUCCEEDED
        assert record.steps[0].result is not None
        assert record.steps[0].result.stdout == "Hello Developer!\n"
        assert record.outputs == {"greeting": "Hello Developer!", "well": True}

    def test_a_device_that_comes_late_is_planned_by_a_second_attempt(self) -> None:
        stage = changing(network(2), retry=Retry(attempts=3, delay=4))
        run, refused = stage.prepare(), [Unreachable("r2: not yet"), Unreachable("r2: not yet")]

        def refuse(step: str, host: str) -> None:
            if host == "r2" and refused:
                raise refused.pop()

        stage.fleet.before = refuse
        assert fates(run.execute()) == {"r1": "changed", "r2": "changed"}
        assert stage.naps == [4, 4]
        assert [event.data["hosts"] for event in stage.observer.of(EventKind.STEP_RETRY)] == [["r2"], ["r2"]]

    def test_a_run_whose_time_is_over_says_so(self) -> None:
        stage = changing(network(2))
        stage.workflow["rollout"] = Rollout(batches=(Amount(1),), soak=60)
        run = stage.prepare()
        run._tools = replace(run._tools, sleep=lambda seconds: not stage.switch.abort("timeout"))
        record = run.execute()
        assert (record.state, fates(record)) == (RunState.TIMED_OUT, {"r1": "changed", "r2": "skipped"})
        assert "time" in record.error

    def test_retries_wait_and_are_counted(self) -> None:
        stage = Stage({}).step("flaky", "fake.say", fail=2, retry=Retry(attempts=3, delay=5, backoff="linear"))
        record = stage.run()
        assert record.state is RunState.SUCCEEDED
        assert record.steps[0].result is not None
        assert record.steps[0].result.attempts == 3
        assert stage.naps == [5, 10]

    def test_a_failure_may_be_a_warning(self) -> None:
        stage = Stage({}).step("flaky", "fake.say", fail=1, on_failure=OnFailure.WARN).step("next", "fake.say", "flaky")
        record = stage.run()
        assert record.state is RunState.SUCCEEDED
        assert record.steps[0].result is not None
        assert record.steps[0].result.warning == "not yet"

    def test_an_error_in_a_condition_is_an_error_and_not_false(self) -> None:
        record = Stage({}).step("odd", "fake.say", when="inputs.nothing > 1").run()
        assert record.state is RunState.FAILED
        assert record.steps[0].result is not None
        assert record.steps[0].result.reason == "expression"

    def test_a_rescue_block_mends_a_failure(self) -> None:
        stage = network(2, r1=FakeDevice(CONFIG.format("r1"), rejects=("192.0.2.9",)))
        changing(stage)
        stage.step("mend", "fake.configure", Edge("configure", On.FAILED), lines=["ntp server 192.0.2.77"])
        stage.step("always", "fake.check", Edge("configure", On.FINISHED), condition="true")
        record = stage.step("after", "fake.check", "configure", condition="true").run()
        assert record.state is RunState.SUCCEEDED
        states = {step.step: {host: r.state.value for host, r in step.hosts.items()} for step in record.steps}
        assert states["mend"] == {"r1": "changed", "r2": "skipped"}
        assert states["always"] == {"r1": "ok", "r2": "ok"}
        assert states["after"] == {"r1": "ok", "r2": "ok"}

    def test_each_item_is_done_and_collected(self) -> None:
        stage = Stage({}).step("greet", "fake.say", text="{{ index }}:{{ item }}", for_each=["a", "b"])
        record = stage.run()
        assert stage.say.said == ["0:a", "1:b"]
        assert record.steps[0].result is not None
        assert [item["text"] for item in record.steps[0].result.outputs["results"]] == ["0:a", "1:b"]

    def test_a_step_that_needs_an_unknown_result_is_planned_just_before_it_is_applied(self) -> None:
        stage = network(1).step("ask", "fake.say", text="192.0.2.44")
        stage.step("configure", "fake.configure", "ask", lines=["ntp server {{ steps.ask.text }}"])
        plan, _ = stage.prepare().plan()
        assert "configure" in plan.unplanned
        record = stage.run()
        assert record.state is RunState.SUCCEEDED
        assert "ntp server 192.0.2.44" in stage.devices["r1"].config

    @pytest.mark.parametrize(
        "keys",
        [
            {"when": "steps.ask.exit_code == 0"},
            {"when": "steps.ask.ok"},
            {"lines": ["snmp-server location {{ steps.ask.text | default('x') }}"]},
            {"lines": ["snmp-server location {{ steps['ask']['text'] }}"]},
            {"lines": ["{% if steps.ask.changed %}ntp server 192.0.2.8{% else %}ntp server 192.0.2.9{% endif %}"]},
        ],
    )
    def test_what_depends_on_an_unknown_result_is_never_guessed_in_a_plan(self, keys: dict[str, Any]) -> None:
        stage = network(1).step("ask", "fake.say", text="192.0.2.44")
        stage.step("configure", "fake.configure", "ask", **{"lines": ["ntp server 192.0.2.9"], **keys})
        asked: list[Plan] = []
        stage.approve = lambda plan, held: not asked.append(plan)
        plan, _ = stage.prepare().plan()
        assert set(plan.unplanned) == {"ask", "configure"}
        record = stage.run()
        assert record.state is RunState.SUCCEEDED
        assert record.hosts[0].state is HostState.CHANGED
        assert len(asked) == 1  # a human was asked although the plan shows no line

    def test_a_look_at_the_network_after_the_change_is_not_taken_while_planning(self) -> None:
        stage = changing(network(1)).step(
            "check", "fake.check", "configure", condition="false", on_failure=OnFailure.WARN
        )
        stage.step("more", "fake.configure", "check", lines=["ntp server 192.0.2.10"], when="steps.check.ok")
        plan, _ = stage.prepare().plan()
        assert set(plan.unplanned) == {"more"}
        assert not plan.hosts[0].error

    def test_under_restricted_only_a_planned_change_is_applied(self) -> None:
        stage = network(1).step("ask", "fake.say", text="192.0.2.44")
        stage.step("configure", "fake.configure", "ask", lines=["ntp server {{ steps.ask.text }}"])
        stage.profile = "restricted"
        record = stage.run()
        assert record.state is RunState.FAILED
        assert record.hosts[0].reason == "denied"
        assert "192.0.2.44" not in stage.devices["r1"].config

    def test_a_swallowed_denial_fails_the_step_all_the_same(self) -> None:
        record = network(1).step("careless", "fake.careless", line="ntp server 192.0.2.9").run()
        assert record.hosts[0].state is HostState.FAILED
        assert record.hosts[0].reason == "guard-denied"
        assert any(event["kind"] == "security.policy_violation" for event in record.security_events)


class TestSafety:
    def test_a_template_that_reaches_out_of_the_sandbox_is_a_security_event(self) -> None:
        stage = Stage({}).step("reach", "fake.say", text="{{ ''[inputs.name] }}")
        stage.inputs = {"name": "__class__"}
        record = stage.run()
        assert record.state is RunState.FAILED
        assert record.steps[0].result is not None
        assert record.steps[0].result.reason == "injection-blocked"
        assert [event["kind"] for event in record.security_events] == ["security.injection_blocked"]

    def test_a_device_that_does_not_answer_is_asked_once_for_a_plan(self) -> None:
        broken = FakeDevice("", broken=Unreachable("r2: no answer"))
        stage = changing(network(1, r2=broken)).step("more", "fake.configure", lines=["ntp server 192.0.2.8"])
        run, asked = stage.prepare(), []
        stage.fleet.before = lambda step, host: asked.append((step, host))
        plan, _ = run.plan()
        assert sum(host == "r2" for _, host in asked) == 1
        assert plan.hosts[1].error.endswith("r2: no answer")

    def test_a_stale_device_is_no_quiet_success_whatever_the_step_bears(self) -> None:
        stage = changing(network(1), on_failure=OnFailure.CONTINUE)

        def meddle(plan: Plan, held: bool) -> bool:
            stage.devices["r1"].config += "ip name-server 192.0.2.53\n"
            return True

        stage.approve = meddle
        record = stage.run()
        assert record.state is RunState.FAILED
        assert record.hosts[0].state is HostState.STALE

    def test_a_plan_that_is_stopped_is_no_plan(self) -> None:
        stage = changing(network(2))
        run = stage.prepare()
        stage.fleet.before = lambda step, host: stage.switch.stop()
        with pytest.raises(StepCancelled, match="before it was complete"):
            run.plan()


class Says(Gate):
    """Always gives the same verdict."""

    name = "says"

    def __init__(self, verdict: Verdict) -> None:
        self.verdict = verdict

    def check(self, request: GateRequest) -> Sequence[Decision]:
        return [Decision(self.verdict, f"the gate says {self.verdict}")]


class TestGates:
    def test_a_denied_run_does_nothing(self) -> None:
        stage = changing(network(2))
        stage.gates = (Says(Verdict.DENY),)
        record = stage.run()
        assert (record.state, record.exit_code) == (RunState.DENIED, 3)
        assert not any(device.received for device in stage.devices.values())
        assert [event.kind for event in stage.observer.of(EventKind.ACCESS_DENIED)] == [EventKind.ACCESS_DENIED]

    @pytest.mark.parametrize("answer", [True, False])
    def test_a_held_run_waits_for_an_approval(self, answer: bool) -> None:
        held_for: list[bool] = []
        stage = changing(network(1))
        stage.gates = (Says(Verdict.HOLD),)
        stage.approve = lambda plan, held: bool(held_for.append(held)) or answer
        record = stage.run()
        assert held_for == [True]
        assert record.state is (RunState.SUCCEEDED if answer else RunState.CANCELLED)

    def test_a_step_profile_lowers_what_the_step_may_do(self) -> None:
        stage = network(1)
        changing(stage, profile="plan_only")
        record = stage.run()
        assert record.state is RunState.FAILED
        assert "plan_only" in record.hosts[0].error
        assert not stage.devices["r1"].received


def test_a_cached_result_is_taken_instead_of_the_work(tmp_path: Path) -> None:
    from nornflow.store.cache import FileCache

    stage = Stage({}).step("slow", "fake.say", text="{{ inputs.x }}", cache=Cache(ttl=60))
    for text in ("one", "one", "two"):
        stage.inputs = {"x": text}
        run = stage.prepare()
        run._tools = replace(run._tools, cache=FileCache(tmp_path))
        record = run.execute()
    assert stage.say.said == ["one", "two"]
    assert record.steps[0].state is HostState.OK
