"""One run of a workflow: gates, plan, approval, batches, verification, rollback, record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from typing import Any

from nornflow.engine.admission import Admission
from nornflow.engine.calls import recall
from nornflow.engine.closing import Ended, as_it_waits, record_of
from nornflow.engine.ending import (
    cut_state,
    end_for,
    end_state,
    keeps_open,
    left_as_it_is,
    too_many_stale,
    why_it_ended,
    within,
)
from nornflow.engine.graph import device_phases
from nornflow.engine.locking import Turn, demand_none_of, devices_to_lock, in_order, touched
from nornflow.engine.outputs import workflow_outputs
from nornflow.engine.plans.drafts import Drafts
from nornflow.engine.plans.drift import Sealed
from nornflow.engine.plans.sealed import keep_errors, leave_drifted, open_sealed
from nornflow.engine.record import Ledger
from nornflow.engine.recovery.recovery import Earlier, Recovered, Recovery
from nornflow.engine.rollouts.batches import Batching
from nornflow.engine.rollouts.deployment import Deployment
from nornflow.engine.rollouts.thresholds import Thresholds
from nornflow.engine.stepping import Working
from nornflow.engine.tools import Tools
from nornflow.engine.waiting import Suspended, bound_to, left
from nornflow.engine.works import progress_of, works_of
from nornflow.errors import NornFlowError, RunLeft, StepCancelled
from nornflow.model.decision import Decision
from nornflow.model.device import HostView
from nornflow.model.event import EventKind
from nornflow.model.plan import Plan
from nornflow.model.run import RUN_MOVES, RunInfo, RunRecord, RunState, StepResult
from nornflow.model.step import Step
from nornflow.model.wait import Wait
from nornflow.model.workflow import Workflow


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
        earlier: Earlier | None = None,
        sealed: Sealed | None = None,
    ) -> None:
        self.state = earlier.state if earlier else RunState.PENDING
        self.left_open = False
        self._earlier = earlier
        self._sealed = sealed
        self._recovered = Recovered()
        self._workflow = workflow
        self._targets = tuple(targets)
        self._inputs = inputs
        self._info = info
        self._tools = tools
        self._hosts = hosts or {}
        self._variables = variables or {}
        self._drafts = Drafts(tools)
        self._ledger = Ledger()
        self._body = device_phases(workflow.steps)[1]
        self._plan: Plan | None = None
        self._error: NornFlowError | None = None
        self._outputs: dict[str, Any] = {}
        self._deployment: Deployment | None = None
        self._batching = Batching(workflow.rollout, self._targets, self._hosts, inputs)
        self._thresholds = Thresholds(workflow.rollout, self._targets, self._hosts)
        approved = sealed is not None and sealed.answered
        self._admission = Admission(info, workflow, inputs, self._targets, tools, self._batching, approved=approved)
        self._turn = Turn(info, tools, self._queue)
        self._start_pass()

    def _start_pass(self) -> None:
        """Start with empty results: planning and applying are two passes over the same graph."""
        about = (self._hosts, self._info, self._inputs, self._variables)
        self._progress = progress_of(self._workflow, *about, self._tools)
        self._works = works_of(self._progress, self._tools)

    def plan(self) -> tuple[Plan, tuple[Decision, ...]]:
        """Plan the workflow and let the gates judge the plan; PolicyDenied when a gate says no before that."""
        self._move(RunState.PLANNING)
        self._admission.demand(None)
        self._plan = self._make_plan()
        if self._tools.switch.stopping:
            raise StepCancelled("the plan was stopped before it was complete", hint="plan again")
        return self._plan, self._admission.judge(self._plan)

    def kept_plan(self) -> tuple[dict[str, Any], dict[str, str]]:
        """Return what was planned as a plan file keeps it, and the configuration of each device that it was planned on."""
        assert self._plan is not None  # it was planned before
        return self._drafts.kept(self._plan)

    def execute(self) -> RunRecord:
        """Run the workflow to its end and return the record; only bugs and interrupts are raised.

        And, of a run that another process began, what keeps this one from touching it again: it is `left_open` then.
        """
        started = self._earlier.started_at if self._earlier else self._tools.clock()
        waits: tuple[Wait, ...] = ()
        wanted = self._tools.default_timeout if self._workflow.timeout is None else self._workflow.timeout
        limit = min(wanted, float(self._info.profile.max_workflow_duration))
        with closing(self._turn), within(limit, self._tools.switch, self._tools.emitter):
            try:
                self._work_through()
            except Suspended as suspended:
                waits = suspended.waits
                self._turn.rest(touched(self._progress))
            except NornFlowError as error:
                self._stay_open(error)
                self._error = error
                self._move(end_for(error))
        return self._rest(waits, started) if waits else self._record(started)

    def _rest(self, waits: Sequence[Wait], started: Any) -> RunRecord:
        """Leave the run to whoever goes on with it when something has come; it holds nothing any more."""
        left(waits, self._tools)
        if self._tools.emitter.failure is None:
            self._move(RunState.WAITING)  # the last that is told here: from now on it may be another process's
        if self._tools.emitter.failure is not None:
            self.state = RunState.RUNNING
            self._move(cut_state(self._tools))
            return self._record(started)
        return as_it_waits(self._recorded(started), waits)

    def _work_through(self) -> None:
        if not self._turn.come_to_work():
            self._cut_short()
            return
        if self._earlier is not None and self._earlier.applying:
            self._recall(self._earlier)
            if not self._only_ends:  # the way back was allowed with the change; what it did then may not be any more
                self._admission.demand(self._plan, self._ledger.left_out)
        elif not (self._ready() if self._sealed is None else self._open_sealed(self._sealed)):
            return
        if not self._lock():
            self._cut_short()
            return
        if self._sealed is not None and not self._only_ends:
            self._sealed.still()  # whoever approved may have thought better of it while others were waited for
        if self._sealed is not None and not self._recovered.batches:
            assert self._plan is not None
            if leave_drifted(self._sealed, self._plan, self._targets, self._body, self._working, self._tools):
                self._cut_short()
                return
            self._demand_of_who_is_left()
        self._move(RunState.RUNNING)
        self._tools.switch.in_batches = True
        self._apply()

    def _lock(self) -> bool:
        """Lock the devices that the plan changes, until the run has ended; False when it was stopped meanwhile."""
        devices: tuple[str, ...] = ()
        if self._plan is not None:
            without = self._ledger.left_out.keys() | self._ledger.unplanned | self._ledger.given_up.keys()
            targets = [host for host in self._targets if host not in without]
            devices = devices_to_lock(self._plan, self._workflow.steps, targets)
        left_out = self._turn.lock(devices)
        if self._half_done:  # nobody may leave a device so
            demand_none_of(self._ledger.batch_of, left_out or {})
        if left_out:
            self._tools.log.left_out(left_out)
            self._ledger.left_out.update(left_out)
            self._demand_of_who_is_left()
        if left_out is not None:
            self._turn.found(in_order(self._plan, (*devices, *self._ledger.given_up)))
            if self._earlier is not None and self._earlier.applying:
                self._ledger.given_up.update(self._turn.give_up(self._earlier.begun))
        return left_out is not None

    def _demand_of_who_is_left(self) -> None:
        """Ask the gates again when devices are left out: others may be the first ones now, or many at once."""
        if self._ledger.left_out and not self._only_ends:
            self._admission.demand(self._plan, self._ledger.left_out)

    @property
    def _only_ends(self) -> bool:
        """Whether nothing more is done than to take back what must not stay."""
        return self._earlier is not None and self._earlier.only_ends(stopping=self._tools.switch.stopping)

    @property
    def _half_done(self) -> bool:
        """Whether a process before this one did things which this one has not come back to yet."""
        return self._earlier is not None and self._earlier.at_work and self._deployment is None

    def _stay_open(self, error: NornFlowError) -> None:
        """Raise the error again, saying so, when the run has to stay as it is: half done, or begun and not allowed any more."""
        kept = self._half_done or (self._deployment is None and keeps_open(error, self._earlier))
        if (kept or isinstance(error, RunLeft)) and self._tools.emitter.failure is None:
            self.left_open = True
            raise left_as_it_is(error, self._info.id, self._tools.emitter)

    def _queue(self) -> None:
        if RunState.QUEUED in RUN_MOVES[self.state]:  # one that goes on in another process waits as what it was
            self._move(RunState.QUEUED)

    def _recall(self, earlier: Earlier) -> None:
        """Know again what the process before this one knew."""
        self._bind_plan()
        self._recovered = Recovery(self._progress, self._ledger, self._drafts.works).play(earlier)
        self._plan = self._recovered.plan
        recall(self._works, self._progress, self._tools.clock, tuple(self._ledger.batch_of))
        hosts = self._plan.hosts if self._plan is not None else ()
        self._ledger.unplanned = frozenset(host.host for host in hosts if host.error)
        if self._recovered.reason:  # it was about to end early
            switch = self._tools.switch
            (switch.stop if self._recovered.stopping else switch.finish_batch)(self._recovered.reason)

    def _ready(self) -> bool:
        """Plan and ask; False when the run was ended before anything is done."""
        self._admission.demand(None)
        unplanned: dict[str, tuple[Step, StepResult]] = {}
        if any(step.configures for step in self._workflow.steps):
            self._move(RunState.PLANNING)
            self._plan = self._make_plan()
            self._admission.demand(self._plan)
            if self._cut_short():
                return False
            unplanned = {host: failure for host in self._targets if (failure := self._progress.failure(host))}
            self._ledger.unplanned = frozenset(unplanned)
            if not self._asked(self._plan):
                return False
            self._start_pass()
        self._bind_plan()
        if self._earlier is not None:
            Recovery(self._progress, self._ledger, self._drafts.works).play(self._earlier)
        self._tools.log.approved(self._plan, self._drafts.works, self._earlier.entries if self._earlier else ())
        for host, (step, result) in unplanned.items():  # they are not begun: this is how they ended
            self._progress.record(step, {host: result})
            self._tools.log.outcome(step.id, host, result, None, final=True)
        return True

    def _open_sealed(self, sealed: Sealed) -> bool:
        """Take the plan from what was sealed; False when the run was ended before anything is done."""
        self._bind_plan()
        plan = self._plan = open_sealed(sealed, self._working)
        self._admission.demand(plan)
        if not sealed.answered and not self._asked(plan):
            return False
        self._tools.log.approved(plan, self._drafts.works)
        keep_errors(plan, self._body, self._working, self._tools)
        return True

    def _asked(self, plan: Plan) -> bool:
        """Ask whoever has to be asked; False when the run was ended meanwhile, StepCancelled when the answer is no."""
        self._admission.demand_quorum()
        if self._approved(plan):
            return True
        if self._cut_short():
            return False
        raise StepCancelled("the plan was not approved, nothing was sent to a device")

    def _bind_plan(self) -> None:
        self._drafts.bind(self._works, self._progress)

    def _make_plan(self) -> Plan:
        profile = self._info.profile.name
        return self._drafts.plan(self._works, self._progress, self._targets, self._inputs, profile, self._batching)

    def _approved(self, plan: Plan) -> bool:
        if not self._admission.needs_approval(plan):
            return True
        self._move(RunState.AWAITING_APPROVAL)
        return self._tools.approve(plan, self._admission.held)

    @property
    def _working(self) -> Working:
        return Working(self._progress, self._works, self._drafts.works, self._ledger)

    def _apply(self) -> None:
        self._progress.plans = {host.host: host for host in self._plan.hosts} if self._plan else {}
        self._deployment = Deployment(
            self._workflow,
            self._targets,
            (self._batching, self._thresholds),
            self._working,
            self._tools,
            self._recovered,
            plan=self._plan,
            plan_hash=bound_to(self._sealed, self._plan, self._workflow),
            resumed=self._earlier is not None,
            recover=self._earlier is not None and self._earlier.recover,
        )
        self._deployment.go()
        end = self._end_state()
        if end is RunState.SUCCEEDED and self._workflow.outputs:
            names = self._progress.names(None)
            self._outputs, self._error = workflow_outputs(
                self._workflow.outputs, lambda text: self._tools.evaluator.evaluate(text, names), names
            )
        if end is RunState.SUCCEEDED and self._error is None:
            self._error = too_many_stale(self._ledger, self._progress, self._thresholds)
        self._move(RunState.FAILED if self._error else end)

    def _end_state(self) -> RunState:
        failed = self._deployment is not None and self._deployment.failed
        return end_state(self._ledger.rollbacks, cut_state(self._tools) if self._cut else None, failed=failed)

    @property
    def _cut(self) -> bool:
        """Whether the run ended before its end: something was stopped, or a batch was never begun."""
        return self._tools.switch.stopping or (self._deployment is not None and self._deployment.short)

    def _cut_short(self) -> bool:
        switch = self._tools.switch
        if not switch.finishing:
            return False
        if self._half_done:
            raise StepCancelled(f"{switch.wish or 'it was stopped'}, while it waited for its turn")
        self._move(cut_state(self._tools))
        return True

    def _move(self, state: RunState) -> None:
        if self._earlier is not None and state is self.state:
            return  # the process before this one had come so far
        if state not in RUN_MOVES.get(self.state, frozenset()):
            raise RuntimeError(f"a run cannot go from {self.state} to {state}")
        self.state = state
        self._tools.emitter.emit(EventKind.RUN_STATE, state=state.value)

    def _record(self, started: Any) -> RunRecord:
        self._error = self._tools.emitter.failure or self._error
        record = self._recorded(started)
        self._tools.emitter.emit(EventKind.RUN_FINISHED, record.error, state=self.state.value)
        return record

    def _recorded(self, started: Any) -> RunRecord:
        wish = self._tools.switch.wish if self._cut else None
        why = why_it_ended(self.state, self._targets, self._progress, self._ledger, self._thresholds, wish)
        what = Ended(self.state, self._error, *why, self._outputs, started)
        record = record_of(self._info, self._workflow, self._inputs, self._targets, self._working, self._tools, what)
        return record if self._earlier is None else replace(record, resumed_by=self._earlier.resumed_by)
