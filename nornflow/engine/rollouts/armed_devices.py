"""What is done on a device that is on trial: armed, looked at from a new session, confirmed, saved, let go of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from nornflow.abc import Cancellation, DeviceSession
from nornflow.engine.own_way import REVERT
from nornflow.engine.plans.plan_step import PlannedWork
from nornflow.engine.progress import Progress
from nornflow.engine.shards.shards import Done, Round, Work
from nornflow.engine.tools import Tools
from nornflow.engine.work import StepWork
from nornflow.errors import DeviceError, NornFlowError, PlanStale
from nornflow.model.confirm import Armed, Hold, OwnTimer
from nornflow.model.event import EventKind
from nornflow.model.permission import Grant, Mode
from nornflow.model.plan import PlannedStep
from nornflow.planning.normalise import config_hash
from nornflow.platforms.load import platform_for

ARM = "exec:arm timer"
CONFIRM = "exec:confirm commit"
TIMEOUT = 120.0
"""Seconds that a device gets to be armed, looked at, or confirmed."""


class ArmedDevices:
    """Works on one device at a time, each under a lease for just that; `seconds` is how long its own timer runs."""

    def __init__(
        self,
        progress: Progress,
        works: Mapping[str, StepWork],
        planned: Mapping[str, PlannedWork],
        tools: Tools,
        seconds: int,
    ) -> None:
        self._progress = progress
        self._works = works
        self._planned = planned
        self._tools = tools
        self._seconds = seconds

    def here(self, round: Round, cancellation: Cancellation) -> Done:
        """Work on the devices of a round in this process."""
        devices = self._tools.devices
        assert devices is not None  # a round has devices
        units: dict[Work, Callable[[DeviceSession], None]] = {
            Work.ARM: self.arm,
            Work.LOOK: partial(self.look, resumed=round.resumed),
            Work.CONFIRM: partial(self.confirm, resumed=round.resumed),
            Work.SAVE: self.save,
            Work.LET_GO: self.let_go,
        }
        answers = devices.run("confirm", round.hosts, units[round.work], timeout=TIMEOUT, cancellation=cancellation)
        return Done(errors={host: answer for host, answer in answers.items() if isinstance(answer, NornFlowError)})

    def arm(self, session: DeviceSession) -> None:
        """Begin the device's timer; PlanStale when it is not any more what was planned against, and DeviceError."""
        host = session.host.name
        armed = self._progress.armed[host]
        timer = _native(armed)
        if session.pending(timer, armed.token):
            return  # a process before this one had begun it
        work, planned = self._first_change(host)
        before = session.read_config(planned.connection)
        expected = self._planned[work.step.id].read_hash(host)
        if expected and config_hash(before, platform_for(session.host.nos)) != expected:
            raise PlanStale(
                f"{host}: the configuration is not the one that was planned against",
                hint="somebody else changed the device: plan again",
            )
        hold = Hold(armed.token, self._seconds)
        session.arm(timer, hold, before, _grant(work, host, ARM, timer.connection))

    def look(self, session: DeviceSession, *, resumed: bool) -> None:
        """Open a new session and find there what the run has left; a session from before says nothing of new ones."""
        session.drop()
        armed = self._progress.armed[session.host.name]
        self._demand_as_left(session)
        if not armed.native or resumed or not self._runs(session, armed):
            return  # of a batch that is taken up again, a process before this one may have confirmed it
        if not session.pending(_native(armed), armed.token):
            raise DeviceError(
                f"{session.host.name}: its {armed.by} does not run",
                hint="look at the device: somebody confirmed the change there, or the step did not commit as planned",
            )

    def _runs(self, session: DeviceSession, armed: Armed) -> bool:
        """Tell whether the timer was begun at all: a commit that changed nothing begins none."""
        image = self._progress.pre_images.get(session.host.name)
        if not armed.with_commit:
            return True
        return image is not None and image.expected != config_hash(image.text, platform_for(session.host.nos))

    def confirm(self, session: DeviceSession, *, resumed: bool) -> None:
        """Stop the device's timer and read it once more; of a batch that is `resumed` it may be confirmed already."""
        host = session.host.name
        armed = self._progress.armed[host]
        timer = armed.native
        if timer is not None:
            if session.pending(timer, armed.token):
                session.confirm(timer, armed.token, _grant(self._work_of(host), host, CONFIRM, timer.connection))
            elif not resumed and self._runs(session, armed):
                raise DeviceError(f"{host}: its {armed.by} ended before it was confirmed")
            self._demand_as_left(session)  # it may have ended between two looks
        armed.confirmed_at = self._tools.clock()
        self._tools.log.confirmed(host, armed.confirmed_at)
        self._tools.emitter.emit(EventKind.CONFIRM_DONE, host=host, by=armed.by)

    def _demand_as_left(self, session: DeviceSession) -> None:
        image = self._progress.pre_images.get(session.host.name)
        if image is None:  # nothing was sent to it as lines
            return
        platform = platform_for(session.host.nos)
        digest = config_hash(session.read_config(image.connection), platform)
        if digest == image.expected:
            return
        back = digest == config_hash(image.text, platform)
        raise PlanStale(
            f"{session.host.name}: "
            + ("it took the change back" if back else "the configuration is not the one that this run left there"),
            hint="its own timer was over, or somebody else changed the device",
        )

    def save(self, session: DeviceSession) -> None:
        """Save, where a step asked for it while nothing was confirmed."""
        host = session.host.name
        step_id, connection, command = self._progress.held_saves[host]
        planned = PlannedStep("save", host, lines=(command,), connection=connection)
        session.configure(connection, (command,), _grant_for(self._works[step_id], host, planned))
        image = self._progress.pre_images.get(host)
        if image is not None:
            image.saved = command

    def let_go(self, session: DeviceSession) -> None:
        """End the timer of a device to which nothing was sent."""
        host = session.host.name
        armed = self._progress.armed[host]
        timer = _native(armed)
        session.revert(timer, armed.token, _grant(self._work_of(host), host, REVERT, timer.connection))

    def _first_change(self, host: str) -> tuple[StepWork, PlannedStep]:
        for step_id, work in self._planned.items():
            planned = work.planned.get(host)
            if planned is not None and planned.changes:
                return self._works[step_id], planned
        raise DeviceError(f"{host}: no step was planned that changes it", hint="plan again")

    def _work_of(self, host: str) -> StepWork:
        image = self._progress.pre_images.get(host)
        return self._works[image.steps[0]] if image and image.steps else self._first_change(host)[0]


def _native(armed: Armed) -> OwnTimer:
    timer = armed.native
    assert timer is not None
    return timer


def _grant(work: StepWork, host: str, entry: str, connection: str) -> Grant:
    return _grant_for(work, host, PlannedStep("confirm", host, lines=(entry,), connection=connection))


def _grant_for(work: StepWork, host: str, planned: PlannedStep) -> Grant:
    return work.grant(host, Mode.APPLY, planned, name="confirm")
