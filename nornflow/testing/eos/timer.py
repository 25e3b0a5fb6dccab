"""The clock and the timers of simulated devices: real ones, and ones that a test turns by hand."""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections.abc import Callable
from typing import Protocol

Cancel = Callable[[], None]


class Timer(Protocol):
    """Tells the time and calls back later."""

    def now(self) -> float:
        """Return the time in seconds since the epoch."""

    def later(self, seconds: float, callback: Callable[[], None]) -> Cancel:
        """Call back after so many seconds, unless the returned function is called before."""


class WallTimer:
    """The real time."""

    def now(self) -> float:
        """Return the time in seconds since the epoch."""
        return time.time()

    def later(self, seconds: float, callback: Callable[[], None]) -> Cancel:
        """Call back from a thread after so many seconds."""
        timer = threading.Timer(seconds, callback)
        timer.daemon = True
        timer.start()
        return timer.cancel


class ManualTimer:
    """A time that stands still until a test moves it."""

    def __init__(self, start: float = 1_700_000_000.0) -> None:
        self._now = start
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._cancelled: set[int] = set()
        self._numbers = itertools.count()
        self._lock = threading.Lock()

    def now(self) -> float:
        """Return the time that the test has set."""
        return self._now

    def later(self, seconds: float, callback: Callable[[], None]) -> Cancel:
        """Call back when the test has moved the time so far."""
        with self._lock:
            number = next(self._numbers)
            heapq.heappush(self._due, (self._now + seconds, number, callback))
        return lambda: self._cancelled.add(number)

    def advance(self, seconds: float) -> None:
        """Move the time and call back what is due, in order."""
        until = self._now + seconds
        while self._due and self._due[0][0] <= until:
            self._now, number, callback = heapq.heappop(self._due)
            if number not in self._cancelled:
                callback()
        self._now = until
