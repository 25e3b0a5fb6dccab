"""What Alembic runs to migrate: on the connection that it was given, in that connection's transaction."""

from __future__ import annotations

from alembic import context

# all tables are of one metadata: these modules bring theirs
from nornflow.store import blob_table as blob_table
from nornflow.store import pipeline_tables as pipeline_tables
from nornflow.store import queue_tables as queue_tables
from nornflow.store import shard_tables as shard_tables
from nornflow.store.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, transactional_ddl=True)
context.run_migrations()
