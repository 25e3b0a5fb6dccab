"""What all forms of a report share: devices and differences that are alike together, and values, times and texts in words."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from nornflow.app.services.report import DeviceReport, Report, StateDifference
from nornflow.model.confirm import length, taken_back_by
from nornflow.model.journal import Sent
from nornflow.model.plan import Risk
from nornflow.model.run import BatchRecord, HostState, RunRecord, StepResult
from nornflow.planning.diff import added_removed, changes_in
from nornflow.record import record

_DEPTH = 3
LONGEST = 20_000
"""Characters of one state, output or diff that are shown; the record has all of it."""
STATES_OF = 50
"""With more devices than this whole states are shown only of the first that ended badly or have collateral differences."""
_DANGEROUS = {
    **{code: f"\\x{code:02x}" for code in (*range(9), 11, 12, *range(14, 32), *range(127, 160))},
    **{
        code: f"\\u{code:04x}"
        for code in (*range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2066, 0x206A), 0xFEFF)
    },
    **dict.fromkeys(range(55296, 57344), "�"),
    13: "",
}
"""Characters that hide text or turn it round; they are shown by their numbers."""


def clean(text: str) -> str:
    """Return a text in which every character can be seen: what a device says must not look like anything else."""
    return text.translate(_DANGEROUS)


def value_text(value: Any) -> str:
    """Return a value of a state as a short text."""
    return clean(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


def state_text(value: Any) -> str:
    """Return a whole state as text, cut where it is too long to be read."""
    return cut(clean(value if isinstance(value, str) else _laid_out(value)))


def _laid_out(value: Any, depth: int = 0) -> str:
    """Return JSON with a line for each object, which is how tables of a device are read."""
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    if depth == _DEPTH or not any(isinstance(item, (dict, list)) and item for item in items):
        return json.dumps(value, ensure_ascii=False)
    inner = "\n" + "  " * (depth + 1)
    if isinstance(value, dict):
        pairs = (
            f"{inner}{json.dumps(key, ensure_ascii=False)}: {_laid_out(item, depth + 1)}" for key, item in value.items()
        )
        return "{" + ",".join(pairs) + "\n" + "  " * depth + "}"
    return "[" + ",".join(inner + _laid_out(item, depth + 1) for item in value) + "\n" + "  " * depth + "]"


def amount(sent: Sent) -> str:
    """Return how many lines a device was sent."""
    if sent.hidden:
        return "lines with a secret, kept sealed"
    return f"{len(sent.lines)} line{'' if len(sent.lines) == 1 else 's'}"


def cut(text: str) -> str:
    """Return a text that is not longer than LONGEST."""
    more = len(text) - LONGEST
    return text if more <= 0 else f"{text[:LONGEST]}\n… {more:,} more characters: nornflow runs show RUN has them"


def moment(at: datetime | None) -> str:
    """Return a time as people write it, in UTC."""
    return f"{at:%Y-%m-%d %H:%M:%S} UTC" if at else ""


def clock(at: datetime | None) -> str:
    """Return the time of day, in UTC."""
    return f"{at:%H:%M:%S}" if at else ""


def remark(result: StepResult) -> str:
    """Return what is to be said of a result beside its state: its error, its warning, or how old a cached one is."""
    said = result.error or result.warning
    return said or (f"found {seconds(result.cache_age)} before" if result.state is HostState.CACHED else "")


def seconds(length: float) -> str:
    """Return a length of time: `0.4 s`, `12 s`, `3 min 20 s`, `2 h 05 min`."""
    if length < 10:
        return f"{length:.1f} s"
    if length < 60:
        return f"{length:.0f} s"
    minutes, rest = divmod(round(length), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


@record
class Change:
    """Devices that were to be changed, and were changed, in the same way; the diffs are those of the first one."""

    number: int
    devices: tuple[str, ...]
    approved: str
    applied: str
    methods: tuple[str, ...]
    taken_back: bool
    rollback: tuple[str, str, tuple[str, ...]]
    """How the way back was rehearsed: method, evidence and lines; empty where it was not."""

    @property
    def as_approved(self) -> bool:
        """Tell whether just what was approved was applied."""
        return bool(self.approved) and changes_in(self.approved) == changes_in(self.applied)

    @property
    def verdict(self) -> str:
        """Say how what was applied compares with what was approved."""
        if not self.applied:
            return "Approved, and not applied by this run."
        if self.as_approved:
            how = "Applied exactly as it was approved."
        elif self.approved:
            how = "What was applied is not what was approved."
        else:
            how = "It was planned when it was applied: no plan that was asked about holds it."
        return f"{how} It was taken back, and the device read to prove it." if self.taken_back else how

    @property
    def lines(self) -> tuple[int, int]:
        """Return how many lines are added and removed on one device."""
        return added_removed(self.applied or self.approved)


def changes(report: Report) -> list[Change]:
    """Return what was approved and what changed, devices alike together, in the order of their first device."""
    alike: dict[tuple[Any, ...], list[DeviceReport]] = {}
    for device in report.devices:
        approved, applied = device.approved, device.record.diff
        if approved or applied:
            key = (changes_in(approved), changes_in(applied), _methods(device), _taken_back(device))
            alike.setdefault(key, []).append(device)
    return [
        Change(
            number,
            tuple(device.name for device in devices),
            devices[0].approved,
            devices[0].record.diff,
            _methods(devices[0]),
            _taken_back(devices[0]),
            _rollback(devices[0]),
        )
        for number, devices in enumerate(alike.values(), 1)
    ]


def _taken_back(device: DeviceReport) -> bool:
    return device.record.state is HostState.ROLLED_BACK


def _methods(device: DeviceReport) -> tuple[str, ...]:
    steps = device.plan.steps if device.plan else ()
    return tuple(dict.fromkeys(step.method.value for step in steps if step.changes))


def _rollback(device: DeviceReport) -> tuple[str, str, tuple[str, ...]]:
    tried = device.plan.rollback if device.plan else None
    return (tried.method.value, tried.evidence, tried.lines) if tried else ("", "", ())


def alike(report: Report, explanation: str) -> list[tuple[StateDifference, tuple[str, ...]]]:
    """Return each different difference with this explanation once, with its devices, those of most devices first."""
    found: dict[tuple[Any, ...], tuple[StateDifference, list[str]]] = {}
    for device in report.devices:
        for each in device.differences:
            if each.explanation == explanation:
                key = (each.path, value_text(each.before), value_text(each.after), each.change, each.because)
                found.setdefault(key, (each, []))[1].append(device.name)
    ranked = sorted(found.values(), key=lambda pair: -len(pair[1]))
    return [(each, tuple(hosts)) for each, hosts in ranked]


@record
class Judged:
    """What a gate decided about some devices in the same words; no devices where it was about the run."""

    verdict: str
    gate: str
    step: str
    reason: str
    devices: tuple[str, ...]


def judged(report: Report) -> list[Judged]:
    """Return what gates decided, devices about which the same was said together."""
    found: dict[tuple[str, str, str, str], list[str]] = {}
    for event in report.gates:
        reason = event.message.removeprefix(f"{event.host}: ")
        key = (str(event.data.get("verdict", "")), str(event.data.get("gate", "")), event.step, reason)
        found.setdefault(key, []).append(event.host)
    return [Judged(*key, tuple(filter(None, hosts))) for key, hosts in found.items()]


def risky(report: Report) -> list[tuple[Risk, tuple[str, ...]]]:
    """Return the lines that could have locked the controller out, each once with its devices."""
    found: dict[Risk, list[str]] = {}
    for device in report.devices:
        for risk in device.risks:
            found.setdefault(risk, []).append(device.name)
    return [(risk, tuple(hosts)) for risk, hosts in found.items()]


def with_states(report: Report) -> frozenset[str]:
    """Return the devices whose whole states are shown: STATES_OF at most, those first that have something to explain."""
    seen = [device for device in report.devices if device.looks]
    if len(report.devices) > STATES_OF:
        seen = [device for device in seen if device.counts.get("collateral") or device.record.error]
    return frozenset(device.name for device in seen[:STATES_OF])


def names(hosts: Sequence[str], most: int = 8) -> str:
    """Return the first names of a list, and how many there are."""
    if len(hosts) <= most:
        return ", ".join(map(clean, hosts))
    return f"{', '.join(map(clean, hosts[:most]))} and {len(hosts) - most} more ({len(hosts)} devices)"


def of_batches(record: RunRecord) -> list[tuple[str, str, str, str, str]]:
    """Return a row of words for each batch of a rollout that has more than one, or checks: who, how many, and how it ended."""
    if len(record.batches) < 2 and not any(batch.checks for batch in record.batches):
        return []
    return [
        (str(batch.number), clean(batch.by), str(batch.hosts or "none"), _verdict(batch), _checks_of(batch))
        for batch in record.batches
    ]


def _verdict(batch: BatchRecord) -> str:
    if not batch.hosts:
        return "no device was left for it"
    good = {True: "good", False: "not good", None: "not found out"}[batch.good]
    return f"{good}: {names(batch.failed, 4)} failed" if batch.failed else good


def _checks_of(batch: BatchRecord) -> str:
    said = (f"{one.step} {one.state.value}{f': {one.error}' if one.error else ''}" for one in batch.checks)
    return clean("; ".join(said))


def body(diff: str) -> Iterable[tuple[str, str]]:
    """Yield each line of a diff with its kind: `add`, `del`, `at` or nothing; without the frame."""
    for line in cut(clean(diff)).splitlines():
        if not line.startswith(("--- before", "+++ after")):
            yield {"+": "add", "-": "del", "@": "at"}.get(line[:1], ""), line


def confirm_lines(record: RunRecord) -> Iterator[str]:
    """Yield, of a run whose changes had to be confirmed, what would have taken them back, and how many were confirmed when."""
    armed = [host.confirm for host in record.hosts if host.confirm]
    ways = Counter(taken_back_by(str(confirm["by"])) for confirm in armed)
    for way, count in ways.items():
        mine = [confirm for confirm in armed if taken_back_by(str(confirm["by"])) == way]
        at = sorted(str(confirm["confirmed_at"]) for confirm in mine if confirm["confirmed_at"])
        when = f" (the last at {at[-1]})" if at else ""
        yield f"confirm within {length(mine[0]['within'])}, {way}: {len(at)} of {count} devices confirmed{when}"
