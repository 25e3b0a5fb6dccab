"""Permissions and grants: who says no, and what is left for one step on one device."""

from dataclasses import replace

import pytest

from nornflow.errors import PolicyDenied
from nornflow.model.permission import PERMISSIONS, Mode
from nornflow.model.plan import PlannedStep
from nornflow.model.step import Scope, Step
from nornflow.policy.grants import grant_for
from nornflow.policy.permissions import effective
from nornflow.policy.profiles import load_profiles

PROFILES = load_profiles({"quiet": {"extends": "standard", "deny": ["http.*"]}}, where="site.yaml")
CONFIGURE = Step("configure", "netmiko.config", Scope.DEVICE, frozenset({"device.read", "device.configure"}))
SHOW = Step("before", "netmiko.show", Scope.DEVICE, frozenset({"device.read"}))


def test_what_is_allowed_is_the_intersection_of_profile_workflow_and_user() -> None:
    allowance = effective(PROFILES["standard"], {"device.*", "shell.execute"}, {"device.read", "shell.*", "file.write"})
    assert allowance.names == {"device.read", "shell.execute"}


@pytest.mark.parametrize(
    ("permission", "rule", "where"),
    [
        ("http.request", "profile quiet: deny has http.request", "site.yaml: profiles.quiet.deny"),
        ("shell.script", "profile quiet: allow has no shell.script", "site.yaml: profiles.quiet.allow"),
        ("file.write", "the workflow's permissions leave out file.write", "change.yaml: permissions"),
        ("shell.execute", "the user has no shell.execute", "the user's roles"),
        ("shell.exec", "unknown permission", ""),
    ],
)
def test_a_refusal_names_the_rule_its_place_and_the_way_out(permission: str, rule: str, where: str) -> None:
    allowance = effective(
        PROFILES["quiet"], {"shell.execute", "http.request"}, {"file.write"}, workflow_where="change.yaml: permissions"
    )
    ruling = allowance.judge(permission)
    assert (ruling.allowed, ruling.rule, ruling.where) == (False, rule, where)
    assert ruling.hint


def test_without_workflow_permissions_and_user_the_profile_decides_alone() -> None:
    profile = PROFILES["elevated"]
    assert effective(profile).names == {name for name in PERMISSIONS if profile.allows(name)}


def test_a_step_gets_no_more_on_a_device_than_the_workflow_gives() -> None:
    nothing_said = replace(SHOW, permissions=frozenset())
    assert grant_for(PROFILES["standard"], nothing_said, "ams-1", Mode.APPLY).permissions == {"device.read"}
    for mode in Mode:
        grant = grant_for(PROFILES["standard"], nothing_said, "ams-1", mode, permissions={"workflow.execute"})
        assert grant.permissions == frozenset()
    with pytest.raises(PolicyDenied, match=r"needs device\.configure"):
        grant_for(PROFILES["standard"], CONFIGURE, "ams-1", Mode.APPLY, permissions={"device.read"})


def test_a_reading_step_gets_no_more_than_reading_even_under_elevated() -> None:
    grant = grant_for(PROFILES["elevated"], SHOW, "ams-1", Mode.APPLY)
    assert grant.permissions == {"device.read"}
    assert grant.sealed is None


def test_a_change_is_bound_to_its_planned_lines() -> None:
    planned = PlannedStep("configure", "ams-1", lines=("ntp server 10.0.0.1",))
    grant = grant_for(PROFILES["standard"], CONFIGURE, "ams-1", Mode.APPLY, planned)
    assert grant.sealed == ("ntp server 10.0.0.1",)
    assert grant.permissions == {"device.read", "device.configure"}
    assert grant.deny == PROFILES["standard"].deny_rules


def test_restricted_changes_nothing_without_a_plan() -> None:
    with pytest.raises(PolicyDenied, match="has no plan for ams-1"):
        grant_for(PROFILES["restricted"], CONFIGURE, "ams-1", Mode.APPLY)
    assert grant_for(PROFILES["standard"], CONFIGURE, "ams-1", Mode.APPLY).sealed is None


def test_plan_only_captures_lines_and_never_applies_them() -> None:
    plan = grant_for(PROFILES["plan_only"], CONFIGURE, "ams-1", Mode.PLAN)
    assert plan.permissions == {"device.read", "device.configure"}
    assert {rule.on for rule in plan.deny} == {"exec"}
    with pytest.raises(PolicyDenied, match=r"needs device\.configure"):
        grant_for(PROFILES["plan_only"], CONFIGURE, "ams-1", Mode.APPLY, PlannedStep("configure", "ams-1"))


def test_raw_access_is_never_captured() -> None:
    raw = replace(CONFIGURE, permissions=frozenset({"device.raw"}))
    assert grant_for(PROFILES["elevated"], raw, "ams-1", Mode.PLAN).permissions == {"device.read"}
    with pytest.raises(PolicyDenied, match=r"device\.raw"):
        grant_for(PROFILES["elevated"], raw, "ams-1", Mode.APPLY)
