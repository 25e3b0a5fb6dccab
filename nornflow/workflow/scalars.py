"""What an unquoted YAML word means: YAML 1.2's core schema, so that `no`, `on`, `1:30` and dates stay text.

| written | read as |
|---|---|
| `null` `~` and nothing at all | null |
| `true` `false` (also `True` `TRUE` …) | boolean |
| `12` `-3` `0x1f` `0o17` | whole number |
| `1.5` `.5` `1e3` | number |
| everything else, also `yes` `on` `010` `1_000` `2026-01-31` | text |
"""

from __future__ import annotations

import math
import re

_NULLS = frozenset(("", "~", "null", "Null", "NULL"))
_BOOLEANS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*)", re.ASCII)
_BASED = re.compile(r"0x[0-9a-fA-F]+|0o[0-7]+", re.ASCII)
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|(0|[1-9][0-9]*)(\.[0-9]*)?)([eE][-+]?[0-9]+)?", re.ASCII)
_SPECIAL = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_LONGEST = 100  # digits; Python itself refuses to read integers of more than 4,300


def plain(text: str) -> bool | int | float | str | None:
    """Return the value of an unquoted scalar; ValueError when it names a number that plain data cannot hold."""
    if text in _NULLS:
        return None
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    if text[0] not in "+-.0123456789":
        return text
    if _INTEGER.fullmatch(text):
        return int(_bounded(text))
    if _BASED.fullmatch(text):
        return int(_bounded(text), 0)
    if _FLOAT.fullmatch(text):
        number = float(_bounded(text))
        if math.isinf(number):
            raise ValueError("the number is too large")
        return number
    if _SPECIAL.fullmatch(text):
        raise ValueError("infinity and not-a-number are not plain data")
    return text


def _bounded(text: str) -> str:
    if len(text) > _LONGEST:
        raise ValueError(f"a number of more than {_LONGEST} digits")
    return text
