"""Stopping a run: first after the devices at work, then now, and at the run's deadline in any case."""

from __future__ import annotations

import threading
from collections.abc import Callable

from nornflow.abc import Cancellation


class StopSwitch(Cancellation):
    """A cancellation that is switched on by `stop` (finish what is at work) and `abort` (end it); thread-safe.

    `reason` is `cancelled` or `timeout`, whichever came first. Neither ends a rollback: that has a switch of its own.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._abort = threading.Event()
        self._callbacks: dict[int, Callable[[], None]] = {}
        self._next = 0
        self._rollbacks: StopSwitch | None = None
        self.reason = ""

    @property
    def stopping(self) -> bool:
        """True once no new device or step shall be started."""
        return self._stop.is_set()

    @property
    def aborted(self) -> bool:
        """True once work in progress shall end."""
        return self._abort.is_set()

    @property
    def rollbacks(self) -> StopSwitch:
        """The switch of the run's rollbacks: a stopped run takes back what it did until this one is aborted too."""
        with self._lock:
            if self._rollbacks is None:
                self._rollbacks = StopSwitch()
            return self._rollbacks

    def stop(self, reason: str = "cancelled") -> None:
        """Start nothing new; what is at work goes on to its end."""
        with self._lock:
            self.reason = self.reason or reason
        self._stop.set()

    def abort(self, reason: str = "cancelled") -> None:
        """End what is at work now; callbacks are called once, in the caller's thread."""
        self.stop(reason)
        with self._lock:
            callbacks, self._callbacks = list(self._callbacks.values()), {}
            self._abort.set()
        for callback in callbacks:
            callback()

    def on_abort(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call back once on abort (at once if it already happened); returns a function that takes the callback off."""
        with self._lock:
            if not self._abort.is_set():
                key = self._next
                self._next += 1
                self._callbacks[key] = callback
                return lambda: self._forget(key)
        callback()
        return lambda: None

    def _forget(self, key: int) -> None:
        with self._lock:
            self._callbacks.pop(key, None)

    def wait(self, seconds: float) -> bool:
        """Wait that long, or until `stop`; True when stopped. The default `sleep` of the engine."""
        return self._stop.wait(seconds)
