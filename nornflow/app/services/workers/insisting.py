"""What a worker has to know or to write about a job, however long the store is away: no run suffers from that."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

from nornflow.abc.durable import Ctx, LeaveJob
from nornflow.store.database import StoreAway

R = TypeVar("R")
LOOK = 1.0
"""Seconds between two attempts."""


class Insisting:
    """Calls what needs the store until it is there; LeaveJob once `hurry` is set. `tell` says that it is away."""

    def __init__(self, hurry: threading.Event, tell: Callable[[str], object]) -> None:
        self._hurry, self._tell = hurry, tell

    def __call__(self, call: Callable[[], R]) -> R:
        """Return what the call returns."""
        while True:
            try:
                return call()
            except StoreAway as error:
                self._tell(f"the store is away: {error.message}")
                if self._hurry.wait(LOOK):
                    raise LeaveJob from None


def is_lost(ctx: Ctx) -> bool:
    """Tell whether a job is known to be another worker's; while the store is away nobody can have taken it."""
    try:
        return ctx.cancelled
    except StoreAway:
        return False
