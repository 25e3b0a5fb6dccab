"""An observer's own queue and thread: it takes its time there, and never the run's."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

from nornflow.abc import Observer
from nornflow.model.event import Event

QUEUE = 10_000
"""How many events may wait for one observer."""


class Feed:
    """Tells one observer of events in a thread of its own; `report` is called once per kind of trouble, with a sentence."""

    def __init__(self, observer: Observer, report: Callable[[str], None], size: int = QUEUE) -> None:
        self.missed = 0
        self._observer = observer
        self._name = getattr(observer, "name", type(observer).__name__)
        self._report = report
        self._size = size
        self._waiting: deque[Event] = deque()
        self._changed = threading.Condition()
        self._closing = False
        self._gone = False
        self._thread = threading.Thread(target=self._work, name=f"observer-{self._name}", daemon=True)
        self._thread.start()

    def offer(self, event: Event) -> None:
        """Queue an event and return at once; when the queue is full the observer misses it."""
        with self._changed:
            if self._gone or self._closing:
                return
            if len(self._waiting) < self._size:
                self._waiting.append(event)
                self._changed.notify()
                return
            self.missed += 1
            first = self.missed == 1
        if first:
            self._report(f"observer {self._name} cannot keep up and misses events; the record of the run has them all")

    def close(self, seconds: float) -> None:
        """Let the observer take what waits, at most for so long; what it then still has to hear, it does not."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join(seconds)
        with self._changed:
            left, self._gone = len(self._waiting) + self._thread.is_alive(), True
        if left:
            self._report(f"observer {self._name} had not heard the last {left} events when the run ended")

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._closing)
                if self._gone or not self._waiting:
                    return
                event = self._waiting.popleft()
            try:
                self._observer.observe(event)
            except Exception as error:  # noqa: BLE001 - a stranger's observer must never stop a run
                with self._changed:
                    self._gone = True
                    self._waiting.clear()
                self._report(f"observer {self._name} failed and is left out: {error!r}")
                return
