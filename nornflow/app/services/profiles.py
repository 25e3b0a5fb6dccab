"""Lists profiles and tells what one of them allows, refuses and limits."""

from __future__ import annotations

from typing import Any

from nornflow.app.build import Project
from nornflow.model.permission import PERMISSIONS, LineRule
from nornflow.model.profile import Profile
from nornflow.policy.profiles import profile_named
from nornflow.policy.rules import readable


def list_profiles(project: Project) -> list[dict[str, Any]]:
    """Return every profile with its description, its parent and where it stands; `default` marks the project's."""
    return [
        {
            "name": profile.name,
            "description": profile.description,
            "extends": profile.extends,
            "where": profile.where,
            "default": profile.name == project.settings.profile,
        }
        for profile in project.profiles.values()
    ]


def describe_profile(project: Project, name: str) -> dict[str, Any]:
    """Return everything about a profile, its parents merged in; UsageError when there is none of the name."""
    profile = profile_named(project.profiles, name)
    return {
        "name": profile.name,
        "description": profile.description,
        "extends": profile.extends,
        "where": profile.where,
        "permissions": {permission: profile.allows(permission) for permission in PERMISSIONS},
        "limits": _limits(profile),
        "commands": _names(profile.commands),
        "domains": _names(profile.domains),
        "tasks": profile.tasks,
        "lockout": profile.lockout,
        "rollback": profile.rollback,
        "unproven": profile.unproven,
        "sealed_only": profile.sealed_only,
        "canary": profile.canary,
        "approvals": {
            "count": profile.approvals.count,
            "from": list(profile.approvals.approvers),
            "valid_for": profile.approvals.valid_for,
        },
        "allow_destructive": profile.allow_destructive,
        "read": [_rule(rule) for rule in profile.read_rules],
        "rules": [_rule(rule) for rule in profile.deny_rules],
    }


def _limits(profile: Profile) -> dict[str, Any]:
    return {
        "max_concurrent_workflows": profile.max_concurrent_workflows,
        "max_workflow_duration": profile.max_workflow_duration,
        "max_step_duration": profile.max_step_duration,
        "max_memory_mb": profile.max_memory_mb,
        "max_file_size_mb": profile.max_file_size_mb,
        "strictness": profile.strictness.value,
        "max_string": profile.strictness.max_string,
    }


def _names(names: tuple[str, ...] | None) -> list[str] | str:
    return "any" if names is None else list(names)


def _rule(rule: LineRule) -> dict[str, str]:
    shown = readable(rule.pattern)
    return {"on": rule.on, "shown": shown, "pattern": rule.pattern, "reason": rule.reason, "where": rule.where}
