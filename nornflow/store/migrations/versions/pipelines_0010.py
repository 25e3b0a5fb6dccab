"""Pipelines, and where each of their entries stands."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "pipelines_0010"
down_revision = "reservations_0009"

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the tables."""
    texts = ("name", "file", "mode", "state", "user", "error", "wish", "worker", "spec")
    op.create_table(
        "pipelines",
        sa.Column("number", _NUMBER, primary_key=True),
        sa.Column("id", sa.Text, nullable=False, unique=True),
        *(sa.Column(name, sa.Text, nullable=False) for name in texts),
        sa.Column("started_at", sa.BigInteger, nullable=False),
        sa.Column("completed_at", sa.BigInteger),
        sa.Column("fence", sa.Integer, nullable=False),
    )
    of_entry = ("id", "workflow", "state", "run", "worker", "ending", "error", "hint")
    op.create_table(
        "pipeline_entries",
        sa.Column(
            "pipeline",
            _NUMBER,
            sa.ForeignKey("pipelines.number", ondelete="CASCADE"),
            primary_key=True,
            autoincrement=False,
        ),
        sa.Column("position", sa.Integer, primary_key=True, autoincrement=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in of_entry),
        *(sa.Column(name, sa.Integer, nullable=False) for name in ("attempts", "deaths", "exit_code")),
        *(sa.Column(name, sa.BigInteger) for name in ("started_at", "completed_at", "due_at")),
    )
    op.create_index("pipeline_entries_by_run", "pipeline_entries", ["run"])
