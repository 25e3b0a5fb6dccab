"""A PostgreSQL server that restarts, or whose last answer is lost, under a store that is written: nothing lost, nothing twice."""

from __future__ import annotations

import os
import select
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from nornflow.errors import StoreError
from nornflow.model.journal import Entry, EntryKind
from nornflow.model.run import RunState
from nornflow.store.database import StoreAway, upgrade
from nornflow.store.opening import open_engine, open_store
from nornflow.store.patience import Patience
from nornflow.testing.postgres import PostgresServer, postgres_server
from nornflow.testing.run_store import NOON, ended_run, event, new_run
from patience import soon

ABSENCE = float(os.environ.get("NORNFLOW_TEST_ABSENCE", "2"))
"""Seconds for which the server stays away; 30 in the long tests."""


@pytest.fixture(params=["tcp", "socket"])
def server(request: pytest.FixtureRequest) -> Iterator[PostgresServer]:
    with postgres_server(tcp=request.param == "tcp") as server:
        yield server


def prepared(url: str, workspace: Path) -> None:
    engine = open_engine(url, workspace)
    upgrade(engine)
    engine.dispose()


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_a_run_goes_on_when_the_server_is_back(server: PostgresServer, tmp_path: Path, mode: str) -> None:
    prepared(server.url, tmp_path)
    told = list[str]()
    patience = Patience(ABSENCE + 30, waiting=told.append)
    written, over = 0, threading.Event()
    troubles = list[StoreError]()
    with closing(open_store(server.url, tmp_path, patience=patience)) as store:
        store.begin(new_run(worker="w1"))
        store.move("run-1", RunState.PENDING, RunState.RUNNING, NOON, fence=1)

        def work() -> None:
            nonlocal written
            try:
                while not over.is_set():
                    batch = [event(str(written + 1)), event(str(written + 2))]
                    entries = [Entry(EntryKind.INTENT, "s", str(written + 1))]
                    store.append("run-1", written + 1, batch, fence=1, entry=written // 2 + 1, entries=entries)
                    written += 2
            except StoreError as error:
                troubles.append(error)

        writer = threading.Thread(target=work)
        writer.start()
        try:
            assert soon(lambda: written > 20)
            server.stop(mode)
            at_stop = written
            time.sleep(ABSENCE)
            assert written <= at_stop + 2
            server.start()
            assert soon(lambda: written > at_stop + 20)
        finally:
            over.set()
            writer.join(60)
        assert troubles == []
        assert [each.event.message for each in store.events("run-1")] == [str(n) for n in range(1, written + 1)]
        assert [each.host for each in store.entries("run-1")] == [str(n) for n in range(1, written, 2)]
        store.finish(ended_run(), RunState.RUNNING, fence=1)
        assert store.record("run-1") == ended_run()
    assert "waiting up to" in told[0]
    assert "is back after" in told[1]


def test_a_server_that_stays_away_is_told_with_how_long_it_was_waited_for(
    server: PostgresServer, tmp_path: Path
) -> None:
    prepared(server.url, tmp_path)
    with closing(open_store(server.url, tmp_path, patience=0.5)) as store:
        store.begin(new_run())
        server.stop()
        with pytest.raises(StoreAway, match=r"waited [01] s for it") as refused:
            store.append("run-1", 1, [event()], fence=1)
        assert "PostgreSQL runs there" in refused.value.hint


class Swallowing:
    """A proxy that cuts the session when a COMMIT has reached the server, before its answer gets back; once if asked to."""

    def __init__(self, host: str, port: int) -> None:
        self._server = (host, port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.armed = False
        self.cut = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):  # closed
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._carry, args=(client,), daemon=True).start()

    def _carry(self, client: socket.socket) -> None:
        with client, socket.create_connection(self._server) as server, suppress(OSError):
            while True:
                ready, _, _ = select.select([client, server], [], [])
                for source in ready:
                    data = source.recv(65536)
                    if not data:
                        return
                    (server if source is client else client).sendall(data)
                    if source is client and self.armed and b"COMMIT" in data:
                        self.armed = False
                        self.cut += 1
                        server.recv(65536)  # it is done there, and nobody here will know
                        return


@pytest.mark.parametrize("server", ["tcp"], indirect=True)
def test_a_commit_whose_answer_was_lost_is_recognised(server: PostgresServer, tmp_path: Path) -> None:
    prepared(server.url, tmp_path)
    url = make_url(server.url)
    assert url.host
    assert url.port
    proxy = Swallowing(url.host, url.port)
    through = url.set(port=proxy.port).render_as_string(hide_password=False)
    with closing(proxy), closing(open_store(through, tmp_path, patience=30)) as store:
        proxy.armed = True
        store.begin(new_run(worker="w1"))
        proxy.armed = True
        store.move("run-1", RunState.PENDING, RunState.RUNNING, NOON, fence=1)
        proxy.armed = True
        store.append("run-1", 1, [event("one"), event("two")], fence=1, entries=[Entry(EntryKind.BATCH)])
        proxy.armed = True
        assert store.take_over("run-1", 1, "w2") == 2
        proxy.armed = True
        store.append("run-1", 3, [event("three")], fence=2)
        assert [each.event.message for each in store.events("run-1")] == ["one", "two", "three"]
        assert [each.kind for each in store.entries("run-1")] == [EntryKind.BATCH]
        proxy.armed = True
        store.finish(ended_run(), RunState.RUNNING, fence=2)
        assert proxy.cut == 6
        assert store.record("run-1") == ended_run()
