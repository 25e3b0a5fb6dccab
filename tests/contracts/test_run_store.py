"""The store keeps its contract on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text

from nornflow.abc import RunStore
from nornflow.errors import StoreError
from nornflow.store.database import upgrade
from nornflow.store.migrations import REVISIONS
from nornflow.store.opening import open_engine, open_store
from nornflow.testing.run_store import RunStoreContract


class TestOnSqlite(RunStoreContract):
    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[RunStore]:
        with closing(open_store("", tmp_path)) as store:
            yield store


class TestOnPostgresql(RunStoreContract):
    @pytest.fixture
    def store(self, empty_postgresql: str, tmp_path: Path) -> Iterator[RunStore]:
        engine = open_engine(empty_postgresql, tmp_path)
        try:
            assert upgrade(engine) == (None, REVISIONS[-1])
        finally:
            engine.dispose()
        with closing(open_store(empty_postgresql, tmp_path)) as store:
            yield store

    def test_an_empty_database_waits_for_an_upgrade_and_somebody_elses_is_refused(
        self, empty_postgresql: str, tmp_path: Path
    ) -> None:
        with pytest.raises(StoreError, match="is empty") as refused:
            open_store(empty_postgresql, tmp_path)
        assert refused.value.hint == "nornflow db upgrade"
        engine = open_engine(empty_postgresql, tmp_path)
        with engine.begin() as connection:
            connection.execute(text("CREATE TABLE theirs (x integer)"))
        with pytest.raises(StoreError, match="other tables"):
            upgrade(engine)
        engine.dispose()
