"""Carrying out a plan: the steps over growing batches, what failed on the way, and what must be taken back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nornflow.engine.batches import batches
from nornflow.engine.device_step import DeviceStep
from nornflow.engine.graph import device_phases, rescue_groups, walk
from nornflow.engine.plan_step import PlannedWork
from nornflow.engine.progress import Progress
from nornflow.engine.record import Ledger, Times, host_records
from nornflow.engine.recovery import AtWork, Recovered, leave_open
from nornflow.engine.rollback import Rollback
from nornflow.engine.run_step import RunStep
from nornflow.engine.snapshots import Snapshots
from nornflow.engine.tools import Tools
from nornflow.engine.work import StepWork
from nornflow.model.event import EventKind
from nornflow.model.run import BAD_ENDS
from nornflow.model.workflow import OnFailure, Scope, Step, Workflow


@dataclass(frozen=True, slots=True)
class Working:
    """What a run works with and on: its results, each step's work and plan, and what it keeps beside the results."""

    progress: Progress
    works: Mapping[str, StepWork]
    planned: Mapping[str, PlannedWork]
    ledger: Ledger


class Deployment:
    """One pass over the graph that changes devices; `short` says that it ended before its last batch was begun."""

    def __init__(
        self,
        workflow: Workflow,
        targets: Sequence[str],
        working: Working,
        tools: Tools,
        recovered: Recovered,
        *,
        resumed: bool,
    ) -> None:
        self.short = bool(recovered.reason)  # the process before this one was about to end early
        self._workflow = workflow
        self._targets = tuple(targets)
        self._progress = working.progress
        self._works = working.works
        self._planned_works = working.planned
        self._ledger = working.ledger
        self._tools = tools
        self._recovered = recovered
        self._resumed = resumed
        self._groups = rescue_groups(workflow.steps)
        self._first, self._body, self._last = device_phases(workflow.steps)
        self._snapshots = Snapshots(self._progress, self._planned_works, self._ledger, tools, self._walk)

    @property
    def failed(self) -> bool:
        """Whether a step of the run failed, or more devices than the rollout bears."""
        return self._run_failed() or self._beyond_thresholds()

    def go(self) -> None:
        """Do the steps before the devices, the batches and the steps after them, and take back what must not stay."""
        self._walk(self._first, ())
        if not self._run_failed() and not self._recovered.over:
            self._roll_out()
        self._progress.batch = 0
        self._come_to_an_end()
        leave_open(self._progress)
        self._tell_over()
        if not self._tools.switch.aborted:
            self._walk(self._last, ())
        self._take_back()

    def _roll_out(self) -> None:
        rollout, tools = self._workflow.rollout, self._tools
        hosts = [host for host in self._targets if host not in self._ledger.unplanned]
        begun = self._recovered.batches
        if not self._body or (self._too_many_failed() and not begun):
            return
        parts = list(batches(hosts, rollout))
        self.short = tools.switch.finishing
        for number, batch in enumerate(() if self.short else parts, 1):
            batch = tuple(host for host in begun.get(number, batch) if host not in self._ledger.left_out)
            self._ledger.batch_of.update(dict.fromkeys(batch, number))
            if number in self._recovered.done or not batch:
                continue
            self._progress.batch = number
            if number not in begun:
                tools.log.batch(number, batch)
            tools.emitter.emit(EventKind.BATCH_STARTED, batch=number, of=len(parts), hosts=list(batch))
            going = self._snapshots.before(batch)
            if going:
                self._walk(self._body, going)
                self._snapshots.after(going)
            failed = [host for host in batch if self._progress.failure(host)]
            if failed and self._workflow.on_failure is OnFailure.ROLLBACK and tools.emitter.failure is None:
                self._roll_back(failed)
            tools.emitter.emit(EventKind.BATCH_FINISHED, batch=number, of=len(parts), failed=failed)
            last = number == len(parts)
            if tools.switch.stopping or self._run_failed() or self._too_many_failed() or last:
                return
            self._wait_after(number, len(parts))
            if tools.switch.finishing:
                self.short = True
                return
            tools.log.batch_done(number)

    def _come_to_an_end(self) -> None:
        """Finish the step that a process before this one was at on a device, though the run is stopped by now.

        That is no new work: what is at work goes on to its end when a run is stopped, unless it is to end at once.
        """
        tools = self._tools
        if not tools.switch.finishing or tools.switch.aborted or tools.emitter.failure or self._recovered.over:
            return
        for step in self._body if not self._run_failed() else ():
            hosts = [host for host in self._targets if (step.id, host) in self._progress.past.open]
            if hosts:
                work, planned = self._works[step.id], self._planned_works[step.id]
                DeviceStep(work, planned, self._progress, tools, AtWork(tools.switch)).execute(hosts)

    def _wait_after(self, number: int, of: int) -> None:
        """Ask and soak between two batches; both end when the run shall."""
        rollout, tools = self._workflow.rollout, self._tools
        pauses = rollout.pause_after == number and not tools.switch.finishing
        if pauses and not tools.question(f"batch {number} of {of} is done; go on?"):
            tools.switch.finish_batch()
        if rollout.soak and not tools.switch.finishing:
            tools.emitter.emit(EventKind.SOAK_STARTED, seconds=rollout.soak, batch=number)
            tools.soak(rollout.soak)

    def _walk(self, steps: Sequence[Step], batch: Sequence[str]) -> None:
        walk(steps, lambda step: self._execute(step, batch), self._ended, self._tools.switch)

    def _execute(self, step: Step, batch: Sequence[str]) -> None:
        tools, work = self._tools, self._works[step.id]
        if self._resumed and self._progress.complete(step, batch):
            return
        times = self._ledger.times.setdefault(step.id, Times(tools.clock()))
        tools.emitter.emit(EventKind.STEP_STARTED, step=step.id, type=step.type, hosts=len(batch))
        if tools.emitter.failure is not None:
            return  # nothing is done that could not be remembered
        if step.scope is Scope.RUN:
            result = RunStep(work, self._progress, tools).execute()
            self._progress.record(step, result)
            tools.log.result(step.id, self._progress.batch, result)
            tools.emitter.emit(
                EventKind.HOST_STATE,
                result.error or result.warning,
                step=step.id,
                state=result.state.value,
                changed=result.changed,
            )
        elif step.once:
            if step.id not in self._progress.results:
                found = DeviceStep(work, self._planned_works[step.id], self._progress, tools).execute(batch[:1])
                self._progress.record(step, next(iter(found.values())))
        else:
            DeviceStep(work, self._planned_works[step.id], self._progress, tools).execute(batch)
        times.ended = tools.clock()
        tools.emitter.emit(EventKind.STEP_FINISHED, step=step.id)

    def _ended(self, step: Step) -> None:
        self._progress.rescue({failed: group for failed, group in self._groups.items() if step.id in group})

    def _run_failed(self) -> bool:
        return self._progress.failure(None) is not None

    def _too_many_failed(self) -> bool:
        """Tell whether more devices failed than the rollout bears; `on_failure: continue` bears any until the end."""
        return self._workflow.on_failure is not OnFailure.CONTINUE and self._beyond_thresholds()

    def _beyond_thresholds(self) -> bool:
        failed = sum(self._progress.failure(host) is not None for host in self._targets)
        return self._workflow.rollout.max_failures.exceeded_by(failed, len(self._targets))

    def _tell_over(self) -> None:
        self._progress.over = self._run_failed() or self._beyond_thresholds() or self._cut
        if not self._recovered.over:
            self._tools.log.over(self._tools.switch.reason if self._cut else "", stopping=self._tools.switch.stopping)

    def _take_back(self) -> None:
        """Roll back what must not stay: every changed device of a failed run, the unfinished ones of a stopped run.

        All of them, whatever `on_failure` says, when somebody wishes so, also when that comes only now.
        """
        if self._tools.emitter.failure is not None:
            return
        if self._workflow.on_failure is OnFailure.ROLLBACK:
            if self.failed:
                self._roll_back(self._targets)
            elif self._tools.switch.stopping:
                records = host_records(self._targets, self._body, self._progress, self._ledger)
                self._roll_back([record.host for record in records if record.state in BAD_ENDS])
        if self._tools.switch.undoing:
            self._roll_back(self._targets)

    def _roll_back(self, hosts: Sequence[str]) -> None:
        todo = [host for host in hosts if host not in self._ledger.rollbacks and self._touched(host)]
        self._ledger.rollbacks.update(Rollback(self._progress, self._works, self._tools).roll_back(todo))
        self._tools.log.settle()

    def _touched(self, host: str) -> bool:
        """Tell whether the device was changed; what a step took back itself is proven with the rest."""
        return self._progress.changed(host) or host in self._progress.taken_back

    @property
    def _cut(self) -> bool:
        return self.short or self._tools.switch.stopping
