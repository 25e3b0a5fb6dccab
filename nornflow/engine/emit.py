"""Telling what happens: masked, numbered by order, to the record first and then to observers, who never cost the run."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from nornflow.abc import EventSink, Observer
from nornflow.engine.feed import Feed
from nornflow.errors import StoreError
from nornflow.model.event import Event, EventKind
from nornflow.redaction import Redactor

SECURITY_EVENTS = frozenset(
    (EventKind.ACCESS_DENIED, EventKind.INJECTION_BLOCKED, EventKind.RESOURCE_EXCEEDED, EventKind.POLICY_VIOLATION)
)
PATIENCE = 5.0
"""Seconds that observers get after the end of a run, all together, to hear what waits for them."""


class Emitter:
    """Sends events of one run to its record and to every observer.

    `observers` are called in place: they are ours, and quick. `strangers` have a queue and a thread each. An observer that
    raises is told of once and then left out. When the sink cannot keep an event, `failure` says why and `lost` is called
    once: without a record nothing more may be done.
    """

    def __init__(
        self,
        run: str,
        observers: Sequence[Observer],
        clock: Callable[[], datetime],
        redactor: Redactor | None = None,
        *,
        strangers: Sequence[Observer] = (),
        sink: EventSink | None = None,
        lost: Callable[[], None] = lambda: None,
    ) -> None:
        self._run = run
        self._observers = list(observers)
        self._clock = clock
        self._redactor = redactor or Redactor()
        self._sink = sink
        self._lost = lost
        self._lock = threading.RLock()
        self._feeds = [Feed(observer, self._trouble) for observer in strangers]
        self.security_events: list[Mapping[str, Any]] = []
        self.failure: StoreError | None = None

    def emit(self, kind: EventKind, message: str = "", *, step: str = "", host: str = "", **data: Any) -> None:
        """Tell the record and every observer; secrets are masked here, whatever the caller passed."""
        message, data = self._redactor.text(message), self._redactor.value(data)  # while others may still tell
        with self._lock:
            event = Event(kind, self._clock(), self._run, step, host, message, data)
            self.recall(event)
            self._keep(event)
            for feed in self._feeds:
                feed.offer(event)
            broken: list[tuple[Observer, Exception]] = []
            for observer in self._observers:
                try:
                    observer.observe(event)
                except Exception as error:  # noqa: BLE001 - an observer must never stop a run
                    broken.append((observer, error))
            for observer, failure in broken:
                self._observers.remove(observer)
                name = getattr(observer, "name", type(observer).__name__)
                self._trouble(f"observer {name} failed and is left out: {failure!r}")

    def recall(self, event: Event) -> None:
        """Put an event on the run's list of security events, if it is one; also one of a process before this one."""
        if event.kind in SECURITY_EVENTS:
            self.security_events.append(
                {
                    "kind": event.kind.value,
                    "step": event.step,
                    "host": event.host,
                    "message": event.message,
                    "time": event.time.isoformat(),
                }
            )

    def close(self, patience: float = PATIENCE, clock: Callable[[], float] = time.monotonic) -> None:
        """End the observers' threads; one that is stuck is left behind and told of."""
        end = clock() + patience
        with self._lock:
            feeds, self._feeds = self._feeds, []
        for feed in feeds:
            feed.close(max(0.0, end - clock()))

    def lose(self, error: StoreError) -> None:
        """Take note that what happens cannot be kept any more, and why: nothing more may be done."""
        with self._lock:
            if self.failure is not None:
                return
            self.failure = error
        self._lost()

    def _keep(self, event: Event) -> None:
        if self._sink is None or self.failure is not None:
            return
        try:
            self._sink.take(event)
        except StoreError as error:
            self.lose(error)

    def _trouble(self, text: str) -> None:
        self.emit(EventKind.OBSERVER_FAILED, text)
