"""A step that was cut off on a device when the run's process died: told how far it came, and brought to its end."""

from __future__ import annotations

from dataclasses import replace

from nornflow.abc import DeviceSession
from nornflow.engine.plans.plan_step import PlannedWork
from nornflow.engine.progress import Progress
from nornflow.engine.recovery.settle import LOOK, NOT_STARTED, Settled, settle
from nornflow.engine.work import StepWork
from nornflow.model.permission import Mode
from nornflow.model.plan import PlannedStep
from nornflow.model.run import HostState, StepResult
from nornflow.planning.diff import unified
from nornflow.platforms.platform import Platform


class CutOff:
    """Settles one step on the devices that a process before this one was changing; there are none in most runs."""

    def __init__(self, work: StepWork, planned: PlannedWork, progress: Progress) -> None:
        self._work = work
        self._planned = planned
        self._progress = progress
        self._step = work.step

    def settled(self, host: str, planned: PlannedStep, now: str, platform: Platform) -> Settled:
        """Return how far the step came here in a process before this one; not at all when there was none."""
        found = self._progress.past.open.pop((self._step.id, host), None)
        return NOT_STARTED if found is None else settle(found, now, planned, platform)

    def nobody_knows(self, host: str, now: str, platform: Platform) -> StepResult:
        """Return the result of a device whose configuration says nothing about how far the step came."""
        image = self._progress.pre_images[host]
        image.expected = ""
        return StepResult(
            HostState.UNKNOWN,
            changed=True,
            diff=unified(image.found[self._step.id], now, platform),
            error=f"{host}: the run was cut off in this step, and the configuration is neither what the step found nor "
            "what so many of its lines leave",
            reason="interrupted",
            hint=LOOK,
        )

    def finish(self, session: DeviceSession, planned: PlannedStep, rest: tuple[str, ...]) -> StepResult:
        """Send what a process before this one did not come to; the step's task is not run again."""
        host = session.host.name
        if rest:
            sealed = replace(planned, lines=rest)
            session.configure(planned.connection, rest, self._work.grant(host, Mode.APPLY, sealed))
        sent = f"the rest of it was sent: {', '.join(line.strip() for line in rest)}" if rest else "it was done"
        return replace(
            self._planned.result(host), reason="", warning=f"the run was cut off in this step and went on: {sent}"
        )

    def without_lines(self, session: DeviceSession, planned: PlannedStep) -> StepResult | None:
        """Return the result of a step without lines that a process before this one began, if it is not to be done now."""
        host = session.host.name
        if (self._step.id, host) not in self._progress.past.open:
            return None
        self._planned.plan(session, afresh=True)
        now, self._planned.planned[host] = self._planned.planned[host], planned
        del self._progress.past.open[self._step.id, host]
        if now.diff == planned.diff:
            return None
        result = replace(self._planned.result(host), reason="", changed=True, diff=planned.diff)
        if not now.changes:
            return replace(
                result, state=HostState.CHANGED, warning="the run was cut off in this step and went on: it was done"
            )
        error = f"{host}: the run was cut off in this step, which would now do something else than what was planned"
        return replace(result, state=HostState.UNKNOWN, error=error, reason="interrupted", hint=LOOK)

    def unreached(self, host: str, result: StepResult) -> StepResult:
        """Return the result of a device that a process before this one was changing, if it could not even be read."""
        if self._progress.past.open.pop((self._step.id, host), None) is None:
            return result
        image = self._progress.pre_images.get(host)
        if image is not None and self._step.id in image.found:
            image.expected = ""
        return replace(result, state=HostState.UNKNOWN, changed=True, hint=result.hint or LOOK)
