"""What this distribution brings to NornFlow; NAPALM itself is imported when a connection is first used."""

from __future__ import annotations

from collections.abc import Iterable

from nornflow import Check, ConnectionGuard, StepType, hookimpl


@hookimpl
def nornflow_step_types() -> Iterable[StepType]:
    """Yield the step types of the `napalm` family."""
    from nornflow_napalm.config import ConfigStep, ConfirmStep
    from nornflow_napalm.read import CliStep, GetStep
    from nornflow_napalm.validate import ValidateStep

    yield GetStep()
    yield CliStep()
    yield ConfigStep()
    yield ConfirmStep()
    yield ValidateStep()


@hookimpl
def nornflow_connection_guards() -> Iterable[ConnectionGuard]:
    """Yield the guard of the connection plugin `napalm`."""
    from nornflow_napalm.guard import NapalmGuard

    yield NapalmGuard()


@hookimpl
def nornflow_checks() -> Iterable[Check]:
    """Yield the checks that a commit under the device's timer is confirmed, and by one only."""
    from nornflow_napalm.checks import CONFIRMED_TWICE, UNCONFIRMED

    yield UNCONFIRMED
    yield CONFIRMED_TWICE
