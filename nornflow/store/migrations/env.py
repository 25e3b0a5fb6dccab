"""What Alembic runs to migrate: on the connection that it was given, in that connection's transaction."""

from __future__ import annotations

from alembic import context

from nornflow.store.pipeline_tables import pipelines

context.configure(
    connection=context.config.attributes["connection"], target_metadata=pipelines.metadata, transactional_ddl=True
)
context.run_migrations()
