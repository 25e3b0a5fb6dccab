"""Where a run takes its turn, and the fence made of the locks that it was given."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import field

from nornflow.abc import DeviceLocks, Fence, Pools, Slots
from nornflow.errors import LockLost
from nornflow.model.lock import WhenHeld
from nornflow.model.pool import NOTHING, Asked
from nornflow.record import record

FRESH = 0.2
"""Seconds for which, in the middle of a block, the last answer about a lock is good."""


@record
class Turns:
    """Where a run takes its turn, and what it does while others are in its way; `timeout` in seconds, 0 for none.

    `asked` is what it wants of the `pools`: of a run that asks for nothing they are not told.
    """

    locks: DeviceLocks
    slots: Slots
    when_held: WhenHeld = WhenHeld.WAIT
    timeout: float = 0.0
    rng: random.Random = field(default_factory=random.SystemRandom)
    monotonic: Callable[[], float] = time.monotonic
    pools: Pools | None = None
    asked: Asked = NOTHING


class DeviceFence(Fence):
    """Lets through to devices only what a run may write that holds them under these tokens; `lost` is told of the rest."""

    def __init__(
        self,
        run: str,
        tokens: Mapping[str, int],
        locks: DeviceLocks,
        lost: Callable[[str, LockLost], None] = lambda device, error: None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._run = run
        self._tokens = tokens
        self._locks = locks
        self._lost = lost
        self._monotonic = monotonic
        self._sure: dict[str, float] = {}

    @property
    def tokens(self) -> Mapping[str, int]:
        """Return the tokens that were given."""
        return self._tokens

    def covers(self, device: str) -> bool:
        """Tell whether the run has locked the device."""
        return device in self._tokens

    def check(self, device: str) -> None:
        """Raise LockLost unless the run holds the device, or did a moment ago."""
        if self._monotonic() - self._sure.get(device, float("-inf")) >= FRESH:
            self.begin(device)

    def begin(self, device: str) -> None:
        """Raise LockLost unless the run holds the device."""
        asked = self._monotonic()
        try:
            self._locks.demand(self._run, device, self._tokens.get(device, 0))
        except LockLost as error:
            self._lost(device, error)
            raise
        self._sure[device] = asked
