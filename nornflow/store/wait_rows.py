"""What runs wait for and what was said about that, read from their rows."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, and_, select

from nornflow.model.approval import Answer, Approval
from nornflow.model.wait import Awaited, Wait, WaitEnd
from nornflow.store.rows import Rows
from nornflow.store.wait_tables import wait_answers, waits


def waits_now(connection: Connection, rows: Rows, run: str, of_run: int) -> tuple[Wait, ...]:
    """Return what a run that waits does so for."""
    mine = waits.c.run == of_run, waits.c.open == 1
    found = connection.execute(select(waits).where(*mine).order_by(waits.c.number)).mappings().all()
    return tuple(stored_wait(connection, rows, run, row) for row in found)


def stored_wait(connection: Connection, rows: Rows, run: str, row: RowMapping) -> Wait:
    """Return what a row says that a run waits for, with its answers."""
    bound = json.loads(row["bound"])
    said = answers_of(connection, row["run"], wait_answers.c.wait == row["number"])
    return Wait(
        run,
        row["number"],
        row["step"],
        row["batch"],
        Awaited.of(json.loads(row["asked"])),
        row["since"],
        bound["plan"],
        bound["requester"],
        tuple(bound["authors"]),
        tuple(bound["allowed"]),
        tuple(said),
        WaitEnd(row["verdict"]) if row["verdict"] else None,
        row["ended_at"],
        rows.value(row["data"]) if row["data"] else None,
        bool(row["open"]),
    )


def answers_of(connection: Connection, of_run: int, *about: Any) -> list[Approval]:
    """Return what was said about what a run waits for, in order, each with its step and batch."""
    wanted: Select[Any] = (
        select(wait_answers, waits.c.step, waits.c.batch)
        .join(waits, and_(waits.c.run == wait_answers.c.run, waits.c.number == wait_answers.c.wait))
        .where(wait_answers.c.run == of_run, *about)
        .order_by(wait_answers.c.number)
    )
    return [
        Approval(
            row["plan"],
            row["user"],
            Answer(row["verdict"]),
            row["at"],
            row["comment"],
            row["via"],
            row["step"],
            row["batch"],
        )
        for row in connection.execute(wanted).mappings()
    ]
