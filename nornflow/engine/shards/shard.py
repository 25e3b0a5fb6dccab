"""One of several processes that share the devices of a run: does rounds on its devices, and remembers them in between."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from nornflow.abc import Cancellation
from nornflow.engine.device_step import DeviceStep
from nornflow.engine.host_notes import HostNotes, put_notes, take_notes
from nornflow.engine.plans.drafts import Drafts
from nornflow.engine.plans.drift import Reading
from nornflow.engine.plans.plan import Planning
from nornflow.engine.rollback import Rollback
from nornflow.engine.rollouts.armed_devices import ArmedDevices
from nornflow.engine.shards.shards import Desk, Done, Round, Work
from nornflow.engine.tools import Tools
from nornflow.engine.works import progress_of, works_of
from nornflow.model.device import HostView
from nornflow.model.plain import plain
from nornflow.model.plan import HostPlan
from nornflow.model.run import RunInfo, StepResult
from nornflow.model.workflow import Workflow
from nornflow.record import record


@record
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


@record
class Finished:
    """What came of an order, and what is known of its devices now."""

    number: int
    done: Done
    notes: Mapping[str, HostNotes]


def as_plain(finished: Finished) -> Finished:
    """Return what came of an order with the outputs of steps as JSON would keep them, whatever a step type put there."""
    done = replace(finished.done, results=_plain_results(finished.done.results))
    notes = {host: _plain_notes(notes) for host, notes in finished.notes.items()}
    return replace(finished, done=done, notes=notes)


def _plain_notes(notes: HostNotes) -> HostNotes:
    step = notes.step
    if step is not None and step.result is not None:
        step = replace(step, result=_plain_result(step.result))
    return replace(notes, step=step, results=_plain_results(notes.results))


def _plain_results(results: Mapping[str, StepResult]) -> dict[str, StepResult]:
    return {name: _plain_result(result) for name, result in results.items()}


def _plain_result(result: StepResult) -> StepResult:
    return replace(result, outputs=plain(dict(result.outputs)))


class Shard:
    """Works on the devices that it is given; made once for a run, when its devices are shared out. Thread-safe.

    Where its tools share devices out too, it hands each round on: processes below it do the work, and it is to them what the
    run's own process is to it.
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
        progress = self._progress = progress_of(self._workflow, *self._about, self._tools)
        self._plans: dict[str, HostPlan] = {}
        progress.plans = self._plans
        self._works = works_of(progress, self._tools)
        self._drafts.bind(self._works, progress)

    def do(self, order: Order, cancellation: Cancellation) -> Finished:
        """Do a round, and return what came of it."""
        round, progress = order.round, self._progress
        planned = self._drafts.works[round.step] if round.of_step else None
        for host, notes in order.notes.items():
            put_notes(progress, planned, host, notes, results=True)
            if notes.plan is not None:
                self._know(notes.plan)
        for step, result in order.results.items():
            progress.record(self._workflow.step(step), result)
        progress.batch, progress.over = order.batch, order.over
        done = self._tools.shards.do(round, Desk(progress, planned), partial(self._here, cancellation), cancellation)
        planner = round.work is Work.PLAN
        return Finished(
            order.number, done, {host: take_notes(progress, planned, host, planner=planner) for host in round.hosts}
        )

    def _here(self, cancellation: Cancellation, round: Round) -> Done:
        progress, works, planned, tools = self._progress, self._works, self._drafts.works, self._tools
        match round.work:
            case Work.PLAN:
                return Planning(progress, works, planned, tools, progress.run.profile.name).here(round)
            case Work.APPLY:
                return DeviceStep(works[round.step], planned[round.step], progress, tools, cancellation).here(round)
            case Work.READ:
                return Reading(progress, tools).here(round)
            case Work.ROLLBACK:
                cancellation.on_abort(tools.switch.rollbacks.abort)  # who gives one up gives up all of the run's
                return Rollback(progress, works, tools).here(round)
            case _:
                confirm = self._workflow.confirm
                seconds = math.ceil(confirm.within) if confirm is not None else 0
                return ArmedDevices(progress, works, planned, tools, seconds).here(round, cancellation)

    def _know(self, plan: HostPlan) -> None:
        """Know what every step is to do on a device, though this process has planned none of it."""
        self._plans[plan.host] = plan
        for step in plan.steps:
            work = self._drafts.works[step.step]
            work.planned.setdefault(plan.host, step)
            work.recall({}, {plan.host: plan.pre_hash})
