"""Results of cached steps as JSON files in the workspace; the oldest leave first when there are too many."""

from __future__ import annotations

import json
import os
from dataclasses import fields
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from nornflow.abc import ResultCache
from nornflow.model.plain import plain
from nornflow.model.run import HostState, StepResult
from nornflow.redaction import Redactor

_KEPT = tuple(field.name for field in fields(StepResult) if field.name not in ("started_at", "completed_at"))


class FileCache(ResultCache):
    """Keeps results under `<workspace>/cache/<key>.json`."""

    def __init__(self, workspace: Path, max_entries: int = 1000, redactor: Redactor | None = None) -> None:
        self._folder = workspace / "cache"
        self._max = max_entries
        self._redactor = redactor or Redactor()

    def get(self, key: str, now: datetime) -> StepResult | None:
        """Return the result stored under the key if it has not expired; a broken entry counts as none."""
        file = self._folder / f"{key}.json"
        try:
            entry = json.loads(file.read_text(encoding="utf-8"))
            if datetime.fromisoformat(entry["expires"]) <= now:
                file.unlink(missing_ok=True)
                return None
            values: dict[str, Any] = {name: entry["result"][name] for name in _KEPT if name in entry["result"]}
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return StepResult(**{**values, "state": HostState(values["state"])})

    def put(self, key: str, result: StepResult, now: datetime, ttl: int) -> None:
        """Store a result for `ttl` seconds and drop the oldest entries beyond the limit.

        One that holds a secret is not stored: it would lie there readable, and masked it would be another result.
        """
        values = plain(result)
        if self._redactor.value(values) != values:
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        entry = {"expires": (now + timedelta(seconds=ttl)).isoformat(), "result": values}
        temporary = self._folder / f".{key}.{os.getpid()}"
        temporary.write_text(json.dumps(entry), encoding="utf-8")
        temporary.replace(self._folder / f"{key}.json")
        files = sorted(self._folder.glob("*.json"), key=lambda file: file.stat().st_mtime_ns)
        for file in files[: max(0, len(files) - self._max)]:
            file.unlink(missing_ok=True)

    def clear(self, pattern: str = "*") -> int:
        """Remove the entries whose key fits the shell pattern; return how many there were."""
        files = [file for file in self._folder.glob("*.json") if fnmatchcase(file.stem, pattern)]
        for file in files:
            file.unlink(missing_ok=True)
        return len(files)
