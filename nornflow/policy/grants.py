"""Makes of profile, step and plan the grant that the guard turns into a lease on one device."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from nornflow.errors import PolicyDenied
from nornflow.model.permission import PERMISSIONS, Grant, Mode
from nornflow.model.plan import PlannedStep
from nornflow.model.profile import Profile
from nornflow.model.step import Step

_WRITES = frozenset({"device.configure", "device.command", "device.raw"})
_CAPTURED = frozenset({"device.configure", "device.command"})


def grant_for(
    profile: Profile,
    step: Step,
    host: str,
    mode: Mode,
    planned: PlannedStep | None = None,
    *,
    permissions: Collection[str] | None = None,
    folders: tuple[Path, ...] | None = None,
) -> Grant:
    """Return what a step may do on a device.

    A step that needs no more than `device.read` gets no more. In plan mode `device.configure` and `device.command` mean
    that lines are captured, so they are given whatever the profile says, and configuration rules are left to the gate
    that judges the whole plan; rules over exec commands hold, for reads do reach the device. In apply mode a step that
    changes the device is bound to its planned lines when there is a plan. Raises PolicyDenied when the profile takes only
    planned lines and there are none, or does not allow what the step needs.

    `permissions` are those that profile, workflow and user all give, when they are fewer than the profile's; `folders` those
    that a task may have read.
    """
    given = frozenset(
        name for name in PERMISSIONS if profile.allows(name) and (permissions is None or name in permissions)
    )
    wanted = frozenset(name for name in step.permissions if name.startswith("device."))
    reads = given & {"device.read"}
    if mode is Mode.PLAN:
        rules = tuple(rule for rule in profile.deny_rules if rule.on == "exec")
        return Grant(host, step.id, mode, reads | (wanted & _CAPTURED), None, rules, profile.read_rules, folders)
    if missing := sorted(wanted - given):
        raise PolicyDenied(
            f"step {step.id!r} needs {', '.join(missing)} on {host}, which profile {profile.name!r} does not allow",
            hint="`nornflow policy explain` names the rule; take another profile, or leave the step out",
        )
    sealed = planned.lines if planned is not None and wanted & _WRITES else None
    if sealed is None and profile.sealed_only and wanted & _WRITES:
        raise PolicyDenied(
            f"profile {profile.name!r} changes devices by planned lines only, and step {step.id!r} has no plan for {host}",
            hint="plan the workflow with this device among its targets, and run that plan",
        )
    return Grant(host, step.id, mode, reads | wanted, sealed, profile.deny_rules, profile.read_rules, folders)
