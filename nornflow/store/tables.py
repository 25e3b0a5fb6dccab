"""The tables of the store, as SQLAlchemy knows them; the migrations make them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    SmallInteger,
    Table,
    Text,
    TypeDecorator,
)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Moment(TypeDecorator[datetime]):
    """A moment in UTC, kept as whole microseconds since 1970: short, sortable and the same in every database."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        """Return what is kept of a moment."""
        return None if value is None else (value - _EPOCH) // _MICROSECOND

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """Return the moment that was kept."""
        return None if value is None else _EPOCH + int(value) * _MICROSECOND


metadata = MetaData()

NUMBER = BigInteger().with_variant(Integer(), "sqlite")
"""The type of keys that are counted up: SQLite counts up INTEGER keys alone."""


def of_run(primary: bool = True) -> Column[int]:
    """Return the column that names the run of a row, with which the row goes."""
    return Column(
        "run",
        NUMBER,
        ForeignKey("runs.number", ondelete="CASCADE"),
        primary_key=primary,
        autoincrement=False,
        nullable=False,
    )


runs = Table(
    "runs",
    metadata,
    Column("number", NUMBER, primary_key=True),
    Column("id", Text, nullable=False, unique=True),
    Column("workflow", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("file", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("user", Text, nullable=False),
    Column("profile", Text, nullable=False),
    Column("hosts", Integer, nullable=False),
    Column("started_at", Moment, nullable=False),
    Column("completed_at", Moment),
    Column("inputs", Text, nullable=False),
    Column("outputs", Text, nullable=False),
    Column("error", Text, nullable=False),
    Column("hint", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("exit_code", SmallInteger, nullable=False),
    Column("security_events", Text, nullable=False),
    Column("worker", Text),
    Column("fence", Integer, nullable=False, server_default="0"),
    Column("wish", Text, nullable=False, server_default=""),
    Column("spec", Text),
    Column("remarks", Integer, nullable=False, server_default="0"),
    Index("runs_by_workflow", "workflow", "started_at"),
    Index("runs_by_start", "started_at"),
)
"""One row per run; mappings and lists are JSON text.

`worker` is the process that carries it out and `fence` how many have: a write of an earlier one is refused. `wish` is how
somebody wants it to end early, `spec` (JSON) what it takes to go on with it in another process. `remarks` is how many
events of its stream are of others than its owner, who counts on as if they were not there.
"""

run_hosts = Table(
    "run_hosts",
    metadata,
    of_run(),
    Column("host", Text, primary_key=True),
    Column("position", Integer, nullable=False),
    Column("platform", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("batch", Integer, nullable=False),
    Column("detail", Text),
    Column("blob", Text),
    Index("run_hosts_by_host", "host", "run"),
    sqlite_with_rowid=False,
)
"""The fate of each device; `detail` (JSON) is what else its record holds, or `blob` names the file that has it."""

run_steps = Table(
    "run_steps",
    metadata,
    of_run(),
    Column("position", SmallInteger, primary_key=True, autoincrement=False),
    Column("step", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("started_at", Moment),
    Column("completed_at", Moment),
    sqlite_with_rowid=False,
)
"""One row per step of the run's workflow."""

step_results = Table(
    "step_results",
    metadata,
    of_run(),
    Column("position", SmallInteger, primary_key=True, autoincrement=False),
    Column("host", Text, primary_key=True),
    Column("state", Text, nullable=False),
    Column("started_at", Moment),
    Column("completed_at", Moment),
    Column("duration", Float, nullable=False),
    Column("detail", Text),
    Column("blob", Text),
    sqlite_with_rowid=False,
)
"""How a step ended on a device, or, with an empty host, once; `detail` and `blob` as in `run_hosts`."""

