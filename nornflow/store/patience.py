"""A store that waits for a database that is away: a server that restarts in the middle of a run ends no run."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any, TypeVar

from nornflow.errors import RunLost, StoreError
from nornflow.model.event import Event
from nornflow.model.history import NewRun, RunSummary, StoredEvent
from nornflow.model.journal import Entry, Standing
from nornflow.model.run import RunRecord, RunState
from nornflow.record import record
from nornflow.store.database import StoreAway
from nornflow.store.runs import SqlRunStore

R = TypeVar("R")

SECONDS = 60.0
"""How long a database may be away (setting `store.patience`)."""
FIRST, LONGEST, GROWTH = 0.05, 1.0, 2.0
"""Seconds between the first two tries and at most between two, and by how much the time between them grows."""

_NOTHING = 0.001


@record
class Patience:
    """For how long, by a clock that only goes forward, something is tried again; `waiting` is told once, and when it is over.

    Once it is `given_up` nothing is waited for any more; `sleep` should end then.
    """

    seconds: float = SECONDS
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], object] = time.sleep
    waiting: Callable[[str], object] = lambda text: None
    given_up: Callable[[], bool] = lambda: False

    def __call__(self, call: Callable[[], R], settled: Callable[[], R | None] = lambda: None) -> R:
        """Return what `call` returns, calling it again while the database is away; then StoreAway is raised after all.

        When an earlier call may have been done although its answer was lost, and a later one is therefore refused,
        `settled` looks and returns the lost answer; None when the refusal is about something else.
        """
        start, pause, lost = self.monotonic(), FIRST, False
        while True:
            try:
                try:
                    found = call()
                except (StoreAway, RunLost):
                    raise
                except StoreError:
                    answer = settled() if lost else None
                    if answer is None:
                        raise
                    found = answer
            except StoreAway as away:
                waited = self.monotonic() - start
                if self.seconds - waited < _NOTHING or self.given_up():
                    if not lost:
                        raise
                    raise StoreAway(f"{away.message} (waited {waited:.0f} s for it)", hint=away.hint) from away
                if not lost:
                    self.waiting(f"{away.message}; waiting up to {self.seconds:.0f} s for it")
                lost = True
                self.sleep(min(pause, self.seconds - waited))
                pause = min(pause * GROWTH, LONGEST)
                continue
            if lost:
                self.waiting(f"the store is back after {self.monotonic() - start:.1f} s")
            return found


class PatientRunStore(SqlRunStore):
    """Does everything again that the database was away for; nothing is done twice, for every write says where it begins."""

    def __init__(self, *given: Any, patience: Patience) -> None:
        super().__init__(*given)
        self.patience = patience

    def begin(self, run: NewRun) -> None:
        """Remember a new run; one of the same id, owner and moment is the one whose answer was lost."""
        begin, standing = super().begin, super().standing

        def settled() -> bool | None:
            now = standing(run.id)
            ours = (run.worker, run.user, run.started_at) == (now.worker, now.user, now.started_at)
            return True if ours else None

        self.patience(lambda: _done(begin(run)), settled)

    def move(
        self, run: str, old: RunState, new: RunState, at: datetime, error: str = "", *, fence: int | None = None
    ) -> None:
        """Move a run; one that is there already, while it is still ours, was moved by us."""
        move = super().move
        self.patience(lambda: _done(move(run, old, new, at, error, fence=fence)), lambda: self._is(run, new))

    def append(
        self,
        run: str,
        first: int,
        events_: Sequence[Event],
        *,
        fence: int | None = None,
        entry: int = 1,
        entries: Sequence[Entry] = (),
    ) -> None:
        """Add events and entries; their numbers say which of an owner's are there already."""
        add = super().append
        self.patience(lambda: add(run, first, events_, fence=fence, entry=entry, entries=entries))

    def finish(self, record: RunRecord, old: RunState, *, fence: int | None = None) -> None:
        """End a run; one that has ended so, while it is still ours, was ended by us."""
        finish = super().finish
        self.patience(lambda: _done(finish(record, old, fence=fence)), lambda: self._is(record.id, record.state))

    def take_over(self, run: str, fence: int, worker: str) -> int:
        """Take a run over; one that is ours under the next fence was taken over by us."""
        take, standing = super().take_over, super().standing

        def settled() -> int | None:
            now = standing(run)
            return now.fence if (now.worker, now.fence) == (worker, fence + 1) else None

        return self.patience(lambda: take(run, fence, worker), settled)

    def standing(self, run: str) -> Standing:
        """Return how a run stands for who carries it on."""
        standing = super().standing
        return self.patience(lambda: standing(run))

    def summary(self, run: str) -> RunSummary:
        """Return how a run stands at this moment."""
        summary = super().summary
        return self.patience(lambda: summary(run))

    def events(self, run: str, after: int = 0) -> Iterator[StoredEvent]:
        """Yield events, going on where it was when the database is back."""
        pages, number = super().events, after
        stream = pages(run, after)

        def following() -> StoredEvent | None:
            nonlocal stream
            try:
                return next(stream, None)
            except StoreAway:
                stream = pages(run, number)
                raise

        while (stored := self.patience(following)) is not None:
            number = stored.number
            yield stored

    def _is(self, run: str, state: RunState) -> bool | None:
        return True if super().summary(run).state is state else None


def _done(nothing: None) -> bool:
    """Return an answer for a call that has none."""
    return True
