"""What this distribution brings to NornFlow; NAPALM itself is imported when a connection is first used."""

from __future__ import annotations

from collections.abc import Iterable

from nornflow import StepType, hookimpl


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
