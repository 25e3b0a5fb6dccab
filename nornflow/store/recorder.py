"""Keeps the events of one run in the store: in batches, in order, and for good where the run is about to act."""

from __future__ import annotations

import threading
from datetime import datetime

from nornflow.abc import EventSink, RunStore
from nornflow.errors import StoreError
from nornflow.model.event import Event, EventKind
from nornflow.model.history import NewRun
from nornflow.model.run import RUN_MOVES, RunRecord, RunState

EVERY = 0.25
"""Seconds after which an event is in the store, and so seen by `runs logs --follow`."""
MOST = 5_000
"""How many events may wait to be written; who brings more waits."""
BARRIERS = frozenset((EventKind.RUN_STATE, EventKind.STEP_STARTED, EventKind.BATCH_STARTED))
"""Kinds of events at which everything so far is written before the run goes on."""


class RunRecorder(EventSink):
    """Writes one run's events from a thread of its own, and the run's moves at once.

    The move to a final state is not made from its event but by `finish`, together with the results: nobody sees a run
    that has ended without them.
    """

    def __init__(self, store: RunStore, run: str, every: float = EVERY) -> None:
        self._store = store
        self._run = run
        self._every = every
        self._state = RunState.PENDING
        self._next = 1
        self._waiting: list[Event] = []
        self._changed = threading.Condition()
        self._writing = threading.Lock()  # taken before events leave the queue: their order is that of the stream
        self._error: StoreError | None = None
        self._closing = False
        self._thread = threading.Thread(target=self._work, name="recorder", daemon=True)
        self._thread.start()

    def begin(self, run: NewRun) -> None:
        """Remember the run itself; StoreError when the store does not take it."""
        self._store.begin(run)

    def take(self, event: Event) -> None:
        """Keep one event; at a barrier it is in the store when this returns."""
        with self._changed:
            self._waiting.append(event)
            full = len(self._waiting) >= MOST
            self._changed.notify()
        if full or event.kind in BARRIERS:
            self._flush()
        if event.kind is EventKind.RUN_STATE:
            self._move(RunState(event.data["state"]), event.time)
        if self._error is not None:
            raise self._error

    def finish(self, record: RunRecord) -> None:
        """Write what waits, then the end of the run with its results; StoreError when the store did not take all."""
        self._end()
        self._store.finish(record, self._state)
        if self._error is not None:
            raise self._error

    def give_up(self, at: datetime, error: str) -> None:
        """End a run that has no record, because the program failed."""
        self._end()
        failed = RunState.FAILED in RUN_MOVES[self._state]
        self._store.move(self._run, self._state, RunState.FAILED if failed else RunState.CANCELLED, at, error)

    def _move(self, new: RunState, at: datetime) -> None:
        if new in RUN_MOVES and self._error is None:
            try:
                self._store.move(self._run, self._state, new, at)
            except StoreError as error:
                self._error = error
                return
            self._state = new

    def _end(self) -> None:
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join()
        self._flush()

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._closing)
                if not self._closing:
                    self._changed.wait_for(lambda: self._closing, self._every)  # more may come meanwhile
                if self._closing or self._error is not None:
                    return
            self._flush()

    def _flush(self) -> None:
        with self._writing:
            with self._changed:
                batch, self._waiting = self._waiting, []
            if not batch or self._error is not None:
                return
            try:
                self._store.append(self._run, self._next, batch)
            except StoreError as error:
                self._error = error
                return
            self._next += len(batch)
