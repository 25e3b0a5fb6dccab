"""The pulse of a process at work: says every second that it lives, and looks, more often, at what others want of it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType

from nornflow.errors import StoreError
from nornflow.store.database import brisk
from nornflow.store.silence import EVERY
from nornflow.store.workers import Workers

LOOK = 0.4
"""Seconds between two looks at what others want, and before a beat is tried again that did not reach the store."""
HANGS = 0.5
"""The part of the silence after which a beat that hangs has failed: there is time for another one."""


class Pulse:
    """Beats for one worker from a thread of its own, from entering it until leaving it.

    `lost` is called once, in that thread, when others have taken this process for dead: all that it held is somebody
    else's then. While the store cannot be reached the pulse goes on trying. What is watched has a thread of its own too,
    from the first on: a look that hangs keeps no beat from being sent.
    """

    def __init__(self, workers: Workers, *, lost: Callable[[], None], every: float = EVERY, look: float = LOOK) -> None:
        self._workers = workers
        self._lost = lost
        self._every = every
        self._look = look
        self._over = threading.Event()
        self._watches: list[Callable[[], None]] = []
        self._beating = threading.Thread(target=self._beat, name="pulse", daemon=True)
        self._looking = threading.Thread(target=self._look_on, name="watch", daemon=True)

    def watch(self, look: Callable[[], None]) -> None:
        """Call this at every look from now on; it may raise StoreError, which counts as the store being away."""
        first = not self._watches
        self._watches = [*self._watches, look]
        if first:
            self._looking.start()

    def __enter__(self) -> Pulse:
        self._beating.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._beating.join()
        if self._watches:
            self._looking.join()

    def _beat(self) -> None:
        engine = self._workers.engine
        line = brisk(engine, HANGS * self._workers.silence)
        pause = self._every
        while not self._over.wait(pause):
            try:
                if not self._workers.beat(line):
                    self._over.set()
                    self._lost()
                    break
                pause = self._every
            except StoreError:
                pause = self._look
        if line is not engine:
            line.dispose()

    def _look_on(self) -> None:
        while not self._over.wait(self._look):
            with suppress(StoreError):
                for look in self._watches:
                    look()
