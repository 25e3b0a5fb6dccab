"""Runs one program under limits and leaves none of its descendants behind; started as a script of its own.

It is a separate, single-threaded process because limits belong on the child alone, and because code between fork and exec
is unsafe in a program with threads. Fd 0 is the control pipe: first a line of JSON with the order, then `cancel` or `kill`
lines; its end means that whoever ordered is gone. Fd 1 and 2 are the program's. The fd named by argv[1] takes the answer
as lines of JSON: `{"started": pid}`, then `{"ended": code, "why": word, "cpu": seconds, "peak_mb": MiB}`, or `{"error": text}`.

It is two processes: one that supervises, and one behind it that inherits what is left when a program kills the first.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import select
import signal
import sys
import time
from collections.abc import Callable
from typing import Any

_TICK = 0.05  # seconds between two looks at what the descendants use
_PAGE = resource.getpagesize()
_SET_CHILD_SUBREAPER, _SET_PDEATHSIG, _SET_NO_NEW_PRIVS = 36, 1, 38


def main(status: int) -> None:
    """Take the order from the control pipe, carry it out and report."""
    prctl = _prctl()
    prctl(_SET_CHILD_SUBREAPER, 1)
    supervisor = os.fork()
    if supervisor:
        _stand_behind(supervisor, status)
        return
    os.set_inheritable(status, False)
    with open(0, "rb", buffering=0, closefd=False) as control:
        order = json.loads(control.readline())
    prctl(_SET_CHILD_SUBREAPER, 1)
    wake_reader, wake_writer = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK) if hasattr(os, "pipe2") else os.pipe()
    os.set_blocking(wake_writer, False)
    signal.set_wakeup_fd(wake_writer, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda number, frame: None)
    child, error = _start(order, prctl)
    os.close(1)
    os.close(2)
    if error:
        _tell(status, {"error": error})
        return
    _tell(status, {"started": child})
    _tell(status, Watch(child, order).until_over(wake_reader))


def _stand_behind(supervisor: int, status: int) -> None:
    """Wait for the supervisor's end and kill what it left behind: orphans that nobody supervises any more come here."""
    for each in (0, 1, 2, status):  # whoever waits for the end of these must not wait for this process
        os.close(each)
    with contextlib.suppress(ChildProcessError):
        while os.wait()[0] != supervisor:
            pass
    _sweep(lambda: None)


def _sweep(first: Callable[[], None]) -> None:
    """Kill every descendant until there are none, for at most five seconds; `first` is done before each look at them."""
    deadline = time.monotonic() + 5.0
    while time.monotonic() < deadline:
        first()
        family = descendants(os.getpid())
        if not family:
            return
        for pid in family:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        time.sleep(0.002)


