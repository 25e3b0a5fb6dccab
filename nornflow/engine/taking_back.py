"""Taking back what a run changed, as a change of its own: the lines lead from what it left to what it found."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel

from nornflow.abc import DeviceSession, StepContext, StepType
from nornflow.engine.recovery.images import Left
from nornflow.engine.rollback import PASSES
from nornflow.errors import PlanStale, RollbackFailed
from nornflow.model.permission import Grant
from nornflow.model.plan import EXEC
from nornflow.model.run import StepResult
from nornflow.planning.diff import unified
from nornflow.planning.normalise import config_hash
from nornflow.planning.predict import predict
from nornflow.planning.rollback import rollback_lines
from nornflow.planning.verify import verify
from nornflow.platforms.load import platform_for
from nornflow.platforms.platform import Platform
from nornflow.record import record
from nornflow.redaction import MASK


@record
class Way:
    """The lines that take a device back, and the connection that they go over."""

    connection: str
    lines: tuple[str, ...]


class TakeBack(StepType):
    """Takes back what a run changed on devices. The engine itself works the lines out and sends them.

    A device that is not as the run left it is stale. With `merge` it is not: only the run's own difference is reversed,
    and what others changed since stays.
    """

    name = "rollback"
    permissions = frozenset({"device.read", "device.configure"})

    class Params(BaseModel):
        """Which run is taken back, and whether what others changed since stays."""

        run: str
        merge: bool = False

    def __init__(self, run: str, left: Mapping[str, Left], *, merge: bool = False) -> None:
        self.run = run
        self._left = left
        self._merge = merge

    def apply(self, context: StepContext, params: Any) -> StepResult:
        """Do nothing: where there are lines to send, the engine sends them; here there are none."""
        return StepResult()

    def way(self, session: DeviceSession) -> Way:
        """Return the way from where a device stands to its pre-image; PlanStale when it is not as the run left it."""
        left, platform = self._left[session.host.name], platform_for(session.host.nos)
        image = left.image
        current = session.read_config(image.connection)
        if not unified(current, image.text, platform):
            return Way(image.connection, ())
        if self._merge:
            lines = self._own_difference(left, platform)
        else:
            self._demand_as_left(session.host.name, left, current, platform)
            lines = _rehearsed(left, current, platform) or rollback_lines(current, image.text, platform)
        if not lines:
            raise RollbackFailed(
                f"{session.host.name}: nobody knows the lines of the way back from text",
                hint="bring it back by hand; the record of the run has its diff",
            )
        return Way(image.connection, (*lines, *filter(None, (image.commit, image.saved))))

    def _own_difference(self, left: Left, platform: Platform) -> tuple[str, ...]:
        after = predict(left.image.text, left.lines, platform).text
        return rollback_lines(after, left.image.text, platform)

    def _demand_as_left(self, host: str, left: Left, current: str, platform: Platform) -> None:
        expected = left.image.expected
        if not expected or config_hash(current, platform) == expected:
            return  # where nobody knows what the run left, the plan shows all that differs from the pre-image
        after = predict(left.image.text, left.lines, platform).text
        if config_hash(after, platform) == expected:
            told = f"it was changed since:\n{unified(after, current, platform)}"
        else:
            told = f"what differs from its pre-image now:\n{unified(current, left.image.text, platform)}"
        raise PlanStale(
            f"{host} is not as run {self.run} left it; {told}".rstrip(),
            hint="nothing was sent to it; --merge takes back only what the run itself changed",
        )

    def arrive(
        self, session: DeviceSession, before: str, sent: Sequence[str], grant: Callable[[tuple[str, ...]], Grant]
    ) -> None:
        """Prove by reading that a device is back; what still differs is worked out and sent, at most twice.

        Raises RollbackFailed with what is left, and the device errors.
        """
        host, platform = session.host.name, platform_for(session.host.nos)
        image = self._left[host].image
        if self._merge:
            typed = [line for line in sent if not line.startswith(EXEC)]
            verdict = verify(before, session.read_config(image.connection), typed, platform)
            if verdict.passed is False:
                raise RollbackFailed(
                    f"{host} took the lines and is not as planned: {verdict}", hint="look at the device"
                )
            return
        for attempt in range(PASSES + 1):
            current = session.read_config(image.connection)
            remaining = unified(current, image.text, platform)
            lines = rollback_lines(current, image.text, platform) if remaining and attempt < PASSES else ()
            if not lines:
                break
            more = (*lines, *filter(None, (image.commit, image.saved)))
            session.configure(image.connection, more, grant(more))
        if remaining:
            raise RollbackFailed(
                f"{host}: the configuration is not back at its pre-image; what is still to do:\n{remaining}",
                hint="bring the device back by hand with the diff above (- is what stands there now, + is what should)",
            )


def _rehearsed(left: Left, current: str, platform: Platform) -> tuple[str, ...]:
    """Return the way back that was rehearsed when the run was planned, where it begins and ends just so."""
    tried = left.rehearsed
    if tried is None or tried.start_hash != config_hash(current, platform):
        return ()
    if left.pre_hash != config_hash(left.image.text, platform) or any(MASK in line for line in tried.lines):
        return ()
    return tried.lines
