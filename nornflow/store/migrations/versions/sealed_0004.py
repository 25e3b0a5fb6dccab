"""Sealed plans: what was sealed, the configurations it was made on, and who approved or rejected it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "sealed_0004"
down_revision = "remarks_0003"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "sealed_plans",
        sa.Column("hash", sa.Text, primary_key=True),
        sa.Column("workflow", sa.Text, nullable=False),
        sa.Column("requester", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "plan_images",
        sa.Column("plan", sa.Text, sa.ForeignKey("sealed_plans.hash", ondelete="CASCADE"), primary_key=True),
        sa.Column("host", sa.Text, primary_key=True),
        sa.Column("hash", sa.Text, nullable=False),
        sa.Column("data", sa.Text),
        sa.Column("blob", sa.Text),
    )
    op.create_table(
        "plan_answers",
        sa.Column("plan", sa.Text, primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("user", sa.Text, nullable=False),
        sa.Column("verdict", sa.Text, nullable=False),
        sa.Column("comment", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
    )
