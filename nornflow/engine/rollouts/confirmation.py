"""Commit-confirm: a batch is armed before anything is sent to it, and stands only when all of it was verified and confirmed."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial

from nornflow.abc import Cancellation
from nornflow.engine.plans.plan_step import PlannedWork
from nornflow.engine.progress import Progress
from nornflow.engine.record import Ledger, few
from nornflow.engine.recovery.recovery import leave_open
from nornflow.engine.rollouts.armed_devices import ArmedDevices
from nornflow.engine.rollouts.held_batch import HeldBatch
from nornflow.engine.shards.shards import Desk, Done, Round, Work
from nornflow.engine.tools import Tools
from nornflow.engine.work import StepWork
from nornflow.errors import StepCancelled
from nornflow.model.confirm import CONTROLLER, Armed, Hold, OwnTimer
from nornflow.model.event import EventKind
from nornflow.model.rollout import Confirm


class Confirmation:
    """The two phases of each batch: arm all, apply all, verify all, confirm all; one failure takes the batch back.

    `ways` says of each device that may be changed what takes it back when nobody confirms: the name of its own timer, or
    the controller. `roll_back` takes those of some devices back that were changed.
    """

    def __init__(
        self,
        wish: Confirm,
        ways: Mapping[str, str],
        progress: Progress,
        works: Mapping[str, StepWork],
        planned: Mapping[str, PlannedWork],
        ledger: Ledger,
        tools: Tools,
        roll_back: Callable[[Sequence[str]], None],
    ) -> None:
        self._roll_back = roll_back
        self._within = wish.within
        self._ways = ways
        self._progress = progress
        self._ledger = ledger
        self._tools = tools
        self._devices = ArmedDevices(progress, works, planned, tools, self._seconds)

    def begin(self, number: int, batch: Sequence[str]) -> HeldBatch:
        """Arm the devices of a batch; nothing may be sent to them when the answer says `why` it will not be confirmed."""
        held = HeldBatch(number, batch, self._tools)
        held.why = self._ledger.unconfirmed.get(number, "")
        held.resumed = any(host in self._progress.armed for host in batch)
        if not held.why:
            held.why = self._armed_again(held) if held.resumed else self._arm(held)
        for host in batch:
            armed = self._progress.armed.get(host)
            own = armed is not None and armed.with_commit and armed.open
            self._progress.holds[host] = Hold(armed.token, self._seconds) if armed and own else Hold()
        return held

    @property
    def _seconds(self) -> int:
        return math.ceil(self._within)

    def _arm(self, held: HeldBatch) -> str:
        tools, now = self._tools, self._tools.clock()
        token = f"nornflow-{self._progress.run.id}-c{held.number}"
        armed: dict[str, Armed] = {}
        for host in held.hosts:
            way = self._ways.get(host, "")
            timer = self._timer(host, way)
            if way and way != CONTROLLER and timer is None:
                return f"{host}: the plan counts on its {way}, which nothing here can arm"
            if way:
                connection, with_commit = (timer.connection, timer.with_commit) if timer else ("", False)
                armed[host] = Armed(way, token, now, self._within, held.number, connection, with_commit)
        if not armed:
            return ""
        tools.log.armed(armed)
        self._progress.armed.update(armed)
        first = next(iter(armed.values()))
        tools.emitter.emit(
            EventKind.CONFIRM_ARMED,
            batch=held.number,
            within=self._within,
            deadline=first.deadline.isoformat(),
            hosts={host: each.by for host, each in armed.items()},
        )
        held.start(first.deadline, self._within)
        return self._arm_before_sending(held)

    def _timer(self, host: str, name: str) -> OwnTimer | None:
        if self._tools.devices is None:
            return None
        return next((timer for timer in self._tools.devices.own_timers(host) if timer.name == name), None)

    def _armed_again(self, held: HeldBatch) -> str:
        """Take up a batch that a process before this one armed."""
        now = self._tools.clock()
        armed = {host: self._progress.armed[host] for host in held.hosts if host in self._progress.armed}
        if not any(each.open for each in armed.values()):
            return ""
        lost = [host for host, each in self._progress.armed.items() if each.batch == held.number and each.open]
        lost = [host for host in lost if host in self._ledger.given_up]
        if lost:
            return f"others have had {few(lost)} since the run was cut off"
        late = [host for host, each in armed.items() if each.open and each.over(now)]
        if late:
            return f"its time was over before the run was gone on with ({few(late)})"
        first = next(iter(armed.values()))
        held.start(first.deadline, self._within)
        return self._arm_before_sending(held)

    def _arm_before_sending(self, held: HeldBatch) -> str:
        """Begin the timers that run before the first line is sent, where nothing was sent yet and none runs."""
        progress = self._progress
        hosts = [
            host
            for host in held.hosts
            if (armed := progress.armed.get(host)) and armed.native and not armed.with_commit and armed.open
        ]
        hosts = [host for host in hosts if host not in progress.pre_images]
        return self._on(held, hosts, Work.ARM, "could not be armed")

    def failing(self, held: HeldBatch) -> bool:
        """Tell whether the batch cannot be confirmed, by what is known so far."""
        held.why = held.why or (self._why_not(held) if self._open(held) else "")
        return bool(held.why)

    def conclude(self, held: HeldBatch, *, good: bool) -> None:
        """Confirm the batch when it is `good` and all of it went well and in time, otherwise take it back."""
        if self._tools.emitter.failure is not None:
            held.stop()
            return  # nothing is done that could not be remembered: whoever recovers the run takes it back
        if not self.failing(held) and not good and self._open(held):
            held.why = "the rollout does not go on behind it"
        why = held.why or self._confirm(held)
        held.stop()
        if why:
            self._refuse(held.number, held.hosts, why)
        for host in held.hosts:
            self._progress.holds.pop(host, None)

    def _open(self, held: HeldBatch) -> bool:
        return any((armed := self._progress.armed.get(host)) and armed.open for host in held.hosts)

    def sweep(self, why: str) -> None:
        """Take back whatever is still armed: the run ends before it came back to it."""
        if self._tools.emitter.failure is not None:
            return
        batches: dict[int, list[str]] = {}
        for host, armed in self._progress.armed.items():
            batches.setdefault(armed.batch, []).append(host)
        for number, hosts in batches.items():
            if any(self._progress.armed[host].open and host not in self._ledger.rollbacks for host in hosts):
                self._refuse(number, hosts, self._ledger.unconfirmed.get(number) or why)

    def _why_not(self, held: HeldBatch) -> str:
        if held.expired:
            return f"it was not verified within {self._within:g} s"
        failures = [(host, found) for host in held.hosts if (found := self._progress.failure(host))]
        if failures:
            host, (step, result) = failures[0]
            more = f" (and {len(failures) - 1} more)" if len(failures) > 1 else ""
            return f"{host}{more} failed at {step.id}: {result.error}".partition("\n")[0]
        failed = self._progress.failure(None)
        if failed is not None:
            return f"step {failed[0].id} failed: {failed[1].error}".partition("\n")[0]
        return "the run was stopped before it was verified" if held.stopping else ""

    def _confirm(self, held: HeldBatch) -> str:
        """Confirm every device from a new session; the answer says why the batch cannot stand, if it cannot."""
        progress = self._progress
        hosts = [host for host in held.hosts if (armed := progress.armed.get(host)) and armed.open]
        saving = [host for host in held.hosts if host in progress.held_saves]
        return (
            self._on(held, hosts, Work.LOOK, "cannot be confirmed")
            or (f"it was not verified within {self._within:g} s" if held.expired else "")
            or self._on(held, hosts, Work.CONFIRM, "could not be confirmed")
            or self._on(held, saving, Work.SAVE, "is confirmed, and could not be saved")
        )

    def _on(self, held: HeldBatch, hosts: Sequence[str], work: Work, what: str) -> str:
        """Do something on devices side by side; the answer says which of them failed, and why."""
        if not hosts or self._tools.devices is None:
            return ""
        round = Round(work, tuple(hosts), resumed=held.resumed)
        errors = self._shared(round, held).errors
        bad = [(host, errors[host]) for host in hosts if host in errors]
        if not bad:
            return ""
        if held.expired and all(isinstance(error, StepCancelled) for _, error in bad):
            return f"it was not confirmed within {self._within:g} s"
        host, error = bad[0]
        more = f" (and {len(bad) - 1} more)" if len(bad) > 1 else ""
        return f"{host}{more} {what}: {error.message}".partition("\n")[0]

    def _shared(self, round: Round, cancellation: Cancellation) -> Done:
        here = partial(self._devices.here, cancellation=cancellation)
        return self._tools.shards.do(round, Desk(self._progress), here, cancellation)

    def _refuse(self, number: int, batch: Sequence[str], why: str) -> None:
        tools, progress = self._tools, self._progress
        if number not in self._ledger.unconfirmed:
            tools.log.unconfirmed(number, why)
            self._ledger.unconfirmed[number] = why
        tools.emitter.emit(EventKind.CONFIRM_REFUSED, why, batch=number, hosts=list(batch))
        for host in batch:
            progress.holds.pop(host, None)
            self._was_not_saved(host)
        leave_open(progress, batch)
        self._roll_back(batch)
        self._let_go(
            [host for host in batch if host not in self._ledger.rollbacks.keys() | self._ledger.given_up.keys()]
        )

    def _was_not_saved(self, host: str) -> None:
        """Have the record say that what a step asked to be saved was not."""
        step_id, _, _ = self._progress.held_saves.pop(host, ("", "", ""))
        result = self._progress.host_results.get(step_id, {}).get(host)
        if result is not None and result.outputs.get("saved"):
            outputs = {**result.outputs, "saved": False}
            self._progress.record(self._progress.workflow.step(step_id), {host: replace(result, outputs=outputs)})

    def _let_go(self, hosts: Sequence[str]) -> None:
        """End the timers of devices to which nothing was sent; where that fails they come to their end by themselves."""
        progress = self._progress

        armed = [host for host in hosts if (each := progress.armed.get(host)) and each.open]
        native = [host for host in armed if progress.armed[host].native]
        native = [host for host in native if host in progress.pre_images or not progress.armed[host].with_commit]
        if native and self._tools.devices is not None:
            self._shared(Round(Work.LET_GO, tuple(native)), self._tools.switch.rollbacks)
        for host in armed:
            progress.armed[host].reverted_at = self._tools.clock()