events = Table(
    "events",
    metadata,
    of_run(),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("time", Moment, nullable=False),
    Column("kind", Text, nullable=False),
    Column("step", Text, nullable=False),
    Column("host", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("data", Text),
    sqlite_with_rowid=False,
)
"""What happened in a run, in order; rows are added and never changed."""

journal = Table(
    "journal",
    metadata,
    of_run(),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("kind", Text, nullable=False),
    Column("step", Text, nullable=False),
    Column("host", Text, nullable=False),
    Column("data", Text),
    Column("blob", Text),
    sqlite_with_rowid=False,
)
"""What a run was about to do and what became of it, in order; rows are added and never changed."""

plans = Table(
    "plans",
    metadata,
    Column("hash", Text, primary_key=True),
    Column("created_at", Moment, nullable=False),
    Column("body", Text),
    Column("blob", Text),
)
"""Plans by the SHA-256 of their canonical JSON."""

approvals = Table(
    "approvals",
    metadata,
    of_run(),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("plan", Text, ForeignKey("plans.hash"), nullable=False),
    Column("user", Text, nullable=False),
    Column("verdict", Text, nullable=False),
    Column("comment", Text, nullable=False),
    Column("at", Moment, nullable=False),
    Column("via", Text, nullable=False, server_default=""),
)
"""Who said what of a run's plan; `via` is how: asked on a terminal, or with a word of the command line."""

caches = Table(
    "caches",
    metadata,
    Column("key", Text, primary_key=True),
    Column("workflow", Text, nullable=False),
    Column("step", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("host", Text, nullable=False),
    Column("kept_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Column("size", Integer, nullable=False),
    Column("hits", Integer, nullable=False),
    Column("data", Text, nullable=False),
    Index("caches_by_age", "kept_at"),
)
"""Results of steps that may be used again, by what the step did; `workflow`, `step`, `type` and `host` say who left one.

`size` is the bytes of `data`, in which there is never a secret; `hits` counts how often the result was used.
"""

workers = Table(
    "workers",
    metadata,
    Column("id", Text, primary_key=True),
    *(Column(name, Text, nullable=False) for name in ("machine", "boot")),
    *(Column(name, BigInteger, nullable=False) for name in ("pid", "born")),
    Column("user", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("beat", BigInteger, nullable=False),
    Column("beat_at", Moment, nullable=False),
    Column("queues", Text),
    Column("concurrency", Integer, nullable=False, server_default="0"),
    Column("versions", Text, nullable=False, server_default=""),
    Column("draining", SmallInteger, nullable=False, server_default="0"),
    Column("leads", Text, nullable=False, server_default="{}"),
)
"""Processes that carry out runs. `beat` counts up while one lives; `born` is its start in kernel ticks since `boot`.

Whether a process lives is never read from `beat_at`, which is for people: clocks jump, counters do not.

One that takes runs from queues has `queues` (a JSON list), how many runs of each it takes at once, and the `versions` (JSON)
that it runs with; `draining` 1 says that it takes no more, `leads` (JSON) the folder and settings with which it leads pipelines.
"""

locks = Table(
    "locks",
    metadata,
    Column("device", Text, primary_key=True),
    Column("token", BigInteger, nullable=False),
    Column("run", Text),
    Column("worker", Text, ForeignKey("workers.id")),
    Column("since", Moment),
    Column("broken_by", Text),
)
"""Who may write to a device. `token` grows with each holder and stays when there is none: an old one is never right again.

`broken_by` says who took the last holder's lock away, until there is another holder.
"""

lock_holders = Table(
    "lock_holders",
    metadata,
    Column("device", Text, primary_key=True),
    Column("token", BigInteger, primary_key=True, autoincrement=False),
    Column("run", Text),
    Column("by", Text, nullable=False),
    Column("since", Moment, nullable=False),
    Column("held", SmallInteger, nullable=False),
    Index("lock_holders_by_run", "run"),
    sqlite_with_rowid=False,
)
"""Who has had a device under which token: a run that resumes learns from it that others had it meanwhile.

A run that found the device as it should be, and so did not lock it, has `held` 0; a row without a run says that the lock
was broken, and `by` whom.
"""

lock_requests = Table(
    "lock_requests",
    metadata,
    Column("ticket", BigInteger, primary_key=True, autoincrement=False),
    Column("device", Text, primary_key=True),
    Column("run", Text, nullable=False),
    Column("worker", Text, ForeignKey("workers.id"), nullable=False),
    Column("since", Moment, nullable=False),
    Index("lock_requests_by_device", "device", "ticket"),
)
"""Runs that wait for devices; the lower ticket is served first."""

slots = Table(
    "slots",
    metadata,
    Column("ticket", NUMBER, primary_key=True),
    Column("profile", Text, nullable=False),
    Column("run", Text, nullable=False, unique=True),
    Column("worker", Text, ForeignKey("workers.id"), nullable=False),
    Column("granted", SmallInteger, nullable=False),
    Column("since", Moment, nullable=False),
    Index("slots_by_profile", "profile", "ticket"),
)
"""Runs at work under a profile (`granted` 1) and those that wait for their turn (0), the lower ticket first."""

sealed_plans = Table(
    "sealed_plans",
    metadata,
    Column("hash", Text, primary_key=True),
    Column("workflow", Text, nullable=False),
    Column("requester", Text, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("follows", Text, nullable=False, server_default=""),
)
"""Plan files that were sealed here, by the hash of what they say; `follows` is that of a plan that one takes the place of."""

plan_hosts = Table(
    "plan_hosts",
    metadata,
    Column("plan", Text, ForeignKey("sealed_plans.hash", ondelete="CASCADE"), primary_key=True),
    Column("host", Text, primary_key=True),
    Column("data", Text),
    Column("blob", Text),
    Index("plan_hosts_by_host", "host"),
)
"""What a sealed plan would do (JSON, secrets masked) to each device that it changes."""

plan_runs = Table(
    "plan_runs",
    metadata,
    of_run(),
    Column("plan", Text, nullable=False),
    Index("plan_runs_by_plan", "plan"),
)
"""Which sealed plan a run applies; it may have been sealed elsewhere."""

plan_images = Table(
    "plan_images",
    metadata,
    Column("plan", Text, ForeignKey("sealed_plans.hash", ondelete="CASCADE"), primary_key=True),
    Column("host", Text, primary_key=True),
    Column("hash", Text, nullable=False),
    Column("data", Text),
    Column("blob", Text),
)
"""The configuration of each device that a sealed plan was made on; `hash` is that of its normalised text."""

plan_answers = Table(
    "plan_answers",
    metadata,
    Column("plan", Text, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("user", Text, nullable=False),
    Column("verdict", Text, nullable=False),
    Column("comment", Text, nullable=False),
    Column("at", Moment, nullable=False),
)
"""Who approved or rejected a sealed plan; a plan may have been sealed elsewhere. Rows are added and never changed."""
