"""A PostgreSQL server for the tests of a whole session: it starts in about a second, in a folder of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from nornflow.store.database import upgrade
from nornflow.store.opening import open_engine, store_url
from nornflow.testing.postgres import postgres_server


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """The URL of an empty PostgreSQL database."""
    with postgres_server(tcp=False) as server:
        yield server.url


@pytest.fixture
def empty_postgresql(postgresql: str, tmp_path: Path) -> str:
    """The URL of a PostgreSQL database without a table, whatever the test before left."""
    engine = open_engine(postgresql, tmp_path)
    with engine.begin() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))
    engine.dispose()
    return postgresql


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database with our tables and nothing in them: each test runs on SQLite and on PostgreSQL."""
    if request.param == "sqlite":
        url = store_url("", tmp_path).render_as_string(hide_password=False)
    else:
        url = request.getfixturevalue("empty_postgresql")
    engine = open_engine(url, tmp_path)
    upgrade(engine)
    engine.dispose()
    return url
