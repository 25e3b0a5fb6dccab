"""Runs, their devices, steps, results and events."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "history_0001"
down_revision = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _of_run() -> sa.Column[int]:
    return sa.Column(
        "run", _NUMBER, sa.ForeignKey("runs.number", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "runs",
        sa.Column("number", _NUMBER, primary_key=True),
        sa.Column("id", sa.Text, nullable=False, unique=True),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("workflow", "version", "file", "state")),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("user", "profile")),
        sa.Column("hosts", sa.Integer, nullable=False),
        sa.Column("started_at", sa.BigInteger, nullable=False),
        sa.Column("completed_at", sa.BigInteger),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("inputs", "outputs", "error", "hint", "reason")),
        sa.Column("exit_code", sa.SmallInteger, nullable=False),
        sa.Column("security_events", sa.Text, nullable=False),
    )
    op.create_index("runs_by_workflow", "runs", ["workflow", "started_at"])
    op.create_index("runs_by_start", "runs", ["started_at"])
    op.create_table(
        "run_hosts",
        _of_run(),
        sa.Column("host", sa.Text, primary_key=True),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("platform", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("batch", sa.Integer, nullable=False),
        sa.Column("detail", sa.Text),
        sa.Column("blob", sa.Text),
        sqlite_with_rowid=False,
    )
    op.create_index("run_hosts_by_host", "run_hosts", ["host", "run"])
    op.create_table(
        "run_steps",
        _of_run(),
        sa.Column("position", sa.SmallInteger, primary_key=True, autoincrement=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("step", "type", "state")),
        sa.Column("started_at", sa.BigInteger),
        sa.Column("completed_at", sa.BigInteger),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "step_results",
        _of_run(),
        sa.Column("position", sa.SmallInteger, primary_key=True, autoincrement=False),
        sa.Column("host", sa.Text, primary_key=True),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("started_at", sa.BigInteger),
        sa.Column("completed_at", sa.BigInteger),
        sa.Column("duration", sa.Float, nullable=False),
        sa.Column("detail", sa.Text),
        sa.Column("blob", sa.Text),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "events",
        _of_run(),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("time", sa.BigInteger, nullable=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("kind", "step", "host", "message")),
        sa.Column("data", sa.Text),
        sqlite_with_rowid=False,
    )
