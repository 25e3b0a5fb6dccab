"""A PostgreSQL server that takes what is said to it and answers nothing: frozen, or behind something that swallows."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import Connection, Engine, text

from nornflow.app.services.workers.call import Call
from nornflow.store import heard
from nornflow.store.database import StoreAway, brisk, connect, parsed, told
from nornflow.store.heard import Heard
from nornflow.testing.postgres import PostgresServer, postgres_server
from patience import soon


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with postgres_server() as server:
        yield server


@pytest.fixture
def engine(server: PostgresServer) -> Iterator[Engine]:
    engine = connect(parsed(server.url))
    yield engine
    engine.dispose()


def impatient(connection: Connection) -> None:
    """Have a connection wonder after a third of a second."""
    opened = connection.connection.dbapi_connection
    assert isinstance(opened, Heard)
    opened.quiet = 0.3


@contextmanager
def frozen(server: PostgresServer) -> Iterator[None]:
    server.freeze()
    try:
        yield
    finally:
        server.wake()


def test_in_the_middle_of_a_statement_it_counts_as_away_and_the_next_one_finds_it_again(
    server: PostgresServer, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heard, "KNOCKS", 2)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT 1")).scalar() == 1
        impatient(connection)
        with frozen(server), pytest.raises(StoreAway) as failed, told(engine, "it could not be read"):
            connection.execute(text("SELECT 2"))
    assert "has not answered for 0 s, nor opened another connection" in failed.value.message
    with engine.connect() as connection:
        assert connection.execute(text("SELECT 3")).scalar() == 3


def test_one_that_has_much_to_do_is_waited_for(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """It opens another connection each time that it is asked whether it is there."""
    monkeypatch.setattr(heard, "KNOCKS", 60)
    with engine.connect() as connection:
        impatient(connection)
        assert connection.execute(text("SELECT 'done' FROM pg_sleep(1.2)")).scalar() == "done"


def test_a_sign_of_life_is_not_asked_twice(server: PostgresServer, engine: Engine) -> None:
    """What must not be late fails when it hangs, whether the server is there or not."""
    line = brisk(engine, 30)
    with line.connect() as connection:
        impatient(connection)
        with pytest.raises(StoreAway, match="has not answered"), told(line, "no beat"):
            connection.execute(text("SELECT pg_sleep(60)"))
    line.dispose()


def test_who_listens_hears_nothing_for_long(server: PostgresServer) -> None:
    with Heard.connect(server.url, autocommit=True) as connection:
        connection.execute("LISTEN nothing")
        connection.quiet, connection.knock = 0.1, False
        assert list(connection.notifies(timeout=0.5)) == []
        connection.quiet = 60
        row = connection.execute("SELECT 1").fetchone()
    assert row == (1,)


def test_a_process_that_hangs_when_it_shall_end_is_ended() -> None:
    """By its last call, whether somebody called a second time or its grace was over; and not before it was called."""
    for hurries in (True, False):
        call, ended = Call(), threading.Event()
        call.end_in_time(3600 if hurries else 0.05, ended.set, last=0.05)
        time.sleep(0.15)
        assert not ended.is_set()
        call.drain.set()
        if hurries:
            assert not call.hurry.is_set()
            call.hurry.set()
        assert soon(ended.is_set)
        assert call.hurry.is_set()
