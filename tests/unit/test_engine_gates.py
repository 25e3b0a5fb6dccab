"""Gates, approvals and what is never a quiet success."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from engine_stage import Stage, changing, network
from nornflow.abc import Gate
from nornflow.errors import StepCancelled, Unreachable
from nornflow.model.decision import Decision, GateRequest, Verdict
from nornflow.model.event import EventKind
from nornflow.model.plan import Plan
from nornflow.model.run import HostState, RunState
from nornflow.model.step import OnFailure
from nornflow.testing.fakes import FakeDevice


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


class TestOwnPlan:
    """A step that sends no lines says itself what it would change, and is held to that."""

    def test_it_is_shown_and_applied(self) -> None:
        stage = network(1).step("api", "fake.api")
        plan, _ = stage.prepare().plan()
        assert plan.changes
        assert plan.hosts[0].steps[0].diff == "-old\n+new\n"
        assert stage.api.sent == 0
        assert stage.run().state is RunState.SUCCEEDED
        assert stage.api.sent == 1

    def test_what_would_be_done_now_must_be_what_was_approved(self) -> None:
        stage = network(1).step("api", "fake.api")

        def meddle(plan: Plan, held: bool) -> bool:
            stage.api.resource = "other"
            return True

        stage.approve = meddle
        record = stage.run()
        assert record.hosts[0].state is HostState.STALE
        assert stage.api.sent == 0
