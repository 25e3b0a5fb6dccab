"""A process without threads that forks others whenever one is wanted: one that has threads cannot do so safely."""

from __future__ import annotations

import ctypes
import gc
import os
import signal
import socket
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from multiprocessing.connection import Connection, Pipe

from nornflow.app.processes.wire import Line

ENDING = 2.0
"""Seconds for which those that are ending are waited for; whoever is still there then is killed."""
_PR_SET_PDEATHSIG = 1


class Zygote:
    """Forks processes that do `live` with their end of a pipe, all with what this process had when the zygote was made.

    It does `load` first, once for all of them, while this process goes on. They all die with this process, at once: whoever
    is killed is dead with all of its processes. Signals that ask to end, as a terminal or a service manager sends them to all
    of a group, are this process's to heed.
    """

    def __init__(self, live: Callable[[Line], None], load: Callable[[], None]) -> None:
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        parent = os.getpid()
        self.pid = os.fork()
        if not self.pid:
            self._socket.close()
            _forever(lambda: _serve(theirs, live, load), parent)
        theirs.close()

    def fork(self) -> Line:
        """Fork one more process and return the way to it; OSError when the zygote is dead."""
        ours, theirs = Pipe()
        with theirs:
            socket.send_fds(self._socket, [b"1"], [theirs.fileno()])
        return Line(ours)

    def end(self) -> None:
        """End the zygote, and with it whoever of the forked processes is still there."""
        self._socket.close()
        with suppress(ChildProcessError):
            os.waitpid(self.pid, 0)


def _serve(wanted: socket.socket, live: Callable[[Line], None], load: Callable[[], None]) -> None:
    me = os.getpid()
    signal.signal(signal.SIGCHLD, _reap)
    with suppress(AttributeError, OSError):
        # whichever of a process's threads wakes up waits for the interpreter's lock: it need not push its holder aside (sched(7))
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    load()
    gc.freeze()  # looking for cycles would make every process copy what they all share
    while True:
        word, fds, _, _ = socket.recv_fds(wanted, 1, 1)
        if not word:
            _see_out()
            return
        if not os.fork():
            wanted.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            line = Line(Connection(fds[0]))
            _forever(partial(live, line), me)
        os.close(fds[0])


def _reap(*_: object) -> None:
    """Take note of forked processes that ended: what they used counts as used by this one, and so by the run's."""
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _see_out() -> None:
    """Wait for forked processes that are ending: they let go of their pipe a moment before they are gone, and are counted."""
    end = time.monotonic() + ENDING
    with suppress(ChildProcessError):
        while time.monotonic() < end:
            if not os.waitpid(-1, os.WNOHANG)[0]:
                time.sleep(0.001)


def _heedless(*_: object) -> None:
    """Leave it to the run's own process what a signal to its whole group means; programs that are started still heed it."""


def _forever(life: Callable[[], None], parent: int) -> None:
    """Live a forked process's life; it never returns into the code that it was forked in."""
    code = 1
    try:
        signal.set_wakeup_fd(-1)  # it is the run's own, which would take what comes here for a signal to itself
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, _heedless)
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() == parent:  # it did not die before that
            life()
            code = 0
    except BaseException:  # noqa: BLE001 - nothing may come back into the parent's code from here
        traceback.print_exc()
    finally:
        os._exit(code)
