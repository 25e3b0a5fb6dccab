"""What one process planned of a step on a device, as a value for another one."""

from __future__ import annotations

from nornflow.model.plan import PlannedStep, Risk
from nornflow.model.run import StepResult
from nornflow.planning.planner import Planner
from nornflow.record import record


@record
class PlanNotes:
    """What is planned of one step on a device: the step, its result where nothing is to change, risks and the planner.

    `digest` is the hash of the configuration that the device had when its plan was begun.
    """

    planned: PlannedStep | None = None
    result: StepResult | None = None
    risks: tuple[Risk, ...] | None = None
    digest: str = ""
    planner: Planner | None = None
