"""The plan of one step, device by device, and what of it one process tells another one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

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


class StepPlan(ABC):
    """The plan of one step, host by host; `planned` has the devices that are planned so far."""

    planned: dict[str, PlannedStep]

    @abstractmethod
    def recall(self, results: Mapping[str, StepResult], hashes: Mapping[str, str]) -> None:
        """Know again what another process planned: results, and the hash of each device's configuration then."""

    @abstractmethod
    def notes(self, host: str, *, planner: bool) -> PlanNotes:
        """Return what is planned on a device, for another process; with its `planner` while there is more to plan."""

    @abstractmethod
    def put_notes(self, host: str, notes: PlanNotes) -> None:
        """Know of a device what another process planned."""

    @abstractmethod
    def read_hash(self, host: str) -> str:
        """Return the hash of the configuration that the device had when its plan was begun, or an empty string."""

    @abstractmethod
    def result(self, host: str) -> StepResult:
        """Return the result of a device on which the step has nothing to change."""
