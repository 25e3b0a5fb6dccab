"""Waiting for people, a time or a signal: what is waited for is kept, and the process ends when nothing else can be done."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, TypeVar

from nornflow.abc import Waits
from nornflow.engine.plans.drift import Sealed
from nornflow.engine.record import few
from nornflow.engine.tools import Tools
from nornflow.errors import Expired, Rejected, StepCancelled, StepError, StoreError
from nornflow.model.approval import Answer
from nornflow.model.event import EventKind
from nornflow.model.plan import Plan
from nornflow.model.wait import Awaited, Wait, WaitEnd, WaitKind
from nornflow.model.workflow import Workflow
from nornflow.planning.seal import hash_of

R = TypeVar("R")

INLINE = 5.0
"""Seconds that are simply slept: to end a process for them and to begin another would take longer."""
MISSED = 20
"""How many moments may be missed in a row before a step that waits for another one is given up."""


class Suspended(Exception):
    """Nothing can be done before something has come that the run waits for: its process ends, and that is no error."""

    def __init__(self, *waits: Wait) -> None:
        super().__init__(*waits)
        self.waits = waits


class Waiting:
    """What one process of a run waits for; `plan` is the hash that answers are bound to.

    `hopeless` tells of a step that the run fails whatever comes of it, so that nobody need be asked.
    """

    def __init__(self, tools: Tools, plan: str, hopeless: Callable[[str], bool] = lambda step: False) -> None:
        self._tools = tools
        self._plan = plan
        self.hopeless = hopeless
        self._lock = threading.Lock()
        self._open: dict[int, Wait] = {}

    def demand_nothing(self) -> None:
        """Raise Suspended when there is something that the run waits for, unless it ends in any case."""
        with self._lock:
            waits = tuple(wait for wait in self._open.values() if not self.hopeless(wait.step))
            self._open.clear()
        if waits and not self._tools.switch.stopping:
            raise Suspended(*waits)

    def step(
        self,
        step: str,
        batch: int,
        awaited: Callable[[], Awaited | None],
        *,
        sleep: Callable[[float], bool],
        held: bool,
    ) -> Wait | None:
        """Return what came of what a step waits for, None when it need not wait.

        Raises Rejected and Expired when it must not be done, Suspended when nothing has come yet, and StepError where it
        cannot wait: nothing is remembered, or the batch has to be confirmed in time (`held`).
        """
        wait = self._known(step, batch)
        asked = awaited() if wait is None else wait.asked
        if asked is None:
            return None
        left = self._left(asked)
        if wait is None and left is not None and (left <= INLINE or self._tools.waits is None):
            self._sleep(step, left, sleep)
            return None
        if held:
            raise StepError(
                f"step {step} cannot wait: its batch has to be confirmed in time",
                hint="wait before the devices or after them, or leave `confirm` out",
            )
        wait = self._looked_at(wait or self._asked(step, batch, asked))
        for _ in range(MISSED):
            if wait.end is not WaitEnd.COME or not self._missed(wait):
                return self._demand_well(wait)
            asked = awaited()
            if asked is None:
                return wait  # this moment is as good
            wait = self._looked_at(self._do(self._waits.again, wait, asked))
            self._tell(wait)
        raise StepError(f"step {step} waits for one moment after the other, and has missed all", hint="see its keys")

    def paused(self, batch: int, asked: Callable[[], Awaited]) -> Wait:
        """Return how the pause behind a batch has ended; Suspended when it has not."""
        wait = self._known("", batch) or self._asked("", batch, asked())
        wait = self._looked_at(wait)
        if wait.end is None:
            raise Suspended(wait)
        return wait

    def is_paused(self, batch: int) -> bool:
        """Tell whether somebody was asked about the pause behind a batch, here or in a process before this one."""
        return self._known("", batch) is not None

    @property
    def possible(self) -> bool:
        """Whether the run can wait without a process."""
        return self._tools.waits is not None

    @property
    def _waits(self) -> Waits:
        if self._tools.waits is None:
            raise StepError(
                "the run cannot wait: nothing is remembered here, so nobody could answer (store.url: none)",
                hint="give the project a store: nornflow config explain store.url",
            )
        return self._tools.waits

    def _known(self, step: str, batch: int) -> Wait | None:
        return None if self._tools.waits is None else self._do(self._waits.known, step, batch)

    def _left(self, asked: Awaited) -> float | None:
        """Return how many seconds are to be waited for a time; None for anything else."""
        if asked.kind is not WaitKind.TIME or asked.until is None:
            return None
        return max(0.0, (asked.until - self._tools.clock()).total_seconds())

    def _sleep(self, step: str, seconds: float, sleep: Callable[[float], bool]) -> None:
        if seconds and sleep(seconds):
            raise StepCancelled(f"step {step} was stopped while it waited")

    def _asked(self, step: str, batch: int, asked: Awaited) -> Wait:
        self._tools.log.settle()  # whoever goes on from here knows all that was done before
        with self._lock:
            wait = self._do(self._waits.ask, step, batch, asked, self._plan, self._tools.clock())
        self._tell(wait)
        return wait

    def _tell(self, wait: Wait) -> None:
        details: dict[str, Any] = {"batch": wait.batch, "number": wait.number, "of": wait.asked.kind.value}
        details |= {name: value for name, value in wait.asked.plain().items() if name not in ("kind", "text")}
        self._tools.emitter.emit(EventKind.WAIT_OPENED, wait.asked.text or what(wait.asked), step=wait.step, **details)

    def _looked_at(self, wait: Wait) -> Wait:
        """Return a wait as it is now: its time may have come, or be over."""
        now = self._tools.clock()
        by_itself = wait.ended_by_itself(now)
        if wait.end is None and by_itself is not None:
            wait = self._do(self._waits.end, wait, by_itself, now)
        if wait.end is not None:
            details: dict[str, Any] = {"batch": wait.batch, "number": wait.number, "end": wait.end.value}
            self._tools.emitter.emit(EventKind.WAIT_ENDED, why(wait), step=wait.step, **details)
        return wait

    def _missed(self, wait: Wait) -> bool:
        return wait.asked.latest is not None and self._tools.clock() > wait.asked.latest

    def _demand_well(self, wait: Wait) -> Wait:
        if wait.end is None:
            with self._lock:
                self._open[wait.number] = wait
            raise Suspended(wait)
        if wait.end is WaitEnd.REJECTED:
            raise Rejected(why(wait), hint="talk to whoever said no, and run the change again")
        if wait.end is WaitEnd.EXPIRED:
            raise Expired(why(wait), hint="raise `expires` of the step, or have them answer earlier")
        return wait

    def _do(self, call: Callable[..., R], *given: object) -> R:
        """Ask the store; what it cannot keep stops the run."""
        try:
            return call(*given)
        except StoreError as error:
            self._tools.emitter.lose(error)
            raise


def left(waits: Sequence[Wait], tools: Tools) -> None:
    """Note for what the run waits when its process ends; what cannot be kept is the run's failure."""
    try:
        if tools.waits is not None:
            tools.waits.leave([wait.number for wait in waits])
    except StoreError as error:
        tools.emitter.lose(error)


