"""What runs wait for without a process, who answered what, and signals."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "waits_0008"
down_revision = "caches_0007"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "waits",
        _of_run(),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("step", sa.Text, nullable=False),
        sa.Column("batch", sa.Integer, nullable=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("kind", "name", "asked", "bound")),
        sa.Column("since", sa.BigInteger, nullable=False),
        sa.Column("due", sa.BigInteger),
        sa.Column("remind", sa.BigInteger),
        sa.Column("verdict", sa.Text),
        sa.Column("ended_at", sa.BigInteger),
        sa.Column("data", sa.Text),
        sa.Column("open", sa.SmallInteger, nullable=False),
    )
    op.create_index("waits_by_step", "waits", ["run", "step", "batch"], unique=True)
    op.create_index("waits_by_due", "waits", ["open", "due"])
    op.create_table(
        "wait_answers",
        _of_run(),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("wait", sa.Integer, nullable=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("plan", "user", "verdict", "comment")),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("via", sa.Text, nullable=False),
    )
    op.create_table(
        "signals",
        _of_run(),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("name", "data", "user")),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("wait", sa.Integer),
    )


def _of_run() -> sa.Column[int]:
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    run = sa.ForeignKey("runs.number", ondelete="CASCADE")
    return sa.Column("run", number, run, primary_key=True, autoincrement=False)
