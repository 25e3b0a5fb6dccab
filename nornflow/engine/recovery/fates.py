"""How devices ended in a run that nobody carries out any more and that ends as it is: told from its journal alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from nornflow.engine.journal import result_of
from nornflow.engine.record import BY_HAND
from nornflow.engine.recovery.settle import LOOK
from nornflow.model.journal import Entry, EntryKind
from nornflow.model.run import HostRecord, HostState, StepResult


def fates(hosts: Sequence[str], entries: Iterable[Entry]) -> tuple[HostRecord, ...]:
    """Return the end of each device: `unknown` where something was begun and nobody knows how it ended, what it came to
    where something did, `cancelled` where nothing was done.
    """
    past = _Past()
    for entry in entries:
        past.take(entry)
    return tuple(past.fate(host) for host in hosts)


class _Past:
    """What a journal says of devices, each by itself."""

    def __init__(self) -> None:
        self._batches: dict[str, int] = {}
        self._open: dict[str, str] = {}
        self._ended: dict[str, list[tuple[str, StepResult]]] = {}
        self._aside: dict[str, StepResult] = {}
        self._back: dict[str, tuple[str, str]] = {}

    def take(self, entry: Entry) -> None:
        """Take the next entry."""
        host, data = entry.host, entry.data
        if entry.kind is EntryKind.BATCH:
            self._batches.update(dict.fromkeys(data["hosts"], int(data["number"])))
        elif entry.kind in (EntryKind.INTENT, EntryKind.ROLLBACK):
            self._open[host] = entry.step or "rollback"
        elif entry.kind is EntryKind.OUTCOME:
            self._open.pop(host, None)
            if data["final"]:
                self._ended.setdefault(host, []).append((entry.step, result_of(data["result"])))
        elif entry.kind is EntryKind.ROLLED_BACK:
            self._open.pop(host, None)
            self._back[host] = data.get("error", ""), data.get("hint", "")
        elif entry.kind in (EntryKind.LEFT_OUT, EntryKind.GIVEN_UP):
            self._aside[host] = result_of(data)

    def fate(self, host: str) -> HostRecord:
        """Return how the device ended."""
        batch, ended = self._batches.get(host, 0), self._ended.get(host, [])
        diff = "".join(result.diff for _, result in ended)
        if host in self._open:
            step = self._open[host]
            error = f"the run's process died in {step}, and the run was ended without coming back to the device"
            return HostRecord(host, HostState.UNKNOWN, batch, step, error, "interrupted", LOOK, diff)
        step, worst = next(((step, result) for step, result in ended if result.failed), ("", self._aside.get(host)))
        if host in self._back:
            error, hint = self._back[host]
            state = HostState.ROLLBACK_FAILED if error else HostState.ROLLED_BACK
            why = (worst.error, worst.reason, worst.hint) if worst is not None else ("", "", "")
            return HostRecord(
                host,
                state,
                batch,
                step,
                *why[:2],
                (hint or BY_HAND) if error else why[2],
                diff,
                error or "running == pre-image",
            )
        if worst is not None:
            return HostRecord(host, worst.state, batch, step, worst.error, worst.reason, worst.hint, diff)
        if ended:
            changed = any(result.changed for _, result in ended)
            return HostRecord(host, HostState.CHANGED if changed else ended[-1][1].state, batch, diff=diff)
        error = "the run was ended before anything was done on this device"
        return HostRecord(
            host, HostState.CANCELLED, batch, error=error, reason="cancelled", hint="run the change again"
        )
