"""The tables of what runs wait for, beside the others."""

from __future__ import annotations

from sqlalchemy import Column, Index, Integer, SmallInteger, Table, Text

from nornflow.store.tables import Moment, metadata, of_run


def _numbered() -> tuple[Column[int], Column[int]]:
    """Return the columns that name a row: its run, and a number that counts up within the run."""
    return of_run(), Column("number", Integer, primary_key=True, autoincrement=False)


waits = Table(
    "waits",
    metadata,
    *_numbered(),
    Column("step", Text, nullable=False),
    Column("batch", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("asked", Text, nullable=False),
    Column("bound", Text, nullable=False),
    Column("since", Moment, nullable=False),
    Column("due", Moment),
    Column("remind", Moment),
    Column("verdict", Text),
    Column("ended_at", Moment),
    Column("data", Text),
    Column("open", SmallInteger, nullable=False),
    Index("waits_by_step", "run", "step", "batch", unique=True),
    Index("waits_by_due", "open", "due"),
)
"""What a run waits for without a process, or waited for: `asked` and `bound` (JSON) say what is wanted, and of which plan.

`name` is that of a signal. `due` is when it ends by itself, `remind` when somebody is to be reminded next. `verdict` is how
it ended, once and for all, and `data` what a signal brought; `open` is 1 as long as the run has not gone on from it.
"""

wait_answers = Table(
    "wait_answers",
    metadata,
    *_numbered(),
    Column("wait", Integer, nullable=False),
    Column("plan", Text, nullable=False),
    Column("user", Text, nullable=False),
    Column("verdict", Text, nullable=False),
    Column("comment", Text, nullable=False),
    Column("at", Moment, nullable=False),
    Column("via", Text, nullable=False),
)
"""Who said yes or no to what a run waits for, in order; rows are added and never changed."""

signals = Table(
    "signals",
    metadata,
    *_numbered(),
    Column("name", Text, nullable=False),
    Column("data", Text, nullable=False),
    Column("user", Text, nullable=False),
    Column("at", Moment, nullable=False),
    Column("wait", Integer),
)
"""Signals that were sent to a run, in order; `wait` is the one that a signal ended, empty while none has."""
