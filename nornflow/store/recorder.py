"""Keeps the events and the journal of one run in the store: in batches, in order, and for good where the run is to act."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime

from nornflow.abc import EventSink, Journal, RunStore
from nornflow.errors import StoreError
from nornflow.model.event import Event, EventKind
from nornflow.model.history import NewRun
from nornflow.model.journal import Entry, Standing
from nornflow.model.run import RUN_MOVES, RunRecord, RunState
from nornflow.store.together import Together

EVERY = 0.25
"""Seconds after which an event is in the store, and so seen by `runs logs --follow`."""
MOST = 5_000
"""How many events may wait to be written; who brings more waits."""
BARRIERS = frozenset((EventKind.RUN_STATE, EventKind.STEP_STARTED, EventKind.BATCH_STARTED))
"""Kinds of events at which everything so far is written before the run goes on."""


class RunRecorder(EventSink, Journal):
    """Writes one run's events and journal from a thread of its own, and the run's moves at once.

    Whoever needs something to be durable writes all that waits, for everybody: fifty devices that journal at once cost a
    few commits. The move to a final state is not made from its event but by `finish`, together with the results: nobody
    sees a run that has ended without them. With `standing` the run is carried on from there, as its owner `fence`.
    """

    def __init__(
        self, store: RunStore, run: str, every: float = EVERY, *, standing: Standing | None = None, fence: int = 1
    ) -> None:
        self._store = store
        self._run = run
        self._every = every
        self._fence = fence
        self._state = standing.state if standing else RunState.PENDING
        self._next = standing.events + 1 if standing else 1
        self._next_entry = standing.entries + 1 if standing else 1
        self._events: list[Event] = []
        self._entries: list[Entry] = []
        self._offered = self._kept = 0
        self._changed = threading.Condition()
        self._write_out = Together(self._written)  # one at a time: the order of the queues is that of the stream
        self._error: StoreError | None = None
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._work, name="recorder", daemon=True)
        self._thread.start()

    def begin(self, run: NewRun) -> None:
        """Remember the run itself; StoreError when the store does not take it."""
        self._store.begin(run)

    def take(self, event: Event) -> None:
        """Keep one event; at a barrier it is in the store when this returns."""
        ticket = self._offer([event], ())
        if event.kind in BARRIERS or ticket - self._kept >= MOST:
            self._flush(ticket)
        if event.kind is EventKind.RUN_STATE:
            self._move(RunState(event.data["state"]), event.time)
        self._demand()

    def write(self, *entries: Entry) -> None:
        """Keep entries, and everything before them; they are in the store when this returns."""
        self._flush(self._offer((), entries))
        self._demand()

    def note(self, *entries: Entry) -> None:
        """Keep entries with what is written next."""
        ticket = self._offer((), entries)
        if ticket - self._kept >= MOST:
            self._flush(ticket)
        self._demand()

    def lose(self, error: StoreError) -> None:
        """Keep nothing more: what is cut off from now on is no outcome, whoever goes on with the run finds out what is."""
        self._error = error

    def finish(self, record: RunRecord) -> None:
        """Write what waits, then the end of the run with its results; StoreError when the store did not take all."""
        self._end()
        self._store.finish(record, self._state, fence=self._fence)
        self._demand()

    def rest(self, record: RunRecord) -> None:
        """Write what waits, then what a run that waits has done so far, unless another process goes on with it already."""
        self._end()
        with suppress(StoreError):  # the journal has all that is needed: this is for people
            self._store.rest(record, fence=self._fence)

    def leave(self) -> None:
        """Write what waits, if that may still be, and leave the run as it is: another process goes on with it."""
        self._end()

    def give_up(self, at: datetime, error: str, *, open: bool = False) -> None:
        """End a run that has no record, because the program failed; one that is still `open` on devices is left to resume."""
        self._end()
        if open:
            return
        failed = RunState.FAILED in RUN_MOVES[self._state]
        end = RunState.FAILED if failed else RunState.CANCELLED
        self._store.move(self._run, self._state, end, at, error, fence=self._fence)

    def _demand(self) -> None:
        if self._error is not None:
            raise self._error

    def _offer(self, events: Sequence[Event], entries: Sequence[Entry]) -> int:
        with self._changed:
            if not (self._events or self._entries):
                self._changed.notify()  # once for all that it will find: to be woken for each would cost more than to write it
            self._events += events
            self._entries += entries
            self._offered += len(events) + len(entries)
            return self._offered

    def _move(self, new: RunState, at: datetime) -> None:
        if new in RUN_MOVES and new is not self._state and self._error is None:
            try:
                self._store.move(self._run, self._state, new, at, fence=self._fence)
            except StoreError as error:
                self._error = error
                return
            self._state = new

    def _end(self) -> None:
        with self._changed:
            self._closing.set()
            self._changed.notify()
        self._thread.join()
        self._flush(self._offered)

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._events or self._entries or self._closing.is_set())
            self._closing.wait(self._every)  # more may come meanwhile
            if self._closing.is_set() or self._error is not None:
                return
            self._flush(self._offered)

    def _flush(self, ticket: int) -> None:
        """Have all that waits written, unless it has been written up to the ticket meanwhile."""
        if self._kept < ticket and self._error is None:
            self._write_out(ticket)

    def _written(self, tickets: Sequence[int]) -> None:
        with self._changed:
            events, self._events = self._events, []
            entries, self._entries = self._entries, []
        if self._error is not None or not (events or entries):
            return
        try:
            self._store.append(
                self._run, self._next, events, fence=self._fence, entry=self._next_entry, entries=entries
            )
        except StoreError as error:
            self._error = error
            return
        self._next += len(events)
        self._next_entry += len(entries)
        self._kept += len(events) + len(entries)
