"""The tables of pipelines and of what runs share, beside those of `nornflow.store.tables`."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, Integer, SmallInteger, Table, Text

from nornflow.store.tables import NUMBER, Moment, metadata

reservations = Table(
    "reservations",
    metadata,
    Column("ticket", NUMBER, primary_key=True),
    Column("run", Text, nullable=False, unique=True),
    Column("worker", Text, ForeignKey("workers.id"), nullable=False),
    Column("wants", Text, nullable=False),
    Column("priority", Integer, nullable=False),
    Column("passed", Integer, nullable=False),
    Column("granted", SmallInteger, nullable=False),
    Column("since", Moment, nullable=False),
)
"""What runs hold of the pools (`granted` 1) or ask them for (0): `wants` is JSON, an amount by the name of a resource.

`passed` counts how often a later request was served before one that waits.
"""

pipelines = Table(
    "pipelines",
    metadata,
    Column("number", NUMBER, primary_key=True),
    *(
        Column(name, Text, nullable=False)
        for name in ("name", "file", "mode", "state", "user", "error", "wish", "worker")
    ),
    Column("id", Text, nullable=False, unique=True),
    Column("started_at", Moment, nullable=False),
    Column("completed_at", Moment),
    Column("fence", Integer, nullable=False),
    Column("spec", Text, nullable=False),
)
"""One row per pipeline; `worker` leads it and `fence` counts those who have. `wish` (JSON) is how it shall end early.

`spec` (JSON) is what it takes to go on with it in another process.
"""

pipeline_entries = Table(
    "pipeline_entries",
    metadata,
    Column(
        "pipeline",
        NUMBER,
        ForeignKey("pipelines.number", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    ),
    Column("position", Integer, primary_key=True, autoincrement=False),
    *(
        Column(name, Text, nullable=False)
        for name in ("id", "workflow", "state", "run", "worker", "ending", "error", "hint")
    ),
    *(Column(name, Integer, nullable=False) for name in ("attempts", "deaths", "exit_code")),
    *(Column(name, Moment) for name in ("started_at", "completed_at", "due_at")),
    Index("pipeline_entries_by_run", "run"),
)
"""Where each entry of a pipeline stands; the columns are the fields of `model.pipeline.EntryRecord`."""
