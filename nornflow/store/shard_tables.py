"""The tables by which a run has its devices worked on at other sites."""

from __future__ import annotations

from sqlalchemy import Column, Index, Integer, SmallInteger, Table, Text

from nornflow.store.tables import NUMBER, metadata, of_run

shards = Table(
    "shards",
    metadata,
    of_run(),
    Column("site", Text, primary_key=True),
    Column("fence", Integer, nullable=False),
    Column("epoch", Integer, nullable=False, server_default="0"),
    Column("worker", Text, nullable=False, server_default=""),
    Column("state", Text, nullable=False),
    Column("stop", SmallInteger, nullable=False, server_default="0"),
    Column("trouble", Text, nullable=False, server_default=""),
)
"""The part of a run that one site works on, for the owner of the run with this `fence`; `state` is `open` or `ended`.

`epoch` counts the processes that have had it, `worker` is the one that has it now: what an earlier one still brings is refused.
`stop` is 1 when nothing new shall begin, 2 when work in progress shall end. `trouble` says why nobody at the site can do it.
"""

shard_orders = Table(
    "shard_orders",
    metadata,
    of_run(),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("site", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("epoch", Integer, nullable=False, server_default="0"),
    Column("stop", SmallInteger, nullable=False, server_default="0"),
    Column("answer", Text),
)
"""What a site is to do, and what came of it (JSON, sealed where there is a secret in it); `epoch` is 0 until it is begun."""

shard_tellings = Table(
    "shard_tellings",
    metadata,
    Column("number", NUMBER, primary_key=True),
    of_run(primary=False),
    Column("key", Text, nullable=False, unique=True),
    Column("body", Text, nullable=False),
    Index("shard_tellings_by_run", "run", "number"),
    sqlite_autoincrement=True,
)
"""Entries of the run's journal and events that sites told and the run has not written down yet; no number comes twice.
`key` is run, site, epoch and place: what is told once more, because nobody knows whether it arrived, is kept once.

Those of one site are in order; of two sites one may see a later one first.
"""
