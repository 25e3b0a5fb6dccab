"""Reading what can still be read of a store, also of a SQLite file that is damaged, without ever changing it."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any

from sqlalchemy import Engine, Select, select
from sqlalchemy.exc import SQLAlchemyError

from nornflow.errors import StoreError
from nornflow.model.history import StoredEvent
from nornflow.redaction import Redactor
from nornflow.store.database import connect, demand_schema, parsed, reading, told, upgrade
from nornflow.store.opening import blobs_of, open_engine, store_url
from nornflow.store.records import FILE as RECORD
from nornflow.store.records import RunRecords, record_json
from nornflow.store.rows import stored_event
from nornflow.store.runs import SqlRunStore
from nornflow.store.tables import events, runs

_MAGIC = b"SQLite format 3\0"
_HEADER = 100
_PAGE = 4096
_COUNT = slice(28, 32)  # where the header says how many pages there are


class Salvage:
    """A store opened for taking out what is left, for the time of a `with`; `troubles` says what could not be read.

    What the database has lost of a run is looked for in the run's record file.
    """

    def __init__(self, url: str, workspace: Path) -> None:
        self.troubles: list[str] = []
        self._url = url
        self._workspace = workspace
        self._records = RunRecords(workspace)
        self._folder: TemporaryDirectory[str] | None = None
        self._store: SqlRunStore | None = None
        self._numbers: dict[str, int] = {}

    def __enter__(self) -> Salvage:
        try:
            self._store = self._opened(open_engine(self._url, self._workspace, create=False))
        except StoreError as error:
            file = self._file()
            if file is None:
                raise
            self.troubles.append(error.message)
            self._folder = TemporaryDirectory(prefix="nornflow-salvage-")
            copy = _mended(file, Path(self._folder.name))
            with suppress(StoreError):
                self._store = self._opened(connect(parsed(f"sqlite:///{copy}")))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._store is not None:
            self._store.close()
        if self._folder is not None:
            self._folder.cleanup()

    def runs(self) -> Sequence[str]:
        """Return the ids of the runs, oldest first: those in the database, and those that only have a record file."""
        found: dict[int, str] = {}
        if self._store is not None:
            rows, whole = self._rows(select(runs.c.number, runs.c.id), runs.c.number, runs.c.id)
            found = {row.number: row.id for row in rows}
            if not whole:
                self.troubles.append("the list of runs is damaged")
        ids = [found[number] for number in sorted(found)]
        self._numbers = {run: number for number, run in found.items()}
        known = set(ids)
        return sorted([run for run in self._records.ids() if run not in known]) + ids

    def record(self, run: str) -> dict[str, Any] | None:
        """Return the record of a run as JSON types, from the database or from its file; None when both have lost it."""
        trouble = f"run {run} is lost"
        if self._store is not None:
            try:
                return record_json(self._store.record(self._store.find(run)))
            except Exception as error:  # noqa: BLE001 - a damaged row may hold anything
                trouble = f"run {run}: {error}"
        try:
            text = (self._records.folder(run) / RECORD).read_text(encoding="utf-8")
            kept: dict[str, Any] = json.loads(text)
        except (OSError, ValueError):
            self.troubles.append(f"{trouble}; it has no record file either")
            return None
        return kept

    def events(self, run: str) -> Iterator[StoredEvent]:
        """Yield the events of a run that can be read, in order."""
        if self._store is None:
            return
        rows, whole = self._rows(select(events).where(events.c.run == self._numbers.get(run)), events.c.number)
        last = 0
        for row in sorted(rows, key=lambda row: int(row.number)):
            try:
                stored = StoredEvent(row.number, stored_event(run, row._mapping))
            except (ValueError, TypeError, KeyError):
                whole = False
                continue
            whole = whole and row.number == last + 1
            last = row.number
            yield stored
        if not whole:
            self.troubles.append(f"run {run}: some of its events are lost")

    def _rows(self, statement: Select[Any], key: Any, *others: Any) -> tuple[list[Any], bool]:
        """Return the rows that are found from the beginning and from the end, and whether that is all of them.

        The same along other columns, whose indexes may be what is left.
        """
        assert self._store is not None
        found: dict[Any, Any] = {}
        whole = True
        for order in (order for column in (key, *others) for order in (column.asc(), column.desc())):
            try:
                with reading(self._store.engine) as connection:
                    streamed = connection.execution_options(yield_per=1).execute(statement.order_by(order))
                    for row in streamed:
                        found[getattr(row, key.name)] = row
                return list(found.values()), whole
            except (SQLAlchemyError, ValueError, TypeError, OverflowError):
                whole = False
        return list(found.values()), whole

    def _opened(self, engine: Engine) -> SqlRunStore:
        try:
            with told(engine, "the store could not be opened"):
                demand_schema(engine)
        except BaseException:
            engine.dispose()
            raise
        return SqlRunStore(engine, blobs_of(engine, self._workspace), Redactor())

    def _file(self) -> Path | None:
        place = store_url(self._url, self._workspace)
        if place.get_backend_name() != "sqlite" or not place.database or place.database.startswith((":", "file:")):
            return None
        return Path(place.database) if Path(place.database).exists() else None


def _mended(file: Path, folder: Path) -> Path:
    """Copy a SQLite file with what its header lacks: a new one when it is damaged, and pages that were cut off as zeros."""
    copy = folder / file.name
    shutil.copy(file, copy)
    content = bytearray(copy.read_bytes())
    if content[:16] != _MAGIC:
        content[:_HEADER] = _sound_header(folder)
        content[_COUNT] = (len(content) // _PAGE).to_bytes(4, "big")
    missing = int.from_bytes(content[_COUNT], "big") * _PAGE - len(content)
    copy.write_bytes(content + b"\0" * max(0, missing))
    log = file.with_name(f"{file.name}-wal")
    if log.exists():
        shutil.copy(log, folder / log.name)
    return copy


def _sound_header(folder: Path) -> bytes:
    """Return the header of a store as this NornFlow makes it."""
    file = folder / "new.db"
    engine = connect(parsed(f"sqlite:///{file}"))
    upgrade(engine)
    engine.dispose()
    with sqlite3.connect(file) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return file.read_bytes()[:_HEADER]
