"""Cached results say who left them, until when they may be used, how large they are and how often they were used."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "caches_0007"
down_revision = "pending_0006"


def upgrade() -> None:
    """Make the table anew: what it held is worked out again, and was found by less than it depends on."""
    op.drop_table("caches")
    op.create_table(
        "caches",
        sa.Column("key", sa.Text, primary_key=True),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("workflow", "step", "type", "host")),
        sa.Column("kept_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("hits", sa.Integer, nullable=False),
        sa.Column("data", sa.Text, nullable=False),
    )
    op.create_index("caches_by_age", "caches", ["kept_at"])
