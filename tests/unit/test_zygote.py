"""Forked processes: what is asked of the run's process alone does not end them."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from nornflow.app.processes.wire import Born, End, Line
from nornflow.app.processes.zygote import Zygote


def live(line: Line) -> None:
    """Give back what comes, until the end."""
    line.send(Born(os.getpid()))
    while not isinstance(message := line.receive(), End):
        line.send(message)


@pytest.fixture
def woken() -> Iterator[socket.socket]:
    """Where this process hears of its signals, as the process of a run does."""
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    before = signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
    handler = signal.signal(signal.SIGHUP, lambda *_: None)
    yield ours
    signal.signal(signal.SIGHUP, handler)
    signal.set_wakeup_fd(before)
    ours.close()
    theirs.close()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_to_all_of_a_group_is_heeded_by_the_runs_own_process_alone(
    number: signal.Signals, woken: socket.socket
) -> None:
    zygote = Zygote(live, lambda: None)
    with closing(line := zygote.fork()):
        pid = line.receive().pid
        os.kill(pid, number)
        os.kill(zygote.pid, number)
        line.send("still there?")
        assert line.receive() == "still there?"
        with closing(another := zygote.fork()):
            assert another.receive().pid != pid
            another.send(End())
        line.send(End())
    zygote.end()
    woken.setblocking(False)
    with pytest.raises(BlockingIOError):
        woken.recv(1)


def test_whoever_has_let_go_of_its_pipe_is_gone_when_the_zygote_is() -> None:
    looked, has_looked = os.pipe()

    def slow(line: Line) -> None:
        line.send(Born(os.getpid()))
        line.receive()
        line.close()
        os.read(looked, 1)
        time.sleep(0.1)  # so that the zygote is told to end before it is gone

    zygote = Zygote(slow, lambda: None)
    with closing(line := zygote.fork()):
        pid = line.receive().pid
        line.send(End())
        with pytest.raises(EOFError):
            line.receive()
    assert Path(f"/proc/{pid}").exists()
    os.write(has_looked, b"1")
    zygote.end()
    assert not Path(f"/proc/{pid}").exists()
    os.close(looked), os.close(has_looked)
