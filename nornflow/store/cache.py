"""Results of cached steps in the store, shared by every process that has it; the oldest leave first when there are too many."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from typing import Any

from sqlalchemy import Connection, delete, func, or_, select, update

from nornflow.abc import ResultCache
from nornflow.errors import StoreError
from nornflow.model.cached import CachedEntry, Doing
from nornflow.model.plain import plain
from nornflow.model.run import StepResult
from nornflow.redaction import MASK
from nornflow.store.database import glancing, reading, told
from nornflow.store.holders import CHUNK
from nornflow.store.runs import SqlRunStore
from nornflow.store.tables import caches, locks
from nornflow.store.upsert import upserted

MOST = 10_000
"""How many results are kept when nobody says otherwise."""
MOST_BYTES = 64 * 2**20
"""How many bytes all results may have together when nobody says otherwise."""
_DEFAULTS = {field.name: field.default for field in fields(StepResult)}
_NOT_KEPT = frozenset(
    ("started_at", "completed_at", "duration", "attempts", "rescued", "usage", "cache_key", "cache_age")
)
"""What a result says of how it was come by; it is not so for whoever uses it again."""
_KEPT = frozenset(_DEFAULTS) - _NOT_KEPT
_FORMS = dict.fromkeys(_KEPT - {"state", "changed", "error"}, str) | {"outputs": dict, "exit_code": int}
"""What may stand in a row, and as what: a result that may be used again ended well and changed nothing, without a word."""
_LISTED = tuple(caches.c[field.name] for field in fields(CachedEntry))


class SqlResultCache(ResultCache):
    """Keeps results in the table `caches`, each as one text: at most `most`, of at most `most_bytes` together."""

    def __init__(self, store: SqlRunStore, most: int = MOST, most_bytes: int = MOST_BYTES) -> None:
        self._engine = store.engine
        self._rows = store.rows
        self._most = most
        self._most_bytes = most_bytes

    def get(self, wanted: Sequence[Doing], now: datetime, ttl: int) -> Mapping[str, StepResult]:
        """Return the results that may be used, and count that they were; a broken entry counts as none."""
        keys = {one.key for one in wanted if not self._secret(one.text)}
        found: dict[str, StepResult] = {}
        if not keys:
            return found
        # one from the future was kept by a clock that was wrong: nobody knows how old it is
        of_use = (caches.c.expires_at > now, caches.c.kept_at > now - timedelta(seconds=ttl), caches.c.kept_at <= now)
        try:
            with told(self._engine, "the cache could not be read"), reading(self._engine) as connection:
                for part in _chunks(sorted(keys)):
                    alive = select(caches).where(caches.c.key.in_(part), *of_use)
                    for row in connection.execute(alive).mappings():
                        result = _result(row, now)
                        if result is not None:
                            found[row["key"]] = result
            self._count(sorted(found))
        except StoreError:
            pass  # what was found by then is as good as ever
        return found

    def _count(self, keys: Sequence[str]) -> None:
        if not keys:
            return
        with told(self._engine, "the cache could not be written"), self._engine.begin() as connection:
            for part in _chunks(keys):
                connection.execute(update(caches).where(caches.c.key.in_(part)).values(hits=caches.c.hits + 1))

    def put(self, ended: Sequence[tuple[Doing, StepResult]], now: datetime, ttl: int) -> None:
        """Keep results for `ttl` seconds, drop what has expired, and the oldest entries beyond the limits."""
        rows = {}
        for doing, result in ended:
            text = self._text(result)
            size = len(text.encode())
            if text and size <= self._most_bytes and not self._secret(doing.text):
                rows[doing.key] = {
                    "key": doing.key,
                    **{name: self._rows.masked(getattr(doing, name)) for name in ("workflow", "step", "type", "host")},
                    "kept_at": now,
                    "expires_at": now + timedelta(seconds=ttl),
                    "size": size,
                    "hits": 0,
                    "data": text,
                }
        try:
            with told(self._engine, "the cache could not be written"), self._engine.begin() as connection:
                for part in _chunks(
                    sorted(rows)
                ):  # in one order: two processes that keep the same do not block each other
                    connection.execute(self._upsert(), [rows[key] for key in part])
                connection.execute(delete(caches).where(caches.c.expires_at <= now))
                self._limit(connection)
        except StoreError:
            return  # the run has its results; the next one works them out again

    def _upsert(self) -> Any:
        """Return the statement that keeps a row, in the place of one of the same key: another process may be as far."""
        insert = upserted(self._engine, caches)
        others = {column.name: insert.excluded[column.name] for column in caches.columns if not column.primary_key}
        return insert.on_conflict_do_update(index_elements=[caches.c.key], set_=others)

    def _text(self, result: StepResult) -> str:
        """Return what is kept of a result; nothing where it would come back as another value: masked, or as JSON has it."""
        try:
            shown = {name: value for name, value in plain(result).items() if name in _KEPT and value != _DEFAULTS[name]}
            text = json.dumps(shown, ensure_ascii=False, separators=(",", ":"))
        except ValueError:
            return ""
        same = bool(
            json.loads(text).get("outputs", {}) == result.outputs
        )  # keys that are numbers, NaN, a task's own objects
        return text if same and not self._secret(text) else ""

    def _secret(self, text: str) -> bool:
        return MASK in text or self._rows.holds_secret(text)

    def _limit(self, connection: Connection) -> None:
        newest = (caches.c.kept_at.desc(), caches.c.key)
        ranked = select(
            caches.c.key,
            func.row_number().over(order_by=newest).label("number"),
            func.sum(caches.c.size).over(order_by=newest).label("bytes"),
        ).subquery()
        beyond = select(ranked.c.key).where(or_(ranked.c.number > self._most, ranked.c.bytes > self._most_bytes))
        connection.execute(delete(caches).where(caches.c.key.in_(beyond)))

    def changes(self, hosts: Sequence[str]) -> Mapping[str, int]:
        """Return the fencing token of each device that nobody has locked; it grows with every run that changes the device."""
        found = dict.fromkeys(hosts, 0)
        if not hosts:
            return found
        try:
            with told(self._engine, "the cache could not be read"), glancing(self._engine) as connection:
                for part in _chunks(hosts):
                    rows = select(locks.c.device, locks.c.token, locks.c.run).where(locks.c.device.in_(part))
                    for device, token, run in connection.execute(rows):
                        if run is None:
                            found[device] = token
                        else:
                            del found[device]
        except StoreError:
            return {}
        return found

    def entries(self, workflow: str = "", step: str = "", host: str = "") -> Sequence[CachedEntry]:
        """Return what is kept, newest first, of a workflow, a step and a device where they are given. StoreError."""
        wanted = select(*_LISTED).order_by(caches.c.kept_at.desc(), caches.c.key)
        for name, value in (("workflow", workflow), ("step", step), ("host", host)):
            wanted = wanted.where(caches.c[name] == value) if value else wanted
        with told(self._engine, "the cache could not be read"), reading(self._engine) as connection:
            return [CachedEntry(**row) for row in connection.execute(wanted).mappings()]

    def clear(self, pattern: str = "*", *, expired: datetime | None = None) -> int:
        """Remove the entries whose key, device or `WORKFLOW/STEP` fits the shell pattern; return how many there were.

        With `expired` only those go whose time was over at that moment. Raises StoreError.
        """
        names = select(caches.c.key, caches.c.workflow, caches.c.step, caches.c.host)
        if expired is not None:
            names = names.where(caches.c.expires_at <= expired)
        with told(self._engine, "the cache could not be cleared"), self._engine.begin() as connection:
            keys = [row.key for row in connection.execute(names) if _fits(row, pattern)]
            for part in _chunks(keys):
                connection.execute(delete(caches).where(caches.c.key.in_(part)))
        return len(keys)


def _fits(row: Any, pattern: str) -> bool:
    # a result of no device has no name that the empty pattern of an unset variable could fit
    names = (row.key, *((row.host,) if row.host else ()), f"{row.workflow}/{row.step}")
    return any(fnmatchcase(name, pattern) for name in names)


def _chunks(keys: Sequence[str]) -> Iterator[Sequence[str]]:
    return (keys[start : start + CHUNK] for start in range(0, len(keys), CHUNK))


def _result(row: Any, now: datetime) -> StepResult | None:
    """Return the result of a row; None for a broken one: not text as it is kept, or of what is never kept."""
    try:
        said = json.loads(row["data"])
    except ValueError:
        return None
    if not isinstance(said, dict) or not all(isinstance(item, _FORMS.get(name, ())) for name, item in said.items()):
        return None
    age = max(0.0, (now - row["kept_at"]).total_seconds())
    return StepResult(**said, cache_key=row["key"], cache_age=age)
