"""Workers say with which settings they lead pipelines, so that those of others are left to others."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "leads_0014"
down_revision = "blobs_0013"


def upgrade() -> None:
    """Make the column."""
    op.add_column("workers", sa.Column("leads", sa.Text, nullable=False, server_default="{}"))
