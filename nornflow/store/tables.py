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

_NUMBER = BigInteger().with_variant(Integer(), "sqlite")  # SQLite counts up INTEGER keys alone


def _of_run(primary: bool = True) -> Column[int]:
    return Column(
        "run", _NUMBER, ForeignKey("runs.number", ondelete="CASCADE"), primary_key=primary, autoincrement=False
    )


runs = Table(
    "runs",
    metadata,
    Column("number", _NUMBER, primary_key=True),
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
    Index("runs_by_workflow", "workflow", "started_at"),
    Index("runs_by_start", "started_at"),
)
"""One row per run; mappings and lists are JSON text."""

run_hosts = Table(
    "run_hosts",
    metadata,
    _of_run(),
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
    _of_run(),
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
    _of_run(),
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
    _of_run(),
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
