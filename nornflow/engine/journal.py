"""What the engine writes down before it acts and after it has, in words of its own; and how values become entries and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from enum import Enum
from functools import cache
from typing import Any

from nornflow.abc import Journal
from nornflow.engine.deadlines import Used
from nornflow.engine.emit import Emitter
from nornflow.engine.plans.plan_notes import StepPlan
from nornflow.engine.progress import PreImage
from nornflow.errors import NornFlowError, StoreError
from nornflow.model.confirm import Armed
from nornflow.model.journal import Entry, EntryKind
from nornflow.model.plan import HostPlan, Plan, PlannedStep
from nornflow.model.run import BatchRecord, HostState, StepResult


class NoJournal(Journal):
    """Keeps nothing: for plans, and for runs that nobody needs to settle."""

    def write(self, *entries: Entry) -> None:
        """Let entries go."""

    def note(self, *entries: Entry) -> None:
        """Let entries go."""


class Logbook:
    """Writes a run's journal. An entry that cannot be kept stops the run: `emitter` is told, as of an event.

    What comes before an act raises StoreError then, so that the act is not done; what comes after one does not.
    """

    def __init__(self, journal: Journal, emitter: Emitter) -> None:
        self._journal = journal
        self._emitter = emitter

    def approved(self, plan: Plan | None, works: Mapping[str, StepPlan], known: Sequence[Entry] = ()) -> None:
        """Keep the plan as it will be applied, with what planning found on devices that have nothing to change.

        `known` is what a run before this one did already.
        """
        self._before(Entry(EntryKind.APPROVED, data=approved_data(plan, works) if plan is not None else {}), *known)

    def left_out(self, results: Mapping[str, StepResult]) -> None:
        """Devices are left alone because others hold them, whoever goes on with the run."""
        self._before(*(Entry(EntryKind.LEFT_OUT, host=host, data=compact(each)) for host, each in results.items()))

    def given_up(self, results: Mapping[str, StepResult]) -> None:
        """Devices are not touched any more, whoever goes on with the run: others have had them."""
        self._before(*(Entry(EntryKind.GIVEN_UP, host=host, data=compact(each)) for host, each in results.items()))

    def batch(self, number: int, hosts: Sequence[str]) -> None:
        """A batch begins."""
        self._after(Entry(EntryKind.BATCH, data={"number": number, "hosts": list(hosts)}))

    def checked(self, record: BatchRecord) -> None:
        """A batch has ended: good, not good, or the run before that was found out."""
        self._after(Entry(EntryKind.CHECKED, data=record.told()))

    def batch_done(self, number: int) -> None:
        """A batch was soaked and asked about: the next one may begin."""
        self._before(Entry(EntryKind.BATCH_DONE, data={"number": number}))

    def intent(self, planned: PlannedStep, found: str, attempt: int) -> None:
        """A device is about to be changed, from the configuration `found`; for a step that sends no lines it is empty."""
        data = {"found": found, "planned": compact(planned), "attempt": attempt}
        self._before(Entry(EntryKind.INTENT, planned.step, planned.host, data))

    def outcome(
        self,
        step: str,
        host: str,
        result: StepResult,
        image: PreImage | None,
        *,
        final: bool,
        taken_back: bool = False,
        used: Used | None = None,
    ) -> None:
        """A step has ended on a device, for good or (not `final`) one attempt of it; `image` when it changed something.

        `taken_back` says that the step failed and took its own change back; `used` are the seconds that were worked on the
        device so far, by what limits them.
        """
        data: dict[str, Any] = {"result": compact(result), "final": final}
        if taken_back:
            data["taken_back"] = True
        if used:
            data["used"] = _rounded(used)
        if image is not None:
            data["image"] = {"expected": image.expected, "saved": image.saved, "commit": image.commit}
            if image.steps and image.text != image.found.get(image.steps[0]):
                data["image"]["text"] = image.text  # with what stays for good, of a step with `rollback: false`
        self._after(Entry(EntryKind.OUTCOME, step, host, data))

    def begun(self, step: str, batch: int) -> None:
        """A step of the run is about to be done."""
        self._before(Entry(EntryKind.BEGUN, step, data={"batch": batch}))

    def result(self, step: str, batch: int, result: StepResult, used: Used | None = None) -> None:
        """A step of the run has ended; `used` as of a device."""
        data = {"batch": batch, "result": compact(result), **({"used": _rounded(used)} if used else {})}
        self._after(Entry(EntryKind.RESULT, step, data=data), wait=True)

    def rollback(self, host: str) -> None:
        """A device is about to be taken back."""
        self._before(Entry(EntryKind.ROLLBACK, host=host))

    def rolled_back(self, host: str, error: NornFlowError | None, at: datetime | None = None) -> None:
        """A device is back, or is not; `at` (UTC) says since when."""
        data = {"error": error.message, "hint": error.hint} if error else {"at": at.isoformat()} if at else {}
        self._after(Entry(EntryKind.ROLLED_BACK, host=host, data=data))

    def armed(self, devices: Mapping[str, Armed]) -> None:
        """The changes of these devices are going to stand under a timer until they are confirmed."""
        self._before(*(Entry(EntryKind.ARMED, host=host, data=compact(armed)) for host, armed in devices.items()))

    def confirmed(self, host: str, at: datetime) -> None:
        """The change of a device is confirmed."""
        self._after(Entry(EntryKind.CONFIRMED, host=host, data={"at": at.isoformat()}), wait=True)

    def unconfirmed(self, batch: int, why: str) -> None:
        """A batch is going to be taken back, for it cannot be confirmed."""
        self._before(Entry(EntryKind.UNCONFIRMED, data={"batch": batch, "why": why}))

    def over(self, reason: str, *, stopping: bool) -> None:
        """The run goes to its last steps; `reason` says why it ends early, if it does, `stopping` that nothing more begins."""
        self._before(Entry(EntryKind.OVER, data={"reason": reason, "stopping": stopping} if reason else {}))

    def settle(self) -> None:
        """Wait until everything so far is durable: what is done next may build on it."""
        self._after(wait=True)

    def _before(self, *entries: Entry) -> None:
        try:
            self._journal.write(*entries)
        except StoreError as error:
            self._emitter.lose(error)
            raise

    def _after(self, *entries: Entry, wait: bool = False) -> None:
        try:
            (self._journal.write if wait else self._journal.note)(*entries)
        except StoreError as error:  # it is done all the same; the next act is not
            self._emitter.lose(error)


def compact(value: Any) -> dict[str, Any]:
    """Return a flat record as plain data, without what is at its default."""
    kept = {}
    for name, default in _fields(value.__class__):
        item = getattr(value, name)
        if item is default or item is None or item == default or (not item and item in _EMPTY):
            continue
        if isinstance(item, Enum):
            item = item.value
        elif isinstance(item, datetime):
            item = item.isoformat()
        kept[name] = item
    return kept


_EMPTY: tuple[Any, ...] = ("", (), {})


@cache
def _fields(kind: type) -> tuple[tuple[str, Any], ...]:
    return tuple((field.name, field.default) for field in fields(kind))


def armed_of(data: Mapping[str, Any]) -> Armed:
    """Return the arming that was kept."""
    return Armed(**{**data, "at": datetime.fromisoformat(data["at"])})


def result_of(data: Mapping[str, Any]) -> StepResult:
    """Return the result that was kept."""
    given = dict(data)
    given["state"] = HostState(given.get("state", HostState.OK))
    for name in ("started_at", "completed_at"):
        if name in given:
            given[name] = datetime.fromisoformat(given[name])
    return StepResult(**given)


NO_CHANGE = StepResult(reason="no-change")
"""What a device with nothing to change has by itself; only other results of planning are kept."""


def approved_data(plan: Plan, works: Mapping[str, StepPlan]) -> dict[str, Any]:
    """Return a plan, and what the planning of each step left, as plain data."""
    hosts = [host_plan_data(host) for host in plan.hosts]
    hashes = {host: digest for work in works.values() for host in work.planned if (digest := work.read_hash(host))}
    results = {
        step: {host: compact(work.result(host)) for host in work.planned if work.result(host) != NO_CHANGE}
        for step, work in works.items()
    }
    batches = {"batches": [compact(batch) for batch in plan.batches]} if plan.batches else {}
    return {
        "plan": {**compact(plan), "hosts": hosts, **batches},
        "hashes": hashes,
        "results": {step: found for step, found in results.items() if found},
    }


def host_plan_data(host: HostPlan) -> dict[str, Any]:
    """Return the plan of one device as plain data."""
    rehearsed = {} if host.rollback is None else {"rollback": compact(host.rollback)}
    risks = {"risks": [compact(risk) for risk in host.risks]} if host.risks else {}
    return {**compact(host), "steps": [compact(step) for step in host.steps], **rehearsed, **risks}


def _rounded(used: Used) -> dict[str, float]:
    return {name: round(seconds, 3) for name, seconds in used.items()}
