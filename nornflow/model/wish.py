"""How somebody wants a run to end early: the levels, which only go up, and who asked for one when."""

from __future__ import annotations

import json
from datetime import datetime
from enum import StrEnum

from nornflow.record import record


class Level(StrEnum):
    """How early a run ends; each level holds what the one before it says.

    `AFTER_BATCH`: no further batch. `AFTER_DEVICE`: no further step and no further device. `NOW`: what is at work ends, and
    everything that the run changed is taken back.
    """

    AFTER_BATCH = "after-batch"
    AFTER_DEVICE = "after-device"
    NOW = "now-and-roll-back"

    @property
    def height(self) -> int:
        """Return the level as a number that grows."""
        return list(Level).index(self) + 1


_SAID = {
    Level.AFTER_BATCH: "after the batch at work",
    Level.AFTER_DEVICE: "after the devices at work",
    Level.NOW: "at once, with everything taken back that it had changed",
}


@record
class Wish:
    """That a run shall end early: how, who asked for it, when (UTC), and by which means (`SIGINT`, a command)."""

    level: Level
    by: str
    at: datetime
    via: str = ""

    def written(self) -> str:
        """Return the wish as JSON, as the store keeps it."""
        return json.dumps([self.level.value, self.by, self.at.isoformat(), self.via], ensure_ascii=False)

    @classmethod
    def read(cls, text: str) -> Wish | None:
        """Return the wish that was written so, None for an empty text; ValueError for another one."""
        if not text:
            return None
        level, by, at, via = json.loads(text)
        return cls(Level(level), by, datetime.fromisoformat(at), via)

    def __str__(self) -> str:
        means = f" ({self.via})" if self.via else ""
        return f"{self.by} ended the run {_SAID[self.level]}, at {self.at:%Y-%m-%d %H:%M:%S} UTC{means}"
