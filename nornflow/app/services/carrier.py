"""A process that carries one run on, as the worker that started it holds it: by a line that both ends know to be cut."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from nornflow.app.services.carrying import Carried

LEAVE = b"L"


class Carrier:
    """A process that was started for one run. When the worker dies the line is cut, and the process ends at once."""

    def __init__(self, run: str, folder: Path, options: Sequence[str] = (), *, site: str = "") -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            part = ("--site", site) if site else ()
            words = [
                sys.executable,
                "-m",
                "nornflow",
                "runs",
                "carry",
                run,
                "--line",
                str(theirs.fileno()),
                *part,
                *options,
            ]
            # a session of its own: a Ctrl-C in the worker's terminal is for the worker
            self._process = subprocess.Popen(
                words,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=sys.__stderr__,
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
            )
        self._line = ours
        self._said = b""

    @property
    def carried(self) -> Carried | None:
        """What the process said at its end; None when it died before."""
        with suppress(ValueError, KeyError, TypeError):
            return Carried.read(self._said.decode())
        return None

    def ended(self, seconds: float) -> bool:
        """Wait so long for its end, and tell whether it has come."""
        self._line.settimeout(seconds)
        try:
            part = self._line.recv(65536)
        except TimeoutError:
            if self._process.poll() is None:
                return False
            part = b""  # what it forked may hold its end for a moment longer
        except OSError:
            part = b""
        self._said += part
        if part:
            return False
        self._process.wait()
        return True

    def leave(self) -> None:
        """Have the process leave its run between two batches, if it comes to that before the end."""
        with suppress(OSError):  # it has ended
            self._line.send(LEAVE)

    def kill(self) -> None:
        """End the process now, whatever it is at: what it left open is settled by whoever goes on with the run."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self._line.close()


def hold_line(number: int, leave: Callable[[], None]) -> socket.socket:
    """Hold the other end in the process that was started: it ends when the worker is gone; `leave` is called when told so."""
    line = socket.socket(fileno=number)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # a whole group may be asked to end: the worker says what that means
    signal.signal(signal.SIGHUP, signal.SIG_IGN)

    def listen() -> None:
        with suppress(OSError):
            while line.recv(1) == LEAVE:
                leave()
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=listen, daemon=True, name="line").start()
    return line
