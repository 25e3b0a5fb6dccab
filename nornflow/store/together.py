"""One thread does it for all that want it at the same moment: a commit, or a question, costs once and not per device."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")


class _Round(Generic[T, R]):
    """One time that the work is done: what for, how it ended, and who waits for that."""

    def __init__(self, lock: threading.Lock) -> None:
        self.wanted: list[T] = []
        self.changed = threading.Condition(lock)
        self.over = False
        self.found: list[R] = []
        self.error: BaseException | None = None


class Together(Generic[T, R]):
    """Has `work` done for what each caller wants, and returns or raises what it does; it begins after the call.

    Who comes while the work is being done waits for the next time, which is for all of them together: one of those who
    wait does it. When it is over all are woken at once, so that none waits for another's turn at the processor.
    """

    def __init__(self, work: Callable[[Sequence[T]], R]) -> None:
        self._work = work
        self._lock = threading.Lock()
        self._next: _Round[T, R] = _Round(self._lock)
        self._busy = False

    def __call__(self, wanted: T) -> R:
        """Have it done for this caller too, and return what came of it."""
        with self._lock:
            mine = self._next
            mine.wanted.append(wanted)
            try:
                while self._busy and not mine.over:
                    mine.changed.wait()
            except BaseException:  # an interrupt: if it was us who were woken to do it, somebody else has to
                mine.changed.notify()
                raise
            leads = not mine.over
            if leads:
                self._busy, self._next = True, _Round(self._lock)
        if leads:
            self._do(mine)
        elif mine.error is not None and not isinstance(mine.error, Exception):
            return self(wanted)  # what interrupted another thread is no answer for this one
        if mine.error is not None:
            raise mine.error
        return mine.found[0]

    def _do(self, mine: _Round[T, R]) -> None:
        try:
            mine.found.append(self._work(mine.wanted))
        except BaseException as error:  # noqa: BLE001 - raised again, by each who waits for it
            mine.error = error
        with self._lock:
            self._busy, mine.over = False, True
            mine.changed.notify_all()
            self._next.changed.notify()
