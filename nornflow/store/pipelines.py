"""Pipelines in the tables of the store: every write of who leads one holds only while that process does."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select, update

from nornflow.abc import PipelineStore
from nornflow.errors import RunLost, StateConflict, StoreError, UsageError
from nornflow.model.pipeline import (
    ENTRY_MOVES,
    PIPELINE_MOVES,
    Ending,
    EntryRecord,
    EntryState,
    Mode,
    PipelineRecord,
    PipelineState,
    PipelineWish,
)
from nornflow.model.run import RunState
from nornflow.model.wish import Level
from nornflow.store.database import reading, told
from nornflow.store.pipeline_tables import pipeline_entries as entries
from nornflow.store.pipeline_tables import pipelines
from nornflow.store.runs import SqlRunStore
from nornflow.store.tables import runs
from nornflow.store.workers import alone

_FIELDS = tuple(field.name for field in fields(EntryRecord))
_MASKED = ("error", "hint")


class SqlPipelines(PipelineStore):
    """The pipelines of one store of runs; it is that store which is closed."""

    def __init__(self, store: SqlRunStore) -> None:
        self._engine = store.engine
        self._rows = store.rows

    def begin(self, pipeline: PipelineRecord, spec: Mapping[str, Any]) -> None:
        """Remember a new pipeline."""
        names = ("id", "name", "file", "user", "started_at", "worker", "fence")
        row = {name: getattr(pipeline, name) for name in names}
        row |= {"mode": pipeline.mode.value, "state": pipeline.state.value, "error": "", "wish": ""}
        row["spec"] = self._rows.exact(spec)
        with told(self._engine, f"pipeline {pipeline.id} could not be begun"), self._engine.begin() as connection:
            number = connection.execute(insert(pipelines).values(row).returning(pipelines.c.number)).scalar_one()
            connection.execute(
                insert(entries),
                [
                    {"pipeline": number, "position": position, **{name: self._kept(one, name) for name in _FIELDS}}
                    for position, one in enumerate(pipeline.entries)
                ],
            )

    def record(self, pipeline: str) -> PipelineRecord:
        """Return how a pipeline stands."""
        with told(self._engine, f"pipeline {pipeline} could not be read"), reading(self._engine) as connection:
            row = connection.execute(select(pipelines).where(pipelines.c.id == pipeline)).mappings().one_or_none()
            if row is None:
                raise _no_pipeline(pipeline)
            return _record(connection, row)

    def spec(self, pipeline: str) -> Mapping[str, Any]:
        """Return what it was begun with."""
        with told(self._engine, f"pipeline {pipeline} could not be read"), reading(self._engine) as connection:
            text = connection.execute(select(pipelines.c.spec).where(pipelines.c.id == pipeline)).scalar()
        if text is None:
            raise _no_pipeline(pipeline)
        found: Mapping[str, Any] = self._rows.value(text)
        return found

    def find(self, beginning: str) -> str:
        """Return the one id that begins so."""
        like = pipelines.c.id.startswith(beginning, autoescape=True)
        with told(self._engine, "pipelines could not be read"), reading(self._engine) as connection:
            found = connection.execute(select(pipelines.c.id).where(like).limit(5)).scalars().all()
        if beginning in found:
            return beginning
        if len(found) != 1 or not beginning:
            why = f"several pipelines begin with {beginning!r}: {', '.join(found)}" if found else ""
            raise UsageError(why or f"there is no pipeline {beginning!r}", hint="nornflow pipeline list")
        return str(found[0])

    def pipelines(
        self, status: PipelineState | None = None, last: int | None = None, name: str = ""
    ) -> Sequence[PipelineRecord]:
        """Return pipelines, newest first."""
        query = select(pipelines).order_by(pipelines.c.number.desc()).limit(last)
        if status is not None:
            query = query.where(pipelines.c.state == status.value)
        if name:
            query = query.where(pipelines.c.name == name)
        with told(self._engine, "pipelines could not be read"), reading(self._engine) as connection:
            return _records(connection, connection.execute(query).mappings().all())

    def unended(self) -> Sequence[PipelineRecord]:
        """Return those that have not ended, oldest first."""
        query = select(pipelines).where(pipelines.c.completed_at.is_(None)).order_by(pipelines.c.number)
        with told(self._engine, "pipelines could not be read"), reading(self._engine) as connection:
            return _records(connection, connection.execute(query).mappings().all())

    def move_entry(self, pipeline: str, fence: int, old: EntryRecord, new: EntryRecord) -> None:
        """Change an entry."""
        if new.state is not old.state and new.state not in ENTRY_MOVES.get(old.state, ()):
            raise ValueError(f"an entry does not move from {old.state} to {new.state}")
        values = {name: self._kept(new, name) for name in _FIELDS if getattr(new, name) != getattr(old, name)}
        with told(self._engine, f"entry {new.id} could not be moved"), self._engine.begin() as connection:
            alone(connection)
            number = _owned(connection, pipeline, fence)
            self._changed(connection, number, old.id, values, state=old.state.value, run=old.run, worker=old.worker)

    def move(
        self, pipeline: str, fence: int, old: PipelineState, new: PipelineState, at: datetime, error: str = ""
    ) -> None:
        """Move a pipeline."""
        if new not in PIPELINE_MOVES.get(old, ()):
            raise ValueError(f"a pipeline does not move from {old} to {new}")
        values: dict[str, Any] = {"state": new.value, "error": self._rows.masked(error)}
        if new not in PIPELINE_MOVES:
            values["completed_at"] = at
        with told(self._engine, f"pipeline {pipeline} could not be moved"), self._engine.begin() as connection:
            alone(connection)
            number = _owned(connection, pipeline, fence)
            mine = pipelines.c.number == number, pipelines.c.state == old.value
            if not connection.execute(update(pipelines).where(*mine).values(values)).rowcount:
                raise StateConflict(f"pipeline {pipeline} is not {old} any more", hint="look at it again")

    def take_over(self, pipeline: str, fence: int, worker: str) -> int:
        """Let another worker lead it."""
        unended = [state.value for state in PIPELINE_MOVES]
        mine = pipelines.c.id == pipeline, pipelines.c.fence == fence, pipelines.c.state.in_(unended)
        with told(self._engine, f"pipeline {pipeline} could not be taken over"), self._engine.begin() as connection:
            alone(connection)
            if not connection.execute(update(pipelines).where(*mine).values(fence=fence + 1, worker=worker)).rowcount:
                raise StateConflict(
                    f"pipeline {pipeline} was taken over by another process, or has ended",
                    hint=f"nornflow pipeline show {pipeline}",
                )
        return fence + 1

    def release(self, pipeline: str, fence: int) -> None:
        """Lead it no more."""
        with told(self._engine, f"pipeline {pipeline} could not be left"), self._engine.begin() as connection:
            alone(connection)
            number = _owned(connection, pipeline, fence)
            connection.execute(update(pipelines).where(pipelines.c.number == number).values(worker=""))

    def ask(self, pipeline: str, wish: PipelineWish) -> PipelineRecord:
        """Keep a wish."""
        with told(self._engine, f"pipeline {pipeline} could not be cancelled"), self._engine.begin() as connection:
            alone(connection)
            row = connection.execute(select(pipelines).where(pipelines.c.id == pipeline)).mappings().one_or_none()
            if row is None:
                raise _no_pipeline(pipeline)
            found = _record(connection, row)
            if found.over:
                raise StateConflict(
                    f"pipeline {pipeline} has ended already: it is {found.state}",
                    hint=f"see what it did: nornflow pipeline show {pipeline}",
                )
            if found.wish is None or found.wish.height < wish.height:
                text = json.dumps([wish.level.value if wish.level else "", wish.by])
                connection.execute(update(pipelines).where(pipelines.c.id == pipeline).values(wish=text))
        return self.record(pipeline)

    def claim(self, pipeline: str, entry: str, run: str, worker: str) -> None:
        """Let a worker begin a run."""
        with told(self._engine, f"run {run} could not be begun"), self._engine.begin() as connection:
            alone(connection)
            number = _number(connection, pipeline)
            self._changed(
                connection, number, entry, {"worker": worker}, state=EntryState.RUNNING.value, run=run, worker=""
            )

    def told(self, pipeline: str, entry: str, run: str, error: str, hint: str, exit_code: int) -> None:
        """Note why the process of a run ended."""
        values = {"error": self._rows.masked(error), "hint": self._rows.masked(hint), "exit_code": exit_code}
        with told(self._engine, f"what became of run {run} could not be kept"), self._engine.begin() as connection:
            alone(connection)
            mine = entries.c.pipeline == _number(connection, pipeline), entries.c.id == entry, entries.c.run == run
            connection.execute(update(entries).where(*mine).values(values))

    def runs(self, wanted: Collection[str]) -> Mapping[str, tuple[RunState, str]]:
        """Return how these runs stand and which worker carries each out; those that have not begun are left out."""
        query = select(runs.c.id, runs.c.state, runs.c.worker).where(runs.c.id.in_(wanted))
        with told(self._engine, "runs could not be read"), reading(self._engine) as connection:
            return {row.id: (RunState(row.state), row.worker or "") for row in connection.execute(query)}

    def run(self, run: str) -> tuple[RunState, str] | None:
        """Return how a run stands and which worker carries it out; None when it has not begun."""
        wanted = select(runs.c.state, runs.c.worker).where(runs.c.id == run)
        with told(self._engine, f"run {run} could not be read"), reading(self._engine) as connection:
            row = connection.execute(wanted).one_or_none()
        return None if row is None else (RunState(row.state), row.worker or "")

    def _changed(
        self, connection: Connection, number: int, entry: str, values: Mapping[str, Any], **found: str
    ) -> None:
        mine = [entries.c.pipeline == number, entries.c.id == entry]
        mine += [entries.c[name] == value for name, value in found.items()]
        if values and not connection.execute(update(entries).where(*mine).values(**values)).rowcount:
            raise StateConflict(f"entry {entry} is not what it was a moment ago", hint="look at it again")

    def _kept(self, entry: EntryRecord, name: str) -> Any:
        value = getattr(entry, name)
        if name in _MASKED:
            return self._rows.masked(value)
        return value.value if isinstance(value, (EntryState, Ending)) else value


def _number(connection: Connection, pipeline: str) -> int:
    number: int | None = connection.execute(select(pipelines.c.number).where(pipelines.c.id == pipeline)).scalar()
    if number is None:
        raise _no_pipeline(pipeline)
    return number


def _owned(connection: Connection, pipeline: str, fence: int) -> int:
    row = connection.execute(
        select(pipelines.c.number, pipelines.c.fence).where(pipelines.c.id == pipeline)
    ).one_or_none()
    if row is None:
        raise _no_pipeline(pipeline)
    if row.fence != fence:
        raise RunLost(f"pipeline {pipeline} is led by another process now", hint=f"nornflow pipeline show {pipeline}")
    number: int = row.number
    return number


def _record(connection: Connection, row: Any) -> PipelineRecord:
    return _records(connection, [row])[0]


def _records(connection: Connection, rows: Sequence[Any]) -> list[PipelineRecord]:
    query = select(entries).where(entries.c.pipeline.in_([row["number"] for row in rows])).order_by(entries.c.position)
    found: dict[int, list[EntryRecord]] = {row["number"]: [] for row in rows}
    for one in connection.execute(query).mappings():
        said = {name: one[name] for name in _FIELDS}
        said |= {"state": EntryState(one["state"]), "ending": Ending(one["ending"])}
        found[one["pipeline"]].append(EntryRecord(**said))
    names = ("id", "name", "file", "user", "started_at", "completed_at", "error", "worker", "fence")
    return [
        PipelineRecord(
            **{name: row[name] for name in names},
            mode=Mode(row["mode"]),
            state=PipelineState(row["state"]),
            entries=tuple(found[row["number"]]),
            wish=_wish(row["id"], row["wish"]),
        )
        for row in rows
    ]


def _wish(pipeline: str, text: str) -> PipelineWish | None:
    if not text:
        return None
    try:
        level, by = json.loads(text)
        return PipelineWish(Level(level) if level else None, by)
    except ValueError:
        raise StoreError(
            f"pipeline {pipeline}: the store holds {text!r} where a wish should be",
            hint="a newer NornFlow may have written it",
        ) from None


def _no_pipeline(pipeline: str) -> UsageError:
    return UsageError(f"there is no pipeline {pipeline!r}", hint="nornflow pipeline list")
