"""How long others have said nothing, as one process sees it, by its own monotonic clock."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass

EVERY = 1.0
"""Seconds between two beats of a process."""
LONGEST_LOOK = 2.0
"""Seconds between two looks above which the time between them tells nothing: the store was away, or the watcher stopped."""


@dataclass(slots=True)
class _Silence:
    beat: int
    seen: float
    lasted: float = 0.0


class Silences:
    """The silences of other processes. Thread-safe.

    A silence is one only as far as it was looked at: after a gap between two looks it counts from zero, because whoever could
    not look cannot say that others could have beaten.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._found: dict[str, _Silence] = {}
        self._lock = threading.Lock()

    def lasted(self, worker: str, beat: int) -> float:
        """Return for how many seconds this beat of a worker has been seen to be its last; 0 at the first look at it."""
        now = self._monotonic()
        with self._lock:
            known = self._found.get(worker)
            if known is None or known.beat != beat:
                self._found[worker] = _Silence(beat, now)
                return 0.0
            gap = now - known.seen
            known.lasted = known.lasted + gap if gap <= LONGEST_LOOK else 0.0
            known.seen = now
            return known.lasted

    def forget(self, worker: str) -> None:
        """Forget a worker that nobody asks for any more."""
        with self._lock:
            self._found.pop(worker, None)

    def keep(self, present: Collection[str]) -> None:
        """Forget all but these."""
        with self._lock:
            for worker in self._found.keys() - set(present):
                del self._found[worker]
