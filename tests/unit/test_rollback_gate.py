"""A profile may demand that ways back are rehearsed and worth something; what is worth less is denied, or held."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from nornflow.errors import ConfigurationError, PolicyDenied
from nornflow.model.decision import Decision, GateRequest, Verdict
from nornflow.model.plan import HostPlan, Method, Plan, PlannedStep, Rehearsal
from nornflow.model.step import Scope, Step
from nornflow.model.workflow import Workflow
from nornflow.policy.evaluate import evaluate_gates
from nornflow.policy.gates import built_in_gates
from nornflow.policy.lowering import lower, raised
from nornflow.policy.profiles import load_profiles

PROFILES = load_profiles(
    {
        "careful": {"extends": "standard", "rollback": "proven"},
        "native": {"extends": "standard", "rollback": "native"},
        "some": {"extends": "standard", "rollback": "model"},
        "asking": {"extends": "careful", "unproven": "hold"},
        "no-prefixes": {"extends": "some", "rules": ["^no ip prefix-list"]},
    }
)
CONFIGURE = Step("configure", "netmiko.config", Scope.DEVICE, frozenset({"device.configure"}))


def judged(profile: str, *tried: Rehearsal | None, step: Step = CONFIGURE, **host: Any) -> list[Decision]:
    planned = PlannedStep("configure", "r1", lines=("ntp server 10.0.0.1",), diff="+ntp server 10.0.0.1")
    hosts = tuple(
        HostPlan(f"r{n}", "cisco_ios", **{"steps": (planned,), "rollback": each, **host})
        for n, each in enumerate(tried, 1)
    )
    plan = Plan("ntp", "1.0", profile, {}, hosts=hosts)
    names = tuple(each.host for each in hosts)
    asked = GateRequest("ada", profile, Workflow("ntp", "1.0", (step,), file="ntp.yaml"), {}, names, plan)
    return [decision for decision in evaluate_gates(built_in_gates(PROFILES), asked) if decision.gate == "rollback"]


@pytest.mark.parametrize(
    ("profile", "enough"),
    [
        ("standard", {Method.NATIVE, Method.PROVEN, Method.MODEL, Method.IMPOSSIBLE}),
        ("some", {Method.NATIVE, Method.PROVEN, Method.MODEL}),
        ("careful", {Method.NATIVE, Method.PROVEN}),
        ("native", {Method.NATIVE, Method.PROVEN}),
    ],
)
def test_what_is_worth_less_than_the_profile_demands_is_denied(profile: str, enough: set[Method]) -> None:
    passed = {method for method in Method if not judged(profile, Rehearsal(method, evidence="so it went"))}
    assert passed == enough


def test_each_device_is_named_with_its_evidence_and_the_rule() -> None:
    good, bad = Rehearsal(Method.PROVEN), Rehearsal(Method.MODEL, evidence="predicted on the text; it needs root")
    (decision,) = judged("careful", good, bad)
    assert (decision.verdict, decision.host, decision.rule) == (Verdict.DENY, "r2", "rollback: proven")
    assert "predicted on the text; it needs root" in decision.reason
    assert decision.where.endswith("profiles.careful.rollback")


def test_a_profile_may_hold_what_is_unproven_until_somebody_approves_it() -> None:
    assert [each.verdict for each in judged("asking", Rehearsal(Method.MODEL))] == [Verdict.HOLD]


def test_a_plan_whose_way_back_was_never_rehearsed_does_not_slip_through() -> None:
    (decision,) = judged("some", None)
    assert "it was not rehearsed" in decision.reason


def test_a_way_back_that_the_profile_itself_would_refuse_is_none() -> None:
    refused = Rehearsal(Method.MODEL, ("no ip prefix-list PL",))
    assert judged("some", refused) == []
    (decision,) = judged("no-prefixes", refused)
    assert "has the line 'no ip prefix-list PL', which the profile refuses" in decision.reason


def test_devices_without_a_change_or_without_a_plan_are_not_asked_about() -> None:
    assert judged("careful", None, steps=()) == []
    assert judged("careful", None, error="it could not be reached") == []


def test_a_step_that_lowers_to_a_demanding_profile_is_judged_by_it() -> None:
    step = replace(CONFIGURE, profile="careful")
    assert [each.verdict for each in judged("standard", Rehearsal(Method.MODEL), step=step)] == [Verdict.DENY]


def test_a_demand_is_never_lowered_away() -> None:
    for weaker in ("standard", "some", "asking"):
        assert raised(PROFILES["careful"], PROFILES[weaker]), weaker
        with pytest.raises(PolicyDenied, match=r"rollback|unproven"):
            lower(PROFILES["careful"], PROFILES[weaker])
    assert lower(PROFILES["some"], PROFILES["careful"]).rollback is Method.PROVEN
    assert lower(PROFILES["asking"], PROFILES["careful"]).unproven == "deny"


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"rollback": "prooven"}, "did you mean 'proven'"),
        ({"rollback": "impossible"}, "must be one of native, proven, model"),
        ({"rollback": True}, "must be one of"),
        ({"unproven": "allow"}, "must be one of deny, hold"),
    ],
)
def test_mistakes_are_told_with_their_place(document: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        load_profiles({"mine": document})
