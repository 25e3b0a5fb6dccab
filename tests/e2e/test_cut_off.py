"""A machine whose way to the database is cut: packets are lost without a word, in both directions, until it heals."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from nornflow.model.worker import WorkerView
from nornflow.store.database import upgrade
from nornflow.store.opening import open_engine
from nornflow.store.workers import Workers
from nornflow.testing.postgres import PostgresServer
from patience import soon

pytestmark = [pytest.mark.e2e, pytest.mark.faults]

SPACE, HERE, THERE = "nnf-cut", "198.18.77.1", "198.18.77.2"
NOWHERE = "02:00:00:00:00:99"
CUT = 8.5
"""Seconds. TCP repeats after 6.2 of them, and then after 12.6; what it repeats was said in the first second."""
BEATER = """
import sys, threading
from nornflow.store.database import connect, parsed
from nornflow.store.pulse import Pulse
from nornflow.store.workers import Workers

mine, lost = Workers(connect(parsed(sys.argv[1]))), threading.Event()
print(mine.register(), flush=True)
with Pulse(mine, lost=lost.set):
    lost.wait()
"""


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


@pytest.fixture
def wire() -> Iterator[None]:
    """A namespace of the network, with a wire to it."""
    if os.geteuid() != 0:
        pytest.skip("a network namespace needs root")
    ip("netns", "add", SPACE)
    try:
        ip("link", "add", "nnf-here", "type", "veth", "peer", "name", "nnf-there", "netns", SPACE)
        for end, address, words in (("nnf-here", HERE, ()), ("nnf-there", THERE, ("-n", SPACE))):
            ip(*words, "address", "add", f"{address}/24", "dev", end)
            ip(*words, "link", "set", end, "up")
        yield
    finally:
        ip("netns", "delete", SPACE)  # and the wire with it


def cut() -> None:
    """Have each end send to an address that nobody has."""
    ip("neigh", "replace", THERE, "lladdr", NOWHERE, "dev", "nnf-here", "nud", "permanent")
    ip("-n", SPACE, "neigh", "replace", HERE, "lladdr", NOWHERE, "dev", "nnf-there", "nud", "permanent")


def heal() -> None:
    ip("neigh", "delete", THERE, "dev", "nnf-here")
    ip("-n", SPACE, "neigh", "delete", HERE, "dev", "nnf-there")


def relay(listening: socket.socket, port: int) -> None:
    """Pass on to a server of this machine what comes over the wire."""

    def pump(source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError), source, sink:
            while data := source.recv(65536):
                sink.sendall(data)

    with suppress(OSError):
        while True:
            near, _ = listening.accept()
            far = socket.create_connection(("127.0.0.1", port))
            for ends in ((near, far), (far, near)):
                threading.Thread(target=pump, args=ends, daemon=True).start()


def test_a_way_that_heals_is_used_at_once(wire: None, server: PostgresServer, tmp_path: Path) -> None:
    """And not when TCP next repeats what was lost: by then others would have taken the machine for dead."""
    engine = open_engine(server.url, tmp_path)
    upgrade(engine)
    watcher = Workers(engine)

    def seen() -> WorkerView:
        found = watcher.about(worker)
        assert found is not None
        return found

    with socket.create_server((HERE, 0)) as listening:
        port = make_url(server.url).port
        assert port is not None
        threading.Thread(target=relay, args=(listening, port), daemon=True).start()
        url = f"postgresql://postgres@{HERE}:{listening.getsockname()[1]}/postgres"
        words = ["ip", "netns", "exec", SPACE, sys.executable, "-c", BEATER, url]
        with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
            try:
                assert process.stdout is not None
                worker = process.stdout.readline().strip()
                first = seen().beat_at
                assert soon(lambda: seen().beat_at != first, every=0.1)
                cut()
                time.sleep(1)
                last = seen().beat_at
                time.sleep(CUT - 1)
                assert seen().beat_at == last, "it is cut off"
                heal()
                healed = time.monotonic()
                assert soon(lambda: seen().beat_at != last, every=0.1)
                assert time.monotonic() - healed < 3.5
            finally:
                process.kill()
    engine.dispose()
