"""Lengths of time as people write them: seconds, or a number with its unit."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BeforeValidator

YEAR = 366 * 86_400.0
"""The longest time that anything waits, in seconds."""
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


def seconds(value: str | float) -> float:
    """Return a length of time (`90`, `30s`, `10m`, `24h`, `3d`, `1w`) in seconds; ValueError when it is none, or too long."""
    found = re.fullmatch(r"\s*([0-9]{1,8})\s*([smhdw]?)\s*", value) if isinstance(value, str) else None
    if found:
        value = float(int(found[1]) * _UNITS[found[2] or "s"])
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{value!r} is no length of time: write seconds, or a number with its unit: 10m, 24h, 3d")
    if not 1 <= value <= YEAR:
        raise ValueError("a length of time is one second to a year")
    return float(value)


Length = Annotated[float, BeforeValidator(seconds)]
"""A length of time in seconds, as a key of a step may be written."""
