"""Turning records of runs into rows of tables and back; what has its default is not kept."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields
from datetime import datetime
from typing import Any

from nornflow.errors import StillWaiting
from nornflow.model.approval import Answer, Approval
from nornflow.model.event import Event, EventKind
from nornflow.model.journal import Entry, EntryKind, Sent
from nornflow.model.plain import plain
from nornflow.model.run import BatchRecord, HostRecord, HostState, RunRecord, RunState, StepRecord, StepResult
from nornflow.model.wait import Wait
from nornflow.redaction import Redactor
from nornflow.store.blobs import LIMIT, Blobs
from nornflow.store.vault import Vault

Row = Mapping[str, Any]

_RESULT_COLUMNS = frozenset(("state", "started_at", "completed_at", "duration"))
_HOST_COLUMNS = frozenset(("host", "state", "batch"))
_DEFAULTS = {
    type(value): {field.name: getattr(value, field.name) for field in fields(value) if field.name not in columns}
    for value, columns in ((StepResult(), _RESULT_COLUMNS), (HostRecord("", HostState.OK), _HOST_COLUMNS))
}
"""What a result or a device's fate holds beside its columns, and what of it is not kept."""
_ENCODE = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class Rows:
    """Makes rows of records and records of rows; everything is masked on its way in, or, where it must be exact, sealed."""

    def __init__(self, blobs: Blobs, redactor: Redactor, vault: Vault) -> None:
        self._blobs = blobs
        self._redactor = redactor
        self._vault = vault

    def text(self, value: Any) -> str:
        """Return a value as masked JSON text."""
        shown = plain(value)
        text = _ENCODE(shown)
        return _ENCODE(self._redactor.value(shown)) if self._redactor.may_be_in(text) else text

    def masked(self, text: str) -> str:
        """Return a text with secrets masked."""
        return self._redactor.text(text)

    def holds_secret(self, text: str) -> bool:
        """Tell whether there is a secret in a JSON text."""
        return self._redactor.may_be_in(text) and bool(self._redactor.found(json.loads(text)))

    def exact(self, value: Any) -> str:
        """Return a value as JSON text that gives back just that value; sealed when there is a secret in it.

        What is sealed begins with a line that names its secrets: whoever opens it may not know them from anywhere else, and
        what becomes of the value there must be masked and sealed as it was here.
        """
        shown = plain(value)
        text = _ENCODE(shown)
        found = self._redactor.found(shown) if self._redactor.may_be_in(text) else ()
        return self._vault.seal(f"{_ENCODE(found)}\n{text}") if found else text

    def value(self, text: str) -> Any:
        """Return the value of an exact text; secrets that it names are masked from now on."""
        if not Vault.is_sealed(text):
            return json.loads(text)
        named, _, exact = self._vault.open(text).rpartition("\n")  # nothing is named in what an earlier NornFlow sealed
        for secret in json.loads(named) if named else ():
            self._redactor.add(secret)
        return json.loads(exact)

    def entry(self, number: int, entry: Entry) -> dict[str, Any]:
        """Return an entry of the journal as a row."""
        text = self.exact(entry.data) if entry.data else None
        large = text is not None and len(text) >= LIMIT
        return {
            "number": number,
            "kind": entry.kind.value,
            "step": entry.step,
            "host": entry.host,
            "data": None if large else text,
            "blob": self._blobs.put(text) if text is not None and large else None,
        }

    def stored_entry(self, row: Row) -> Entry:
        """Return the entry that a row holds."""
        text = self._blobs.get(row["blob"]) if row["blob"] else row["data"]
        return Entry(EntryKind(row["kind"]), row["step"], row["host"], self.value(text) if text else {})

    def sent(self, row: Row) -> Sent:
        """Return what a row says that a device was sent; nothing that is sealed is opened for it."""
        text: str = self._blobs.get(row["blob"]) if row["blob"] else row["data"]
        if Vault.is_sealed(text):
            return Sent(row["step"], row["host"], hidden=True)
        data = json.loads(text)
        planned = data["planned"]
        lines = tuple(planned.get("lines", ()))
        return Sent(row["step"], row["host"], lines, planned.get("connection", ""), int(data["attempt"]))

    def event(self, number: int, event: Event) -> dict[str, Any]:
        """Return an event as a row."""
        return {
            "number": number,
            "time": event.time,
            "kind": event.kind.value,
            "step": event.step,
            "host": event.host,
            "message": self._redactor.text(event.message),
            "data": self.text(event.data) if event.data else None,
        }

    def result(self, position: int, host: str, result: StepResult) -> dict[str, Any]:
        """Return how a step ended on a device as a row."""
        return {
            "position": position,
            "host": host,
            "state": result.state.value,
            "started_at": result.started_at,
            "completed_at": result.completed_at,
            "duration": result.duration,
            **self._detail(result),
        }

    def host(self, position: int, record: HostRecord, platform: str) -> dict[str, Any]:
        """Return the fate of a device as a row."""
        return {
            "host": record.host,
            "position": position,
            "platform": platform,
            "state": record.state.value,
            "batch": record.batch,
            **self._detail(record),
        }

    def results(self, record: RunRecord) -> Iterator[dict[str, Any]]:
        """Yield the rows of all results of a run."""
        for position, step in enumerate(record.steps):
            if step.result is not None:
                yield self.result(position, "", step.result)
            for host, result in step.hosts.items():
                yield self.result(position, host, result)

    def _detail(self, value: StepResult | HostRecord) -> dict[str, str | None]:
        kept = {}
        for name, default in _DEFAULTS[type(value)].items():
            item = getattr(value, name)
            if item is not default and item != default:
                kept[name] = item
        if not kept:
            return {"detail": None, "blob": None}
        text = self.text(kept)
        if len(text) < LIMIT:
            return {"detail": text, "blob": None}
        return {"detail": None, "blob": self._blobs.put(text)}

    def step_result(self, row: Row) -> StepResult:
        """Return the result that a row holds."""
        detail = self._loaded(row)
        return StepResult(
            HostState(row["state"]),
            started_at=row["started_at"],
            completed_at=row["completed_at"],
            duration=row["duration"],
            **detail,
        )

    def host_record(self, row: Row) -> HostRecord:
        """Return the fate that a row holds."""
        return HostRecord(row["host"], HostState(row["state"]), row["batch"], **self._loaded(row))

    def _loaded(self, row: Row) -> dict[str, Any]:
        text = self._blobs.get(row["blob"]) if row["blob"] else row["detail"]
        found: dict[str, Any] = json.loads(text) if text else {}
        return found


