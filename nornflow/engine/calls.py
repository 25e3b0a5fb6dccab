"""How a call of another workflow ended, on a device or once: what became of its steps, and what it gives."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from nornflow.engine.graph import rescue_groups
from nornflow.engine.outputs import workflow_outputs
from nornflow.engine.progress import UNPLANNED, Progress, is_bearable
from nornflow.engine.work import StepWork
from nornflow.errors import NornFlowError
from nornflow.model.frame import Frame
from nornflow.model.run import HostState, StepResult
from nornflow.model.step import Scope, Step
from nornflow.workflow.drafts import CALL

Outputs = tuple[dict[str, Any], NornFlowError | None]


def recall(works: Mapping[str, StepWork], progress: Progress, clock: Callable[[], Any], hosts: Sequence[str]) -> None:
    """Know again how calls ended, and which failures were rescued, of a run that goes on: its journal has only the steps."""
    groups = rescue_groups(progress.workflow.steps)
    progress.rescue(groups)
    for step in progress.workflow.steps:
        if step.type == CALL:
            Call(works[step.id], progress, clock).end(hosts)
            progress.rescue(groups)


class Call:
    """The end of one call: nothing is done there but to look at its steps, so it is done anew by each process of a run."""

    def __init__(self, work: StepWork, progress: Progress, clock: Callable[[], Any]) -> None:
        self._work = work
        self._step = work.step
        self._progress = progress
        self._clock = clock
        frames = progress.workflow.frames.values()
        self._frames = sorted((one for one in frames if one.call == self._step.id), key=lambda one: one.index or 0)
        self._inner = {
            frame.id: [step for step in progress.workflow.steps if frame.holds(step.frame)] for frame in self._frames
        }
        ids = {step.id for steps in self._inner.values() for step in steps}
        self._outer = replace(self._step, after=tuple(edge for edge in self._step.after if edge.step not in ids))
        self._shared: dict[str, Outputs] = {}

    def end(self, hosts: Sequence[str]) -> None:
        """Keep how the call ended on these devices, or once; where not all of its steps were done it has not ended."""
        self._shared = {}
        if self._step.scope is Scope.RUN:
            result = self._result(None)
            if result is not None:
                self._progress.record(self._step, self._work.soften(result))
            return
        known = self._progress.host_results.get(self._step.id, {})
        found = {host: result for host in hosts if host not in known and (result := self._result(host)) is not None}
        self._progress.record(self._step, {host: self._work.soften(result) for host, result in found.items()})

    def known(self) -> bool:
        """Tell whether a process before this one did all of its steps, as far as the batch at work goes, when it runs once."""
        steps = [step for steps in self._inner.values() for step in steps]
        return self._step.id in self._progress.results and all(self._progress.complete(step, ()) for step in steps)

    def _result(self, host: str | None) -> StepResult | None:
        now = self._clock()
        if any(self._progress.result(edge.step, host) is None for edge in self._outer.after):
            return None  # it is not begun
        reason = self._progress.blocked(self._outer, host)
        if reason:
            text = "a step before it did not succeed" if reason == "dependency" else "the branch was not taken"
            return StepResult(HostState.SKIPPED, reason=reason, warning=text, started_at=now, completed_at=now)
        if not self._frames:
            return StepResult(HostState.SKIPPED, reason="when", warning="for_each: no items", outputs={"results": []})
        rounds = []
        for frame in self._frames:
            results = [(step, self._progress.result(step.id, host)) for step in self._inner[frame.id]]
            done = [(step, result) for step, result in results if result is not None]
            if len(done) < len(results):
                return None  # it was stopped before
            rounds.append((frame, done))
        every = [one for _, done in rounds for one in done]
        started = min((one.started_at for _, one in every if one.started_at is not None), default=now)
        made = replace(self._state(every), started_at=started, completed_at=now)
        if made.failed or made.state is HostState.SKIPPED:
            return made
        return self._with_outputs(made, [frame for frame, _ in rounds], host)

    def _state(self, done: Sequence[tuple[Step, StepResult]]) -> StepResult:
        bad = [(step, result) for step, result in done if result.failed]
        bad.sort(
            key=lambda one: is_bearable(one[1])
        )  # what cannot be borne says how the call ended: an unknown device, say
        changed = any(result.changed for _, result in done)
        if bad:
            step, result = bad[0]
            error = f"{step.id}: {result.error}"
            return StepResult(result.state, changed=result.changed, error=error, reason=result.reason, hint=result.hint)
        if done and all(result.state is HostState.SKIPPED for _, result in done):
            return StepResult(HostState.SKIPPED, reason="when", warning=done[0][1].warning)
        planned = any(result.state is HostState.PLANNED for _, result in done)
        state = HostState.PLANNED if planned else HostState.CHANGED if changed else HostState.OK
        return StepResult(state, changed=changed)

    def _with_outputs(self, result: StepResult, frames: Sequence[Frame], host: str | None) -> StepResult:
        given = [self._outputs(frame, host) for frame in frames]
        fault = next((fault for _, fault in given if fault is not None), None)
        if fault is not None and result.state is HostState.PLANNED:
            return replace(result, reason=UNPLANNED)
        if fault is not None:
            return self._work.failed(fault, host or "")
        outputs = dict(given[-1][0])
        if frames[-1].index is not None:
            outputs["results"] = [found for found, _ in given]
        return replace(result, outputs=outputs)

    def _outputs(self, frame: Frame, host: str | None) -> Outputs:
        """Return the outputs of a called workflow: as it gives them when it is run alone, once for all of its devices."""
        known = self._shared.get(frame.id)
        if known is not None:
            return known
        try:
            names = self._progress.names(None, frame.id)
        except NornFlowError:  # what it is given is about the device
            if host is None:
                raise
            return self._evaluated(frame, self._progress.names(host, frame.id, fleet=True))
        found = self._shared[frame.id] = self._evaluated(frame, names)
        return found

    def _evaluated(self, frame: Frame, names: dict[str, Any]) -> Outputs:
        return workflow_outputs(frame.outputs, lambda text: self._work.evaluate(text, names), names)
