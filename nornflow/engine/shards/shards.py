"""Sharing the devices of a run among processes: what is asked of one, what it answers, and who does it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import field
from enum import StrEnum

from nornflow.abc import Cancellation
from nornflow.engine.plans.plan_notes import StepPlan
from nornflow.engine.progress import Progress
from nornflow.errors import NornFlowError
from nornflow.model.run import StepResult
from nornflow.record import record


class Work(StrEnum):
    """What is done on devices: a step is planned or applied; a device is read, taken back, or confirmed in its parts."""

    PLAN = "plan"
    APPLY = "apply"
    READ = "read"
    ROLLBACK = "rollback"
    ARM = "arm"
    LOOK = "look"
    CONFIRM = "confirm"
    SAVE = "save"
    LET_GO = "let go"


@record
class Round:
    """Work on some devices. Of a step: one attempt, the so-manieth (from 1), perhaps the last.

    `resumed` says that a process before may have done it on these devices, or a part of it.
    """

    work: Work
    hosts: tuple[str, ...]
    step: str = ""
    attempt: int = 1
    last: bool = True
    resumed: bool = False

    @property
    def of_step(self) -> bool:
        """Tell whether it is an attempt at a step, whose results count."""
        return self.work in (Work.PLAN, Work.APPLY)


@record
class Done:
    """What came of a round. Each of its devices has a result or an error, or neither: then it went well.

    `told` are devices of which it was told already, `kept` those that the journal has; `unplanned` are steps whose change is
    not known while planning, with the reason.
    """

    results: Mapping[str, StepResult] = field(default_factory=dict)
    errors: Mapping[str, NornFlowError] = field(default_factory=dict)
    told: frozenset[str] | set[str] = frozenset()
    kept: frozenset[str] | set[str] = frozenset()
    unplanned: Mapping[str, str] = field(default_factory=dict)


@record
class Desk:
    """What a round is worked on with: what the run knows so far, and the plan of its step, if it is of one."""

    progress: Progress
    planned: StepPlan | None = None


class Shards(ABC):
    """Who works on the devices of a run."""

    @abstractmethod
    def do(self, round: Round, desk: Desk, here: Callable[[Round], Done], cancellation: Cancellation) -> Done:
        """Have a round done, put all that it leaves on the desk and return the rest; `here` does it in this process."""


class Here(Shards):
    """This process, alone."""

    def do(self, round: Round, desk: Desk, here: Callable[[Round], Done], cancellation: Cancellation) -> Done:
        """Do the round."""
        return here(round)
