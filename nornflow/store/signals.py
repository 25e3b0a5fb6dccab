"""Signals of a run, in the store: kept until somebody waits for them, and each ends one wait."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ColumnElement, Connection, RowMapping, func, insert, or_, select, update

from nornflow.model.event import Event, EventKind
from nornflow.model.wait import WaitEnd, WaitKind
from nornflow.store.journal import remark
from nornflow.store.rows import Rows
from nornflow.store.wait_tables import signals, waits


def send_signal(
    connection: Connection, rows: Rows, run: tuple[str, int], sent: tuple[str, str], user: str, at: datetime
) -> int | None:
    """Keep a signal (its name and data) of a run (its id and number), and return the number of the wait that it ends, if any.

    Whoever calls has locked the run's row.
    """
    (name, data), (run_id, of_run) = sent, run
    last = connection.execute(select(func.max(signals.c.number)).where(signals.c.run == of_run)).scalar() or 0
    row = {"run": of_run, "number": last + 1, "name": name, "data": data, "user": user, "at": at}
    connection.execute(insert(signals).values(row))
    about = {"name": name, "user": user, "number": last + 1}
    waiting = connection.execute(
        select(waits)
        .where(*_for(of_run, name), waits.c.verdict.is_(None), or_(waits.c.due.is_(None), waits.c.due > at))
        .order_by(waits.c.number)
        .limit(1)
    )
    found = waiting.mappings().one_or_none()
    if found is not None:
        take_signal(connection, of_run, found, at)
        about["wait"] = found["number"]
    step = found["step"] if found is not None else ""
    event = Event(EventKind.WAIT_SIGNALLED, at, run_id, step, "", f"{user} sent the signal {name}", about)
    remark(connection, rows, run_id, event)
    return None if found is None else int(found["number"])


def take_signal(connection: Connection, of_run: int, wait: RowMapping, at: datetime) -> None:
    """End a wait by the first signal of its name that has ended none."""
    free = signals.c.run == of_run, signals.c.name == wait["name"], signals.c.wait.is_(None)
    found = connection.execute(select(signals).where(*free).order_by(signals.c.number).limit(1)).mappings().first()
    if found is None:
        return
    taken = signals.c.run == of_run, signals.c.number == found["number"]
    connection.execute(update(signals).where(*taken).values(wait=wait["number"]))
    mine = waits.c.run == of_run, waits.c.number == wait["number"], waits.c.verdict.is_(None)
    ended = {"verdict": WaitEnd.SIGNALLED.value, "ended_at": at, "data": found["data"]}
    connection.execute(update(waits).where(*mine).values(ended))


def too_late_for(connection: Connection, of_run: int, name: str, at: datetime) -> datetime | None:
    """Return until when a run waited for a signal that comes too late for all that wait for it; they end by that."""
    open_ = *_for(of_run, name), waits.c.open == 1
    missed = or_(waits.c.verdict.is_(None), waits.c.verdict == WaitEnd.EXPIRED.value)
    due = connection.execute(select(waits.c.due).where(*open_, missed).order_by(waits.c.number)).scalars().all()
    if not due or any(each is None or each > at for each in due):
        return None
    late = *open_, waits.c.verdict.is_(None)
    connection.execute(update(waits).where(*late).values(verdict=WaitEnd.EXPIRED.value, ended_at=at))
    until: datetime = min(due)
    return until


def _for(of_run: int, name: str) -> tuple[ColumnElement[bool], ...]:
    """Return what is so of the waits of a run for a signal."""
    return waits.c.run == of_run, waits.c.kind == WaitKind.SIGNAL.value, waits.c.name == name
