"""Results that may be used again: what a step does, which is what its result is found by, and what is told of a kept one."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from nornflow.model.plain import DEEPEST, plain
from nornflow.record import record

_ENCODE = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode


@dataclass(frozen=True)
class Doing:
    """What a step does once, or on one device: `what` is all that its result depends on.

    `workflow`, `step` and `type` tell people who it was, and `host` (empty for a step of the run) where; they are no part
    of the key by themselves, so that steps of different workflows which do the same share a result.
    """

    workflow: str
    step: str
    type: str
    host: str
    what: Mapping[str, Any]

    @cached_property
    def text(self) -> str:
        """Return `what` as JSON, the same for the same whatever the order of keys; ValueError when it has no end."""
        return _ENCODE(plain(_ordered(self.what, DEEPEST)))

    @property
    def key(self) -> str:
        """Return the SHA-256 of the text, in hex."""
        return hashlib.sha256(self.text.encode()).hexdigest()


@record
class CachedEntry:
    """A kept result as it is listed: who left it and when (UTC), until when it may be used, its bytes, and how often it was."""

    key: str
    workflow: str
    step: str
    type: str
    host: str
    kept_at: datetime
    expires_at: datetime
    size: int
    hits: int


def _ordered(value: Any, levels: int) -> Any:
    """Return a value with its sets in an order: theirs is another one in each process."""
    if levels <= 0:
        raise ValueError("it is nested too deep, or holds itself")
    if isinstance(value, Mapping):
        return {key: _ordered(item, levels - 1) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_ordered(item, levels - 1) for item in value]
    if isinstance(value, (set, frozenset)):
        return sorted((_ordered(item, levels - 1) for item in value), key=lambda item: _ENCODE(plain(item)))
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: _ordered(getattr(value, field.name), levels - 1) for field in fields(value)}
    return value
