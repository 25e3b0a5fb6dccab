"""Taking a device back to its pre-image, and proving by reading it that it is there."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from nornflow.abc import DeviceSession
from nornflow.engine.own_way import OVERTIME, REVERT, OwnWay
from nornflow.engine.progress import PreImage, Progress
from nornflow.engine.shards.shards import Desk, Done, Round, Work
from nornflow.engine.tools import Tools
from nornflow.engine.work import StepWork
from nornflow.errors import NornFlowError, RollbackFailed, StepError
from nornflow.model.event import EventKind
from nornflow.model.permission import Mode
from nornflow.model.plan import EXEC, Method, PlannedStep
from nornflow.planning.diff import unified
from nornflow.planning.normalise import config_hash
from nornflow.planning.rollback import rollback_lines
from nornflow.platforms.load import platform_for
from nornflow.platforms.platform import Platform
from nornflow.redaction import MASK
from nornflow.workflow.templating import Renderer

PASSES = 2
"""How often the remaining difference is worked out and sent; some lines only go once others are gone (planning.md)."""

ROLLBACK_TIMEOUT = 300.0


def own_lines(
    steps: Sequence[str], works: Mapping[str, StepWork], names: Callable[[str], Mapping[str, Any]], renderer: Renderer
) -> tuple[str, ...]:
    """Return the lines that the steps themselves give for a rollback (`rollback: [...]`), last step first.

    `names` returns what a frame sees.
    """
    lines: list[str] = []
    for step_id in reversed(steps):
        step = works[step_id].step
        if isinstance(step.rollback, tuple):
            seen = names(step.frame)
            rendered = [str(renderer.render(line, seen)) for line in step.rollback]
            lines += [line for text in rendered for line in text.splitlines()]
    return tuple(lines)


class Rollback:
    """Brings devices back to the configuration they had before the run changed them."""

    def __init__(self, progress: Progress, works: Mapping[str, StepWork], tools: Tools) -> None:
        self._progress = progress
        self._works = works
        self._tools = tools
        self._beyond: dict[str, str] = {}

    def roll_back(self, hosts: Sequence[str]) -> dict[str, NornFlowError | None]:
        """Roll these devices back; the answer is None where `running == pre-image` was read, else what went wrong."""
        images = self._progress.pre_images
        beyond = self._beyond = {host: step for host in hosts if (step := self._beyond_lines(host))}
        hosts = [host for host in hosts if host in images and images[host].steps]
        ends = self._on_devices(hosts)
        for host, step in beyond.items():
            ends[host] = ends.get(host) or RollbackFailed(
                f"{host}: what step {step} changed was not sent as configuration lines and cannot be taken back by lines",
                hint="undo it by hand: the step's diff in the record says what it changed",
            )
        return ends

    def _beyond_lines(self, host: str) -> str:
        """Return the step that changed the device otherwise than by lines and is not said to stay, or an empty string."""
        image = self._progress.pre_images.get(host)
        for step_id, work in self._works.items():
            result = self._progress.host_results.get(step_id, {}).get(host)
            by_lines = image is not None and step_id in image.found
            if (
                result is not None
                and result.changed
                and result.diff
                and not by_lines
                and work.step.rollback is not False
            ):
                return step_id
        return ""

    def _on_devices(self, hosts: Sequence[str]) -> dict[str, NornFlowError | None]:
        if not hosts or self._tools.devices is None:
            return {}
        self._tools.emitter.emit(EventKind.ROLLBACK_STARTED, hosts=list(hosts))
        # a cancelled run still takes back what it did: the rollback does not listen to the run's switch, only to its own
        round = Round(Work.ROLLBACK, tuple(hosts))
        done = self._tools.shards.do(round, Desk(self._progress), self.here, self._tools.switch.rollbacks)
        ends: dict[str, NornFlowError | None] = {}
        for host in hosts:
            ends[host] = done.errors.get(host)
            if ends[host] is None and host in self._progress.armed:
                self._progress.armed[host].reverted_at = self._tools.clock()
            if ends[host] is not None and host not in self._beyond and self._tools.emitter.failure is None:
                self._tools.log.rolled_back(host, ends[host])
            self._tools.emitter.emit(
                EventKind.ROLLBACK_FINISHED,
                str(ends[host] or ""),
                host=host,
                state="rollback_failed" if ends[host] else "rolled_back",
            )
        return ends

    def here(self, round: Round) -> Done:
        """Roll the devices of a round back in this process."""
        devices, hosts = self._tools.devices, round.hosts
        assert devices is not None  # a round has devices
        self._beyond = {host: step for host in hosts if (step := self._beyond_lines(host))}
        answers = devices.run(
            "rollback", hosts, self._unit, timeout=self._patience(hosts), cancellation=self._tools.switch.rollbacks
        )
        return Done(errors={host: answer for host, answer in answers.items() if isinstance(answer, NornFlowError)})

    def _patience(self, hosts: Sequence[str]) -> float:
        """Return how many seconds a device gets: also for its own timer, where it cannot be reached before that is over."""
        timers = [armed.within for host in hosts if (armed := self._progress.armed.get(host)) and armed.native]
        return ROLLBACK_TIMEOUT + (max(timers) + OVERTIME if timers else 0.0)

    def _unit(self, session: DeviceSession) -> bool:
        host = session.host.name
        image, armed = self._progress.pre_images[host], self._progress.armed.get(host)
        timer = armed.native if armed is not None and armed.open else None
        if armed is not None and timer is not None:
            self._tools.log.rollback(host)
            work = self._works[image.steps[0]]
            planned = PlannedStep("rollback", host, lines=(REVERT,), connection=timer.connection)
            grant = work.grant(host, Mode.APPLY, planned, name="rollback")
            OwnWay(session, armed, timer, grant, self._tools).take()
        return self.restore(session, image)

    def restore(self, session: DeviceSession, image: PreImage) -> bool:
        """Bring one device to what an image holds and prove it by reading; raises RollbackFailed and the device errors."""
        host = session.host.name
        platform = platform_for(session.host.nos)
        own: tuple[str, ...] = ()
        if host not in self._progress.past.rolling:
            own = own_lines(image.steps, self._works, partial(self._progress.names, host), self._tools.renderer)
        remaining = ""
        self._tools.log.rollback(host)
        for attempt in range(PASSES + 1):
            current = self._read(session, image)
            remaining = unified(current, image.text, platform)
            if not remaining:
                self._save(session, image)
                if host not in self._beyond:  # those have failed whatever their lines do
                    self._tools.log.rolled_back(host, None, self._tools.clock())
                return True
            if attempt == PASSES:
                break
            if attempt == 0 and self._natively(session, image, platform):
                continue
            first = (self._rehearsed(host, current, image, platform) or own) if attempt == 0 else ()
            lines = first or rollback_lines(current, image.text, platform)
            if not lines:
                break
            self._send(session, image, tuple(lines))
        raise RollbackFailed(
            f"{host}: the configuration is not back at its pre-image; what is still to do:\n{remaining}",
            hint="bring the device back by hand with the diff above (- is what stands there now, + is what should)",
        )

    def _natively(self, session: DeviceSession, image: PreImage, platform: Platform) -> bool:
        """Let the device put the whole pre-image back by itself, where that was rehearsed; False when it did not."""
        host = session.host.name
        plan = self._progress.plans.get(host)
        if plan is None or plan.rollback is None or plan.rollback.method is not Method.NATIVE:
            return False
        if config_hash(image.text, platform) != plan.pre_hash or host in self._progress.armed:
            return False
        work = self._works[image.steps[0]]
        planned = PlannedStep("rollback", host, connection=image.connection)
        try:
            session.replace(image.connection, image.text, work.grant(host, Mode.APPLY, planned, name="rollback"))
        except StepError as error:
            self._tools.emitter.emit(EventKind.STEP_RETRY, error.message, step="rollback", host=host)
            session.drop()
            return False
        return True

    def _rehearsed(self, host: str, current: str, image: PreImage, platform: Platform) -> tuple[str, ...]:
        """Return the way back that was tried while planning, where the device stands just where it begins and is to end."""
        plan = self._progress.plans.get(host)
        if plan is None or plan.rollback is None or config_hash(image.text, platform) != plan.pre_hash:
            return ()
        if any(MASK in line for line in plan.rollback.lines):
            return ()  # a plan out of a file has no secrets in it
        return plan.rollback.lines if config_hash(current, platform) == plan.rollback.start_hash else ()

    def _read(self, session: DeviceSession, image: PreImage) -> str:
        """Return the running configuration; a session that gives it no more (it hangs, it was cut) is replaced once.

        Not at once: a change may have closed the way in for new sessions, and the open one is all there is.
        """
        try:
            return session.read_config(image.connection)
        except StepError as error:
            if session.ended:
                raise
            self._tools.emitter.emit(EventKind.STEP_RETRY, error.message, step="rollback", host=session.host.name)
            session.drop()
            return session.read_config(image.connection)

    def _configure(self, session: DeviceSession, image: PreImage, lines: tuple[str, ...]) -> None:
        work = self._works[image.steps[0]]
        if image.commit and not any(line.startswith(EXEC) for line in lines):
            lines = (*lines, image.commit)
        planned = PlannedStep("rollback", session.host.name, lines=lines, connection=image.connection)
        grant = work.grant(session.host.name, Mode.APPLY, planned, name="rollback")
        session.configure(image.connection, lines, grant)

    def _send(self, session: DeviceSession, image: PreImage, lines: tuple[str, ...]) -> None:
        try:
            self._configure(session, image, lines)
        except StepError as error:
            # one line that does not go must not keep the others from being tried: the next pass works from what is there
            self._tools.emitter.emit(EventKind.STEP_RETRY, error.message, step="rollback", host=session.host.name)
            session.drop()

    def _save(self, session: DeviceSession, image: PreImage) -> None:
        if not image.saved:
            return
        try:
            self._configure(session, image, (image.saved,))
        except StepError as error:
            raise RollbackFailed(
                f"{session.host.name}: the running configuration is back at its pre-image, but it could not be saved: "
                f"{error.message}",
                hint="save it by hand: the device would start with the change that was taken back",
            ) from error
