"""One of several processes that share the devices of a run: does rounds on its devices, and remembers them in between."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nornflow.abc import Cancellation
from nornflow.engine.device_step import DeviceStep
from nornflow.engine.drafts import Drafts
from nornflow.engine.host_notes import HostNotes, put_notes, take_notes
from nornflow.engine.plan import Planning
from nornflow.engine.progress import Progress
from nornflow.engine.shards import Done, Round
from nornflow.engine.tools import Tools
from nornflow.engine.works import works_of
from nornflow.model.device import HostView
from nornflow.model.run import RunInfo, StepResult
from nornflow.model.workflow import Workflow


@dataclass(frozen=True, slots=True)
class Order:
    """A round with what is known of its devices and, in `results`, of the steps that are done once.

    `number` tells orders apart, `batch` is the one at work, `over` says that the run has failed as a whole.
    """

    number: int
    round: Round
    notes: Mapping[str, HostNotes]
    results: Mapping[str, StepResult]
    batch: int = 0
    over: bool = False


@dataclass(frozen=True, slots=True)
class Finished:
    """What came of an order, and what is known of its devices now."""

    number: int
    done: Done
    notes: Mapping[str, HostNotes]


class Shard:
    """Works on the devices that it is given; made once for a run, when its devices are shared out. Thread-safe.

    Planning and applying are two passes: what was found while planning is forgotten when the change begins, but for the plan.
    """

    def __init__(
        self,
        workflow: Workflow,
        hosts: Mapping[str, HostView],
        run: RunInfo,
        inputs: Mapping[str, Any],
        variables: Mapping[str, Any],
        tools: Tools,
    ) -> None:
        self._workflow = workflow
        self._about = (hosts, run, inputs, variables)
        self._tools = tools
        self._drafts = Drafts(tools)
        self.start_pass()

    def start_pass(self) -> None:
        """Start with empty results."""
        progress = self._progress = Progress(self._workflow, *self._about)
        self._works = works_of(progress, self._tools)
        self._drafts.bind(self._works, progress)

    def do(self, order: Order, cancellation: Cancellation) -> Finished:
        """Do a round, and return what came of it."""
        round, progress = order.round, self._progress
        planned = self._drafts.works[round.step]
        for host, notes in order.notes.items():
            put_notes(progress, planned, host, notes, results=True)
        for step, result in order.results.items():
            progress.record(self._workflow.step(step), result)
        progress.batch, progress.over = order.batch, order.over
        if round.planning:
            profile = progress.run.profile.name
            done = Planning(progress, self._works, self._drafts.works, self._tools, profile).here(round)
        else:
            done = DeviceStep(self._works[round.step], planned, progress, self._tools, cancellation).here(round)
        return Finished(order.number, done, self._taken(round.step, round.hosts, planning=round.planning))

    def _taken(self, step: str, hosts: Sequence[str], *, planning: bool) -> dict[str, HostNotes]:
        planned = self._drafts.works[step]
        return {host: take_notes(self._progress, planned, host, planner=planning) for host in hosts}
