"""The report of a run: what was approved by whom, what was sent, what it did to configuration and state, how it ended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from typing import Any

from nornflow.abc import RunStore
from nornflow.app.services.history import last_plan, patient
from nornflow.errors import StoreError
from nornflow.model.approval import Approval
from nornflow.model.event import Event, EventKind
from nornflow.model.journal import Sent
from nornflow.model.plan import HostPlan, Plan, Risk
from nornflow.model.run import RUN_MOVES, HostRecord, HostState, RunRecord, StepRecord, StepResult
from nornflow.planning.diff import added_removed, changes_in
from nornflow.record import record

COMPARISON = "state:differences"
"""The step of a record that holds the differences of states (`docs/how-to/compare-states.md`)."""
_TOLD = frozenset(
    (
        *(
            EventKind.RUN_STATE,
            EventKind.RUN_STOPPING,
            EventKind.RUN_RESUMED,
            EventKind.RUN_LEFT,
            EventKind.RUN_FINISHED,
        ),
        *(EventKind.PLAN_STARTED, EventKind.PLAN_FINISHED, EventKind.LOCK_TAKEN, EventKind.LOCK_SKIPPED),
        *(
            EventKind.DRIFT_FOUND,
            EventKind.DRIFT_CHECKED,
            EventKind.BATCH_EMPTY,
            EventKind.LOCK_LOST,
            EventKind.LOCK_BROKEN,
            EventKind.BATCH_STARTED,
            EventKind.BATCH_FINISHED,
        ),
        *(EventKind.SOAK_STARTED, EventKind.ROLLBACK_STARTED, EventKind.ROLLBACK_FINISHED),
        *(
            EventKind.ACCESS_DENIED,
            EventKind.POLICY_VIOLATION,
            EventKind.INJECTION_BLOCKED,
            EventKind.RESOURCE_EXCEEDED,
        ),
    )
)
"""Events of which the course of a run is told; those of single steps stand with the devices."""


@record
class StateDifference:
    """One value that differed on a device between the two looks; `change` is `changed`, `new` or `gone`."""

    path: str
    before: Any
    after: Any
    change: str
    explanation: str
    because: str = ""


@record
class Look:
    """What a device showed before and after its change; None where nothing was seen."""

    name: str
    before: Any
    after: Any


@record
class DeviceReport:
    """Everything about one device; `counts` are its differences by explanation, empty when none were looked for."""

    record: HostRecord
    plan: HostPlan | None = None
    steps: tuple[tuple[StepRecord, StepResult], ...] = ()
    sent: tuple[Sent, ...] = ()
    differences: tuple[StateDifference, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    looks: tuple[Look, ...] = ()

    @property
    def name(self) -> str:
        """The device's name."""
        return self.record.host

    @property
    def approved(self) -> str:
        """The diffs that the plan had for this device, one after the other."""
        return "".join(step.diff for step in self.plan.steps) if self.plan else ""

    @property
    def risks(self) -> tuple[Risk, ...]:
        """The planned lines that could have locked the controller out."""
        return self.plan.risks if self.plan else ()

    @property
    def as_approved(self) -> bool:
        """Tell whether just the approved lines changed, nothing more and nothing less."""
        return bool(self.approved) and changes_in(self.approved) == changes_in(self.record.diff)

    @property
    def seconds(self) -> float:
        """How long was worked on it, all steps together."""
        return sum(result.duration for _, result in self.steps)


@record
class Report:
    """A run as the board that approved it wants to read it; nothing secret is in it, as the store keeps nothing secret in clear.

    `approvals` are the answers about the run's plans and about what it waited for, in order, `plan` the last one asked
    about; `sealed` is the hash of the plan file that the run applied, empty when it planned itself. `gates` are the
    decisions that were not simply "allow", `course` the run as a sequence of events.
    """

    record: RunRecord
    plan: Plan | None = None
    approvals: tuple[Approval, ...] = ()
    gates: tuple[Event, ...] = ()
    course: tuple[Event, ...] = ()
    devices: tuple[DeviceReport, ...] = ()
    sealed: str = ""

    @property
    def steps(self) -> tuple[StepRecord, ...]:
        """The steps in the order in which they began, those that never did last."""
        return tuple(sorted(self.record.steps, key=_begun))

    @property
    def plan_hash(self) -> str:
        """The SHA-256 of the plan file, or of the plan that was asked about last; empty when none was."""
        asked = [each.plan for each in self.approvals if each.about == "the plan"]
        return self.sealed or (asked[-1] if asked else "")

    def plan_of(self, said: Approval) -> str:
        """Return the SHA-256 of what an answer is about, as whoever gave it knows it."""
        return self.sealed or said.plan

    @property
    def ended(self) -> bool:
        """Tell whether the run is over."""
        return self.record.state not in RUN_MOVES

    @property
    def states(self) -> Mapping[str, int]:
        """How many devices ended how, the most frequent end first."""
        return dict(Counter(device.record.state.value for device in self.devices).most_common())

    @property
    def lines(self) -> tuple[int, int]:
        """How many configuration lines were added and removed, on all devices."""
        counts = [added_removed(device.record.diff) for device in self.devices]
        return sum(count[0] for count in counts), sum(count[1] for count in counts)

    @property
    def compared(self) -> Mapping[str, int]:
        """How many state differences of each explanation there were on all devices; empty when none were looked for."""
        total: Counter[str] = Counter()
        for device in self.devices:
            total.update(device.counts)
        return dict(total)


