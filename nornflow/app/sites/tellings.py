"""What a process at a site has to tell of a run: durable before it goes on, and the owner writes it down."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

from nornflow.abc import EventSink, Fence, Journal
from nornflow.engine.turns import FRESH
from nornflow.errors import StoreError
from nornflow.model.event import Event
from nornflow.model.journal import Entry
from nornflow.store.site_shards import Place, SitesDesk
from nornflow.store.together import Together

EVERY = 0.25
"""Seconds after which what nobody waits for is told."""


class Tellings(EventSink, Journal):
    """Keeps entries and events in their order, those of all threads together; after a failure nothing more is kept."""

    def __init__(self, desk: SitesDesk, place: Place, every: float = EVERY) -> None:
        self._desk = desk
        self._place = place
        self._every = every
        self._waiting: list[Any] = []
        self._offered = self._kept = 0
        self._lock = threading.Lock()
        self._write_out = Together(self._written)
        self._error: StoreError | None = None
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._now_and_then, daemon=True, name="tellings")
        self._thread.start()

    def take(self, event: Event) -> None:
        """Tell an event, soon."""
        about = {"kind": event.kind.value, "message": event.message, "step": event.step, "host": event.host}
        self._offer([{"event": {**about, "data": dict(event.data)}}])
        self._demand()

    def write(self, *entries: Entry) -> None:
        """Tell entries, and everything before them; they are durable when this returns."""
        self._flush(self._offer([_entry(each) for each in entries]))
        self._demand()

    def note(self, *entries: Entry) -> None:
        """Tell entries with what is told next."""
        self._offer([_entry(each) for each in entries])
        self._demand()

    def lose(self, error: StoreError) -> None:
        """Keep nothing more: what is cut off from now on is no outcome, whoever follows this process finds out what is."""
        self._error = error

    def close(self) -> None:
        """Tell what waits."""
        self._over.set()
        self._thread.join()
        self._flush(self._offered)

    def _offer(self, bodies: Sequence[Any]) -> int:
        with self._lock:
            self._waiting += bodies
            self._offered += len(bodies)
            return self._offered

    def _flush(self, ticket: int) -> None:
        if self._kept < ticket and self._error is None:
            self._write_out(ticket)

    def _written(self, tickets: Sequence[int]) -> None:
        with self._lock:
            bodies, self._waiting = self._waiting, []
        if self._error is not None or not bodies:
            return
        try:
            self._desk.tell(self._place, self._kept + 1, bodies)
        except StoreError as error:
            self._error = error
            return
        self._kept += len(bodies)

    def _now_and_then(self) -> None:
        while not self._over.wait(self._every):
            self._flush(self._offered)

    def _demand(self) -> None:
        if self._error is not None:
            raise self._error


def _entry(entry: Entry) -> dict[str, Any]:
    return {"kind": entry.kind.value, "step": entry.step, "host": entry.host, "data": dict(entry.data)}


class SiteFence(Fence):
    """Lets through what the run may write that holds the devices, as long as this process has its place in the run."""

    def __init__(self, desk: SitesDesk, place: Place, monotonic: Callable[[], float]) -> None:
        self._held: dict[str, int] = {}
        self._desk = desk
        self._place = place
        self._clock = monotonic
        self._known: dict[str, float] = {}

    @property
    def tokens(self) -> dict[str, int]:
        """Return the tokens that came with orders; they are set here."""
        return self._held

    def covers(self, device: str) -> bool:
        """Tell whether the run has locked the device."""
        return device in self._held

    def check(self, device: str) -> None:
        """Raise LockLost unless the run holds the device, or did a moment ago."""
        if self._clock() - self._known.get(device, float("-inf")) >= FRESH:
            self.begin(device)

    def begin(self, device: str) -> None:
        """Raise LockLost unless the run holds the device, and RunLost when this process is not at it any more."""
        asked = self._clock()
        self._desk.demand(self._place, device, self._held.get(device, 0))
        self._known[device] = asked
