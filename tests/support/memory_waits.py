"""What one run waits for, kept in memory, and the people and programs that answer it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime
from typing import Any

from nornflow.abc import Waits
from nornflow.model.approval import Answer, Approval
from nornflow.model.wait import Awaited, Wait, WaitEnd, WaitKind
from nornflow.policy.waits import judged


class MemoryWaits(Waits):
    """The waits of one run; each method does what the store's does."""

    def __init__(self) -> None:
        self.kept: dict[int, Wait] = {}
        self.signals: list[tuple[str, Any]] = []

    def known(self, step: str, batch: int) -> Wait | None:
        return next((wait for wait in self.kept.values() if (wait.step, wait.batch) == (step, batch)), None)

    def ask(self, step: str, batch: int, asked: Awaited, plan: str, since: datetime) -> Wait:
        wait = self.known(step, batch)
        if wait is None:
            wait = Wait("run-1", len(self.kept) + 1, step, batch, asked, since, plan, "ada", ("ann",))
            self.kept[wait.number] = wait
        self._take_signal(wait, since)
        return self.kept[wait.number]

    def again(self, wait: Wait, asked: Awaited) -> Wait:
        return self._put(replace(self.kept[wait.number], asked=asked, end=None, ended_at=None))

    def end(self, wait: Wait, end: WaitEnd, at: datetime) -> Wait:
        known = self.kept[wait.number]
        return known if known.end is not None else self._put(replace(known, end=end, ended_at=at))

    def leave(self, still: Collection[int]) -> None:
        self.kept = {number: replace(wait, open=number in still) for number, wait in self.kept.items()}

    def _put(self, wait: Wait) -> Wait:
        self.kept[wait.number] = wait
        return wait

    def _take_signal(self, wait: Wait, at: datetime) -> None:
        name = wait.asked.signal
        found = next((one for one in self.signals if one[0] == name), None)
        if wait.asked.kind is WaitKind.SIGNAL and wait.end is None and found is not None:
            self.signals.remove(found)
            self._put(replace(wait, end=WaitEnd.SIGNALLED, ended_at=at, data=found[1]))

    @property
    def open(self) -> list[tuple[str, int]]:
        """Which steps and batches the run waits for."""
        return [(wait.step, wait.batch) for wait in self.kept.values() if wait.open and wait.end is None]

    def say(self, user: str, step: str = "", batch: int = 0, *, yes: bool = True, comment: str = "") -> None:
        """Answer what is asked about a step and batch."""
        wait = self.known(step, batch)
        assert wait is not None, f"nobody was asked about {step or 'the pause'} {batch}"
        answer = Answer.APPROVED if yes else Answer.REJECTED
        said = Approval(wait.plan, user, answer, wait.since, comment)
        wait = self._put(replace(wait, answers=(*wait.answers, said)))
        end = judged(wait, wait.since)
        if end is not None:
            self.end(wait, end, wait.since)

    def signal(self, name: str, data: Any = None) -> None:
        """Send a signal."""
        self.signals.append((name, data))
        for wait in list(self.kept.values()):
            if wait.asked.signal == name:
                self._take_signal(wait, wait.since)
