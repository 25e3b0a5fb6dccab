"""Runs that workers carry out: what workers take, what was submitted to them, and the jobs of the inline engine."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "workers_0011"
down_revision = "pipelines_0010"


def upgrade() -> None:
    """Make the tables and columns."""
    op.add_column("workers", sa.Column("queues", sa.Text))
    op.add_column("workers", sa.Column("concurrency", sa.Integer, nullable=False, server_default="0"))
    op.add_column("workers", sa.Column("versions", sa.Text, nullable=False, server_default=""))
    op.add_column("workers", sa.Column("draining", sa.SmallInteger, nullable=False, server_default="0"))
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "submissions",
        sa.Column(
            "run", number, sa.ForeignKey("runs.number", ondelete="CASCADE"), primary_key=True, autoincrement=False
        ),
        sa.Column("place", sa.Text, nullable=False),
        sa.Column("versions", sa.Text, nullable=False),
        sa.Column("yes", sa.SmallInteger, nullable=False),
        sa.Column("locked", sa.Text, nullable=False),
        sa.Column("round", sa.Integer, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("parked", sa.Text, nullable=False),
        sa.Column("worker", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "jobs",
        sa.Column("number", number, primary_key=True),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("queue", "work", "data", "state")),
        sa.Column("id", sa.Text, nullable=False, unique=True),
        sa.Column("segment", sa.Integer, nullable=False, server_default="1"),
        sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
        *(
            sa.Column(name, sa.Text, nullable=False, server_default="")
            for name in ("worker", "claim", "error", "waits")
        ),
        sa.Column("signals", sa.Text, nullable=False, server_default="[]"),
        sa.Column("result", sa.Text),
    )
    op.create_index("jobs_by_queue", "jobs", ["queue", "state"])
    op.create_index("jobs_by_claim", "jobs", ["claim"])
    op.create_table(
        "job_steps",
        sa.Column(
            "job", number, sa.ForeignKey("jobs.number", ondelete="CASCADE"), primary_key=True, autoincrement=False
        ),
        sa.Column("segment", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("result", sa.Text, nullable=False),
    )
