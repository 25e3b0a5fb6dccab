"""What runs hold of the pools of resources, and who waits for them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "reservations_0009"
down_revision = "waits_0008"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "reservations",
        sa.Column("ticket", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True),
        sa.Column("run", sa.Text, nullable=False, unique=True),
        sa.Column("worker", sa.Text, sa.ForeignKey("workers.id"), nullable=False),
        sa.Column("wants", sa.Text, nullable=False),
        *(sa.Column(name, sa.Integer, nullable=False) for name in ("priority", "passed")),
        sa.Column("granted", sa.SmallInteger, nullable=False),
        sa.Column("since", sa.BigInteger, nullable=False),
    )
