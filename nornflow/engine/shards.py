"""Sharing the devices of a run among processes: what is asked of one, what it answers, and who does it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from nornflow.abc import Cancellation
from nornflow.model.run import StepResult

if TYPE_CHECKING:
    from nornflow.engine.plan_step import PlannedWork
    from nornflow.engine.progress import Progress


@dataclass(frozen=True, slots=True)
class Round:
    """One attempt at a step on some devices: the so-manieth (from 1), perhaps the last; of the plan, or of the change."""

    step: str
    hosts: tuple[str, ...]
    attempt: int
    last: bool
    planning: bool = False


@dataclass(frozen=True, slots=True)
class Done:
    """What came of a round, for each of its devices; of which ones it was `told` already, and which the journal has (`kept`).

    `unplanned` are steps whose change is not known while planning, with the reason.
    """

    results: Mapping[str, StepResult]
    told: frozenset[str] | set[str] = frozenset()
    kept: frozenset[str] | set[str] = frozenset()
    unplanned: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Desk:
    """What a round is worked on with: what the run knows so far, and the plan of the step."""

    progress: Progress
    planned: PlannedWork


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
