"""What this distribution brings to NornFlow; netmiko itself is imported when a connection is first used."""

from __future__ import annotations

from collections.abc import Iterable

from nornflow import ConnectionGuard, StepType, hookimpl


@hookimpl
def nornflow_step_types() -> Iterable[StepType]:
    """Yield the step types of the `netmiko` family."""
    from nornflow_netmiko.backup import BackupStep, RestoreStep
    from nornflow_netmiko.command import NetmikoCommandStep
    from nornflow_netmiko.config import ConfigStep, SaveStep
    from nornflow_netmiko.validate import ValidateStep

    yield NetmikoCommandStep()
    yield ConfigStep()
    yield SaveStep()
    yield BackupStep()
    yield RestoreStep()
    yield ValidateStep()


@hookimpl
def nornflow_connection_guards() -> Iterable[ConnectionGuard]:
    """Yield the guards of the connection plugins `netmiko` and `paramiko`."""
    from nornflow_netmiko.guard import NetmikoGuard
    from nornflow_netmiko.paramiko_guard import ParamikoGuard

    yield NetmikoGuard()
    yield ParamikoGuard()
