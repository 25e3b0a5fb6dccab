"""Telling observers of what is written down about runs and pipelines by a process that carries none of them out."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from nornflow.abc import Observer
from nornflow.engine.emit import PATIENCE
from nornflow.engine.feed import Feed
from nornflow.model.event import Event, EventKind
from nornflow.redaction import Redactor


class Herald:
    """Tells every observer, each in a thread of its own, of events of any run.

    What is told is in the store already: an observer that fails is left out, and `report` is told why.
    """

    def __init__(self, observers: Sequence[Observer], redactor: Redactor, report: Callable[[str], None]) -> None:
        self._redactor = redactor
        self._feeds = [Feed(observer, report) for observer in observers]

    def tell(self, event: Event) -> None:
        """Tell observers of an event, and return at once."""
        message, data = self._redactor.text(event.message), self._redactor.value(event.data)
        for feed in self._feeds:
            feed.offer(replace(event, message=message, data=data))

    def emitter(self, run: str, clock: Callable[[], datetime]) -> Callable[..., None]:
        """Return what tells of something that happens now to one run or pipeline: its kind, words about it, and details."""

        def emit(kind: EventKind, message: str = "", **data: Any) -> None:
            self.tell(Event(kind, clock(), run, message=message, data=data))

        return emit

    def close(self, patience: float = PATIENCE, clock: Callable[[], float] = time.monotonic) -> None:
        """Let observers hear what waits for them, all together at most for so many seconds."""
        end = clock() + patience
        for feed in self._feeds:
            feed.close(max(0.0, end - clock()))
