"""The planning phase: devices are read and configuration is captured; nothing is written anywhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from nornflow.abc import DeviceSession
from nornflow.engine.attempts import in_rounds, worth_retrying
from nornflow.engine.calls import Call
from nornflow.engine.graph import ancestors, walk
from nornflow.engine.own_way import way_back
from nornflow.engine.plans.plan_step import PlannedWork, is_unplannable
from nornflow.engine.progress import UNPLANNED, Progress
from nornflow.engine.shards.shards import Desk, Done, Round, Work
from nornflow.engine.tools import Tools
from nornflow.engine.work import StepWork
from nornflow.errors import AuthenticationFailed, NornFlowError, NotWhilePlanning, StepError, StepTimeout, Unreachable
from nornflow.model.event import EventKind
from nornflow.model.permission import Mode
from nornflow.model.plan import HostPlan, Plan, PlannedStep
from nornflow.model.run import HostState, StepResult
from nornflow.model.step import Scope, Step
from nornflow.workflow.drafts import CALL

_NO_SESSION = frozenset((Unreachable.reason, AuthenticationFailed.reason, StepTimeout.reason))
"""Reasons after which a device is not asked again in the same plan."""

Rehearse = Callable[[Sequence[HostPlan]], tuple[HostPlan, ...]]
"""Completes plans of devices by what a rehearsal of their ways back shows."""


class Planning:
    """One planning pass: the configuring steps and everything they build on, on every target."""

    def __init__(
        self,
        progress: Progress,
        works: Mapping[str, StepWork],
        planned: Mapping[str, PlannedWork],
        tools: Tools,
        profile: str,
    ) -> None:
        self._progress = progress
        self._works = works
        self._planned = planned
        self._tools = tools
        self._profile = profile
        self._workflow = progress.workflow
        self._unplanned: dict[str, str] = {}
        self._gone: set[str] = set()

    def plan(self, hosts: Sequence[str], inputs: Mapping[str, object], rehearse: Rehearse) -> Plan:
        """Plan every step that may change a device, and return what it would do; read-only workflows give an empty plan.

        `rehearse` tries the ways back when all steps of all devices are planned.
        """
        emitter = self._tools.emitter
        configuring = [step.id for step in self._workflow.steps if step.configures]
        cone = ancestors(self._workflow.steps, configuring) | set(configuring)
        steps = [step for step in self._workflow.steps if step.id in cone]
        emitter.emit(EventKind.PLAN_STARTED, hosts=len(hosts), steps=[step.id for step in steps])

        def execute(step: Step) -> bool:
            self._execute(step, hosts)
            return True

        walk(steps, execute, lambda step: None, self._tools.switch)
        for step in self._workflow.steps:
            if step.scope is Scope.RUN and not step.check and step.type != CALL and step.id not in self._unplanned:
                self._unplanned[step.id] = f"{step.type} runs once, when the change is applied"
        plan = Plan(
            workflow=self._workflow.name,
            version=self._workflow.version,
            profile=self._profile,
            inputs=dict(inputs),
            hosts=rehearse([self._host_plan(host, configuring) for host in hosts]),
            unplanned=dict(self._unplanned),
            within=self._workflow.confirm.within if self._workflow.confirm is not None else 0.0,
        )
        emitter.emit(EventKind.PLAN_FINISHED, changes=plan.changes, hosts=len(hosts))
        return plan

    def _execute(self, step: Step, hosts: Sequence[str]) -> None:
        self._tools.emitter.emit(
            EventKind.STEP_STARTED, step=step.id, planning=True, hosts=len(hosts) if step.scope is Scope.DEVICE else 0
        )
        work = self._works[step.id]
        if step.type == CALL:
            Call(work, self._progress, self._tools.clock).end(hosts)
        elif step.scope is Scope.RUN:
            self._progress.record(step, self._plan_run_step(step, work))
        else:
            self._progress.record(step, self._plan_device_step(step, work, hosts[:1] if step.once else hosts))
        self._tools.emitter.emit(EventKind.STEP_FINISHED, step=step.id, planning=True)

    def _plan_run_step(self, step: Step, work: StepWork) -> StepResult:
        try:
            skipped = work.skipped(None)
            return skipped if skipped is not None else work.act_aside(Mode.PLAN)
        except NornFlowError as error:
            if is_unplannable(error, self._progress, step):
                return StepResult(HostState.PLANNED, reason=UNPLANNED)
            return work.failed(error)

    def _plan_device_step(self, step: Step, work: StepWork, hosts: Sequence[str]) -> dict[str, StepResult]:
        if self._tools.devices is None:
            raise StepError("this workflow needs devices", hint="give the project an inventory")
        if not step.configures and ancestors(self._workflow.steps, [step.id]) & self._configuring():
            # it looks at the network after the change: what it would see now is not what it will see then
            return {host: StepResult(HostState.PLANNED, reason=UNPLANNED) for host in hosts}
        results: dict[str, StepResult] = {}
        todo = []
        for host in hosts:
            if host in self._gone:  # it was asked once; every further step would wait as long
                results[host] = StepResult(HostState.SKIPPED, reason="dependency", warning="it could not be reached")
                continue
            try:
                skipped = work.skipped(host)
            except NornFlowError as error:
                results[host] = self._result_of(step, work, error, host)
                continue
            if skipped is None:
                todo.append(host)
            else:
                results[host] = skipped

        told: set[str] = set()
        desk = Desk(self._progress, self._planned[step.id])

        def attempt(hosts: Sequence[str], number: int, last: bool) -> Mapping[str, StepResult]:
            round = Round(Work.PLAN, tuple(hosts), step.id, number, last)
            done = self._tools.shards.do(round, desk, self.here, self._tools.switch)
            told.update(done.told)
            self._unplanned.update(done.unplanned)
            return done.results

        def ended(found: Mapping[str, StepResult]) -> None:
            results.update(found)
            for host, result in found.items():
                if host not in told:
                    self._tell(step, host, result)
                if result.reason in _NO_SESSION:
                    self._gone.add(host)

        in_rounds(step, todo, self._tools, attempt, lambda host, result: worth_retrying(result), ended)
        return results

    def here(self, round: Round) -> Done:
        """Plan a step in this process on the devices of a round."""
        devices, step, work = self._tools.devices, self._workflow.step(round.step), self._works[round.step]
        assert devices is not None  # a round has devices
        told: set[str] = set()

        def unit(session: DeviceSession) -> StepResult:
            host, began = session.host.name, self._tools.monotonic()
            try:
                result = work.soften(self._planned[step.id].plan(session))
            except NornFlowError as error:
                result = self._result_of(step, work, error, host)
            self._progress.times.use(host, self._tools.monotonic() - began)
            if not session.ended and (round.last or not worth_retrying(result)):
                told.add(host)  # as it happens, not when the slowest is done
                self._tell(step, host, result)
            return result

        limits, switch = self._progress.times.left(round.hosts), self._tools.switch
        answers = devices.run(step.id, round.hosts, unit, timeout=work.timeout, limits=limits, cancellation=switch)
        # an error is how the work was ended from outside: its time was over, or the run was stopped
        found = {
            host: answer if isinstance(answer, StepResult) else self._result_of(step, work, answer, host)
            for host, answer in answers.items()
        }
        return Done(found, told=told, unplanned=dict(self._unplanned))

    def _tell(self, step: Step, host: str, result: StepResult) -> None:
        self._tools.emitter.emit(
            EventKind.HOST_STATE,
            result.error,
            step=step.id,
            host=host,
            state=result.state.value,
            changed=result.changed,
            planning=True,
        )

    def _result_of(self, step: Step, work: StepWork, error: NornFlowError, host: str) -> StepResult:
        if is_unplannable(error, self._progress, step):
            self._unplanned[step.id] = f"it needs a result that is not known while planning: {error.message}"
            return StepResult(HostState.PLANNED, reason=UNPLANNED)
        if isinstance(error, NotWhilePlanning):
            self._unplanned[step.id] = error.message
            return StepResult(HostState.PLANNED, reason=UNPLANNED)
        return work.soften(work.failed(error, host))

    def _confirmed_by(self, host: str, steps: Sequence[PlannedStep], configuring: Sequence[str]) -> str:
        """Return what takes the device's change back when nobody confirms it; empty where nothing is to be confirmed."""
        if self._workflow.confirm is None or self._tools.devices is None:
            return ""
        known = {step.step for step in steps}
        unknown = any(step in self._unplanned for step in configuring if step not in known)
        return way_back(steps, self._tools.devices.own_timers(host), unknown=unknown)

    def _configuring(self) -> set[str]:
        return {step.id for step in self._workflow.steps if step.configures}

    def _host_plan(self, host: str, configuring: Sequence[str]) -> HostPlan:
        view = self._progress.hosts[host]
        steps = tuple(self._planned[step].planned[host] for step in configuring if host in self._planned[step].planned)
        before = next((digest for step in configuring if (digest := self._planned[step].read_hash(host))), "")
        risks = tuple(risk for step in configuring for risk in self._planned[step].risks.get(host, ()))
        confirm = self._confirmed_by(host, steps, configuring)
        plan = HostPlan(host, view.nos, steps, pre_hash=before, risks=risks, confirm=confirm)
        failed = self._progress.failure(host)
        if failed is None:
            return plan
        step, result = failed
        return replace(plan, error=f"{step.id}: {result.error}", reason=result.reason, hint=result.hint)
