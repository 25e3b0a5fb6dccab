"""Who owns a run, and its journal in the tables: every write of an owner holds only while it is one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, Dialect, Label, Select, Table, func, select, update

from nornflow.errors import RunLost, StateConflict, StoreError, UsageError
from nornflow.model.event import Event
from nornflow.model.journal import LASTING, EntryKind, Standing
from nornflow.model.run import RunState
from nornflow.record import record
from nornflow.store.rows import Row, Rows
from nornflow.store.tables import events, journal, runs

PAGE = 1000


def number_of(connection: Connection, run: str, fence: int | None = None) -> int:
    """Return the number of a run; UsageError when there is none, RunLost when `fence` does not own it any more.

    With a fence nobody takes the run over until the transaction has ended.
    """
    number: int = _owned(connection, _NUMBER, run, fence).number
    return number


@record
class Heads:
    """The number of a run, and the last numbers of its stream and its journal, as its owner counts.

    `remarks` is how many events of others stand in the stream: so much further on is what the owner writes next.
    """

    number: int
    events: int
    entries: int
    remarks: int


def heads_of(connection: Connection, run: str, fence: int | None) -> Heads:
    """Return how far a run is written down, as `number_of` returns its number."""
    if connection.dialect.name == "postgresql":
        # a statement that has waited for the row sees the row as it is now and the rest as it was before: the next one does
        number_of(connection, run, fence)
        fence = None
    row = _owned(connection, _HEADS, run, fence)
    return Heads(row.number, row.last_event - row.remarks, row.last_entry, row.remarks)


def remark(connection: Connection, rows: Rows, run: str, event: Event) -> bool:
    """Add an event of somebody else to a run's stream; False when there is no such run.

    The row of the run is changed first, so that its owner, who reads that, either is done by then or waits.
    """
    more = update(runs).where(runs.c.id == run).values(remarks=runs.c.remarks + 1)
    number: int | None = connection.execute(more.returning(runs.c.number)).scalar()
    if number is None:
        return False
    last = connection.execute(select(func.max(events.c.number)).where(events.c.run == number)).scalar() or 0
    insert_rows(connection, events, number, [rows.event(last + 1, event)])
    return True


def _last(table: Table, name: str) -> Label[int]:
    found = select(func.max(table.c.number)).where(table.c.run == runs.c.number).scalar_subquery()
    return func.coalesce(found, 0).label(name)


_LAST = (_last(events, "last_event"), _last(journal, "last_entry"))
_NUMBER = select(runs.c.number, runs.c.fence, runs.c.worker)
_HEADS = _NUMBER.add_columns(runs.c.remarks, *_LAST)


def _owned(connection: Connection, wanted: Select[Any], run: str, fence: int | None) -> Any:
    wanted = wanted.where(runs.c.id == run)
    if fence is not None:
        wanted = wanted.with_for_update(read=True)  # SQLite, which knows no such thing, has one writer at a time
    row = connection.execute(wanted).one_or_none()
    if row is None:
        raise UsageError(f"there is no run {run!r}", hint="nornflow runs list")
    if fence is not None and row.fence != fence:
        raise RunLost(
            f"run {run} is carried on by another process ({row.worker}): this one was taken for dead",
            hint=f"nothing more is done here; nornflow runs logs {run} --follow shows how it goes on",
        )
    return row


def to_add(what: str, run: str, last: int, first: int, rows: Sequence[Row], owned: bool) -> bool:
    """Tell whether rows from the number `first` on are still to be added; StoreError when they do not follow the last."""
    if not rows:
        return False
    if owned and last == first + len(rows) - 1:
        return False  # they are there: the connection was lost after it was done and before we knew
    if first != last + 1:
        raise StoreError(
            f"run {run} has {last} {what}, the next one cannot be number {first}",
            hint="somebody else writes the same run",
        )
    return True


def read_entries(connection: Connection, number: int, after: int) -> list[Row]:
    """Return the next page of a journal."""
    wanted = select(journal).where(journal.c.run == number, journal.c.number > after)
    found = connection.execute(wanted.order_by(journal.c.number).limit(PAGE)).mappings()
    return [dict(row) for row in found]


def read_intents(connection: Connection, number: int, after: int) -> list[Row]:
    """Return the next page of the entries that say what was about to be sent."""
    wanted = select(journal).where(journal.c.run == number, journal.c.number > after)
    wanted = wanted.where(journal.c.kind == EntryKind.INTENT.value)
    found = connection.execute(wanted.order_by(journal.c.number).limit(PAGE)).mappings()
    return [dict(row) for row in found]


def forget_settled(connection: Connection, number: int) -> None:
    """Delete what the record of an ended run says as well."""
    kept = [kind.value for kind in LASTING]
    connection.execute(journal.delete().where(journal.c.run == number, journal.c.kind.not_in(kept)))


def standings(connection: Connection, rows: Rows, run: str = "") -> Iterator[Standing]:
    """Yield how runs stand: the one of that id with everything, or all that have not ended."""
    wanted: Select[Any] = select(runs).order_by(runs.c.number)
    if run:
        wanted = wanted.add_columns(*_LAST).where(runs.c.id == run)
    else:
        wanted = wanted.where(runs.c.completed_at.is_(None))
    for row in connection.execute(wanted).mappings():
        last = {"events": row["last_event"] - row["remarks"], "entries": row["last_entry"]} if run else {}
        yield Standing(
            run=row["id"],
            workflow=row["workflow"],
            user=row["user"],
            state=RunState(row["state"]),
            worker=row["worker"] or "",
            fence=row["fence"],
            started_at=row["started_at"],
            ended=row["completed_at"] is not None,
            wish=row["wish"],
            spec=rows.value(row["spec"]) if run and row["spec"] else {},
            **last,
        )


def take_over(connection: Connection, run: str, fence: int, worker: str) -> int:
    """Make a worker the owner if `fence` owns the run; StateConflict, naming who does, when it does not."""
    taken: int | None = connection.execute(
        update(runs)
        .where(runs.c.id == run, runs.c.fence == fence, runs.c.completed_at.is_(None))
        .values(worker=worker, fence=fence + 1)
        .returning(runs.c.fence)
    ).scalar()
    if taken is not None:
        return taken
    number_of(connection, run)
    row = connection.execute(select(runs.c.worker, runs.c.state, runs.c.completed_at).where(runs.c.id == run)).one()
    if row.completed_at is not None:
        raise StateConflict(f"run {run} has ended: it is {row.state}", hint=f"nornflow runs show {run}")
    raise StateConflict(
        f"run {run} was taken over by {row.worker} meanwhile",
        hint=f"nornflow runs logs {run} --follow shows how it goes on",
    )


def insert_rows(connection: Connection, table: Table, number: int, rows: Sequence[Row]) -> None:
    """Insert rows of a run, which all have the same columns in the same order: a hundred or so in one statement.

    One statement for each row costs twice the time, and in SQLite each gives the processor to some other thread, which
    keeps everybody waiting who waits for the commit.
    """
    if not rows:
        return
    names = ("run", *rows[0])
    most = _VARIABLES // len(names)
    found = ((place, table.c[name].type.bind_processor(connection.dialect)) for place, name in enumerate(names))
    bound = [(place, bind) for place, bind in found if bind is not None]
    for start in range(0, len(rows), most):
        part = rows[start : start + most]
        values: list[Any] = []
        for row in part:
            cells = [number, *row.values()]
            for place, bind in bound:
                cells[place] = bind(cells[place])
            values += cells
        connection.exec_driver_sql(_statement(connection.dialect, table, names, len(part)), tuple(values))


_VARIABLES = 900
"""How many values stand in one statement: the least that any SQLite takes is 999."""


def _statement(dialect: Dialect, table: Table, names: Sequence[str], count: int) -> str:
    quote = dialect.identifier_preparer.quote
    row = f"({', '.join(('?' if dialect.paramstyle == 'qmark' else '%s',) * len(names))})"
    return f"INSERT INTO {quote(table.name)} ({', '.join(map(quote, names))}) VALUES {', '.join((row,) * count)}"
