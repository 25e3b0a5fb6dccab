"""How long simulated devices take for their answers."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from nornflow.testing.routers.faults import Fault


@dataclass
class Timing:
    """How long the devices take for an answer, in seconds; may be changed while they run."""

    latency: float = 0.0
    jitter: float = 0.0
    rng: random.Random = field(default_factory=lambda: random.Random(1))

    def delay(self, slow: Fault | None, command: str = "") -> float:
        """Return the time that the answer to a command takes."""
        seconds = self.latency + (self.rng.random() * self.jitter if self.jitter else 0.0)
        return seconds * (slow.after or 20.0) if slow is not None and slow.slows(command) else seconds