def report_of(store: RunStore, run: str) -> Report:
    """Return the report of a run (its whole id): UsageError when there is none, StoreError when it cannot be read."""
    from nornflow.store.sent import sent_in

    record, plan = store.record(run), last_plan(store, run)
    events = [each.event for each in store.events(run)]
    sent: dict[str, list[Sent]] = {}
    for each in sent_in(patient(store), run):
        sent.setdefault(each.host, []).append(each)
    planned = {host.host: host for host in plan.hosts} if plan else {}
    return Report(
        record,
        plan,
        record.approvals,
        gates=tuple(event for event in events if event.kind is EventKind.GATE_DECIDED),
        course=tuple(event for event in events if event.kind in _TOLD),
        devices=tuple(_device(host, record, planned.get(host.host), sent.get(host.host, ())) for host in record.hosts),
        sealed=_sealed(store, run),
    )


def _sealed(store: RunStore, run: str) -> str:
    """Return the hash of the plan file that a run applied, an empty text when there was none or it cannot be told."""
    try:
        return str(store.standing(run).spec.get("sealed", ""))
    except StoreError:  # a secret among the inputs, kept with the key of another workspace
        return ""


def _device(host: HostRecord, record: RunRecord, plan: HostPlan | None, sent: Sequence[Sent]) -> DeviceReport:
    steps = tuple((step, step.hosts[host.host]) for step in record.steps if host.host in step.hosts)
    outputs = next((result.outputs for step, result in steps if step.step == COMPARISON), {})
    kinds = ("collateral", "intended", "noise")
    return DeviceReport(
        host,
        plan,
        tuple(sorted((pair for pair in steps if _tells(pair[1])), key=lambda pair: _begun(pair[1]))),
        tuple(_shown(each, plan) for each in sent),
        tuple(map(_difference, outputs.get("differences", ()))),
        {kind: outputs[kind] for kind in kinds} if outputs else {},
        tuple(_looks({step.step: result for step, result in steps})),
    )


def _shown(sent: Sent, plan: HostPlan | None) -> Sent:
    """Return what was sent with the masked lines of the plan where the journal's own are sealed: they are the same lines."""
    if not sent.hidden or plan is None:
        return sent
    planned = next((step for step in plan.steps if step.step == sent.step), None)
    return sent if planned is None else replace(sent, lines=planned.lines, connection=planned.connection, hidden=False)


def _begun(of: StepRecord | StepResult) -> tuple[bool, float]:
    """Return what puts steps into the order in which they began, those that never did last."""
    return of.started_at is None, of.started_at.timestamp() if of.started_at else 0.0


def _tells(result: StepResult) -> bool:
    """Tell whether a step did anything on a device: those that were not for it tell nothing."""
    return result.state is not HostState.SKIPPED or result.reason not in ("when", "branch")


def _difference(kept: Mapping[str, Any]) -> StateDifference:
    change = "new" if "before" not in kept else "gone" if "after" not in kept else "changed"
    explanation, because = kept["class"], kept.get("because", "")
    return StateDifference(kept["path"], kept.get("before"), kept.get("after"), change, explanation, because)


def _looks(results: Mapping[str, StepResult]) -> Sequence[Look]:
    names = [name.partition(":")[2] for name in results if name.startswith("before:")]
    return [Look(name, _seen(results.get(f"before:{name}")), _seen(results.get(f"after:{name}"))) for name in names]


def _seen(result: StepResult | None) -> Any:
    if result is None or result.failed:
        return None
    if "parsed" in result.outputs:
        return result.outputs["parsed"]
    return {name: value for name, value in result.outputs.items() if name not in ("output", "results")} or result.stdout
