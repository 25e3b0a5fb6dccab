"""Large outputs may be rows instead of files, for machines that share the database and no disk."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "blobs_0013"
down_revision = "sites_0012"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "blobs",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("data", sa.LargeBinary, nullable=False),
        sa.Column("used_at", sa.Float, nullable=False),
    )
    op.create_index("blobs_by_use", "blobs", ["used_at"])
