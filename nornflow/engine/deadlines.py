"""How long single devices may keep a run busy: the time that was worked on each, over all its steps."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping

from nornflow.errors import StepTimeout


class HostTimes:
    """The seconds of work that each device has used up, and has left of `limit` (0 is no limit); thread-safe.

    What a device waits for others, or between two attempts, does not count.
    """

    def __init__(self, limit: float) -> None:
        self._limit = limit
        self._used: dict[str, float] = {}
        self._lock = threading.Lock()

    def use(self, host: str, seconds: float) -> None:
        """Note that so much time was worked on the device."""
        with self._lock:
            self._used[host] = self._used.get(host, 0.0) + seconds

    def used(self, host: str) -> float:
        """Return the seconds that were worked on the device; 0 without a limit."""
        with self._lock:
            return self._used.get(host, 0.0) if self._limit else 0.0

    def left(self, hosts: Iterable[str]) -> Mapping[str, float] | None:
        """Return how much each of these devices has left; None without a limit."""
        if not self._limit:
            return None
        with self._lock:
            return {host: max(0.0, self._limit - self._used.get(host, 0.0)) for host in hosts}

    def over(self, host: str) -> StepTimeout | None:
        """Return the error of a device that has nothing left."""
        left = self.left((host,))
        if left is None or left[host] > 0:
            return None
        return StepTimeout(
            f"{host}: the {self._limit:g} s of its host_timeout are used up",
            hint="raise `host_timeout` of the rollout, or look at what the device was doing",
        )
