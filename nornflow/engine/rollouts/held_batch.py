"""A batch between its arming and its confirmation: a switch that ends its work when its time is over."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import datetime

from nornflow.abc import Cancellation
from nornflow.engine.tools import Tools


class HeldBatch(Cancellation):
    """The run's switch as the work on one batch knows it: it ends, too, when the batch was not confirmed in time.

    `why` says why the batch cannot be confirmed any more; empty as long as it can. The time is measured from `start` on
    by a timer that no change of the clock prolongs.
    """

    def __init__(self, number: int, hosts: Sequence[str], tools: Tools) -> None:
        self.number = number
        self.hosts = tuple(hosts)
        self.why = ""
        self.resumed = False
        """Whether a process before this one had armed it."""
        self._tools = tools
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._on_over: list[Callable[[], None]] = []
        self._timer: threading.Timer | None = None
        self._deadline: datetime | None = None

    def start(self, deadline: datetime, longest: float) -> None:
        """Let the time run: until `deadline` (UTC), and `longest` seconds at most."""
        left = min(max(0.0, (deadline - self._tools.clock()).total_seconds()), longest)
        self._deadline = deadline
        self._timer = threading.Timer(left, self._expire)
        self._timer.daemon = True
        self._timer.start()

    def stop(self) -> None:
        """Let the time run no more."""
        if self._timer is not None:
            self._timer.cancel()

    @property
    def expired(self) -> bool:
        """Tell whether the time is over."""
        return self._over.is_set() or (self._deadline is not None and self._tools.clock() >= self._deadline)

    @property
    def stopping(self) -> bool:
        """True once nothing new shall be begun on the batch."""
        return self._tools.switch.stopping or self._over.is_set()

    @property
    def aborted(self) -> bool:
        """True once work in progress shall end."""
        return self._tools.switch.aborted or self._over.is_set()

    def on_abort(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call back once when the run is aborted or the time is over; as the run's switch does."""
        once = threading.Lock()

        def call() -> None:
            if once.acquire(blocking=False):
                callback()

        forget = self._tools.switch.on_abort(call)
        with self._lock:
            over = self._over.is_set()
            if not over:
                self._on_over.append(call)
        if over:
            call()

        def forget_both() -> None:
            forget()
            with self._lock:
                if call in self._on_over:
                    self._on_over.remove(call)

        return forget_both

    def sleep(self, seconds: float) -> bool:
        """Wait between two attempts; True when cut short: the run was stopped, or the batch has no time for it."""
        left = self._left(seconds)
        return self._tools.sleep(min(seconds, left)) or self.stopping or left < seconds

    def soak(self, seconds: float) -> bool:
        """Wait before the batch is judged; True when cut short, as `sleep`."""
        left = self._left(seconds)
        return self._tools.soak(min(seconds, left)) or self.stopping or left < seconds

    def _left(self, otherwise: float) -> float:
        if self._deadline is None:
            return otherwise
        return max(0.0, (self._deadline - self._tools.clock()).total_seconds())

    def _expire(self) -> None:
        with self._lock:
            self._over.set()
            callbacks, self._on_over = self._on_over, []
        for callback in callbacks:
            callback()
