"""Doing steps of the graph on some devices, or once: in order, side by side where they may, and only what is not done yet."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace

from nornflow.engine.calls import Call
from nornflow.engine.deadlines import ONCE
from nornflow.engine.device_step import DeviceStep
from nornflow.engine.graph import rescue_groups, walk
from nornflow.engine.plans.plan_step import PlannedWork
from nornflow.engine.progress import Progress
from nornflow.engine.record import Ledger, Times
from nornflow.engine.recovery.recovery import AtWork
from nornflow.engine.rollouts.held_batch import HeldBatch
from nornflow.engine.run_step import RunStep
from nornflow.engine.tools import Tools
from nornflow.engine.waiting import Suspended, Waiting
from nornflow.engine.work import StepWork
from nornflow.model.event import EventKind
from nornflow.model.step import Scope, Step
from nornflow.record import record
from nornflow.workflow.drafts import CALL


@record
class Working:
    """What a run works with and on: its results, each step's work and plan, and what it keeps beside the results."""

    progress: Progress
    works: Mapping[str, StepWork]
    planned: Mapping[str, PlannedWork]
    ledger: Ledger


class Stepping:
    """Walks parts of the graph; what a process before this one has done, of a run that is `resumed`, is not done again."""

    def __init__(self, working: Working, tools: Tools, waiting: Waiting, *, resumed: bool) -> None:
        self._progress = working.progress
        self._works = working.works
        self._planned = working.planned
        self._ledger = working.ledger
        self._tools = tools
        self._waiting = waiting
        self._resumed = resumed
        self._held: HeldBatch | None = None
        self._groups = rescue_groups(working.progress.workflow.steps)

    @contextmanager
    def under(self, held: HeldBatch | None) -> Iterator[None]:
        """Inside the `with`, end all work when the time of a batch that has to be confirmed is over."""
        self._held = held
        try:
            yield
        finally:
            self._held = None

    def walk(self, steps: Sequence[Step], batch: Sequence[str]) -> None:
        """Do these steps on the devices of a batch; steps of the run among them once.

        Raises Suspended when all is done that can be, and the rest waits for something.
        """
        walk(steps, lambda step: self._execute(step, batch), self._ended, self._held or self._tools.switch)
        self._waiting.demand_nothing()

    def failed_for_good(self) -> bool:
        """Tell whether a step of the run failed, and its rescue block, if any, cannot mend that any more."""
        steps, _ = self._progress.mending(self._groups)
        return self._progress.failure(None, but=steps) is not None

    def being_mended(self) -> Collection[str]:
        """Return the devices on which a step failed whose rescue block may still mend that."""
        return self._progress.mending(self._groups)[1]

    def finish(self, step: Step, hosts: Sequence[str]) -> None:
        """Finish what a process before this one was at on these devices, though the run is stopped by now."""
        work, planned = self._works[step.id], self._planned[step.id]
        DeviceStep(work, planned, self._progress, self._tools, AtWork(self._tools.switch)).execute(hosts)

    def _execute(self, step: Step, batch: Sequence[str]) -> bool:
        """Do a step; False when it waits."""
        held, work = self._held, self._works[step.id]
        if step.type == CALL:
            self._end_call(step, batch)
            return True
        tools = self._tools if held is None else replace(self._tools, sleep=held.sleep)
        if self._resumed and self._progress.complete(step, batch):
            return True
        times = self._ledger.times.setdefault(step.id, Times(tools.clock()))
        tools.emitter.emit(EventKind.STEP_STARTED, step=step.id, type=step.type, hosts=len(batch))
        if tools.emitter.failure is not None:
            return True  # nothing is done that could not be remembered
        if step.scope is Scope.RUN:
            try:
                result = RunStep(work, self._progress, tools, self._waiting, held).execute()
            except Suspended:
                return False
            self._progress.record(step, result)
            tools.log.result(step.id, self._progress.batch, result, self._progress.times.used(ONCE))
            tools.emitter.emit(
                EventKind.HOST_STATE,
                result.error or result.warning,
                step=step.id,
                state=result.state.value,
                changed=result.changed,
            )
        elif step.once:
            self._demand_its_device(step)
            if step.id not in self._progress.results:
                found = DeviceStep(work, self._planned[step.id], self._progress, tools, held).execute(batch[:1])
                self._progress.record(step, next(iter(found.values())))
        else:
            DeviceStep(work, self._planned[step.id], self._progress, tools, held).execute(batch)
        times.ended = tools.clock()
        tools.emitter.emit(EventKind.STEP_FINISHED, step=step.id)
        return True

    def _end_call(self, step: Step, batch: Sequence[str]) -> None:
        call = Call(self._works[step.id], self._progress, self._tools.clock)
        if self._resumed and call.known():
            return
        times = self._ledger.times.setdefault(step.id, Times(self._tools.clock()))
        self._tools.emitter.emit(EventKind.STEP_STARTED, step=step.id, type=step.type, hosts=len(batch))
        call.end(batch)
        times.ended = self._tools.clock()
        self._tools.emitter.emit(EventKind.STEP_FINISHED, step=step.id)

    def _demand_its_device(self, step: Step) -> None:
        """End a step that was planned for one device alone, if others have had that since: no other one takes its place."""
        gone = next((host for host in self._planned[step.id].planned if host in self._ledger.given_up), None)
        if gone is not None and step.id not in self._progress.results:
            self._progress.record(step, self._ledger.given_up[gone])

    def _ended(self, step: Step) -> None:
        self._progress.rescue({failed: group for failed, group in self._groups.items() if step.id in group})
