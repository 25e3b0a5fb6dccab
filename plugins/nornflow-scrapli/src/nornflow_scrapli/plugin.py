"""What this distribution brings to NornFlow; scrapli itself is imported when a connection is first used."""

from __future__ import annotations

from collections.abc import Iterable

from nornflow import ConnectionGuard, StepType, hookimpl


@hookimpl
def nornflow_step_types() -> Iterable[StepType]:
    """Yield the step types of the `scrapli` family."""
    from nornflow_scrapli.command import ScrapliCommandStep
    from nornflow_scrapli.config import ConfigStep, SaveStep

    yield ScrapliCommandStep()
    yield ConfigStep()
    yield SaveStep()


@hookimpl
def nornflow_connection_guards() -> Iterable[ConnectionGuard]:
    """Yield the guard of the connection plugin `scrapli`."""
    from nornflow_scrapli.guard import ScrapliGuard

    yield ScrapliGuard()
