"""One step's work, free of where it runs: condition, items, parameters, context, outputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from nornflow.abc import DeviceSession, StepContext, StepType
from nornflow.engine.outputs import with_outputs
from nornflow.engine.params import BoundParams
from nornflow.engine.progress import UNPLANNED, Progress
from nornflow.engine.tools import Tools
from nornflow.errors import ExpressionError, NornFlowError, PolicyDenied, StepError
from nornflow.model.event import EventKind
from nornflow.model.permission import Mode
from nornflow.model.profile import Profile
from nornflow.model.run import HostState, RunInfo, StepResult
from nornflow.model.workflow import OnFailure, Step
from nornflow.policy.permissions import effective

DEFAULT_STEP_TIMEOUT = 300.0


class StepWork:
    """A step bound to a run: knows how to do it for one host, or once."""

    def __init__(
        self, step: Step, step_type: StepType, profile: Profile, tools: Tools, run: RunInfo, progress: Progress
    ) -> None:
        self.step = step
        self.step_type = step_type
        self.profile = profile
        self.permissions = effective(profile, progress.workflow.permissions).names
        self.timeout = min(step.timeout or DEFAULT_STEP_TIMEOUT, float(profile.max_step_duration))
        self._tools = tools
        self._run = run
        self._progress = progress
        self._params = BoundParams(step, step_type, tools.renderer)

    def skipped(self, host: str | None) -> StepResult | None:
        """Return the result of a step that must not run here, or None when it must."""
        reason = self._progress.blocked(self.step, host)
        if reason:
            text = "a step before it did not succeed" if reason == "dependency" else "the branch was not taken"
            return StepResult(HostState.SKIPPED, reason=reason, error="", warning=text)
        if self.step.when and not self.evaluate(self.step.when, self._progress.names(host)):
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

    def act(self, mode: Mode, session: DeviceSession | None) -> StepResult:
        """Do (or plan) the step once, or once per item of `for_each`, and return how it ended; raises what ended it."""
        host = session.host.name if session else None
        names = self._progress.names(host)
        names["env"] = {**names["env"], **self._environment(names)}
        if self.step.for_each is None:
            return self._act_once(mode, session, names)
        results = []
        for index, item in enumerate(self._items(names)):
            results.append(self._act_once(mode, session, {**names, "item": item, "index": index}))
        return _merged(results)

    def _act_once(self, mode: Mode, session: DeviceSession | None, names: dict[str, Any]) -> StepResult:
        if self.step.inputs:
            names = {
                **names,
                "inputs": {**names["inputs"], **self._tools.renderer.render_value(self.step.inputs, names)},
            }
        params = self._params.bind(names)
        context = self._context(mode, session, names)
        if mode is Mode.PLAN:
            planned = self.step_type.plan(context, params)
            return planned if planned is not None else StepResult(HostState.PLANNED, reason=UNPLANNED)
        result = self.step_type.apply(context, params)
        return with_outputs(self.step, result, context.sandbox, partial(self.evaluate, names=names))

    def _environment(self, names: Mapping[str, Any]) -> dict[str, str]:
        rendered = self._tools.renderer.render_value(dict(self.step.environment), names)
        return {key: value if isinstance(value, str) else str(value) for key, value in rendered.items()}

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

    def _context(self, mode: Mode, session: DeviceSession | None, names: Mapping[str, Any]) -> StepContext:
        tools, step = self._tools, self.step
        host = session.host if session else None
        show = partial(self._emit_output, host.name if host else "")
        return StepContext(
            mode=mode,
            step=step.id,
            run=self._run,
            sandbox=tools.sandbox(self.profile, self.permissions, step.id, show),
            names=names,
            render=lambda text, **more: tools.renderer.render(text, {**names, **more}),
            evaluate=lambda expression, **more: self.evaluate(expression, names, **more),
            emit=show,
            nornir_task=self._import_task,
            host=host,
            task=session.task if session else None,
            environment=names["env"],
            timeout=self.timeout,
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
        elif error.reason == "resource-exhausted":
            self._tools.emitter.emit(EventKind.RESOURCE_EXCEEDED, error.message, step=self.step.id, host=host)
        state = {"timeout": HostState.TIMED_OUT, "cancelled": HostState.CANCELLED, "stale": HostState.STALE}.get(
            error.reason, HostState.FAILED
        )
        return StepResult(state, error=error.message, reason=error.reason, hint=error.hint)

    def soften(self, result: StepResult) -> StepResult:
        """Turn a failure into a warning (`on_failure: warn`) or into a skip (`continue`); other ends stay as they are."""
        if result.state is not HostState.FAILED or self.step.on_failure not in (OnFailure.WARN, OnFailure.CONTINUE):
            return result
        state = HostState.OK if self.step.on_failure is OnFailure.WARN else HostState.SKIPPED
        return replace(result, state=state, warning=result.error, error="")


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
