"""What became of a device that was being configured when the run's process died: told from its configuration alone."""

from __future__ import annotations

from collections.abc import Sequence

from nornflow.model.plan import EXEC, SAVES, Method, PlannedStep
from nornflow.planning.normalise import normalise, tree_of
from nornflow.planning.predict import predict
from nornflow.planning.replay import Replay, Unpredictable
from nornflow.platforms.platform import Platform, Style
from nornflow.record import record

LOOK = "read the device and compare it with the plan before anything else"
"""What to do about a device whose state nobody knows."""


@record
class Settled:
    """How far a step came on a device. Not `known`: nobody can tell. Not `begun`: it sent nothing.

    `rest` are the lines that are still to be sent, with the openers of the sections that they stand in.
    """

    known: bool
    begun: bool = True
    rest: tuple[str, ...] = ()


NOT_STARTED = Settled(known=True, begun=False)
UNKNOWN = Settled(known=False)


def settle(found: str, current: str, planned: PlannedStep, platform: Platform) -> Settled:
    """Compare what a device has now with what it had, and with what the first so many lines of the step leave of that.

    Where several fit (lines that change nothing), the fewest count as sent. A command that is not configuration leaves no
    trace: the step is unknown when it may have been sent and may not.
    """
    lines = planned.lines
    now = normalise(current, platform)
    if now == normalise(found, platform) and not planned.actions:
        return NOT_STARTED
    after = [_after(found, lines[:count], platform) for count in range(len(lines) + 1)]
    if after[-1] is None:
        return UNKNOWN
    fitting = [count for count, text in enumerate(after) if text is not None and _same(text, now, platform)]
    if not fitting:
        return UNKNOWN
    least, most = fitting[0], fitting[-1]
    if any(_acts(line) for line in lines[least:most]):
        return UNKNOWN
    if least == 0:
        return NOT_STARTED
    if _same(after[-1], now, platform):
        return Settled(True, rest=tuple(line for line in lines[least:] if line.startswith(EXEC)))
    rest = (*_openers(found, lines[:least], platform), *lines[least:])
    reached = _after(current, rest, platform)
    return Settled(True, rest=rest) if reached is not None and _same(reached, after[-1], platform) else UNKNOWN


def _acts(line: str) -> bool:
    return line.startswith(EXEC) and not line.startswith(SAVES)


def _configuration(lines: Sequence[str]) -> list[str]:
    return [line for line in lines if not line.startswith(EXEC)]


def _after(pre: str, lines: Sequence[str], platform: Platform) -> str | None:
    """Return what the lines leave of a configuration, or None when text cannot tell."""
    prediction = predict(pre, _configuration(lines), platform)
    return None if prediction.method is Method.IMPOSSIBLE else prediction.text


def _same(one: str, other: str, platform: Platform) -> bool:
    """Tell whether two configurations hold the same lines in the same sections: where a new one stands, devices decide."""
    if one == other:
        return True
    return sorted(tree_of(one, platform).paths()) == sorted(tree_of(other, platform).paths())


def _openers(found: str, sent: Sequence[str], platform: Platform) -> tuple[str, ...]:
    """Return the lines that open the sections in which a session stands after these lines."""
    if platform.style is Style.SET:
        return ()
    replay = Replay(tree_of(found, platform), platform)
    try:
        replay.play(_configuration(sent))
    except Unpredictable:  # it was played before and went well
        return ()
    return replay.sections
