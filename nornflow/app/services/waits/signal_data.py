"""What a signal brings: JSON, strictly read, because what is kept must come back as it was sent."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

from nornflow.errors import UsageError
from nornflow.model.plain import plain

LARGEST = 65_536
"""Bytes that the data of a signal may have: it is an answer, not an archive."""


def signal_data(raw: bytes) -> Any:
    """Return what JSON text (RFC 8259, UTF-8, a byte order mark is passed over) says; UsageError for what is none.

    Refused is also what JSON leaves open and programs read differently: a key that is there twice, NaN and infinities, half
    characters, and what is nested deeper than anything that is kept.
    """
    if len(raw) > LARGEST:
        raise UsageError(
            f"--data is too large: at most {LARGEST:,} bytes are taken", hint="send where it is to be found"
        )
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(
            f"--data is no UTF-8 text: byte {error.start + 1} is wrong", hint="write it as JSON, in UTF-8"
        ) from None
    try:
        found = json.loads(text, parse_constant=_no_number, parse_float=_number, object_pairs_hook=_object)
        plain(found)  # as deep, and with numbers as long, as can be kept
        _demand_whole_characters(found)
    except RecursionError:
        raise UsageError("--data is nested too deep", hint="send where it is to be found") from None
    except ValueError as error:
        raise UsageError(
            f"--data is no JSON that can be kept: {error}", hint="""for example --data '{"ticket": "CHG0000001"}'"""
        ) from None
    return found


def _demand_whole_characters(value: Any) -> None:
    """Raise ValueError when a text of it holds half a character."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise ValueError("a text holds half of a character (a lone surrogate)") from None


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is no number of JSON")


def _number(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is too large")
    return number


def _object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = next(key for key, count in Counter(key for key, _ in pairs).items() if count > 1)
        raise ValueError(f"the key {twice!r} is there twice")
    return found
