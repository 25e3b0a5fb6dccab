"""Run records as JSON files in the workspace: one folder per run, written atomically, masked."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from nornflow.errors import UsageError
from nornflow.model.plain import plain
from nornflow.model.run import HostState, RunRecord
from nornflow.redaction import Redactor
from nornflow.store.folders import made

FILE = "run.json"
DEPTH = 4
"""Down to which level of a record file each entry has a line of its own; a result on a device is one line."""
_ENCODE = json.JSONEncoder(ensure_ascii=False).encode


def record_json(record: RunRecord) -> dict[str, Any]:
    """Return the record of a run as JSON types; steps and their results have the names that expressions know them by."""
    shown: dict[str, Any] = plain(record)
    for step, source in zip(shown["steps"], record.steps, strict=True):
        step["step_id"] = step.pop("step")
        step["status"] = step.pop("state")
        if source.result is not None:
            step["result"] = _result_json(step["result"], source.step)
        step["hosts"] = {host: _result_json(result, source.step) for host, result in step["hosts"].items()}
    return shown


def _result_json(result: dict[str, Any], step_id: str) -> dict[str, Any]:
    status, duration = result.pop("state"), result.pop("duration")
    return {
        "step_id": step_id,
        "status": status,
        "duration_seconds": duration,
        "cached": status == HostState.CACHED.value,
        **result,
    }


def _laid_out(value: Any, depth: int = 0) -> str:
    """Return JSON with a line for each device: as good to read as with one for each value, and a quarter of the time."""
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    if depth == DEPTH or not any(isinstance(item, (dict, list)) and item for item in items):
        return _ENCODE(value)
    inner = "\n" + "  " * (depth + 1)
    if isinstance(value, dict):
        lines = (f"{inner}{_ENCODE(key)}: {_laid_out(item, depth + 1)}" for key, item in value.items())
        return "{" + ",".join(lines) + "\n" + "  " * depth + "}"
    return "[" + ",".join(inner + _laid_out(item, depth + 1) for item in value) + "\n" + "  " * depth + "]"


class RunRecords:
    """The records under `<workspace>/runs/<run id>/run.json`."""

    def __init__(self, workspace: Path, redactor: Redactor | None = None) -> None:
        self._runs = workspace / "runs"
        self._redactor = redactor or Redactor()

    def folder(self, run_id: str) -> Path:
        """Return the folder of a run, which holds its record and its steps' files."""
        return self._runs / run_id

    def write(self, record: RunRecord) -> Path:
        """Write the record, replacing an earlier one whole or not at all; returns the file."""
        folder = made(self.folder(record.id))
        file = folder / FILE
        shown = record_json(record)
        text = _laid_out(shown)
        if self._redactor.may_be_in(text):
            text = _laid_out(self._redactor.value(shown))
        temporary = folder / f".{FILE}.{os.getpid()}"
        temporary.write_text(text + "\n", encoding="utf-8")
        temporary.replace(file)
        return file

    def read(self, run_id: str) -> dict[str, Any]:
        """Return a record as it was written; an unambiguous beginning of its id is enough; UsageError when none fits."""
        found = [name for name in self.ids() if name.startswith(run_id)]
        if run_id in found:
            found = [run_id]
        if len(found) != 1:
            what = "there is no run" if not found else "more than one run begins with"
            raise UsageError(f"{what} {run_id!r}", hint="nornflow runs list")
        record: dict[str, Any] = json.loads((self.folder(found[0]) / FILE).read_text(encoding="utf-8"))
        return record

    def ids(self) -> Iterator[str]:
        """Yield the ids of all recorded runs, newest first."""
        if self._runs.is_dir():
            yield from sorted((p.name for p in self._runs.iterdir() if (p / FILE).is_file()), reverse=True)
