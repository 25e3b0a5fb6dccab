"""Results of cached steps in the store, shared by every process that has it; the oldest leave first when there are too many."""

from __future__ import annotations

from dataclasses import fields
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from typing import Any

from sqlalchemy import delete, func, insert, select

from nornflow.abc import ResultCache
from nornflow.errors import StoreError
from nornflow.model.run import HostState, StepResult
from nornflow.store.blobs import LIMIT
from nornflow.store.database import reading, told
from nornflow.store.runs import SqlRunStore
from nornflow.store.tables import caches

MOST = 1000
"""How many results are kept."""
_KEPT = frozenset(field.name for field in fields(StepResult)) - {"started_at", "completed_at"}


class SqlResultCache(ResultCache):
    """Keeps results in the table `caches`, sealed where a secret is in them.

    One that cannot be read or kept is simply not there.
    """

    def __init__(self, store: SqlRunStore, most: int = MOST) -> None:
        self._engine = store.engine
        self._blobs = store.blobs
        self._rows = store.rows
        self._most = most

    def get(self, key: str, now: datetime) -> StepResult | None:
        """Return the result stored under the key if it has not expired; a broken entry counts as none."""
        try:
            with told(self._engine, "the cache could not be read"), reading(self._engine) as connection:
                row = connection.execute(select(caches).where(caches.c.key == key)).mappings().one_or_none()
            if row is None:
                return None
            entry = self._rows.value(self._blobs.get(row["blob"]) if row["blob"] else row["data"])
            if datetime.fromisoformat(entry["expires"]) <= now:
                return None
            values: dict[str, Any] = {name: item for name, item in entry["result"].items() if name in _KEPT}
            return StepResult(**{**values, "state": HostState(values["state"])})
        except (StoreError, ValueError, KeyError, TypeError):
            return None

    def put(self, key: str, result: StepResult, now: datetime, ttl: int) -> None:
        """Store a result for `ttl` seconds and drop the oldest entries beyond the limit."""
        text = self._rows.exact({"expires": (now + timedelta(seconds=ttl)).isoformat(), "result": result})
        try:
            blob = self._blobs.put(text) if len(text) >= LIMIT else None
            row = {"key": key, "kept_at": now, "data": None if blob else text, "blob": blob}
            with told(self._engine, "the cache could not be written"), self._engine.begin() as connection:
                connection.execute(delete(caches).where(caches.c.key == key))
                connection.execute(insert(caches).values(row))
                count: int = connection.execute(select(func.count()).select_from(caches)).scalar_one()
                if count > self._most:
                    kept = select(caches.c.key).order_by(caches.c.kept_at.desc(), caches.c.key).limit(self._most)
                    connection.execute(delete(caches).where(caches.c.key.not_in(kept)))
        except StoreError:
            return  # the run has its result; the next one works it out again

    def clear(self, pattern: str = "*") -> int:
        """Remove the entries whose key fits the shell pattern; return how many there were. StoreError."""
        with told(self._engine, "the cache could not be cleared"), self._engine.begin() as connection:
            keys = [key for key in connection.execute(select(caches.c.key)).scalars() if fnmatchcase(key, pattern)]
            for key in keys:
                connection.execute(delete(caches).where(caches.c.key == key))
        return len(keys)
