"""What one run waits for, as its owner sees it; a database that is away is waited for."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime
from typing import TypeVar

from nornflow.abc import Waits
from nornflow.model.wait import Awaited, Wait, WaitEnd
from nornflow.store.patience import PatientRunStore
from nornflow.store.waits import Bound, SqlWaits

R = TypeVar("R")


class RunWaits(Waits):
    """The waits of one run for its owner `fence`; all that it writes may be written twice."""

    def __init__(self, store: PatientRunStore, run: str, fence: int, bound: Bound) -> None:
        self._table = SqlWaits(store)
        self._patience = store.patience
        self._run = run
        self._fence = fence
        self._bound = bound

    def known(self, step: str, batch: int) -> Wait | None:
        """Return what the run waits or waited for there."""
        (found,) = self._again(lambda: (self._table.known(self._run, step, batch),))
        return found

    def ask(self, step: str, batch: int, asked: Awaited, plan: str, since: datetime) -> Wait:
        """Keep that the run waits."""
        about = step, batch
        return self._again(lambda: self._table.ask(self._run, self._fence, about, asked, self._bound, plan, since))

    def again(self, wait: Wait, asked: Awaited) -> Wait:
        """Wait for something else instead."""
        return self._again(lambda: self._table.again(self._run, self._fence, wait.number, asked, wait.since))

    def end(self, wait: Wait, end: WaitEnd, at: datetime) -> Wait:
        """End a wait, unless somebody has."""
        return self._again(lambda: self._table.end(self._run, self._fence, wait.number, end, at))

    def leave(self, still: Collection[int]) -> None:
        """Note for what the run waits."""

        def note() -> bool:
            self._table.leave(self._run, self._fence, still)
            return True

        self._again(note)

    def _again(self, call: Callable[[], R]) -> R:
        return self._patience(call)