def bound_to(sealed: Sealed | None, plan: Plan | None, workflow: Workflow) -> str:
    """Return what answers are bound to: the sealed plan, the plan that was made, or the workflow where there is none."""
    if sealed is not None and sealed.hash:
        return sealed.hash
    return workflow.digest if plan is None else hash_of(plan)


def what(asked: Awaited) -> str:
    """Return what is waited for, in words."""
    if asked.kind is WaitKind.TIME:
        return f"until {moment(asked.until)}"
    return f"for the signal {asked.signal}" if asked.kind is WaitKind.SIGNAL else "for an approval"


def why(wait: Wait) -> str:
    """Return how a wait has ended, in words."""
    if wait.end is WaitEnd.REJECTED:
        said = [each for each in wait.answers if each.answer is Answer.REJECTED]
        by = "; ".join(f"{each.user} rejected it{f': {each.comment}' if each.comment else ''}" for each in said)
        return f"{wait.about}: {by}"
    if wait.end is WaitEnd.EXPIRED:
        what = "nobody answered" if wait.asked.kind is WaitKind.APPROVAL else "nothing came"
        so_far = f" but {few(wait.approved_by)}" if wait.approved_by else ""
        return f"{wait.about}: {what}{so_far} until {moment(wait.expires_at)}"
    if wait.end is WaitEnd.APPROVED:
        return f"{wait.about}: approved by {', '.join(wait.approved_by)}"
    if wait.end is WaitEnd.SIGNALLED:
        return f"{wait.about}: the signal {wait.asked.signal} has come"
    return f"{wait.about}: its time has come" if wait.end else ""


def moment(at: datetime | None) -> str:
    """Return a moment as people read it."""
    return f"{at:%Y-%m-%d %H:%M:%S} UTC" if at else ""
