"""Rows that may be there already: SQLite and PostgreSQL say in the same words what then becomes of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Engine, Table

if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql, sqlite


def upserted(engine: Engine, table: Table) -> sqlite.Insert | postgresql.Insert:
    """Return an insert into a table that knows `on_conflict_do_update`; only the dialect in use is loaded."""
    if engine.dialect.name == "sqlite":
        from sqlalchemy.dialects.sqlite import insert

        return insert(table)
    from sqlalchemy.dialects.postgresql import insert as insert_of_postgresql

    return insert_of_postgresql(table)
