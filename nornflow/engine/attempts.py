"""Trying again: how long is waited before which attempt, and what is worth another one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from nornflow.engine.tools import Tools
from nornflow.model.event import EventKind
from nornflow.model.run import HostState, StepResult
from nornflow.model.step import Retry, Step

_FINAL = frozenset(
    (
        "denied",
        "guard-denied",
        "line-rejected",
        "stale",
        "cancelled",
        "rejected",
        "expired",
        "expression",
        "injection-blocked",
        "not-while-planning",
    )
)
"""Reasons that another attempt cannot mend."""


def worth_retrying(result: StepResult) -> bool:
    """Tell whether a failed result may be better the next time."""
    return result.state in (HostState.FAILED, HostState.TIMED_OUT) and result.reason not in _FINAL


def delay_before(attempt: int, retry: Retry) -> float:
    """Return the seconds to wait before an attempt (2 is the first repetition)."""
    if retry.backoff == "linear":
        wait = retry.delay * (attempt - 1)
    elif retry.backoff == "exponential":
        wait = retry.delay * 2.0 ** (attempt - 2)
    else:
        wait = retry.delay
    return min(wait, retry.max_delay)


Attempt = Callable[[Sequence[str], int, bool], Mapping[str, StepResult]]
"""Tries a step on devices, for the so-manieth time and perhaps the last; answers a result for each of them."""


def in_rounds(
    step: Step,
    hosts: Sequence[str],
    tools: Tools,
    attempt: Attempt,
    again: Callable[[str, StepResult], bool],
    ended: Callable[[Mapping[str, StepResult]], None],
) -> None:
    """Try a step on devices, and once more on those where it is to be done `again`, as often as its `retry` says.

    `ended` is told after each round how the step ended for good, on the devices that have no further one.
    """
    attempts = step.retry.tries if step.retry else 1
    todo = list(hosts)
    for number in range(1, attempts + 1):
        if not todo:
            return
        last = number == attempts
        found = attempt(todo, number, last)
        further = [] if last else [host for host, result in found.items() if again(host, result)]
        if further and step.retry and tools.sleep(delay_before(number + 1, step.retry)):
            further = []  # the run was stopped while it waited, or has no time for it
        ended({host: result for host, result in found.items() if host not in further})
        if further:
            message = found[further[0]].error
            tools.emitter.emit(
                EventKind.STEP_RETRY, message, step=step.id, attempt=number + 1, of=attempts, hosts=further
            )
        todo = further
