"""What runs need to survive: owners, the journal, plans, caches, workers, locks and slots."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "durable_0002"
down_revision = "history_0001"

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _of_run() -> sa.Column[int]:
    return sa.Column(
        "run", _NUMBER, sa.ForeignKey("runs.number", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )


def _texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text, nullable=False) for name in names]


def _body(name: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text), sa.Column("blob", sa.Text)]


def upgrade() -> None:
    """Add the columns and make the tables."""
    op.add_column("runs", sa.Column("worker", sa.Text))
    op.add_column("runs", sa.Column("fence", sa.Integer, nullable=False, server_default="0"))
    op.add_column("runs", sa.Column("wish", sa.Text, nullable=False, server_default=""))
    op.add_column("runs", sa.Column("spec", sa.Text))
    op.create_table(
        "journal",
        _of_run(),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        *_texts("kind", "step", "host"),
        *_body("data"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "plans",
        sa.Column("hash", sa.Text, primary_key=True),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        *_body("body"),
    )
    op.create_table(
        "approvals",
        _of_run(),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("plan", sa.Text, sa.ForeignKey("plans.hash"), nullable=False),
        *_texts("user", "verdict", "comment"),
        sa.Column("at", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "caches",
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("kept_at", sa.BigInteger, nullable=False),
        *_body("data"),
    )
    op.create_table(
        "workers",
        sa.Column("id", sa.Text, primary_key=True),
        *_texts("machine", "boot"),
        sa.Column("pid", sa.BigInteger, nullable=False),
        sa.Column("born", sa.BigInteger, nullable=False),
        *_texts("user", "state"),
        sa.Column("beat", sa.BigInteger, nullable=False),
        sa.Column("beat_at", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "locks",
        sa.Column("device", sa.Text, primary_key=True),
        sa.Column("token", sa.BigInteger, nullable=False),
        sa.Column("run", sa.Text),
        sa.Column("worker", sa.Text, sa.ForeignKey("workers.id")),
        sa.Column("since", sa.BigInteger),
        sa.Column("broken_by", sa.Text),
    )
    op.create_table(
        "lock_requests",
        sa.Column("ticket", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("device", sa.Text, primary_key=True),
        sa.Column("run", sa.Text, nullable=False),
        sa.Column("worker", sa.Text, sa.ForeignKey("workers.id"), nullable=False),
        sa.Column("since", sa.BigInteger, nullable=False),
    )
    op.create_index("lock_requests_by_device", "lock_requests", ["device", "ticket"])
    op.create_table(
        "slots",
        sa.Column("ticket", _NUMBER, primary_key=True),
        sa.Column("profile", sa.Text, nullable=False),
        sa.Column("run", sa.Text, nullable=False, unique=True),
        sa.Column("worker", sa.Text, sa.ForeignKey("workers.id"), nullable=False),
        sa.Column("granted", sa.SmallInteger, nullable=False),
        sa.Column("since", sa.BigInteger, nullable=False),
    )
    op.create_index("slots_by_profile", "slots", ["profile", "ticket"])
