"""Ending a run early: after the batch, after the devices at work, or now; and at the run's deadline in any case."""

from __future__ import annotations

import threading
from collections.abc import Callable

from nornflow.abc import Cancellation
from nornflow.model.wish import Level, Wish


class StopSwitch(Cancellation):
    """A cancellation in three levels that only go up: `finish_batch`, `stop` (finish what is at work), `abort` (end it).

    `heed` does what a person wishes; at the level `NOW` the run also takes back everything that it changed (`undoing`).
    `reason` is `cancelled`, `timeout` or `store`, whichever came first. None of them ends a rollback: that has a switch of
    its own. Thread-safe; callbacks are called in the caller's thread.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._heeding = threading.Lock()  # two wishes at once are told of in the order in which they rose
        self._finish = threading.Event()
        self._stop = threading.Event()
        self._abort = threading.Event()
        self._on_abort: dict[int, Callable[[], None]] = {}
        self._on_end: dict[int, Callable[[], None]] = {}
        self._on_wish: dict[int, Callable[[Wish], None]] = {}
        self._next = 0
        self._rollbacks: StopSwitch | None = None
        self._leave = threading.Event()
        self.reason = ""
        self.in_batches = False
        """Whether the run is past all that stands before its first batch: until then there is no batch to finish."""
        self.wish: Wish | None = None
        """What was wished for, the highest level of it."""

    @property
    def finishing(self) -> bool:
        """True once no further batch shall begin: whatever waits between batches, or before the first, waits no more."""
        return self._finish.is_set()

    @property
    def leaving(self) -> bool:
        """True once the run is to be left between two batches, as it is: it does not end, another process goes on with it."""
        return self._leave.is_set()

    @property
    def stopping(self) -> bool:
        """True once no new device or step shall be started."""
        return self._stop.is_set()

    @property
    def aborted(self) -> bool:
        """True once work in progress shall end."""
        return self._abort.is_set()

    @property
    def undoing(self) -> bool:
        """True once everything that the run changed shall be taken back, whatever its `on_failure` says."""
        return self.wish is not None and self.wish.level is Level.NOW

    @property
    def rollbacks(self) -> StopSwitch:
        """The switch of the run's rollbacks: a stopped run takes back what it did until this one is aborted too."""
        with self._lock:
            if self._rollbacks is None:
                self._rollbacks = StopSwitch()
            return self._rollbacks

    def leave(self) -> None:
        """Have the run left at the end of the batch at work, unless that is the last one."""
        self._leave.set()

    def finish_batch(self, reason: str = "cancelled") -> None:
        """Begin no further batch; the one at work goes on to its end, with its retries and checks."""
        with self._lock:
            self.reason = self.reason or reason
            self._finish.set()
            callbacks = list(self._on_end.values())
            self._on_end.clear()
        for callback in callbacks:
            callback()

    def stop(self, reason: str = "cancelled") -> None:
        """Start nothing new; what is at work goes on to its end."""
        with self._lock:
            self.reason = self.reason or reason  # before anybody wakes up and asks for it
        self._stop.set()
        self.finish_batch(reason)

    def abort(self, reason: str = "cancelled") -> None:
        """End what is at work now."""
        self.stop(reason)
        with self._lock:
            self._abort.set()
            callbacks = list(self._on_abort.values())
            self._on_abort.clear()
        for callback in callbacks:
            callback()

    def heed(self, wish: Wish) -> bool:
        """Do what is wished for; False when somebody has wished for as much, or more, already."""
        with self._heeding:
            if self.wish is not None and self.wish.level.height >= wish.level.height:
                return False
            with self._lock:
                self.wish = wish
                callbacks = list(self._on_wish.values())
            for callback in callbacks:
                callback(wish)
            match wish.level:
                case Level.NOW:
                    self.abort()
                case Level.AFTER_BATCH if self.in_batches:
                    self.finish_batch()
                case _:
                    self.stop()
            return True

    def on_abort(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call back once on abort (at once if it already happened); returns a function that takes the callback off."""
        return self._when(self._abort, self._on_abort, callback)

    def on_end(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call back once when the run shall end, at whatever level (at once if so already); as `on_abort`."""
        return self._when(self._finish, self._on_end, callback)

    def on_wish(self, callback: Callable[[Wish], None]) -> Callable[[], None]:
        """Call back with each wish that goes beyond the ones before it, and with the one that was there already.

        What is called may not wait for anything: the wish takes effect behind it.
        """
        with self._heeding:
            with self._lock:
                key = self._key()
                self._on_wish[key] = callback
            if self.wish is not None:
                callback(self.wish)
        return lambda: self._forget(self._on_wish, key)

    def _when(
        self, event: threading.Event, callbacks: dict[int, Callable[[], None]], callback: Callable[[], None]
    ) -> Callable[[], None]:
        with self._lock:
            if not event.is_set():
                key = self._key()
                callbacks[key] = callback
                return lambda: self._forget(callbacks, key)
        callback()
        return lambda: None

    def _key(self) -> int:
        self._next += 1
        return self._next

    def _forget(self, callbacks: dict[int, Callable[..., None]], key: int) -> None:
        with self._lock:
            callbacks.pop(key, None)

    def wait(self, seconds: float) -> bool:
        """Wait that long, or until `stop`; True when stopped. For waits within a batch, such as those between retries."""
        return self._stop.wait(seconds)

    def rest(self, seconds: float) -> bool:
        """Wait that long, or until the run shall end at whatever level; True when it shall. For waits outside a batch."""
        return self._finish.wait(seconds)
