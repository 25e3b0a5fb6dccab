"""The lock-out gate: what each profile says to a plan that would cut the way in, and the engine that asks it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace

import pytest

from engine_stage import Stage, network
from nornflow.engine.journal import approved_data
from nornflow.model.decision import Decision, GateRequest, Verdict
from nornflow.model.event import EventKind
from nornflow.model.kept_plan import plan_of
from nornflow.model.permission import Mode
from nornflow.model.plain import plain
from nornflow.model.plan import HostPlan, Plan, PlannedStep, Risk
from nornflow.model.run import RunState
from nornflow.model.step import Edge, Scope, Step
from nornflow.model.workflow import Workflow
from nornflow.policy.evaluate import evaluate_gates
from nornflow.policy.gates import built_in_gates
from nornflow.policy.lockout import LockoutGate
from nornflow.policy.lowering import raised
from nornflow.policy.profiles import load_profiles
from nornflow.testing.fakes import FakeDevice

CUT = Risk("configure", "interface Vlan10 / shutdown", "Vlan10 carries 192.0.2.2")
DOUBT = replace(CUT, certain=False)
CONFIGURE = Step("configure", "netmiko.config", Scope.DEVICE, frozenset({"device.configure"}))
PROFILES = load_profiles(
    {"careful": {"extends": "standard", "lockout": "hold"}, "free": {"extends": "elevated", "lockout": "allow"}}
)


def asked(profile: str, *risks: Risk, step: Step = CONFIGURE) -> GateRequest:
    planned = PlannedStep("configure", "ams-1", lines=("interface Vlan10", " shutdown"), diff="+ shutdown")
    plan = Plan("x", "1.0", profile, {}, hosts=(HostPlan("ams-1", "cisco_ios", (planned,), risks=risks),))
    return GateRequest("ada", profile, Workflow("x", "1.0", (step,)), {}, ("ams-1",), plan)


def decided(request: GateRequest) -> list[Decision]:
    return list(LockoutGate(PROFILES).check(request))


@pytest.mark.parametrize(
    ("profile", "certain", "doubtful"),
    [
        ("restricted", "deny", "hold"),
        ("standard", "deny", "hold"),
        ("elevated", "hold", "hold"),
        ("careful", "hold", "hold"),
        ("free", "allow", "allow"),
    ],
)
def test_the_profile_decides_and_what_nobody_can_tell_is_never_denied(
    profile: str, certain: str, doubtful: str
) -> None:
    cut, doubt = decided(asked(profile, CUT, DOUBT))
    assert (cut.verdict, doubt.verdict) == (Verdict(certain), Verdict(doubtful))


def test_the_decision_names_device_step_line_reason_rule_and_place() -> None:
    (decision,) = decided(asked("standard", CUT))
    assert decision.reason == (
        "ams-1: step 'configure' plans 'interface Vlan10 / shutdown', which locks the controller out: Vlan10 carries 192.0.2.2"
    )
    assert (decision.rule, decision.host, decision.step) == ("lockout: deny", "ams-1", "configure")
    assert decision.where.endswith("profiles.standard.lockout")
    assert "lockout: hold" in decision.hint


def test_a_plan_without_risks_says_nothing_and_plan_mode_asks_too() -> None:
    assert decided(asked("standard")) == []
    (decision,) = evaluate_gates(built_in_gates(PROFILES, mode=Mode.PLAN), asked("standard", CUT))
    assert decision.gate == "lockout"


def test_a_steps_own_profile_may_be_stricter_and_never_looser() -> None:
    (decision,) = decided(asked("elevated", CUT, step=replace(CONFIGURE, profile="standard")))
    assert decision.verdict is Verdict.DENY
    assert "lockout: allow" in raised(PROFILES["standard"], PROFILES["free"])


def test_a_kept_plan_still_has_its_risks() -> None:
    plan = asked("standard", CUT, replace(DOUBT, line="")).plan
    assert plan is not None
    assert plan_of(plain(plan)) == plan
    assert plan_of(json.loads(json.dumps(plain(approved_data(plan, {})["plan"])))) == plan


@dataclass
class Asked:
    plans: list[Plan] = field(default_factory=list)

    def __call__(self, plan: Plan, held: bool) -> bool:
        self.plans.append(plan)
        return True


ROUTER = """hostname r1
interface GigabitEthernet1
 ip address 192.0.2.2 255.255.255.0
ip route 0.0.0.0 0.0.0.0 192.0.2.1
"""


def stage(profile: str = "standard") -> Stage:
    made = network(
        0, r1=FakeDevice(ROUTER, data={"management_address": "192.0.2.2", "controller_address": "198.51.100.9"})
    )
    made.profile = profile
    made.gates = built_in_gates(load_profiles())
    return made


def test_a_run_that_would_lock_itself_out_is_denied_before_anything_is_sent() -> None:
    here = stage().step("configure", "fake.configure", lines=["no ip route 0.0.0.0 0.0.0.0 192.0.2.1"])
    record = here.run()
    assert record.state is RunState.DENIED
    assert "the way back to the controller 198.51.100.9 is gone" in record.error
    assert here.devices["r1"].received == []


def test_two_steps_that_lock_out_together_are_denied() -> None:
    here = stage()
    here.step("list", "fake.configure", lines=["ip access-list extended IN", "permit udp any any"])
    here.step("bind", "fake.configure", "list", lines=["interface GigabitEthernet1", "ip access-group IN in"])
    record = here.run()
    assert record.state is RunState.DENIED
    assert "step 'bind'" in record.error


def test_under_elevated_it_waits_for_somebody() -> None:
    here = stage("elevated").step("configure", "fake.configure", lines=["interface GigabitEthernet1", "shutdown"])
    here.approve = answer = Asked()
    assert here.run().state is RunState.SUCCEEDED
    (plan,) = answer.plans
    assert plan.hosts[0].risks[0].line == "interface GigabitEthernet1 / shutdown"


def test_lines_that_are_only_known_while_applying_are_refused_where_nobody_can_be_asked() -> None:
    here = stage("elevated")
    here.step("first", "fake.configure", lines=["ntp server 192.0.2.9"])
    here.step("check", "fake.check", Edge("first"), condition="true")
    here.step(
        "late",
        "fake.configure",
        Edge("check"),
        lines=["interface GigabitEthernet1", "{{ 'shutdown' if steps.check.ok else 'no shutdown' }}"],
    )
    record = here.run()
    assert record.state is RunState.FAILED
    assert "locks the controller out" in (record.hosts[0].error or record.error)
    assert "shutdown" not in here.devices["r1"].config


def test_what_nobody_can_tell_of_such_lines_is_said_and_goes_on() -> None:
    here = stage()
    here.step("first", "fake.configure", lines=["ntp server 192.0.2.9"])
    here.step("check", "fake.check", Edge("first"), condition="true")
    late = ["interface GigabitEthernet1", "{{ 'mtu 1400' if steps.check.ok else 'mtu 1500' }}"]
    assert here.step("late", "fake.configure", Edge("check"), lines=late).run().state is RunState.SUCCEEDED
    (told,) = here.observer.of(EventKind.GATE_DECIDED)
    assert "may lock the controller out" in told.message
    assert told.data["gate"] == "lockout"


def test_a_change_that_has_no_lines_cannot_be_looked_at_and_waits() -> None:
    here = stage()
    here.approve = answer = Asked()
    assert here.step("api", "fake.api").run().state is RunState.SUCCEEDED
    (risk,) = answer.plans[0].hosts[0].risks
    assert "otherwise than by lines" in risk.why
    assert not risk.certain
