"""The tables of what workers carry out, beside those of runs: what was submitted to them, and the jobs of the inline engine."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, Integer, SmallInteger, Table, Text

from nornflow.store.tables import NUMBER, Moment, metadata, of_run

submissions = Table(
    "submissions",
    metadata,
    of_run(),
    Column("place", Text, nullable=False),
    Column("versions", Text, nullable=False),
    Column("yes", SmallInteger, nullable=False),
    Column("locked", Text, nullable=False),
    Column("round", Integer, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("parked", Text, nullable=False),
    Column("worker", Text, nullable=False),
    Column("at", Moment, nullable=False),
)
"""Runs that workers carry out, by `place`: a site, or `runs`. `yes` 1 says that whoever submitted it says yes to every question.

`round` counts how often it was submitted, `attempts` how often a process was begun for it that did not end in order, and
`parked` says why no worker takes it any more, `worker` which one did last. `versions` (JSON) are those that a worker has to have.
"""

jobs = Table(
    "jobs",
    metadata,
    Column("number", NUMBER, primary_key=True),
    Column("id", Text, nullable=False, unique=True),
    Column("queue", Text, nullable=False),
    Column("work", Text, nullable=False),
    Column("data", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("segment", Integer, nullable=False, server_default="1"),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("worker", Text, nullable=False, server_default=""),
    Column("claim", Text, nullable=False, server_default=""),
    Column("result", Text),
    Column("error", Text, nullable=False, server_default=""),
    Column("waits", Text, nullable=False, server_default=""),
    Column("signals", Text, nullable=False, server_default="[]"),
    Index("jobs_by_queue", "queue", "state"),
    Index("jobs_by_claim", "claim"),
)
"""Jobs of the inline engine, the lower number first. `claim` is the token of the worker that is at one: another's writes fail.

`waits` is the signal that it waits for, `signals` (a JSON list) are those that have come before it waits for them.
"""

job_steps = Table(
    "job_steps",
    metadata,
    Column("job", NUMBER, ForeignKey("jobs.number", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("segment", Integer, primary_key=True, autoincrement=False),
    Column("name", Text, primary_key=True),
    Column("position", Integer, nullable=False),
    Column("result", Text, nullable=False),
)
"""What steps of jobs returned (JSON): those are not done again."""
