"""Going on with a run whose process died: its journal is played back into what the run knew, and what was open is settled."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from nornflow.abc import Cancellation
from nornflow.engine.deadlines import ONCE, ROLLOUT, Used
from nornflow.engine.journal import armed_of, result_of
from nornflow.engine.plans.plan_notes import StepPlan
from nornflow.engine.progress import Progress
from nornflow.engine.record import Ledger, Times
from nornflow.engine.recovery.images import image_after, image_before
from nornflow.engine.recovery.settle import LOOK
from nornflow.errors import RollbackFailed, UsageError
from nornflow.model.confirm import Armed
from nornflow.model.journal import Entry, EntryKind
from nornflow.model.kept_plan import plan_of, planned_of
from nornflow.model.plan import SAVES, Plan
from nornflow.model.run import BatchRecord, HostState, RunState, StepResult
from nornflow.record import record


@record
class Earlier:
    """What is known of a run that another process began: its state, its journal, and when it was begun (UTC).

    `again` is a step of the run that was cut off and that somebody wants to be done once more, knowingly; `resumed_by` are
    those who went on with the run, the last one now. `recover` says that nothing more is to be done than to take back what
    nobody confirmed.
    """

    state: RunState
    entries: Sequence[Entry]
    started_at: datetime
    again: str = ""
    resumed_by: tuple[str, ...] = ()
    recover: bool = False

    @property
    def applying(self) -> bool:
        """Tell whether the run was beyond its plan and its question; otherwise nothing was sent and it begins anew."""
        return any(entry.kind is EntryKind.APPROVED for entry in self.entries)

    def only_ends(self, *, stopping: bool) -> bool:
        """Tell whether nothing new is done: of a run that is recovered, or that waits and is to end."""
        return self.recover or (stopping and self.state is RunState.WAITING)

    @property
    def begun(self) -> frozenset[str]:
        """Return the devices on which the run changed something, or was about to."""
        return frozenset(entry.host for entry in self.entries if entry.kind is EntryKind.INTENT)

    @property
    def at_work(self) -> bool:
        """Tell whether something was done, or may have been, that must not be forgotten: the run cannot simply end."""
        begun = (EntryKind.INTENT, EntryKind.BEGUN)
        return self.applying and any(entry.kind in begun for entry in self.entries)


def unconfirmed(entries: Sequence[Entry]) -> dict[str, Armed]:
    """Return the devices whose change was to be confirmed, and neither was that nor is it known to be taken back."""
    found: dict[str, Armed] = {}
    for entry in entries:
        if entry.kind is EntryKind.ARMED:
            found[entry.host] = armed_of(entry.data)
        elif entry.kind is EntryKind.CONFIRMED or (
            entry.kind is EntryKind.ROLLED_BACK and entry.data.get("error") is None
        ):
            found.pop(entry.host, None)
    return found


@dataclass(slots=True)
class Recovered:
    """What the journal says beside results and pre-images."""

    plan: Plan | None = None
    batches: dict[int, tuple[str, ...]] = field(default_factory=dict)
    done: set[int] = field(default_factory=set)
    over: bool = False
    reason: str = ""
    stopping: bool = False


class Recovery:
    """Plays a journal into the progress, the ledger and the planned works of a run that goes on."""

    def __init__(self, progress: Progress, ledger: Ledger, works: Mapping[str, StepPlan]) -> None:
        self._progress = progress
        self._ledger = ledger
        self._works = works
        self._workflow = progress.workflow
        self._found = Recovered()

    def play(self, past: Earlier) -> Recovered:
        """Take the entries in their order and return what they say of the run as a whole."""
        for entry in past.entries:
            _PLAYED[entry.kind](self, entry)
        begun = self._progress.past.begun
        if past.again:
            cut_off = {key for key in begun if key[0] == past.again}
            if not cut_off:
                raise UsageError(
                    f"step {past.again} was not cut off when the run's process died",
                    hint="leave --from out: what was open is settled by reading the devices",
                )
            begun -= cut_off
        return self._found

    def play_entry(self, entry: Entry) -> Recovered:
        """Take one entry that stands for itself: the plan of a run that has done nothing yet."""
        _PLAYED[entry.kind](self, entry)
        return self._found

    def _approved(self, entry: Entry) -> None:
        if "plan" not in entry.data:
            return
        plan = self._found.plan = plan_of(entry.data["plan"])
        for host in plan.hosts:
            for step in host.steps:
                self._works[step.step].planned[host.host] = step
        results: Mapping[str, Mapping[str, Any]] = entry.data["results"]
        for name, work in self._works.items():
            found = {host: result_of(data) for host, data in results.get(name, {}).items()}
            work.recall(found, entry.data["hashes"])

    def _left_out(self, entry: Entry) -> None:
        self._ledger.left_out[entry.host] = result_of(entry.data)

    def _given_up(self, entry: Entry) -> None:
        self._ledger.given_up[entry.host] = result_of(entry.data)

    def _batch(self, entry: Entry) -> None:
        number, hosts = int(entry.data["number"]), tuple(entry.data["hosts"])
        self._found.batches[number] = hosts
        self._ledger.batch_of.update(dict.fromkeys(hosts, number))

    def _checked(self, entry: Entry) -> None:
        record = BatchRecord.of(entry.data)
        self._ledger.batches[record.number] = record

    def _batch_done(self, entry: Entry) -> None:
        self._found.done.add(int(entry.data["number"]))

    def _intent(self, entry: Entry) -> None:
        planned, found = planned_of(entry.data["planned"]), str(entry.data["found"])
        self._works[entry.step].planned.setdefault(entry.host, planned)
        saves = next((line for line in planned.lines if line.startswith(SAVES)), "")
        if saves and self._workflow.confirm is not None:
            self._progress.held_saves[entry.host] = (entry.step, planned.connection, saves)
        self._progress.past.open[entry.step, entry.host] = found
        if not found:  # it changes the device otherwise than by lines, or only saves
            return
        nos = self._progress.hosts[entry.host].nos
        image_before(self._progress.pre_images, entry, self._workflow.step(entry.step), nos)

    def _outcome(self, entry: Entry) -> None:
        image_after(self._progress.pre_images, entry)
        result = result_of(entry.data["result"])
        step = self._workflow.step(entry.step)
        self._progress.times.know(entry.host, _used(entry))
        self._progress.past.open.pop((entry.step, entry.host), None)
        if entry.data.get("taken_back"):
            self._progress.taken_back.add(entry.host)
        if entry.data["final"]:
            self._progress.record(step, {entry.host: result})
            if step.once:
                self._progress.record(step, result)
            self._time(entry.step, result)

    def _begun(self, entry: Entry) -> None:
        self._progress.past.begun.add((entry.step, int(entry.data["batch"])))

    def _result(self, entry: Entry) -> None:
        key, result = (entry.step, int(entry.data["batch"])), result_of(entry.data["result"])
        self._progress.past.begun.discard(key)
        self._progress.past.ended.add(key)
        self._progress.times.know(ONCE, _used(entry))
        self._progress.record(self._workflow.step(entry.step), result)
        self._time(entry.step, result)

    def _rollback(self, entry: Entry) -> None:
        self._progress.past.rolling.add(entry.host)

    def _rolled_back(self, entry: Entry) -> None:
        error = entry.data.get("error")
        self._ledger.rollbacks[entry.host] = (
            RollbackFailed(error, hint=entry.data.get("hint", "")) if error is not None else None
        )

        armed = self._progress.armed.get(entry.host)
        if armed is not None and error is None and "at" in entry.data:
            armed.reverted_at = datetime.fromisoformat(entry.data["at"])

    def _armed(self, entry: Entry) -> None:
        self._progress.armed[entry.host] = armed_of(entry.data)

    def _confirmed(self, entry: Entry) -> None:
        self._progress.armed[entry.host].confirmed_at = datetime.fromisoformat(entry.data["at"])
        image = self._progress.pre_images.get(entry.host)
        if image is not None and entry.host in self._progress.held_saves:
            image.saved = self._progress.held_saves[entry.host][2]  # it may have come to that

    def _unconfirmed(self, entry: Entry) -> None:
        self._ledger.unconfirmed[int(entry.data["batch"])] = str(entry.data["why"])

    def _over(self, entry: Entry) -> None:
        self._found.over = True
        self._found.reason = str(entry.data.get("reason", ""))
        self._found.stopping = bool(entry.data.get("stopping"))

    def _time(self, step: str, result: StepResult) -> None:
        """Put together again when a step began and ended, over its devices and batches."""
        if result.started_at is None or result.completed_at is None:
            return
        known = self._ledger.times.get(step)
        if known is None:
            self._ledger.times[step] = Times(result.started_at, result.completed_at)
        else:
            known.started = min(known.started, result.started_at)
            known.ended = max(known.ended or result.completed_at, result.completed_at)


def _used(entry: Entry) -> Used:
    """Return the seconds that were worked so far; a NornFlow before this one knew those of the rollout alone."""
    used = entry.data.get("used", {})
    return used if isinstance(used, dict) else {ROLLOUT: float(used)}


class AtWork(Cancellation):
    """A run's switch as devices at work know it: a stop lets them go on to the end of what they are at."""

    def __init__(self, switch: Cancellation) -> None:
        self._switch = switch

    @property
    def stopping(self) -> bool:
        """True once nothing more shall be begun: here that is when work in progress shall end."""
        return self._switch.aborted

    @property
    def aborted(self) -> bool:
        """True once work in progress shall end."""
        return self._switch.aborted

    def on_abort(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call back on abort, as the run's switch does."""
        return self._switch.on_abort(callback)


def leave_open(progress: Progress, hosts: Collection[str]) -> None:
    """Give a result to those of the devices that were being changed when the process died and that the run leaves now."""
    for step, host in sorted(progress.past.open):
        if host not in hosts:
            continue
        del progress.past.open[step, host]
        if host in progress.pre_images:
            progress.pre_images[host].expected = ""
        error = "the run was cut off in this step, and ended before it came back to the device"
        result = StepResult(HostState.UNKNOWN, True, error=error, reason="interrupted", hint=LOOK)
        progress.record(progress.workflow.step(step), {host: result})


_PLAYED = {
    EntryKind.APPROVED: Recovery._approved,
    EntryKind.LEFT_OUT: Recovery._left_out,
    EntryKind.GIVEN_UP: Recovery._given_up,
    EntryKind.BATCH: Recovery._batch,
    EntryKind.CHECKED: Recovery._checked,
    EntryKind.BATCH_DONE: Recovery._batch_done,
    EntryKind.INTENT: Recovery._intent,
    EntryKind.OUTCOME: Recovery._outcome,
    EntryKind.BEGUN: Recovery._begun,
    EntryKind.RESULT: Recovery._result,
    EntryKind.ROLLBACK: Recovery._rollback,
    EntryKind.ROLLED_BACK: Recovery._rolled_back,
    EntryKind.OVER: Recovery._over,
    EntryKind.ARMED: Recovery._armed,
    EntryKind.CONFIRMED: Recovery._confirmed,
    EntryKind.UNCONFIRMED: Recovery._unconfirmed,
}
