"""A run-scoped step: done once, with its retries, its cache and an end to its time."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace

from nornflow.abc import Cancellation
from nornflow.engine.attempts import delay_before, worth_retrying
from nornflow.engine.progress import Progress
from nornflow.engine.tools import Tools
from nornflow.engine.work import StepWork
from nornflow.errors import NornFlowError, StepCancelled
from nornflow.model.event import EventKind
from nornflow.model.permission import Mode
from nornflow.model.run import HostState, StepResult


class RunStep:
    """Executes one run-scoped step."""

    def __init__(
        self, work: StepWork, progress: Progress, tools: Tools, cancellation: Cancellation | None = None
    ) -> None:
        self._cancellation = cancellation or tools.switch
        self._work = work
        self._progress = progress
        self._tools = tools
        self._step = work.step

    def execute(self) -> StepResult:
        """Run the step and return how it ended; a failure is a result, not an exception."""
        started = self._tools.clock()
        try:
            result = self._work.skipped(None) or self._cached() or self._cut_off() or self._with_retries()
        except NornFlowError as error:
            result = self._work.failed(error)
        ended = self._tools.clock()
        return replace(
            self._work.soften(result),
            started_at=started,
            completed_at=ended,
            duration=max(0.0, (ended - started).total_seconds()),  # a clock may be set back
        )

    def _cut_off(self) -> StepResult | None:
        """Return the result of a step that a process before this one began: nobody knows how it ended."""
        key = (self._step.id, self._progress.batch)
        looks = self._work.step_type.verifies or self._step.check  # to look once more costs nothing
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
            if retry is None or attempt == attempts or not worth_retrying(result):
                break
            self._tools.emitter.emit(
                EventKind.STEP_RETRY, result.error, step=self._step.id, attempt=attempt + 1, of=attempts
            )
            if self._tools.sleep(delay_before(attempt + 1, retry)):
                break
            attempt += 1
        if not result.failed:
            self._keep(result)
        return result

    def _attempt(self) -> StepResult:
        try:
            return self._until(self._work.act_aside(Mode.APPLY, self._cancellation))
        except NornFlowError as error:
            return self._work.failed(error)

    def _until(self, result: StepResult) -> StepResult:
        if not self._step.until or result.failed:
            return result
        self._progress.record(self._step, result)
        if self._work.evaluate(self._step.until, self._progress.names(None)):
            return result
        if self._cancellation.stopping:
            return self._work.failed(StepCancelled(f"step {self._step.id} was stopped before: {self._step.until}"))
        return replace(result, state=HostState.FAILED, error=f"not yet: {self._step.until}", reason="until")

    def _cache_key(self) -> str:
        """Return what names the result: the step itself, so that an edited one is not stale, and the author's key."""
        step, cache = self._step, self._step.cache
        assert cache is not None
        key = self._tools.renderer.render(cache.key, self._progress.names(None)) if cache.key else ""
        whole = [self._progress.workflow.name, step.id, cache.version, key, self._work.fingerprint()]
        return hashlib.sha256(json.dumps(whole, sort_keys=True, default=str).encode()).hexdigest()

    def _cached(self) -> StepResult | None:
        cache = self._step.cache
        if cache is None or not cache.enabled or self._tools.cache is None or not self._work.repeatable:
            return None
        key = self._cache_key()
        found = self._tools.cache.get(key, self._tools.clock())
        return replace(found, state=HostState.CACHED, cache_key=key) if found else None

    def _keep(self, result: StepResult) -> None:
        cache = self._step.cache
        if (
            cache is not None
            and cache.enabled
            and self._tools.cache is not None
            and self._work.repeatable
            and result.state is not HostState.SKIPPED
        ):
            self._tools.cache.put(self._cache_key(), result, self._tools.clock(), cache.ttl)
