"""A device that takes its change back by itself: which of its timers does that, and how its return is waited for."""

from __future__ import annotations

from collections.abc import Sequence

from nornflow.abc import DeviceSession
from nornflow.engine.tools import Tools
from nornflow.errors import StepCancelled, StepError
from nornflow.model.confirm import CONTROLLER, Armed, OwnTimer
from nornflow.model.event import EventKind
from nornflow.model.permission import Grant
from nornflow.model.plan import PlannedStep

REVERT = "exec:revert unconfirmed"
OVERTIME = 30.0
"""Seconds that a device gets, beyond the end of its own timer, to be back and to be reached again."""
LOOK = 1.0
"""Seconds between two looks at a device that cannot be reached."""


def way_back(steps: Sequence[PlannedStep], timers: Sequence[OwnTimer], *, unknown: bool) -> str:
    """Return what takes a device's planned change back when nobody confirms it; empty when nothing would change.

    A timer that begins with a commit holds one: it is for devices that one step changes over its connection. `unknown`
    says that a step may change the device and nobody knows yet how.
    """
    changing = [step for step in steps if step.changes]
    if not changing and not unknown:
        return ""
    for timer in timers:
        alone = len(changing) == 1 and not unknown and changing[0].connection == timer.connection
        if alone or (changing and not timer.with_commit):
            return timer.name
    return CONTROLLER


class OwnWay:
    """Has a device go back by its own timer, now, or waits for the end of the timer where the device is out of reach."""

    def __init__(self, session: DeviceSession, armed: Armed, timer: OwnTimer, grant: Grant, tools: Tools) -> None:
        self._session = session
        self._armed = armed
        self._timer = timer
        self._grant = grant
        self._tools = tools

    def take(self) -> None:
        """Come back when the timer has ended, one way or the other, or nothing more can be expected of it.

        What the device has then is for the caller to read. Raises StepCancelled when the waiting was ended.
        """
        waited = 0.0
        while not self._session.ended:
            try:
                self._session.revert(self._timer, self._armed.token, self._grant)
                return
            except StepError as error:
                if not waited:
                    host = self._session.host.name
                    text = f"{error.message}; {self._armed.by} takes it back by itself"
                    self._tools.emitter.emit(EventKind.STEP_RETRY, text, step="rollback", host=host)
                self._session.drop()
            if waited > self._armed.within + OVERTIME:
                return
            if self._tools.switch.rollbacks.wait(LOOK):
                raise StepCancelled(f"{self._session.host.name}: its own timer was not waited for")
            waited += LOOK
