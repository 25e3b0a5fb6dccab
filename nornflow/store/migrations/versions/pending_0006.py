"""What sealed plans would do to each device, which of them take the place of others, and which runs apply them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "pending_0006"
down_revision = "holders_0005"


def upgrade() -> None:
    """Make the tables and add the column."""
    op.add_column("sealed_plans", sa.Column("follows", sa.Text, nullable=False, server_default=""))
    op.create_table(
        "plan_hosts",
        sa.Column("plan", sa.Text, sa.ForeignKey("sealed_plans.hash", ondelete="CASCADE"), primary_key=True),
        sa.Column("host", sa.Text, primary_key=True),
        sa.Column("data", sa.Text),
        sa.Column("blob", sa.Text),
    )
    op.create_index("plan_hosts_by_host", "plan_hosts", ["host"])
    op.create_table(
        "plan_runs",
        sa.Column(
            "run",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            sa.ForeignKey("runs.number", ondelete="CASCADE"),
            primary_key=True,
            autoincrement=False,
        ),
        sa.Column("plan", sa.Text, nullable=False),
    )
    op.create_index("plan_runs_by_plan", "plan_runs", ["plan"])
