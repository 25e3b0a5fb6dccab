"""Profiles: what the built-in ones hold, how a site adds its own, and that they only go down."""

from itertools import pairwise
from typing import Any

import pytest

from nornflow.errors import ConfigurationError, PolicyDenied, UsageError
from nornflow.model.profile import Strictness
from nornflow.policy.lowering import lower, raised
from nornflow.policy.profiles import BUILT_IN, load_profiles, profile_named

TABLE = {  # capabilities.md A3: concurrent, workflow s, step s, memory MiB, file MiB, strictness
    "plan_only": (5, 1800, 300, 512, 10, "paranoid"),
    "restricted": (10, 3600, 900, 1024, 50, "strict"),
    "standard": (25, 7200, 1800, 2048, 100, "standard"),
    "elevated": (50, 14400, 3600, 4096, 500, "permissive"),
}


@pytest.mark.parametrize("name", BUILT_IN)
def test_built_in_profiles_hold_the_values_of_the_table(name: str) -> None:
    profile = load_profiles()[name]
    assert (
        profile.max_concurrent_workflows,
        profile.max_workflow_duration,
        profile.max_step_duration,
        profile.max_memory_mb,
        profile.max_file_size_mb,
        profile.strictness.value,
    ) == TABLE[name]
    assert profile.description
    assert profile.where.endswith(f"profiles.{name}")


def test_plan_only_writes_nothing_anywhere() -> None:
    profile = load_profiles()["plan_only"]
    for permission in ("workflow.execute", "device.configure", "device.command", "shell.execute", "shell.script"):
        assert not profile.allows(permission)
    assert not profile.allows("file.write")
    assert not profile.allows("http.request")
    assert profile.allows("device.read")


def test_each_built_in_profile_can_be_lowered_to_the_one_below_and_never_raised() -> None:
    profiles = load_profiles()
    ladder = [profiles[name] for name in BUILT_IN]
    for low, high in pairwise(ladder):
        assert raised(high, low) == ()
        with pytest.raises(PolicyDenied, match="would raise"):
            lower(low, high)


def test_lowering_takes_the_smaller_of_everything() -> None:
    profiles = load_profiles({"short": {"extends": "standard", "limits": {"max_step_duration": 60}}})
    lowered = lower(profiles["short"], profiles["restricted"])
    assert lowered.name == "restricted"
    assert lowered.max_step_duration == 60
    assert lowered.max_memory_mb == 1024
    assert lowered.strictness is Strictness.STRICT
    assert lowered.domains == ()
    assert not lowered.allows("http.request")
    assert lowered.sealed_only
    assert set(profiles["short"].deny_rules) <= set(lowered.deny_rules)


@pytest.mark.parametrize(
    ("document", "gain"),
    [
        ({"allow": ["shell.script"]}, "permission shell.script"),
        ({"add_commands": ["terraform"]}, "program terraform"),
        ({"commands": "any"}, "any program"),
        ({"add_domains": ["example.com"]}, "domain example.com"),
        ({"allow_destructive": True}, "allow_destructive: true"),
        ({"tasks": "any"}, "tasks: any"),
    ],
)
def test_a_profile_that_adds_one_thing_to_its_parent_is_refused_as_a_step_profile(
    document: dict[str, Any], gain: str
) -> None:
    profiles = load_profiles({"mine": {"extends": "standard", **document}})
    with pytest.raises(PolicyDenied, match="would raise") as denied:
        lower(profiles["standard"], profiles["mine"])
    assert gain in denied.value.message


def test_a_step_cannot_widen_what_may_be_read() -> None:
    profiles = load_profiles({"clear": {"extends": "restricted", "read": ["^clear\\b"]}})
    with pytest.raises(PolicyDenied, match="read rule"):
        lower(profiles["restricted"], profiles["clear"])
    assert lower(profiles["restricted"], profiles["plan_only"]).read_rules == profiles["restricted"].read_rules


