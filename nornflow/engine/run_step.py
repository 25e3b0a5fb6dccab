"""A run-scoped step: done once, with its retries, its cache and an end to its time."""

from __future__ import annotations

from dataclasses import replace

from nornflow.engine.attempts import delay_before, worth_retrying
from nornflow.engine.cached import CachedStep
from nornflow.engine.deadlines import ONCE
from nornflow.engine.progress import Progress
from nornflow.engine.rollouts.held_batch import HeldBatch
from nornflow.engine.tools import Tools
from nornflow.engine.waiting import Waiting
from nornflow.engine.work import StepWork
from nornflow.errors import NornFlowError, StepCancelled, StepTimeout
from nornflow.model.event import EventKind
from nornflow.model.permission import Mode
from nornflow.model.run import HostState, StepResult
from nornflow.model.wait import Awaited, Wait


class RunStep:
    """Executes one run-scoped step."""

    def __init__(
        self, work: StepWork, progress: Progress, tools: Tools, waiting: Waiting, held: HeldBatch | None = None
    ) -> None:
        self._cancellation = held or tools.switch
        self._held = held is not None
        self._waiting = waiting
        self._wait: Wait | None = None
        self._work = work
        self._progress = progress
        self._tools = tools
        self._step = work.step
        self._cached = CachedStep(work, progress, tools)

    def execute(self) -> StepResult:
        """Run the step and return how it ended; a failure is a result, not an exception. Suspended when it waits."""
        started = self._tools.clock()
        try:
            result = self._work.skipped(None)
            if result is None and self._work.may_wait:
                result = self._waited()
            result = result or self._cached.look_up().get("") or self._cut_off() or self._with_retries()
        except NornFlowError as error:
            result = self._work.failed(error)
        ended = self._tools.clock()
        started = started if self._wait is None else self._wait.since
        return replace(
            self._work.soften(result),
            started_at=started,
            completed_at=ended,
            duration=max(0.0, (ended - started).total_seconds()),  # a clock may be set back
        )

    def _waited(self) -> StepResult | None:
        """Wait for what must come before the step; the answer is how it ends when that is of no use any more."""
        key = (self._step.id, self._progress.batch)
        if self._waiting.hopeless(self._step.id):
            text = "nobody was asked: the run has failed by what came before"
            return StepResult(HostState.SKIPPED, reason="dependency", warning=text)

        def awaited() -> Awaited | None:
            return self._work.awaited(self._cancellation)

        self._wait = self._waiting.step(*key, awaited, sleep=self._tools.sleep, held=self._held)
        return None

    def _cut_off(self) -> StepResult | None:
        """Return the result of a step that a process before this one began: nobody knows how it ended."""
        key = (self._step.id, self._progress.batch)
        # to look once more costs nothing, and what comes behind a wait only says what came
        looks = self._work.step_type.verifies or self._step.check or self._work.may_wait
        if looks or key not in self._progress.past.begun:
            self._tools.log.begun(*key)
            return None
        self._progress.past.begun.discard(key)
        run = self._progress.names(None)["run"]["id"]
        return StepResult(
            HostState.FAILED,
            error="the run was cut off in this step, and nobody knows whether it was done",
            reason="interrupted",
            hint=f"see whether it was done; to do it once more: nornflow runs resume {run} --from {self._step.id}",
        )

    def _with_retries(self) -> StepResult:
        retry = self._step.retry
        attempts = retry.tries if retry else 1
        attempt = 1
        while True:
            result = replace(self._attempt(), attempts=attempt)
            if retry is None or attempt == attempts or not self._again(result):
                break
            self._tools.emitter.emit(
                EventKind.STEP_RETRY, result.error, step=self._step.id, attempt=attempt + 1, of=attempts
            )
            if self._tools.sleep(delay_before(attempt + 1, retry)):
                break
            attempt += 1
        self._cached.keep({"": result})
        return self._cached.named("", result)

    def _again(self, result: StepResult) -> bool:
        return worth_retrying(result) and self._progress.times.over(ONCE, self._step.id) is None

    def _attempt(self) -> StepResult:
        times, step, began = self._progress.times, self._step.id, self._tools.monotonic()
        try:
            if late := times.over(ONCE, step):
                raise late
            left = (times.left((ONCE,), step) or {}).get(ONCE)
            try:
                result = self._work.act_aside(Mode.APPLY, self._cancellation, self._wait, left)
            finally:
                times.use(ONCE, self._tools.monotonic() - began, step)
            return self._until(result)
        except StepTimeout as error:
            return self._work.failed(times.over(ONCE, step) or error)
        except NornFlowError as error:
            return self._work.failed(error)

    def _until(self, result: StepResult) -> StepResult:
        if not self._step.until or result.failed:
            return result
        self._progress.record(self._step, result)
        if self._work.evaluate(self._step.until, self._progress.names(None, self._step.frame)):
            return result
        if self._cancellation.stopping:
            return self._work.failed(StepCancelled(f"step {self._step.id} was stopped before: {self._step.until}"))
        return replace(result, state=HostState.FAILED, error=f"not yet: {self._step.until}", reason="until")
