"""Telling observers what happens: in order, one at a time, masked, and never at the cost of the run."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from nornflow.abc import Observer
from nornflow.model.event import Event, EventKind
from nornflow.redaction import Redactor

SECURITY_EVENTS = frozenset(
    (EventKind.ACCESS_DENIED, EventKind.INJECTION_BLOCKED, EventKind.RESOURCE_EXCEEDED, EventKind.POLICY_VIOLATION)
)


class Emitter:
    """Sends events of one run to every observer; an observer that raises is told of once and then left out."""

    def __init__(
        self, run: str, observers: Sequence[Observer], clock: Callable[[], datetime], redactor: Redactor | None = None
    ) -> None:
        self._run = run
        self._observers = list(observers)
        self._clock = clock
        self._redactor = redactor or Redactor()
        self._lock = threading.RLock()
        self.security_events: list[Mapping[str, Any]] = []

    def emit(self, kind: EventKind, message: str = "", *, step: str = "", host: str = "", **data: Any) -> None:
        """Tell every observer; secrets are masked here, whatever the caller passed."""
        mask = self._redactor
        with self._lock:
            event = Event(kind, self._clock(), self._run, step, host, mask.text(message), mask.value(data))
            if kind in SECURITY_EVENTS:
                self.security_events.append(
                    {
                        "kind": kind.value,
                        "step": step,
                        "host": host,
                        "message": event.message,
                        "time": event.time.isoformat(),
                    }
                )
            broken: list[tuple[Observer, Exception]] = []
            for observer in self._observers:
                try:
                    observer.observe(event)
                except Exception as error:  # noqa: BLE001 - a stranger's observer must never stop a run
                    broken.append((observer, error))
            for observer, failure in broken:
                self._observers.remove(observer)
                self.emit(
                    EventKind.OBSERVER_FAILED,
                    f"observer {getattr(observer, 'name', type(observer).__name__)} failed and is left out: {failure!r}",
                )