class Watch:
    """Looks after one child until it and everything it started are gone."""

    def __init__(self, child: int, order: dict[str, Any]) -> None:
        self._child = child
        self._order = order
        self._cpu = 0.0
        self._peak = 0
        self._code: int | None = None
        self._why = "exit"
        self._kill_at: float | None = None
        self._listening = [0]

    def until_over(self, wake: int) -> dict[str, Any]:
        """Wait for the end, ending it when time, limits or the control pipe say so; return the report."""
        deadline = time.monotonic() + self._order["timeout"]
        while True:
            self._reap()
            if self._code is not None:
                self._end_all()
                return {"ended": self._code, "why": self._why, "cpu": round(self._cpu, 3), "peak_mb": self._peak / 1024}
            now = time.monotonic()
            if self._kill_at is not None:
                if now >= self._kill_at:
                    self._signal_all(signal.SIGKILL)
            elif now >= deadline:
                self._end("timeout")
            else:
                self._measure()
            ready, _, _ = select.select([*self._listening, wake], [], [], min(_TICK, max(0.0, deadline - now) or _TICK))
            if wake in ready:
                with contextlib.suppress(BlockingIOError):
                    os.read(wake, 4096)
            if 0 in ready:
                self._obey(os.read(0, 4096))

    def _obey(self, words: bytes) -> None:
        if not words:
            self._listening.clear()
            self._end("orphaned", grace=0.0)
        elif b"kill" in words:
            self._end("kill", grace=0.0)
        else:
            self._end("cancel")

    def _end(self, why: str, grace: float | None = None) -> None:
        if self._why == "exit":
            self._why = why
        grace = float(self._order["grace"]) if grace is None else grace
        self._signal_all(signal.SIGTERM if grace else signal.SIGKILL)
        self._kill_at = time.monotonic() + grace

    def _measure(self) -> None:
        """Count the descendants and their memory: rlimits hold for one process, and the superuser has none on processes."""
        family = descendants(os.getpid())
        resident = 0
        for pid in family:
            with contextlib.suppress(OSError, ValueError, IndexError), open(f"/proc/{pid}/statm", "rb") as file:
                resident += int(file.read().split()[1]) * _PAGE
        self._peak = max(self._peak, resident // 1024)
        if len(family) > self._order["processes"]:
            self._end("processes", grace=0.0)
        elif resident > self._order["memory"]:
            self._end("memory", grace=0.0)

    def _reap(self) -> None:
        with contextlib.suppress(ChildProcessError):
            while True:
                pid, state, usage = os.wait4(-1, os.WNOHANG)
                if pid == 0:
                    return
                self._cpu += usage.ru_utime + usage.ru_stime
                self._peak = max(self._peak, usage.ru_maxrss // (1024 if sys.platform == "darwin" else 1))
                if pid == self._child:
                    self._code = os.waitstatus_to_exitcode(state)

    def _signal_all(self, number: int) -> None:
        """Signal the group first, which the kernel does in one go, then whoever left it for another session."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._child, number)
        for pid in descendants(os.getpid()):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, number)

    def _end_all(self) -> None:
        """Kill what the child left behind; orphans become our children, so this ends when there are none."""

        def group() -> None:
            self._signal_all(signal.SIGKILL)
            self._reap()

        _sweep(group)


def descendants(pid: int) -> list[int]:
    """Return the ids of all children, grandchildren ... of a process; empty where there is no /proc."""
    found: list[int] = []
    waiting = [pid]
    while waiting:
        current = waiting.pop()
        with contextlib.suppress(OSError):
            for task in os.listdir(f"/proc/{current}/task"):
                with contextlib.suppress(OSError), open(f"/proc/{current}/task/{task}/children", "rb") as file:
                    children = [int(word) for word in file.read().split()]
                found += children
                waiting += children
    return found


def _start(order: dict[str, Any], prctl: Callable[[int, int], None]) -> tuple[int, str]:
    """Fork and exec; return the child's id and, when exec failed, why."""
    reader, writer = os.pipe()
    os.set_inheritable(writer, False)
    child = os.fork()
    if child:
        os.close(writer)
        with os.fdopen(reader, "rb") as pipe:
            error = pipe.read().decode()
        if error:
            os.waitpid(child, 0)
        return child, error
    try:
        _become(order, prctl)
    except Exception as failure:  # noqa: BLE001 - whatever it is, the parent is told and this copy of it ends
        os.write(writer, f"{failure or type(failure).__name__}".encode())
    finally:
        os._exit(127)


def _become(order: dict[str, Any], prctl: Callable[[int, int], None]) -> None:
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGCHLD, signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    os.setsid()
    prctl(_SET_PDEATHSIG, signal.SIGKILL)
    prctl(_SET_NO_NEW_PRIVS, 1)
    os.chdir(order["cwd"])
    os.umask(0o022)
    stdin = os.open(order["stdin"], os.O_RDONLY)
    os.dup2(stdin, 0)
    os.close(stdin)
    for name, most in order["limits"].items():
        kind = getattr(resource, f"RLIMIT_{name}", None)
        if kind is not None:
            hard = resource.getrlimit(kind)[1]
            allowed = most if hard == resource.RLIM_INFINITY else min(most, hard)
            resource.setrlimit(kind, (allowed, allowed))
    os.execve(order["program"], order["argv"], order["environment"])


def _prctl() -> Callable[[int, int], None]:
    """Return Linux's prctl, or something that does nothing elsewhere."""
    if not sys.platform.startswith("linux"):
        return lambda option, value: None
    import ctypes

    function = ctypes.CDLL(None).prctl
    return lambda option, value: function(option, ctypes.c_ulong(value), 0, 0, 0) and None


def _tell(status: int, message: dict[str, Any]) -> None:
    with contextlib.suppress(BrokenPipeError):
        os.write(status, json.dumps(message).encode() + b"\n")


if __name__ == "__main__":
    main(int(sys.argv[1]))