def test_a_custom_profile_extends_and_changes_its_parent() -> None:
    profile = load_profiles(
        {
            "core": {
                "extends": "standard",
                "description": "core routers",
                "allow": ["shell.script"],
                "deny": ["http.*"],
                "limits": {"max_memory_mb": 1024},
                "max_file_size_mb": 5,
                "strictness": "strict",
                "commands": ["git"],
                "add_commands": ["terraform"],
                "rules": [{"pattern": "^router bgp", "reason": "BGP is not for automation here"}, "^vlan 1$"],
            }
        },
        where="nornflow.yaml",
    )["core"]
    assert profile.extends == "standard"
    assert profile.allows("shell.script")
    assert profile.allows("shell.execute")
    assert not profile.allows("http.request")
    assert (profile.max_memory_mb, profile.max_file_size_mb, profile.max_step_duration) == (1024, 5, 1800)
    assert profile.commands == ("git", "terraform")
    assert profile.deny_rules[0].reason == "BGP is not for automation here"
    assert profile.deny_rules[0].where == "nornflow.yaml: profiles.core.rules[0]"
    assert len(profile.deny_rules) == 2 + len(load_profiles()["standard"].deny_rules)


def test_a_profile_that_extends_nothing_starts_from_the_strictest() -> None:
    profile = load_profiles({"tiny": {"description": "reads only"}})["tiny"]
    assert profile.extends == "plan_only"
    assert profile.allow == load_profiles()["plan_only"].allow


def test_allow_destructive_takes_only_the_destructive_rules_away() -> None:
    profiles = load_profiles({"lab": {"extends": "standard", "allow_destructive": True}})
    reasons = {rule.where.split(": ")[1].split("[")[0] for rule in profiles["lab"].deny_rules}
    assert reasons == {"groups.indirect", "groups.lockout"}


def test_every_mistake_of_every_profile_is_told_at_once_with_its_place() -> None:
    with pytest.raises(ConfigurationError) as refused:
        load_profiles(
            {
                "a": {"extends": "standrd", "alow": [], "limits": {"max_memory": 1, "max_step_duration": 0}},
                "b": {"extends": "c", "allow": ["shell.exec"]},
                "c": {"extends": "b", "rules": ["(?=look)", {"pattern": "x", "on": "both"}, {"reason": "no pattern"}]},
                "standard": {},
                "d": ["not", "a", "mapping"],
                "e": {"sealed_only": "yes", "strictness": "strikt", "commands": "git", "max_memory_mb": True},
                "f": {"rules": ["x" * 1001]},
            },
            where="site.yaml",
        )
    message = refused.value.message
    for expected in (
        "site.yaml: profiles.a.extends: there is no profile 'standrd' (did you mean 'standard'?)",
        "site.yaml: profiles.a.alow: unknown key (did you mean 'allow'?)",
        "site.yaml: profiles.a.limits.max_memory: unknown limit (did you mean 'max_memory_mb'?)",
        "site.yaml: profiles.a.limits.max_step_duration: must be a whole number from 1",
        "goes round in a circle: b > c > b",
        "site.yaml: profiles.b.allow[0]: unknown permission 'shell.exec' (did you mean 'shell.execute'?)",
        "site.yaml: profiles.c.rules[0]: '(?=look)' is not a regular expression that RE2 knows",
        "site.yaml: profiles.c.rules[1].on: must be exec or config",
        "site.yaml: profiles.c.rules[2]: must be a pattern",
        "site.yaml: profiles.standard: a built-in profile cannot be replaced",
        "site.yaml: profiles.d: must be a mapping, not list",
        "site.yaml: profiles.e.sealed_only: must be true or false",
        "site.yaml: profiles.e.strictness: must be one of permissive, standard, strict, paranoid",
        "site.yaml: profiles.e.commands: must be a list of names",
        "site.yaml: profiles.e.max_memory_mb: must be a whole number",
        "site.yaml: profiles.f.rules[0]: the pattern has 1001 characters",
    ):
        assert expected in message


def test_an_unknown_profile_is_an_error_and_never_another_one() -> None:
    with pytest.raises(UsageError, match=r"there is no profile 'standart' \(did you mean 'standard'\?\)"):
        profile_named(load_profiles(), "standart")
