"""Values as plain data: what records, reports and caches may hold, whatever a step type brought."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from enum import Enum
from functools import cache
from typing import Any

DEEPEST = 200
"""How many levels plain data may be nested; what holds itself is nested without an end."""

_AS_THEY_ARE = frozenset((bool, type(None)))
_FAR = 10**4000
"""Python writes and reads no whole number of more than 4,300 digits."""


def plain(value: Any, levels: int = DEEPEST) -> Any:
    """Return a value as JSON types: dataclasses become objects, times ISO 8601, anything strange its text.

    What JSON and UTF-8 cannot say is said in their words: NaN and infinities by name, half characters escaped. Raises
    ValueError for what is nested deeper than `levels` or a number of thousands of digits, and whatever the value raises when
    it is asked for its text.
    """
    kind: type = type(value)
    if kind in _AS_THEY_ARE:  # nearly all values of a record are of these kinds, so they are asked first
        return value
    if kind is str:
        return value if value.isascii() else _encodable(value)
    if kind is int:
        return _demand_near(value)
    if kind is datetime:
        return value.isoformat()
    if kind is dict and levels > 0:
        return {_encodable(str(key)): plain(item, levels - 1) for key, item in value.items()}
    if isinstance(value, Enum):
        return plain(value.value, levels)
    if isinstance(value, str):
        return _encodable(str(value))
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, int):
        return _demand_near(int(value))
    if levels <= 0:
        raise ValueError("it is nested too deep, or holds itself")
    if is_dataclass(kind) and not isinstance(value, type):
        return _plain_fields(value, _names(kind), levels - 1)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {_encodable(str(key)): plain(item, levels - 1) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(item, levels - 1) for item in value]
    return _encodable(str(value))


def _plain_fields(value: Any, names: tuple[str, ...], levels: int) -> dict[str, Any]:
    """Return a record as an object; most of its fields are what they are, and a call for each would be half of the time."""
    found = {}
    for name in names:
        item = getattr(value, name)
        kind = type(item)
        same = kind in _AS_THEY_ARE or (kind is str and item.isascii())
        found[name] = item if same else plain(item, levels)
    return found


@cache
def _names(kind: type) -> tuple[str, ...]:
    """Return the names of what is shown of a dataclass: its fields, and a duration that it works out."""
    names = tuple(field.name for field in fields(kind))
    return (*names, "duration") if hasattr(kind, "duration") and "duration" not in names else names


def _demand_near(number: int) -> int:
    if -_FAR < number < _FAR:
        return number
    raise ValueError("it is a number of more than 4,000 digits")


def _encodable(text: str) -> str:
    """Return the text with halves of UTF-16 pairs escaped: Python reads such out of broken bytes, no file may hold them."""
    if text.isascii():
        return text
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
