"""What others than a run's owner write into its stream: how many such events there are."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "remarks_0003"
down_revision = "durable_0002"


def upgrade() -> None:
    """Add the column."""
    op.add_column("runs", sa.Column("remarks", sa.Integer, nullable=False, server_default="0"))
