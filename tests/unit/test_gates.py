"""The built-in gates, asked one by one and together."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from nornflow.abc import Gate
from nornflow.engine.rollouts.batches import Batching
from nornflow.errors import ApprovalRequired, PolicyDenied
from nornflow.model.decision import Decision, GateRequest, Verdict, strictest
from nornflow.model.device import HostView
from nornflow.model.permission import LineRule, Mode
from nornflow.model.plan import Batch, HostPlan, Plan, PlannedStep
from nornflow.model.rollout import Amount, Matching, Rollout
from nornflow.model.step import Scope, Step
from nornflow.model.workflow import Workflow
from nornflow.policy.evaluate import enforce, evaluate_gates
from nornflow.policy.gates import built_in_gates
from nornflow.policy.profiles import load_profiles

PROFILES = load_profiles({"short": {"extends": "standard", "limits": {"max_workflow_duration": 600}}})
CONFIGURE = Step("configure", "netmiko.config", Scope.DEVICE, frozenset({"device.configure"}))
HOSTS = {name: HostView(name, data={"site": name[:3]}) for name in ("ams-1", "ams-2")}
ONE_FIRST = Rollout(batches=(Amount(1), Amount(100, percent=True)))


def request(profile: str, *steps: Step, lines: Sequence[str] = ("ntp server 10.0.0.1",), **changes: Any) -> GateRequest:
    workflow = Workflow("ntp", "1.0", steps or (CONFIGURE,), file="ntp.yaml", **changes)
    planned = PlannedStep("configure", "ams-1", lines=tuple(lines), diff="+ntp server 10.0.0.1")
    plan = Plan("ntp", "1.0", profile, {}, hosts=(HostPlan("ams-1", "cisco_ios", (planned,)),))
    return GateRequest("ada", profile, workflow, {}, tuple(HOSTS), plan, batches=in_batches(workflow.rollout))


def in_batches(rollout: Rollout) -> tuple[Batch, ...]:
    return Batching(rollout, tuple(HOSTS), HOSTS, {}).cut(tuple(HOSTS))


def decide(asked: GateRequest, **options: Any) -> tuple[Decision, ...]:
    return evaluate_gates(built_in_gates(PROFILES, **options), asked)


def test_an_ordinary_change_passes_under_standard() -> None:
    assert decide(request("standard")) == ()


def test_a_missing_permission_is_denied_before_anything_with_step_rule_place_and_hint() -> None:
    script = Step("report", "script", Scope.RUN, frozenset({"shell.script"}))
    (decision,) = decide(request("standard", CONFIGURE, script))
    assert decision.verdict is Verdict.DENY
    assert (decision.gate, decision.step) == ("permissions", "report")
    assert "shell.script" in decision.reason
    assert "standard" in decision.reason
    assert decision.where.endswith("profiles.standard.allow")
    assert "extends" in decision.hint


def test_the_workflows_own_permissions_count() -> None:
    (decision,) = decide(request("standard", permissions=frozenset({"device.read"})))
    assert decision.where == "ntp.yaml: permissions"


def test_the_users_permissions_count() -> None:
    decisions = decide(
        request("standard"), user_permissions=lambda user: {"device.configure"} if user == "ada" else None
    )
    assert [decision.rule for decision in decisions] == ["the user has no workflow.execute"]


def test_a_step_profile_that_would_raise_is_denied() -> None:
    decisions = decide(request("restricted", replace(CONFIGURE, profile="elevated"), rollout=ONE_FIRST))
    assert any("would raise" in decision.reason and decision.step == "configure" for decision in decisions)


def test_plan_only_may_plan_a_change_and_not_run_it() -> None:
    assert decide(request("plan_only"), mode=Mode.PLAN) == ()
    assert strictest(decide(request("plan_only", rollout=ONE_FIRST))) is Verdict.DENY


def test_a_denied_line_names_host_step_line_and_rule() -> None:
    (decision,) = decide(request("standard", lines=("interface Management1", " shutdown")))
    assert (decision.host, decision.step, decision.gate) == ("ams-1", "configure", "lines")
    assert "interface Management1 / shutdown" in decision.reason
    assert "groups.lockout" in decision.where


def test_a_planned_exec_command_is_judged_as_one() -> None:
    (decision,) = decide(request("elevated", lines=("exec:reload in 5",)))
    assert "restarts the device" in decision.reason


def test_the_application_can_bring_a_judge_that_knows_more_of_a_platform() -> None:
    asked = request("standard", lines=("interface Management1", "shutdown"))
    assert decide(asked) == ()

    def judge(platform: str, lines: Sequence[str], rules: Sequence[LineRule]) -> list[tuple[str, LineRule]]:
        assert platform == "cisco_ios"
        return [(f"{lines[0]} / {lines[1]}", rules[0])]

    (decision,) = decide(asked, refusals=judge)
    assert "interface Management1 / shutdown" in decision.reason


def test_restricted_starts_with_one_device_and_waits_for_approval() -> None:
    decisions = decide(request("restricted"))
    assert [(d.gate, d.verdict) for d in decisions] == [("canary", Verdict.DENY), ("approval", Verdict.HOLD)]
    decisions = decide(request("restricted", rollout=ONE_FIRST))
    assert [(d.gate, d.verdict) for d in decisions] == [("approval", Verdict.HOLD)]
    with pytest.raises(ApprovalRequired, match="sealed plan with 1 approval"):
        enforce(decisions)
    enforce(decisions, approved=True)


@pytest.mark.parametrize(
    ("batches", "allowed"),
    [
        ((Matching("name == 'ams-1'"), Amount(100, percent=True)), True),
        ((Matching("site == 'ams'"), Amount(1)), False),
        ((Matching("site == 'lab'"), Amount(1)), True),
        ((Matching("site == 'lab'"), Amount(100, percent=True)), False),  # nobody is in the lab: all would be first
        ((Matching("site == 'lab'"),), False),
        ((Amount(99, percent=True),), True),
    ],
)
def test_the_first_device_is_looked_for_in_the_first_batch_that_has_any(
    batches: tuple[Amount | Matching, ...], allowed: bool
) -> None:
    denied = [decision.gate for decision in decide(request("restricted", rollout=Rollout(batches=batches)))]
    assert ("canary" not in denied) is allowed


def test_a_step_that_lowers_to_restricted_is_treated_as_restricted_says() -> None:
    asked = request("standard")
    lowered = tuple(replace(step, profile="restricted") for step in asked.workflow.steps)
    asked = replace(asked, workflow=replace(asked.workflow, steps=lowered))
    assert {(d.gate, d.verdict) for d in decide(asked)} >= {("canary", Verdict.DENY), ("approval", Verdict.HOLD)}


def test_a_line_is_refused_by_the_profile_of_its_step() -> None:
    asked = request("standard", lines=("hostname elsewhere",))
    assert decide(asked) == ()
    lowered = tuple(replace(step, profile="restricted") for step in asked.workflow.steps)
    asked = replace(asked, workflow=replace(asked.workflow, steps=lowered))
    (decision,) = [decision for decision in decide(asked) if decision.gate == "lines"]
    assert "profile 'restricted' refuses" in decision.reason


def test_the_profile_in_force_counts_and_not_what_its_name_alone_says() -> None:
    rule = LineRule("^ntp server 192", reason="the site says no", where="site.yaml:4")
    asked = request("standard", lines=("ntp server 192.0.2.66",))
    assert decide(asked) == ()
    standard = load_profiles()["standard"]
    in_force = replace(standard, deny_rules=(*standard.deny_rules, rule))
    (decision,) = decide(replace(asked, in_force=in_force))
    assert decision.where == "site.yaml:4"


def test_restricted_does_not_hold_a_plan_without_changes() -> None:
    asked = request("restricted", rollout=ONE_FIRST)
    assert decide(replace(asked, plan=Plan("ntp", "1.0", "restricted", {}))) == ()


def test_timeouts_above_the_profile_are_denied_and_the_default_is_not() -> None:
    assert decide(request("short")) == ()
    (decision,) = decide(request("short", timeout=3601.0))
    assert "max_workflow_duration" in decision.where
    (decision,) = decide(request("standard", replace(CONFIGURE, timeout=1801.0)))
    assert (decision.gate, decision.step) == ("limits", "configure")
    assert "1800" in decision.hint


class Broken(Gate):
    name = "broken"

    def check(self, request: GateRequest) -> Sequence[Decision]:
        raise ZeroDivisionError("no luck")


class Wrong(Gate):
    name = "wrong"

    def check(self, request: GateRequest) -> Sequence[Decision]:
        return ["allow"]  # type: ignore[list-item]


class Freeze(Gate):
    name = "freeze"

    def check(self, request: GateRequest) -> Sequence[Decision]:
        return [Decision(Verdict.HOLD, "change freeze", hint="wait until Monday"), Decision(Verdict.ALLOW, "fine")]


def test_a_gate_that_raises_or_answers_nonsense_denies_and_the_others_are_still_asked() -> None:
    decisions = evaluate_gates([Broken(), Freeze(), Wrong()], request("standard"))
    assert [(d.gate, d.verdict) for d in decisions] == [
        ("broken", Verdict.DENY),
        ("freeze", Verdict.HOLD),
        ("freeze", Verdict.ALLOW),
        ("wrong", Verdict.DENY),
    ]
    assert "ZeroDivisionError: no luck" in decisions[0].reason
    with pytest.raises(PolicyDenied, match="broken"):
        enforce(decisions, approved=True)
