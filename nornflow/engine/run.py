"""One run of a workflow: gates, plan, approval, batches, verification, rollback, record."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Any

from nornflow.engine.admission import Admission
from nornflow.engine.batches import batches
from nornflow.engine.device_step import DeviceStep
from nornflow.engine.graph import device_phases, rescue_groups, walk
from nornflow.engine.outputs import workflow_outputs
from nornflow.engine.plan import Planning
from nornflow.engine.plan_step import PlannedWork
from nornflow.engine.progress import Progress
from nornflow.engine.record import Ledger, Times, host_records, step_records, why
from nornflow.engine.rollback import Rollback
from nornflow.engine.run_step import RunStep
from nornflow.engine.tools import Tools
from nornflow.engine.work import StepWork
from nornflow.errors import ApprovalRequired, NornFlowError, PolicyDenied, StepCancelled
from nornflow.model.decision import Decision
from nornflow.model.device import HostView
from nornflow.model.event import EventKind
from nornflow.model.plan import Plan
from nornflow.model.run import BAD_ENDS, RUN_MOVES, HostRecord, HostState, RunInfo, RunRecord, RunState, StepResult
from nornflow.model.workflow import OnFailure, Scope, Step, Workflow
from nornflow.planning.planner import Planner
from nornflow.policy.lowering import lower
from nornflow.policy.profiles import profile_named


class Run:
    """A run from the first gate to its record; made for one use."""

    def __init__(
        self,
        workflow: Workflow,
        targets: Sequence[str],
        inputs: Mapping[str, Any],
        info: RunInfo,
        tools: Tools,
        *,
        hosts: Mapping[str, HostView] | None = None,
        variables: Mapping[str, Any] | None = None,
    ) -> None:
        self.state = RunState.PENDING
        self._workflow = workflow
        self._targets = tuple(targets)
        self._inputs = inputs
        self._info = info
        self._tools = tools
        self._hosts = hosts or {}
        self._variables = variables or {}
        self._planners: dict[str, Planner] = {}
        self._planned_works: dict[str, PlannedWork] = {}
        self._ledger = Ledger()
        self._groups = rescue_groups(workflow.steps)
        self._first, self._body, self._last = device_phases(workflow.steps)
        self._plan: Plan | None = None
        self._error: NornFlowError | None = None
        self._outputs: dict[str, Any] = {}
        self._admission = Admission(info, workflow, inputs, self._targets, tools)
        self._start_pass()

    def _start_pass(self) -> None:
        """Start with empty results: planning and applying are two passes over the same graph."""
        self._progress = Progress(self._workflow, self._hosts, self._info, self._inputs, self._variables)
        self._works = {step.id: self._work(step) for step in self._workflow.steps}

    def _work(self, step: Step) -> StepWork:
        profile = self._info.profile
        if step.profile:
            profile = lower(profile, profile_named(self._tools.profiles, step.profile))
        return StepWork(step, self._tools.step_types[step.type], profile, self._tools, self._info, self._progress)

    def plan(self) -> tuple[Plan, tuple[Decision, ...]]:
        """Plan the workflow and let the gates judge the plan; PolicyDenied when a gate says no before that."""
        self._move(RunState.PLANNING)
        self._admission.demand(None)
        self._plan = self._make_plan()
        if self._tools.switch.stopping:
            raise StepCancelled("the plan was stopped before it was complete", hint="plan again")
        return self._plan, self._admission.judge(self._plan)

    def execute(self) -> RunRecord:
        """Run the workflow to its end and return the record; only bugs and interrupts are raised."""
        started = self._tools.clock()
        wanted = self._tools.default_timeout if self._workflow.timeout is None else self._workflow.timeout
        limit = min(wanted, float(self._info.profile.max_workflow_duration))
        deadline = threading.Timer(limit, self._tools.switch.abort, ("timeout",))
        deadline.daemon = True
        deadline.start()
        try:
            self._work_through()
        except NornFlowError as error:
            self._error = error
            self._move(_end_for(error, self.state))
        finally:
            deadline.cancel()
        return self._record(started)

    def _work_through(self) -> None:
        self._admission.demand(None)
        if any(step.configures for step in self._workflow.steps):
            self._move(RunState.PLANNING)
            self._plan = self._make_plan()
            self._admission.demand(self._plan)
            if self._cut_short():
                return
            unplanned = self._unplanned()
            self._ledger.unplanned = frozenset(unplanned)
            if not self._approved(self._plan):
                raise StepCancelled("the plan was not approved, nothing was sent to a device")
            self._start_pass()
            for host, (step, result) in unplanned.items():
                self._progress.record(step, {host: result})  # they are not begun: this is how they ended
        self._move(RunState.RUNNING)
        self._planned_works = self._bind_plan()
        self._apply()

    def _unplanned(self) -> dict[str, tuple[Step, StepResult]]:
        """Return the devices that could not be planned, each with the step that was not and how it ended."""
        return {host: failure for host in self._targets if (failure := self._progress.failure(host))}

    def _bind_plan(self) -> dict[str, PlannedWork]:
        before = self._planned_works
        works = {
            step.id: PlannedWork(self._works[step.id], self._progress, self._planners) for step in self._workflow.steps
        }
        for step_id, earlier in before.items():
            works[step_id].take_over(earlier)
        return works

    def _make_plan(self) -> Plan:
        self._planned_works = self._bind_plan()
        planning = Planning(self._progress, self._works, self._planned_works, self._tools, self._info.profile.name)
        return planning.plan(self._targets, self._inputs)

    def _approved(self, plan: Plan) -> bool:
        if not self._admission.needs_approval(plan):
            return True
        self._move(RunState.AWAITING_APPROVAL)
        return self._tools.approve(plan, self._admission.held)

    def _apply(self) -> None:
        self._walk(self._first, ())
        if not self._run_failed() and not self._tools.switch.stopping:
            self._roll_out()
        self._tell_over()
        if not self._tools.switch.aborted:
            self._walk(self._last, ())
        self._take_back()
        end = self._end_state()
        if end is RunState.SUCCEEDED and self._workflow.outputs:
            names = self._progress.names(None)
            self._outputs, self._error = workflow_outputs(
                self._workflow.outputs, lambda text: self._tools.evaluator.evaluate(text, names), names
            )
        self._move(RunState.FAILED if self._error else end)

    def _roll_out(self) -> None:
        rollout, tools = self._workflow.rollout, self._tools
        hosts = [host for host in self._targets if host not in self._ledger.unplanned]
        if not self._body or self._too_many_failed():
            return
        parts = list(batches(hosts, rollout))
        for number, batch in enumerate(parts, 1):
            self._ledger.batch_of.update(dict.fromkeys(batch, number))
            tools.emitter.emit(EventKind.BATCH_STARTED, batch=number, of=len(parts), hosts=list(batch))
            self._walk(self._body, batch)
            failed = [host for host in batch if self._progress.failure(host)]
            if failed and self._workflow.on_failure is OnFailure.ROLLBACK:
                self._roll_back(failed)
            tools.emitter.emit(EventKind.BATCH_FINISHED, batch=number, of=len(parts), failed=failed)
            last = number == len(parts)
            if tools.switch.stopping or self._run_failed() or self._too_many_failed() or last:
                return
            if rollout.pause_after == number and not tools.question(f"batch {number} of {len(parts)} is done; go on?"):
                tools.switch.stop()
                return
            if rollout.soak:
                tools.emitter.emit(EventKind.SOAK_STARTED, seconds=rollout.soak, batch=number)
                if tools.sleep(rollout.soak):
                    return

    def _walk(self, steps: Sequence[Step], batch: Sequence[str]) -> None:
        walk(steps, lambda step: self._execute(step, batch), self._ended, self._tools.switch)

    def _execute(self, step: Step, batch: Sequence[str]) -> None:
        tools, work = self._tools, self._works[step.id]
        times = self._ledger.times.setdefault(step.id, Times(tools.clock()))
        tools.emitter.emit(EventKind.STEP_STARTED, step=step.id, type=step.type, hosts=len(batch))
        if step.scope is Scope.RUN:
            result = RunStep(work, self._progress, tools).execute()
            self._progress.record(step, result)
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

    def _failed_hosts(self) -> list[str]:
        return [host for host in self._targets if self._progress.failure(host) is not None]

    def _too_many_failed(self) -> bool:
        """Tell whether more devices failed than the rollout bears; `on_failure: continue` bears any until the end."""
        if self._workflow.on_failure is OnFailure.CONTINUE and self.state is RunState.RUNNING:
            return False
        return self._beyond_thresholds()

    def _beyond_thresholds(self) -> bool:
        return self._workflow.rollout.max_failures.exceeded_by(len(self._failed_hosts()), len(self._targets))

    def _tell_over(self) -> None:
        self._progress.over = self._run_failed() or self._beyond_thresholds() or self._tools.switch.stopping

    def _take_back(self) -> None:
        """Roll back what must not stay: every changed device of a failed run, the unfinished ones of a stopped run."""
        if self._workflow.on_failure is not OnFailure.ROLLBACK:
            return
        if self._run_failed() or self._beyond_thresholds():
            self._roll_back(self._targets)
        elif self._tools.switch.stopping:
            records = host_records(self._targets, self._body, self._progress, self._ledger)
            self._roll_back([record.host for record in records if record.state in BAD_ENDS])

    def _roll_back(self, hosts: Sequence[str]) -> None:
        todo = [host for host in hosts if host not in self._ledger.rollbacks and self._touched(host)]
        self._ledger.rollbacks.update(Rollback(self._progress, self._works, self._tools).roll_back(todo))

    def _touched(self, host: str) -> bool:
        """Tell whether the device was changed; what a step took back itself is proven with the rest."""
        return self._progress.changed(host) or host in self._progress.taken_back

    def _end_state(self) -> RunState:
        rollbacks = self._ledger.rollbacks
        if any(error is not None for error in rollbacks.values()):
            return RunState.ROLLBACK_FAILED
        if self._tools.switch.stopping:
            return RunState.TIMED_OUT if self._tools.switch.reason == "timeout" else RunState.CANCELLED
        if not (self._run_failed() or self._beyond_thresholds()):
            return RunState.SUCCEEDED
        return RunState.ROLLED_BACK if rollbacks else RunState.FAILED

    def _cut_short(self) -> bool:
        if not self._tools.switch.stopping:
            return False
        self._move(RunState.TIMED_OUT if self._tools.switch.reason == "timeout" else RunState.CANCELLED)
        return True

    def _move(self, state: RunState) -> None:
        if state not in RUN_MOVES.get(self.state, frozenset()):
            raise RuntimeError(f"a run cannot go from {self.state} to {state}")
        self.state = state
        self._tools.emitter.emit(EventKind.RUN_STATE, state=state.value)

    def _record(self, started: Any) -> RunRecord:
        borne = self._workflow.rollout.max_failures
        error, hint = (
            (self._error.message, self._error.hint)
            if self._error
            else why(self.state, self._targets, self._progress, self._ledger, borne)
        )
        record = RunRecord(
            id=self._info.id,
            workflow=self._workflow.name,
            version=self._workflow.version,
            state=self.state,
            user=self._info.user,
            profile=self._info.profile.name,
            inputs=dict(self._inputs),
            outputs=self._outputs,
            steps=step_records(self._progress, self._ledger),
            hosts=self._host_records(),
            started_at=started,
            completed_at=self._tools.clock(),
            error=error,
            hint=hint,
            reason=self._error.reason if self._error else "",
            exit_code=self._exit_code(),
            security_events=tuple(self._tools.emitter.security_events),
            file=self._workflow.file,
        )
        self._tools.emitter.emit(EventKind.RUN_FINISHED, error, state=self.state.value)
        return record

    def _exit_code(self) -> int:
        """Return how the process ends: 0 done, 1 failed, 3 denied, 4 waits for approval (design: command line)."""
        if self.state is RunState.SUCCEEDED:
            return 0
        return max(self._error.exit_code, 1) if self._error else 1

    def _host_records(self) -> tuple[HostRecord, ...]:
        if not self._body:
            return ()
        if self.state is RunState.DENIED:
            return tuple(HostRecord(host, HostState.SKIPPED, error="denied", reason="denied") for host in self._targets)
        return host_records(self._targets, self._body, self._progress, self._ledger)


def _end_for(error: NornFlowError, state: RunState) -> RunState:
    if isinstance(error, PolicyDenied):
        return RunState.DENIED
    if isinstance(error, (ApprovalRequired, StepCancelled)):
        return RunState.CANCELLED
    return RunState.FAILED
