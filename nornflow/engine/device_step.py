"""A device-scoped step on many devices: planned without a write, applied exactly as planned, read back afterwards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from nornflow.abc import Cancellation, DeviceSession
from nornflow.engine.aftercare import Aftercare
from nornflow.engine.attempts import in_rounds, worth_retrying
from nornflow.engine.cached import CachedStep
from nornflow.engine.device_memory import DeviceMemory
from nornflow.engine.plans.plan_step import PlannedWork
from nornflow.engine.progress import Progress
from nornflow.engine.recovery.cut_off import CutOff
from nornflow.engine.recovery.settle import LOOK
from nornflow.engine.shards.shards import Desk, Done, Round, Work
from nornflow.engine.taking_back import TakeBack
from nornflow.engine.tools import Tools
from nornflow.engine.work import StepWork
from nornflow.errors import GuardDenied, NornFlowError, StepCancelled, StepError, StepTimeout
from nornflow.model.device import Change
from nornflow.model.event import EventKind
from nornflow.model.permission import Grant, Mode
from nornflow.model.plan import SAVES, Method, PlannedStep
from nornflow.model.run import HostState, StepResult
from nornflow.planning.diff import unified
from nornflow.planning.normalise import config_hash
from nornflow.planning.predict import predict
from nornflow.platforms.load import platform_for


class DeviceStep:
    """Applies one step on devices, with its retries; answers a result for every device that it was given."""

    def __init__(
        self,
        work: StepWork,
        planned: PlannedWork,
        progress: Progress,
        tools: Tools,
        cancellation: Cancellation | None = None,
    ) -> None:
        self._cancellation = cancellation or tools.switch
        self._work = work
        self._planned = planned
        self._progress = progress
        self._tools = tools
        self._step = work.step
        self._cached = CachedStep(work, progress, tools)
        self._aftercare = Aftercare(work, progress, tools)
        self._cut_off = CutOff(work, planned, progress)
        self._memory = DeviceMemory(work.step, planned, progress)
        self._told: set[str] = set()
        self._done: dict[str, StepResult] = {}
        self._kept: set[str] = set()
        self._attempt_number = 1
        self._last_attempt = True

    def execute(self, hosts: Sequence[str]) -> dict[str, StepResult]:
        """Run the step on these devices and record how it ended on each."""
        results: dict[str, StepResult] = {}
        pending = []
        for host in hosts:
            known = self._progress.host_results.get(self._step.id, {}).get(host)
            result = known or self._before(host)
            if result is None:
                pending.append(host)
                continue
            results[host] = result
            if known is None:
                self._end(host, result)
        self._progress.record(self._step, results)

        cached = self._cached.look_up(pending)
        for host, result in cached.items():
            results[host] = self._work.soften(result)
            self._end(host, results[host])
        self._progress.record(self._step, {host: results[host] for host in cached})
        pending = [host for host in pending if host not in cached]

        def ended(found: Mapping[str, StepResult]) -> None:
            self._cached.keep(found)
            for host, result in found.items():
                results[host] = self._work.soften(self._cut_off.unreached(host, result))
                self._end(host, results[host])
            self._progress.record(self._step, {host: results[host] for host in found})

        in_rounds(self._step, pending, self._tools, self._attempt, self._again, ended)
        self._tools.log.settle()
        return {host: results[host] for host in hosts}

    def _again(self, host: str, result: StepResult) -> bool:
        return worth_retrying(result) and self._progress.times.over(host, self._step.id) is None

    def _end(self, host: str, result: StepResult) -> None:
        if host not in self._kept:
            used = self._progress.times.used(host)
            self._tools.log.outcome(self._step.id, host, result, self._memory.image(host), final=True, used=used)
        self._tell(host, result)

    def _before(self, host: str) -> StepResult | None:
        if (self._step.id, host) in self._progress.past.open:
            return None  # it was begun
        try:
            skipped = self._work.skipped(host)
        except NornFlowError as error:
            return self._work.soften(self._work.failed(error, host))
        late = self._progress.times.over(host, self._step.id) if skipped is None else None
        return skipped if late is None else self._work.soften(self._work.failed(late, host))

    def _attempt(self, hosts: Sequence[str], attempt: int, last: bool) -> dict[str, StepResult]:
        if self._tools.devices is None:
            raise StepError("this workflow needs devices", hint="give the project an inventory")
        desk = Desk(self._progress, self._planned)
        done = self._tools.shards.do(
            Round(Work.APPLY, tuple(hosts), self._step.id, attempt, last), desk, self.here, self._cancellation
        )
        self._told |= done.told
        self._kept |= done.kept
        found = {host: self._cached.named(host, done.results[host]) for host in hosts}
        if self._step.until:
            self._progress.record(self._step, found)
            found = {host: self._until(host, result) for host, result in found.items()}
        return found

    def here(self, round: Round) -> Done:
        """Try the step in this process on the devices of a round."""
        devices, attempt, hosts = self._tools.devices, round.attempt, round.hosts
        assert devices is not None  # a round has devices
        self._attempt_number, self._last_attempt = attempt, round.last
        self._done = {}
        limits, switch = self._progress.times.left(hosts, self._step.id), self._cancellation
        answers = devices.run(
            self._step.id, hosts, self._unit, timeout=self._work.timeout, limits=limits, cancellation=switch
        )
        found: dict[str, StepResult] = {}
        for host in hosts:
            answer = answers[host]
            if not isinstance(answer, StepResult):
                answer = self._ended_from_outside(host, self._late(host, answer, limits))
            found[host] = answer if answer.attempts == attempt else replace(answer, attempts=attempt)
        return Done(found, told=self._told & found.keys(), kept=self._kept & found.keys())

    def _late(self, host: str, error: NornFlowError, limits: Mapping[str, float] | None) -> NornFlowError:
        """Return why a device was cut off: where it was the time of several steps that was over, which one."""
        times, step = self._progress.times, self._step.id
        if limits is None or limits[host] >= self._work.timeout or not isinstance(error, StepTimeout):
            return error
        times.use(host, limits[host], step)  # its work may come to no end
        late = times.over(host, step)
        if late is None:
            return error
        return StepTimeout(f"{late.message}; {step} was ended, and its sessions were closed", hint=late.hint)

    def _ended_from_outside(self, host: str, error: NornFlowError) -> StepResult:
        """Return the result of a device whose work was cut off: it may have changed, so it is not simply "failed"."""
        if host in self._done:  # it was cut off at the very moment when it had ended well
            return self._done[host]
        result = self._work.failed(error, host)
        image = self._memory.image(host)
        if image is None:
            return result
        image.expected = ""  # nobody knows what stands there now
        if isinstance(error, StepCancelled):
            return replace(result, state=HostState.UNKNOWN, changed=True, hint=result.hint or LOOK)
        return replace(result, changed=True)

    def _until(self, host: str, result: StepResult) -> StepResult:
        if result.failed:
            return result
        try:
            if self._work.evaluate(self._step.until, self._progress.names(host, self._step.frame)):
                return result
        except NornFlowError as error:
            return self._work.failed(error, host)
        return replace(result, state=HostState.FAILED, error=f"not yet: {self._step.until}", reason="until")

    def _unit(self, session: DeviceSession) -> StepResult:
        started, began = self._tools.clock(), self._tools.monotonic()
        try:
            result = self._configure(session) if self._step.configures else self._read(session)
        except NornFlowError as error:
            result = self._work.failed(error, session.host.name)
        ended, seconds = self._tools.clock(), self._tools.monotonic() - began  # a clock may be set back
        self._progress.times.use(session.host.name, seconds, self._step.id)
        result = replace(result, started_at=started, completed_at=ended, duration=seconds)
        if not result.failed:
            self._done[session.host.name] = result
        if not session.ended:
            self._keep(session.host.name, result)
        return result

    def _keep(self, host: str, result: StepResult) -> None:
        """Tell how a device ended as it happens, not when the slowest is done; what it changed is written down first."""
        still_open = (self._step.id, host) in self._progress.past.open
        final = not (self._step.until or still_open) and (self._last_attempt or not worth_retrying(result))
        if final:
            if result.attempts != self._attempt_number:
                result = replace(result, attempts=self._attempt_number)
            result = self._work.soften(result)
        if self._step.configures and not still_open:
            back, used = host in self._progress.taken_back, self._progress.times.used(host)
            image = self._memory.image(host)
            self._tools.log.outcome(self._step.id, host, result, image, final=final, taken_back=back, used=used)
            if final:
                self._kept.add(host)
        if final:
            self._tell(host, result)

    def _read(self, session: DeviceSession) -> StepResult:
        result = self._leased(session, None)
        if not result.changed:
            return result
        # the guard let it read and nothing else, so its word (a comparison, a file that it wrote) is about no device
        state = HostState.OK if result.state is HostState.CHANGED else result.state
        return replace(result, state=state, changed=False, diff="", outputs={"diff": result.diff, **result.outputs})

    def _leased(self, session: DeviceSession, planned: PlannedStep | None, change: Change | None = None) -> StepResult:
        grant = self._work.grant(session.host.name, Mode.APPLY, planned)
        with session.lease(grant) as report:
            error: NornFlowError | None = None
            result = StepResult()
            try:
                result = self._work.act(Mode.APPLY, session, change)
            except NornFlowError as raised:
                error = raised
        if report.denials:  # a task may have swallowed the denial: the lease's own log decides
            if isinstance(error, GuardDenied):
                raise error
            raise GuardDenied(report.denials[0], hint="see: nornflow policy explain")
        if error is not None:
            raise error
        if planned is not None and not result.failed and len(report.sent) < len(planned.lines):
            raise StepError(
                f"the step sent {len(report.sent)} of {len(planned.lines)} planned lines and ended; the next would have"
                f" been {planned.lines[len(report.sent)]!r}",
                hint="what was planned was not all done: see why the task does something else than while it was planned",
            )
        return result

    def _configure(self, session: DeviceSession) -> StepResult:
        host = session.host.name
        planned = self._planned.for_apply(session)
        saves = next((line for line in planned.lines if line.startswith(SAVES)), "")
        if not planned.configuration and not planned.actions:
            if saves:
                self._memory.saves(host, planned, saves)
            if planned.diff:
                done = self._cut_off.without_lines(session, planned)
                if done is not None:
                    return done
                self._planned.still_holds(session, planned)
            elif planned.method is Method.NATIVE:
                return self._planned.result(host)
            self._progress.past.open.pop((self._step.id, host), None)  # to read or to save once more costs nothing
            if planned.diff or saves:
                self._tools.log.intent(planned, "", self._attempt_number)
            result = self._leased(session, planned)
            if planned.diff or result.state is not HostState.CHANGED:
                return result
            # it reads, or saves what is there: whatever its task says, the configuration is what it was
            return replace(result, state=HostState.OK, changed=False)
        if not planned.changes:
            return self._planned.result(host)
        platform = platform_for(session.host.nos)
        before = session.read_config(planned.connection)
        settled = self._cut_off.settled(host, planned, before, platform)
        if not settled.known:
            return self._cut_off.nobody_knows(host, before, platform)
        if settled.begun:
            image = self._progress.pre_images[host]
        else:
            image = self._memory.remember(host, planned, before, config_hash(before, platform))
            self._tools.log.intent(planned, before, self._attempt_number)
        if platform.exec.commit_line in planned.lines:
            image.commit = platform.exec.commit_line
        change = Change(image.found[self._step.id])
        error: NornFlowError | None = None
        result = StepResult()
        try:
            if settled.begun:
                result = self._cut_off.finish(session, planned, settled.rest)
            elif isinstance(self._work.step_type, TakeBack):
                session.configure(planned.connection, planned.lines, self._work.grant(host, Mode.APPLY, planned))
            else:
                result = self._leased(session, planned, change)
            self._arrive(session, planned, before)
        except NornFlowError as raised:
            error = raised
        if saves:
            self._memory.saves(host, planned, saves)
        try:
            after = session.read_config(planned.connection)
        except NornFlowError as unreadable:
            reason = error or unreadable
            image.expected = ""
            return StepResult(
                HostState.UNKNOWN,
                changed=True,
                outputs=change.outputs,
                error=f"{reason.message}; the configuration could not be read back: {unreadable.message}",
                reason=reason.reason,
                hint=reason.hint or LOOK,
            )
        image.expected = config_hash(after, platform)
        # an attempt before this one may have sent a part of it: what the step did is more than what this attempt did
        diff = unified(image.found[self._step.id], after, platform)
        if self._step.rollback is False and image.steps and diff:
            image.text = predict(image.text, planned.configuration, platform).text
        if error is not None:
            result = self._work.failed(error, host)
        elif not result.failed:  # a step type may say without raising that its step went wrong
            result = replace(result, state=HostState.CHANGED if diff else HostState.OK)
        result = replace(result, changed=bool(diff), diff=diff)
        saved = "" if result.failed or host in self._progress.holds else saves
        return self._aftercare.settled(session, change, planned, after, saved, platform, result)

    def _arrive(self, session: DeviceSession, planned: PlannedStep, before: str) -> None:
        """See to it that a device which is taken back is back; other steps are where they are."""
        if isinstance(self._work.step_type, TakeBack):

            def grant(lines: tuple[str, ...]) -> Grant:
                return self._work.grant(session.host.name, Mode.APPLY, replace(planned, lines=lines))

            self._work.step_type.arrive(session, before, planned.lines, grant)

    def _tell(self, host: str, result: StepResult) -> None:
        if host in self._told:
            return
        self._told.add(host)
        self._tools.emitter.emit(
            EventKind.HOST_STATE,
            result.error or result.warning,
            step=self._step.id,
            host=host,
            state=result.state.value,
            changed=result.changed,
            duration=result.duration,
        )
