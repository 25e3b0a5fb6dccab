"""One step's work, free of where it runs: condition, items, parameters, context, outputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from nornflow.abc import Cancellation, DeviceSession, StepContext, StepType
from nornflow.engine.aside import aside
from nornflow.engine.outputs import is_expression, with_outputs
from nornflow.engine.params import BoundParams
from nornflow.engine.plans.reading import ReadingSandbox
from nornflow.engine.progress import UNPLANNED, Progress, is_bearable
from nornflow.engine.sight import Sight
from nornflow.engine.strangers import answered, asked
from nornflow.engine.tools import Tools
from nornflow.errors import (
    ExpressionError,
    InjectionBlocked,
    NornFlowError,
    PolicyDenied,
    ResourceExhausted,
    StepCancelled,
    StepError,
    StepTimeout,
)
from nornflow.model.device import Change
from nornflow.model.event import EventKind
from nornflow.model.permission import Grant, Mode, both
from nornflow.model.plan import PlannedStep
from nornflow.model.profile import Profile
from nornflow.model.run import HostState, RunInfo, StepResult
from nornflow.model.step import OnFailure, Step
from nornflow.model.wait import Awaited, Wait
from nornflow.policy.grants import grant_for
from nornflow.policy.permissions import effective

R = TypeVar("R")

DEFAULT_STEP_TIMEOUT = 300.0
_TOLD_AS = {
    InjectionBlocked.reason: EventKind.INJECTION_BLOCKED,
    ResourceExhausted.reason: EventKind.RESOURCE_EXCEEDED,
}


class StepWork:
    """A step bound to a run: knows how to do it for one host, or once."""

    def __init__(
        self, step: Step, step_type: StepType, profile: Profile, tools: Tools, run: RunInfo, progress: Progress
    ) -> None:
        self.step = step
        self.step_type = step_type
        self.profile = profile
        workflow = progress.workflow
        self.permissions = effective(profile, both(workflow.permissions, step.permitted)).names
        self.timeout = min(step.timeout or DEFAULT_STEP_TIMEOUT, float(profile.max_step_duration))
        self._tools = tools
        self._run = run
        self._progress = progress
        folders = (run.workspace, run.project, Path(workflow.file).parent)
        self._folders = folders if workflow.file else folders[:2]
        if step.frame:
            self._folders = (*folders[:2], Path(workflow.frames[step.frame].folder))
        self._sight = Sight(step, progress, tools.renderer)
        self._params = BoundParams(step, step_type, tools.renderer)

    def grant(self, host: str, mode: Mode, planned: PlannedStep | None = None, *, name: str = "") -> Grant:
        """Return what the step may do on a device, under a name of its own when something else is done for it."""
        step = replace(self.step, id=name) if name else self.step
        grant = grant_for(self.profile, step, host, mode, planned, permissions=self.permissions, folders=self._folders)
        hold = self._progress.holds.get(host) if mode is Mode.APPLY and not name else None
        return replace(grant, run=self._run.id, hold=hold)

    def tell(self, kind: EventKind, message: str, **about: Any) -> None:
        """Say something about the step."""
        self._tools.emitter.emit(kind, message, step=self.step.id, **about)

    def skipped(self, host: str | None) -> StepResult | None:
        """Return the result of a step that must not run here, or None when it must."""
        reason = self._progress.blocked(self.step, host)
        if reason:
            text = "a step before it did not succeed" if reason == "dependency" else "the branch was not taken"
            return StepResult(HostState.SKIPPED, reason=reason, error="", warning=text)
        if reason := self._sight.left_out(host, self.evaluate):
            return StepResult(HostState.SKIPPED, reason="when", warning=reason)
        if self.step.when and not self.evaluate(self.step.when, self._sight.of_when(host)):
            return StepResult(HostState.SKIPPED, reason="when", warning=f"when: {self.step.when}")
        return None

    def evaluate(self, expression: str, names: Mapping[str, Any], **more: Any) -> Any:
        """Evaluate an expression of this step; the error names the step and where it stands."""
        try:
            return self._tools.evaluator.evaluate(expression, {**names, **more} if more else names)
        except ExpressionError as error:
            raise ExpressionError(
                f"step {self.step.id} ({self.step.location}): {error.message}", hint=error.hint
            ) from None

    def act(
        self,
        mode: Mode,
        session: DeviceSession | None,
        change: Change | None = None,
        wait: Wait | None = None,
        left: float | None = None,
    ) -> StepResult:
        """Do (or plan) the step once, or once per item of `for_each`, and return how it ended; raises what ended it.

        It has its `timeout`, or what is `left` of that of a call.
        """
        rounds, timeout = self._rounds(session.host.name if session else None), self._limited(left)
        if self.step.for_each is None:
            return self._act_once(mode, session, rounds[0], timeout, change, wait)
        deadline = self._tools.monotonic() + timeout
        results = []
        for number, names in enumerate(rounds):
            self._go_on(mode, session, number, len(rounds))
            results.append(self._act_once(mode, session, names, self._left(deadline), change))
        return _merged(results)

    def act_aside(
        self,
        mode: Mode,
        cancellation: Cancellation | None = None,
        wait: Wait | None = None,
        left: float | None = None,
    ) -> StepResult:
        """Do (or plan) a step of the run in a thread of its own; raises what ended it, StepTimeout when it hangs."""
        return self._aside(lambda: self.act(mode, None, wait=wait, left=left), cancellation, left)

    def _limited(self, left: float | None) -> float:
        return self.timeout if left is None else max(min(self.timeout, left), 0.1)

    @property
    def may_wait(self) -> bool:
        """Whether the step's type knows steps that wait for something."""
        return type(self.step_type).awaits is not StepType.awaits

    def awaited(self, cancellation: Cancellation | None = None) -> Awaited | None:
        """Return what the step waits for before it is done; raises what its type raises, as `act_aside`."""
        names = self._with_inputs(self._sight.names(None))

        def ask() -> Awaited | None:
            context = self._context(Mode.APPLY, None, names, self.timeout)
            found = asked(
                self.step_type.awaits, context, self._params.bind(names), who=f"the step type {self.step.type}"
            )
            if isinstance(found, Awaited):  # it names steps as its own workflow does
                frame = f"{self.step.frame}." if self.step.frame else ""
                return replace(found, different_from=tuple(frame + each for each in found.different_from))
            if found is None:
                return None
            raise StepError(f"the step type {self.step.type} waits for {type(found).__name__}, which is no Awaited")

        return self._aside(ask, cancellation)

    def _aside(self, work: Callable[[], R], cancellation: Cancellation | None, left: float | None = None) -> R:
        return aside(self.step.id, work, self._limited(left), cancellation or self._tools.switch)

    def _go_on(self, mode: Mode, session: DeviceSession | None, done: int, of: int) -> None:
        """Raise StepCancelled between two items when the run shall end; a device's change is not left half done for that."""
        switch = self._tools.switch
        changing = session is not None and self.step.configures and mode is Mode.APPLY
        if switch.aborted or (switch.stopping and done and not changing):
            raise StepCancelled(f"step {self.step.id} was stopped when {done} of its {of} items were done")

    def _left(self, deadline: float) -> float:
        """Return the seconds that the next item may take; StepTimeout when there are none."""
        left = deadline - self._tools.monotonic()
        if left <= 0:
            raise StepTimeout(
                f"step {self.step.id} was ended after {self.timeout:g} s, before all items of for_each were done",
                hint="the step's `timeout:` is for all items together",
            )
        return max(round(left, 1), 0.1)

    def fingerprint(self, host: str | None) -> dict[str, Any]:
        """Return, as plain data, all that workflow and profile say about the result of the step, on a device or once."""
        rounds = [[self._params.rendered(names), names["env"], self._seen(names)] for names in self._rounds(host)]
        programs = sorted(self.permissions & {"shell.execute", "shell.script"} & self.step.permissions)
        return {
            "type": self.step.type,
            "profile": self.profile,
            "permissions": sorted(self.permissions),
            "outputs": [[output.name, output.type, output.source] for output in self.step.outputs],
            "each": self.step.for_each is not None,
            "rounds": rounds,
            "place": str(self._run.project) if programs else "",  # a program reads what lies beside it
        }

    def _seen(self, names: Mapping[str, Any]) -> list[Any]:
        """Return the values of what the step's outputs are worked out from besides its result."""
        paths = sorted(
            {
                tuple(map(str, reference.path))
                for output in self.step.outputs
                if is_expression(output.source)
                for reference in self._tools.evaluator.check(output.source)
                if reference.path[0] in names
            }
        )
        return [[path, _value_at(names, path)] for path in paths]

    @property
    def repeatable(self) -> bool:
        """Tell whether a result may be used again: not that of a judgement, and not of one that writes into the workspace."""
        judges = self.step.check or self._params.judges or self.step_type.verifies
        return not (judges or self.step.until or "file.write" in self.step.permissions)

    def _rounds(self, host: str | None) -> list[dict[str, Any]]:
        """Return the names that the step is done with: once, or once for each item."""
        names = self._sight.names(host)
        if self.step.for_each is None:
            return [self._with_inputs(names)]
        items = self._items(names)
        return [self._with_inputs({**names, "item": item, "index": index}) for index, item in enumerate(items)]

    def _with_inputs(self, names: dict[str, Any]) -> dict[str, Any]:
        if not self.step.inputs:
            return names
        own = self._tools.renderer.render_value(self.step.inputs, names)
        return {**names, "inputs": {**names["inputs"], **own}}

    def _act_once(
        self,
        mode: Mode,
        session: DeviceSession | None,
        names: dict[str, Any],
        timeout: float,
        change: Change | None,
        wait: Wait | None = None,
    ) -> StepResult:
        params = self._params.bind(names)
        context = replace(self._context(mode, session, names, timeout), change=change, wait=wait)
        kind, who = self.step.type, f"the step type {self.step.type}"
        if mode is Mode.PLAN:
            planned = asked(self.step_type.plan, context, params, who=who)
            if planned is None:
                return StepResult(HostState.PLANNED, reason=UNPLANNED)
            return answered(planned, kind, planning=True)
        result = answered(asked(self.step_type.apply, context, params, who=who), kind)
        return with_outputs(self.step, result, context.sandbox, partial(self.evaluate, names=names))

    def _items(self, names: Mapping[str, Any]) -> list[Any]:
        items = self.step.for_each
        if isinstance(items, str):
            rendered = self._tools.renderer.render(items, names)
            items = self.evaluate(items, names) if rendered == items else rendered
        else:
            items = self._tools.renderer.render_value(items, names)
        if isinstance(items, Mapping):
            return [{"key": key, "value": value} for key, value in items.items()]
        if not isinstance(items, (list, tuple)):
            raise StepError(
                f"step {self.step.id} ({self.step.location}): for_each gives {type(items).__name__}, a list is expected"
            )
        return list(items)

    def _context(
        self, mode: Mode, session: DeviceSession | None, names: Mapping[str, Any], timeout: float
    ) -> StepContext:
        tools, step = self._tools, self.step
        host = session.host if session else None
        show = partial(self._emit_output, host.name if host else "")
        sandbox = tools.sandbox(self.profile, self.permissions, step.id, show)
        return StepContext(
            mode=mode,
            step=step.id,
            run=self._run,
            sandbox=ReadingSandbox(sandbox) if mode is Mode.PLAN else sandbox,
            names=names,
            render=lambda text, **more: tools.renderer.render(text, {**names, **more}),
            evaluate=lambda expression, **more: self.evaluate(expression, names, **more),
            emit=show,
            nornir_task=self._import_task,
            host=host,
            task=session.task if session else None,
            environment=names["env"],
            timeout=timeout,
            clock=tools.clock,
        )

    def _emit_output(self, host: str, line: str) -> None:
        self._tools.emitter.emit(EventKind.STEP_OUTPUT, line, step=self.step.id, host=host)

    def _import_task(self, path: str) -> Callable[..., Any]:
        if self._tools.devices is None:
            raise StepError("there are no devices in this run", hint="give the project an inventory")
        return self._tools.devices.import_task(path, anywhere=self.profile.tasks == "any")

    def failed(self, error: NornFlowError, host: str = "") -> StepResult:
        """Return the result of a step that an error ended, after `on_failure: warn | continue` has been heard."""
        if isinstance(error, PolicyDenied):
            self._tools.emitter.emit(EventKind.POLICY_VIOLATION, error.message, step=self.step.id, host=host)
        elif error.reason in _TOLD_AS:
            self._tools.emitter.emit(_TOLD_AS[error.reason], error.message, step=self.step.id, host=host)
        state = {"timeout": HostState.TIMED_OUT, "cancelled": HostState.CANCELLED, "stale": HostState.STALE}.get(
            error.reason, HostState.FAILED
        )
        return StepResult(state, error=error.message, reason=error.reason, hint=error.hint)

    def soften(self, result: StepResult) -> StepResult:
        """Turn a failure into a warning (`on_failure: warn`) or into a skip (`continue`); other ends stay as they are."""
        if not is_bearable(result) or self.step.on_failure is OnFailure.FAIL:
            return result
        state = HostState.OK if self.step.on_failure is OnFailure.WARN else HostState.SKIPPED
        return replace(result, state=state, warning=result.error, error="")


def _value_at(names: Mapping[str, Any], path: Sequence[str]) -> Any:
    """Return what stands at the end of a path, or where it leaves plain mappings."""
    value: Any = names
    for part in path:
        if not isinstance(value, Mapping) or part not in value:
            break
        value = value[part]
    return value


def _merged(results: list[StepResult]) -> StepResult:
    """Return the results of all items as one: failed at the first failure, changed when any item changed."""
    if not results:
        return StepResult(HostState.SKIPPED, reason="when", warning="for_each: no items", outputs={"results": []})
    bad = next((result for result in results if result.failed), None)
    changed = any(result.changed for result in results)
    state = bad.state if bad else HostState.CHANGED if changed else results[-1].state
    return replace(
        bad or results[-1],
        state=state,
        changed=changed,
        outputs={**results[-1].outputs, "results": [dict(result.outputs) for result in results]},
        stdout="".join(result.stdout for result in results),
        stderr="".join(result.stderr for result in results),
        diff="".join(result.diff for result in results),
    )
