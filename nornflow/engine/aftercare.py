"""What a step asked for after its change of a device: that it is verified, and that a failed one is taken back at once."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from nornflow.abc import DeviceSession
from nornflow.engine.progress import PreImage, Progress
from nornflow.engine.rollback import Rollback
from nornflow.engine.tools import Tools
from nornflow.engine.work import StepWork
from nornflow.errors import LineRejected, NornFlowError
from nornflow.model.device import Change
from nornflow.model.event import EventKind
from nornflow.model.plan import PlannedStep
from nornflow.model.run import HostState, StepResult
from nornflow.model.step import OnFailure
from nornflow.planning.normalise import config_hash
from nornflow.planning.verify import verify
from nornflow.platforms.platform import Platform


class Aftercare:
    """Looks after one step's changes: `settled` is called once the device was read back."""

    def __init__(self, work: StepWork, progress: Progress, tools: Tools) -> None:
        self._work = work
        self._step = work.step
        self._progress = progress
        self._tools = tools

    def settled(
        self,
        session: DeviceSession,
        change: Change,
        planned: PlannedStep,
        after: str,
        saved: str,
        platform: Platform,
        result: StepResult,
    ) -> StepResult:
        """Return the result with what became of the step's wishes; `saved` is the command that saved, if it was sent."""
        outputs: dict[str, Any] = {**change.outputs, **result.outputs}
        if change.verify is not None:
            outputs["validation_passed"] = None
        if change.verify and not result.failed:
            verdict = verify(change.before, after, planned.configuration, platform)
            outputs["validation_passed"] = verdict.passed
            if verdict.passed is None:
                result = replace(
                    result, warning=result.warning or "what was planned is not known, so it was not verified"
                )
            elif not verdict.passed:
                result = replace(
                    result,
                    state=HostState.FAILED,
                    error=f"{session.host.name} took the lines and is not as planned: {verdict}",
                    reason="not-as-planned",
                    hint="write the lines as the device shows them, or switch this check off if it only spells them otherwise",
                )
        if change.take_back is not None:
            result, tried = self._after_failure(session, change, planned, saved, platform, result)
            outputs |= tried
        if result.failed and "config_deployed" in outputs:
            outputs["config_deployed"] = False
        return replace(result, outputs=outputs)

    def _after_failure(
        self,
        session: DeviceSession,
        change: Change,
        planned: PlannedStep,
        saved: str,
        platform: Platform,
        result: StepResult,
    ) -> tuple[StepResult, dict[str, Any]]:
        outputs: dict[str, Any] = {"rollback_attempted": False, "rollback_successful": None}
        if not (result.failed and result.diff):
            return result, outputs
        if not change.take_back or self._step.rollback is False:
            if self._progress.workflow.on_failure is OnFailure.ROLLBACK and self._step.rollback is not False:
                return result, outputs  # the run itself takes the whole device back
            return replace(result, error=f"{result.error}; what the step changed was left as it is"), outputs
        if session.ended:
            return result, outputs
        host = session.host.name
        commit = self._progress.pre_images[host].commit
        image = PreImage(planned.connection, change.before, saved=saved, commit=commit, steps=[self._step.id])
        outputs["rollback_attempted"] = True
        error = self._taken_back(session, image)
        outputs["rollback_successful"] = error is None
        own = self._progress.pre_images[host]
        if error is not None:
            own.expected = ""  # nobody knows what stands there now
            told = f"{result.error}; and what the step changed could not be taken back: {error.message}"
            return replace(result, error=told, hint=error.hint), outputs
        own.expected = config_hash(change.before, platform)
        own.found.pop(self._step.id, None)
        if self._work.soften(result).failed:
            self._progress.taken_back.add(host)
        told = f"{result.error}; what the step changed was taken back"
        hint = "correct the line and run the change again" if result.reason == LineRejected.reason else result.hint
        return replace(result, error=told, hint=hint, changed=False, diff=""), outputs

    def _taken_back(self, session: DeviceSession, image: PreImage) -> NornFlowError | None:
        emit, host = self._tools.emitter.emit, session.host.name
        emit(EventKind.ROLLBACK_STARTED, step=self._step.id, hosts=[host])
        error: NornFlowError | None = None
        try:
            Rollback(self._progress, {self._step.id: self._work}, self._tools).restore(session, image)
        except NornFlowError as raised:
            error = raised
        state = "rollback_failed" if error else "rolled_back"
        emit(EventKind.ROLLBACK_FINISHED, str(error or ""), step=self._step.id, host=host, state=state)
        return error
