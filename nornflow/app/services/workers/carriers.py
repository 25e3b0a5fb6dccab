"""The processes of a worker: those that are at work, and one that is ready for what comes next."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from nornflow.abc.durable import LeaveJob
from nornflow.app.services.workers.call import Call
from nornflow.app.services.workers.carrier import Carrier

SETTLED = 3.0
"""Seconds after which a run has begun its work, and the next process may be made ready: both would be slow at once."""
PAUSE = 1.0
"""Seconds before it is tried again to start a process for which there was no room."""


class Carriers:
    """Starts processes by `start`; one more than are at work, which has loaded what runs need before there is one for it.

    `tell` says, once, that the machine has no room for another one: that fails no run. Thread-safe.
    """

    def __init__(
        self,
        start: Callable[[], Carrier],
        call: Call,
        tell: Callable[[str], object],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._start, self._call, self._tell, self._monotonic = start, call, tell, monotonic
        self._at_work: set[Carrier] = set()
        self._spare: Carrier | None = None
        self._taken = float("-inf")
        self._lock = threading.Lock()

    @contextmanager
    def one(self) -> Iterator[Carrier]:
        """Have a process as long as the `with` lasts, however long there is no room for it; LeaveJob when that is to be left."""
        carrier = self._surely()
        self._taken = self._monotonic()
        with self._lock:
            self._at_work.add(carrier)
        try:
            yield carrier
        finally:
            carrier.kill()
            with self._lock:
                self._at_work.remove(carrier)
            self.make_spare()

    def another(self) -> Carrier:
        """Return a process for a moment; the next one is started at once, for what it will leave to workers. OSError."""
        found = self._started()
        self.make_spare()
        return found

    def make_spare(self) -> None:
        """Have a process ready."""
        with self._lock:
            if self._spare is None and not self._call.drain.is_set():
                try:
                    self._spare = self._start()
                except OSError as error:  # who needs one waits for it
                    self._tell_no_room(error)

    def keep_spare(self) -> None:
        """Have a process ready again, beside those at work: the runs of a worker that dies are to go on soon."""
        if self._monotonic() - self._taken >= SETTLED:
            self.make_spare()

    def leave(self) -> None:
        """Have all that are at work leave their runs between two batches."""
        with self._lock:
            for carrier in self._at_work:
                carrier.leave()

    def kill(self) -> None:
        """End all that are there."""
        with self._lock:
            left = [*self._at_work, *((self._spare,) if self._spare else ())]
            self._spare = None
        for carrier in left:
            carrier.kill()

    def _started(self) -> Carrier:
        with self._lock:
            spare, self._spare = self._spare, None
        return spare if spare is not None and spare.alive else self._start()

    def _surely(self) -> Carrier:
        while True:
            try:
                return self._started()
            except OSError as error:
                self._tell_no_room(error)
                if self._call.hurry.wait(PAUSE):
                    raise LeaveJob from None

    def _tell_no_room(self, error: OSError) -> None:
        self._tell(f"no process could be started: {error.strerror or error}; it is tried again")
