"""A process that does one errand, as the worker that started it holds it: by a line that both ends know to be cut."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from nornflow.app.services.workers.carrying import Carried
from nornflow.record import record

_LEAVE = "leave"
_ERRAND = "errand "


@record
class Errand:
    """What a process is to do: carry a run on, its part at one `site`, or leave it to workers as an `entry` of a `pipeline`."""

    run: str
    site: str = ""
    pipeline: str = ""
    entry: str = ""


class Carrier:
    """A process for one run, which it is told with `take`: until then it has time to load what runs need.

    When the worker dies the line is cut, and the process ends at once.
    """

    def __init__(self, folder: Path, options: Sequence[str] = ()) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            words = [sys.executable, "-m", "nornflow", "runs", "carry", "--line", str(theirs.fileno()), *options]
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
    def alive(self) -> bool:
        """Tell whether the process is there."""
        return self._process.poll() is None

    @property
    def carried(self) -> Carried | None:
        """What the process said at its end; None when it died before."""
        with suppress(ValueError, KeyError, TypeError):
            return Carried.read(self._said.decode())
        return None

    def take(self, errand: Errand) -> None:
        """Have the process do this."""
        self._tell(f"{_ERRAND}{json.dumps(asdict(errand))}")

    def leave(self) -> None:
        """Have the process leave its run between two batches, if it comes to that before the end."""
        self._tell(_LEAVE)

    def ended(self, seconds: float) -> bool:
        """Wait so long for its end, and tell whether it has come."""
        try:
            self._line.settimeout(seconds)
            part = self._line.recv(65536)
        except TimeoutError:
            if self.alive:
                return False
            part = b""  # what it forked may hold its end for a moment longer
        except OSError:  # it was killed, and the line closed
            part = b""
        self._said += part
        if part:
            return False
        self._process.wait()
        return True

    def kill(self) -> None:
        """End the process now, whatever it is at: what it left open is settled by whoever goes on with the run."""
        if self.alive:
            self._process.kill()
            self._process.wait()
        self._line.close()

    def _tell(self, word: str) -> None:
        with suppress(OSError):  # it has ended
            self._line.sendall(f"{word}\n".encode())


class Line:
    """The other end, in the process that was started: the process ends when the worker is gone.

    `leave` is called when the run is to be left.
    """

    def __init__(self, number: int, leave: Callable[[], None]) -> None:
        self._socket = socket.socket(fileno=number)
        self._leave = leave
        self._told = threading.Event()
        self._errand = Errand("")
        # a whole group may be asked to end: the worker says what that means
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        threading.Thread(target=self._listen, daemon=True, name="line").start()

    def errand(self) -> Errand:
        """Wait for what is to be done, and return it."""
        self._told.wait()
        return self._errand

    def say(self, text: str) -> None:
        """Tell the worker."""
        self._socket.sendall(text.encode())

    def _listen(self) -> None:
        with suppress(OSError), self._socket.makefile("r", encoding="utf-8") as lines:
            for line in lines:
                word = line.rstrip("\n")
                if word == _LEAVE:
                    self._leave()
                elif word.startswith(_ERRAND):
                    self._errand = Errand(**json.loads(word.removeprefix(_ERRAND)))
                    self._told.set()
        os.kill(os.getpid(), signal.SIGKILL)