def stored_event(run: str, row: Row) -> Event:
    """Return the event that a row holds."""
    data = json.loads(row["data"]) if row["data"] else {}
    return Event(EventKind(row["kind"]), row["time"], run, row["step"], row["host"], row["message"], data)


def step_record(row: Row, results: Mapping[str, StepResult]) -> StepRecord:
    """Return a step with its results by host; the one without a host is the step's own."""
    per_host = {host: result for host, result in results.items() if host}
    return StepRecord(
        row["step"],
        row["type"],
        HostState(row["state"]),
        row["started_at"],
        row["completed_at"],
        results.get(""),
        per_host,
    )


def run_record(
    row: Row,
    steps: tuple[StepRecord, ...],
    hosts: tuple[HostRecord, ...],
    resumed_by: tuple[str, ...] = (),
    approvals: tuple[Approval, ...] = (),
    batches: tuple[BatchRecord, ...] = (),
    waits: tuple[Wait, ...] = (),
) -> RunRecord:
    """Return the record of a run from its row, its steps, its devices and what was answered about its plan."""
    waiting = {"exit_code": StillWaiting.exit_code} if waits else {}
    same = ("id", "workflow", "version", "user", "profile", "error", "hint", "reason", "exit_code", "file")
    started: datetime = row["started_at"]
    return RunRecord(
        **{**{name: row[name] for name in same}, **waiting},
        state=RunState(row["state"]),
        inputs=json.loads(row["inputs"]),
        outputs=json.loads(row["outputs"]),
        steps=steps,
        hosts=hosts,
        started_at=started,
        completed_at=row["completed_at"],
        security_events=tuple(json.loads(row["security_events"])),
        resumed_by=resumed_by,
        approvals=approvals,
        batches=batches,
        waits=waits,
    )


def stored_approval(row: Row) -> Approval:
    """Return an answer about a plan from its row."""
    return Approval(row["plan"], row["user"], Answer(row["verdict"]), row["at"], row["comment"], row["via"])


BATCH_ENDS = (EventKind.BATCH_EMPTY.value, EventKind.BATCH_FINISHED.value)
"""The events that say how a batch ended; there is one of each batch, or one of each process that came to its end."""


def batch_records(told: Iterable[Mapping[str, Any]]) -> tuple[BatchRecord, ...]:
    """Return how the batches of a run ended, out of what its events tell, in order; the last word counts."""
    found = {each["batch"]: each for each in told if "checks" in each}  # those of older runs say less
    return tuple(BatchRecord.of(found[number]) for number in sorted(found))
