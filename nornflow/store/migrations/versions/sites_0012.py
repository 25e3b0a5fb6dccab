"""Runs whose devices are worked on at other sites: shards, their orders, and what they tell."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "sites_0012"
down_revision = "workers_0011"


def upgrade() -> None:
    """Make the tables."""
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

    def of_run(primary: bool = True) -> sa.Column[int]:
        key = sa.ForeignKey("runs.number", ondelete="CASCADE")
        return sa.Column("run", number, key, primary_key=primary, autoincrement=False, nullable=False)

    op.create_table(
        "shards",
        of_run(),
        sa.Column("site", sa.Text, primary_key=True),
        sa.Column("fence", sa.Integer, nullable=False),
        sa.Column("epoch", sa.Integer, nullable=False, server_default="0"),
        sa.Column("worker", sa.Text, nullable=False, server_default=""),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("stop", sa.SmallInteger, nullable=False, server_default="0"),
        sa.Column("trouble", sa.Text, nullable=False, server_default=""),
    )
    op.create_table(
        "shard_orders",
        of_run(),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("site", sa.Text, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("epoch", sa.Integer, nullable=False, server_default="0"),
        sa.Column("stop", sa.SmallInteger, nullable=False, server_default="0"),
        sa.Column("answer", sa.Text),
    )
    op.create_table(
        "shard_tellings",
        sa.Column("number", number, primary_key=True),
        of_run(primary=False),
        sa.Column("key", sa.Text, nullable=False, unique=True),
        sa.Column("body", sa.Text, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("shard_tellings_by_run", "shard_tellings", ["run", "number"])
