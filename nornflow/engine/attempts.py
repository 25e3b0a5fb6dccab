"""Trying again: how long is waited before which attempt, and what is worth another one."""

from __future__ import annotations

from nornflow.model.run import HostState, StepResult
from nornflow.model.workflow import Retry

_FINAL = frozenset(
    (
        "denied",
        "guard-denied",
        "line-rejected",
        "stale",
        "cancelled",
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
