"""What keeps the things that a run waits for, where others can answer them: implemented by stores, asked by the engine."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection
from datetime import datetime

from nornflow.model.wait import Awaited, Wait, WaitEnd


class Waits(ABC):
    """The waits of one run, as its owner sees them; each is there once for a step (empty: the pause) and a batch.

    Every method raises StoreError, and RunLost when the run is another process's by now. What it wrote outlives the
    process and the power; to do it again changes nothing.
    """

    @abstractmethod
    def known(self, step: str, batch: int) -> Wait | None:
        """Return what the run waits or waited for there, with what has come of it; None when it never did."""

    @abstractmethod
    def ask(self, step: str, batch: int, asked: Awaited, plan: str, since: datetime) -> Wait:
        """Keep that the run waits, from `since` (UTC) on, bound to the plan of this hash; one that is there stays as it is.

        The first signal of its name that nobody waited for until now ends a wait for a signal at once.
        """

    @abstractmethod
    def again(self, wait: Wait, asked: Awaited) -> Wait:
        """Wait for something else instead: the moment that was waited for was missed."""

    @abstractmethod
    def end(self, wait: Wait, end: WaitEnd, at: datetime) -> Wait:
        """End a wait, unless somebody has; return it as it has ended."""

    @abstractmethod
    def leave(self, still: Collection[int]) -> None:
        """Note that the run waits for these numbers, and has gone on from all others."""
