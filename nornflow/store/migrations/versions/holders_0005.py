"""Who has had a device under which token, and how somebody answered about a plan."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "holders_0005"
down_revision = "sealed_0004"


def upgrade() -> None:
    """Make the table and add the column."""
    op.create_table(
        "lock_holders",
        sa.Column("device", sa.Text, primary_key=True),
        sa.Column("token", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("run", sa.Text),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("since", sa.BigInteger, nullable=False),
        sa.Column("held", sa.SmallInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("lock_holders_by_run", "lock_holders", ["run"])
    op.add_column("approvals", sa.Column("via", sa.Text, nullable=False, server_default=""))
