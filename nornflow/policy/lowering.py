"""Profiles only go down: a step's profile is taken together with the run's, and what would rise is refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from nornflow.errors import PolicyDenied
from nornflow.model.permission import PERMISSIONS, LineRule
from nornflow.model.plan import Method
from nornflow.model.profile import Profile, Strictness
from nornflow.model.step import Step
from nornflow.model.workflow import Workflow
from nornflow.policy.profiles import profile_named
from nornflow.policy.quorum import fewer_approvals, stricter_quorum

_LIMITS = (
    "max_concurrent_workflows",
    "max_workflow_duration",
    "max_step_duration",
    "max_memory_mb",
    "max_file_size_mb",
)
LOCKOUT = ("deny", "hold", "allow")
"""What a profile may say to a plan that would lock the controller out, the strictest first."""
_LOOSE_TO_STRICT = tuple(Strictness)  # declared from permissive to paranoid


def raised(base: Profile, other: Profile) -> tuple[str, ...]:
    """Name everything that `other` allows and `base` does not; empty when a step may lower `base` to `other`.

    Limits are not named: the smaller one counts anyway. Programs, domains and device flags count only where the
    permission that uses them is given.
    """
    found = [f"permission {name}" for name in PERMISSIONS if other.allows(name) and not base.allows(name)]
    if other.allows("shell.execute"):
        found += _beyond("program", base.commands, other.commands)
    if other.allows("http.request"):
        found += _beyond("domain", base.domains, other.domains)
    if other.allows("device.configure"):
        if LOCKOUT.index(other.lockout) > LOCKOUT.index(base.lockout):
            found.append(f"lockout: {other.lockout}")
        for flag in ("sealed_only", "canary"):
            if getattr(base, flag) and not getattr(other, flag):
                found.append(f"{flag}: false")
        found += fewer_approvals(base.approvals, other.approvals)
        if base.rollback and _least(base, other) != other.rollback:
            found.append(f"rollback: {other.rollback or 'not asked for'}")
        if base.rollback and base.unproven == "deny" and other.unproven != "deny":
            found.append(f"unproven: {other.unproven}")
    if other.allow_destructive and not base.allow_destructive:
        found.append("allow_destructive: true")
    if other.tasks == "any" and base.tasks != "any":
        found.append("tasks: any")
    if base.read_rules and other.read_rules:
        known = {rule.pattern for rule in base.read_rules}
        found += [f"read rule {rule.pattern}" for rule in other.read_rules if rule.pattern not in known]
    return tuple(found)


def lower(base: Profile, other: Profile) -> Profile:
    """Return the run's profile lowered by a step's: what both allow, the smaller limits, the rules of both.

    Raises PolicyDenied when the step's profile would raise anything.
    """
    if base.name == other.name:
        return base
    if gains := raised(base, other):
        raise PolicyDenied(
            f"profile {other.name!r} would raise {base.name!r}: {', '.join(gains[:4])}{' …' if len(gains) > 4 else ''}",
            hint=f"a step's profile may only lower the run's; run the workflow under {other.name!r}"
            " or take the step's `profile:` away",
        )
    stricter = max(base.strictness, other.strictness, key=_LOOSE_TO_STRICT.index)
    return replace(
        other,
        allow=frozenset(name for name in PERMISSIONS if base.allows(name) and other.allows(name)),
        deny=base.deny | other.deny,
        strictness=stricter,
        commands=_both(base.commands, other.commands),
        domains=_both(base.domains, other.domains),
        read_rules=other.read_rules or base.read_rules,
        deny_rules=_union(other.deny_rules, base.deny_rules),
        sealed_only=base.sealed_only or other.sealed_only,
        canary=base.canary or other.canary,
        approvals=stricter_quorum(base.approvals, other.approvals),
        allow_destructive=base.allow_destructive and other.allow_destructive,
        lockout=min(base.lockout, other.lockout, key=LOCKOUT.index),
        tasks=other.tasks if base.tasks == "any" else base.tasks,
        rollback=_least(base, other),
        unproven=base.unproven if other.rollback is None else other.unproven,
        **{limit: min(getattr(base, limit), getattr(other, limit)) for limit in _LIMITS},
    )


def of_step(base: Profile, step: Step, profiles: Mapping[str, Profile]) -> Profile:
    """Return a run's profile as a step has it: lowered by those who call the step, then by its own; PolicyDenied if raised."""
    for name in step.lowered_to:
        base = lower(base, profile_named(profiles, name))
    return base


def with_steps(profile: Profile, workflow: Workflow, profiles: Mapping[str, Profile]) -> Profile:
    """Return a run's profile with the approvals that the profiles of its steps ask for too: a plan is approved as a whole."""
    asked = profile.approvals
    for step in workflow.every_step:
        if step.lowered_to and step.configures:
            asked = stricter_quorum(asked, of_step(profile, step, profiles).approvals)
    return replace(profile, approvals=asked)


def _least(base: Profile, other: Profile) -> Method | None:
    """Return the stricter of what two profiles demand of ways back."""
    if base.rollback is None or other.rollback is None:
        return other.rollback or base.rollback
    return other.rollback if other.rollback.suffices(base.rollback) else base.rollback


def _beyond(kind: str, base: tuple[str, ...] | None, other: tuple[str, ...] | None) -> list[str]:
    if base is None:
        return []
    if other is None:
        return [f"any {kind}"]
    return [f"{kind} {name}" for name in other if name not in base]


def _both(base: tuple[str, ...] | None, other: tuple[str, ...] | None) -> tuple[str, ...] | None:
    if base is None or other is None:
        return base if other is None else other
    return tuple(name for name in other if name in base)


def _union(first: Sequence[LineRule], second: Sequence[LineRule]) -> tuple[LineRule, ...]:
    return tuple(dict.fromkeys((*first, *second)))
