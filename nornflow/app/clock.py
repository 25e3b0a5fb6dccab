"""The time, and the ids of runs that are made of it."""

from __future__ import annotations

import random
from datetime import UTC, datetime


def now() -> datetime:
    """Return the time, in UTC."""
    return datetime.now(UTC)


def new_run_id(moment: datetime, rng: random.Random | None = None) -> str:
    """Return an id for a run that sorts by time: `20261121-093000-1f3a9c`."""
    return f"{moment:%Y%m%d-%H%M%S}-{(rng or random.SystemRandom()).getrandbits(24):06x}"
