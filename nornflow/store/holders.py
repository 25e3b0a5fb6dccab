"""Who has had which device under which token: what a run that resumes has to know of the time when it held nothing."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

from sqlalchemy import Connection, delete, func, insert, or_, select, update

from nornflow.model.lock import Holder
from nornflow.store.tables import lock_holders, locks, runs

CHUNK = 500
"""How many names stand in one statement."""


def note(
    connection: Connection, tokens: Mapping[str, int], run: str | None, at: datetime, *, by: str = "", held: bool = True
) -> None:
    """Write down who has these devices under these tokens."""
    rows = [
        {"device": device, "token": token, "run": run, "by": by, "since": at, "held": int(held)}
        for device, token in tokens.items()
    ]
    if rows:
        connection.execute(insert(lock_holders), rows)


def never_had(connection: Connection, run: str, devices: Collection[str]) -> None:
    """Take out that a run held devices to which it did nothing."""
    names = sorted(devices)
    for start in range(0, len(names), CHUNK):
        mine = lock_holders.c.run == run, lock_holders.c.device.in_(names[start : start + CHUNK])
        connection.execute(delete(lock_holders).where(*mine))


def left_by_others(connection: Connection, run: str, devices: Collection[str]) -> dict[str, str | None]:
    """Return which of these devices another run that has not ended has held, with the worker that holds each now, if any."""
    rows = connection.execute(
        select(locks.c.device, locks.c.worker)
        .join(lock_holders, lock_holders.c.device == locks.c.device)
        .join(runs, runs.c.id == lock_holders.c.run)
        .where(runs.c.completed_at.is_(None), runs.c.id != run, lock_holders.c.held == 1)
        .distinct()
    )
    wanted = frozenset(devices)
    return {row.device: row.worker for row in rows if row.device in wanted}


def pass_by(connection: Connection, run: str, devices: Collection[str], at: datetime) -> None:
    """Count up the tokens of these devices, as far as nobody holds them, and note that the run found them in order."""
    names = sorted(devices)
    for start in range(0, len(names), CHUNK):
        free = locks.c.device.in_(names[start : start + CHUNK]), locks.c.run.is_(None)
        more = update(locks).where(*free).values(token=locks.c.token + 1).returning(locks.c.device, locks.c.token)
        tokens = {row.device: row.token for row in connection.execute(more)}
        note(connection, tokens, run, at, held=False)


def had_since(connection: Connection, run: str, devices: Collection[str]) -> dict[str, Holder]:
    """Return who else has had which of these devices since the run first held it."""
    found: dict[str, Holder] = {}
    names = sorted(devices)
    for start in range(0, len(names), CHUNK):
        first = (
            select(lock_holders.c.device, func.min(lock_holders.c.token).label("token"))
            .where(
                lock_holders.c.device.in_(names[start : start + CHUNK]),
                lock_holders.c.run == run,
                lock_holders.c.held == 1,
            )
            .group_by(lock_holders.c.device)
            .subquery()
        )
        rows = connection.execute(
            select(lock_holders, runs.c.workflow, runs.c.user)
            .join(first, first.c.device == lock_holders.c.device)
            .join(runs, runs.c.id == lock_holders.c.run, isouter=True)
            .where(lock_holders.c.token > first.c.token, or_(lock_holders.c.run.is_(None), lock_holders.c.run != run))
            .order_by(lock_holders.c.device, lock_holders.c.held, lock_holders.c.token)
        )
        for row in rows.mappings():
            found[row["device"]] = Holder(
                row["device"],
                row["run"] or "",
                row["workflow"] or "",
                row["by"] or row["user"] or "",
                row["since"],
                held=bool(row["held"]),
            )
    return found


def forget(connection: Connection, before: datetime) -> None:
    """Forget who had devices before a moment, but for those that a run which has not ended has held."""
    awaited = (
        select(lock_holders.c.device)
        .join(runs, runs.c.id == lock_holders.c.run)
        .where(runs.c.completed_at.is_(None), lock_holders.c.held == 1)
    )
    connection.execute(delete(lock_holders).where(lock_holders.c.since < before, lock_holders.c.device.not_in(awaited)))
