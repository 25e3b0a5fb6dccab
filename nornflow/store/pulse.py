"""The pulse of a process at work: says every second that it lives, and looks, more often, at what others want of it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import TracebackType

from nornflow.errors import StoreError
from nornflow.store.workers import Workers

EVERY = 1.0
"""Seconds between two beats."""
LOOK = 0.4
"""Seconds between two looks at what others want."""


class Pulse:
    """Beats for one worker from a thread of its own, from entering it until leaving it.

    `lost` is called once, in that thread, when others have taken this process for dead: all that it held is somebody
    else's then. While the store cannot be reached the pulse goes on trying; `trouble` says what is wrong.
    """

    def __init__(
        self,
        workers: Workers,
        *,
        lost: Callable[[], None],
        every: float = EVERY,
        look: float = LOOK,
        wait: Callable[[float], bool] | None = None,
    ) -> None:
        self._workers = workers
        self._lost = lost
        self._every = every
        self._look = look
        self._over = threading.Event()
        self._wait = wait or self._over.wait
        self._watches: list[Callable[[], None]] = []
        self._thread = threading.Thread(target=self._work, name="pulse", daemon=True)
        self.trouble: StoreError | None = None

    def watch(self, look: Callable[[], None]) -> None:
        """Call this at every look from now on; it may raise StoreError, which counts as the store being away."""
        self._watches = [*self._watches, look]

    def __enter__(self) -> Pulse:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def _work(self) -> None:
        since = 0.0
        while not self._wait(self._look) and not self._over.is_set():
            since += self._look
            try:
                if since >= self._every - self._look / 2:
                    since = 0.0
                    if not self._workers.beat():
                        self._lost()
                        return
                for look in self._watches:
                    look()
                self.trouble = None
            except StoreError as error:
                self.trouble = error
