"""Secrets as values, and masking by value: the only masking code of the project."""

from __future__ import annotations

import base64
import threading
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar
from urllib.parse import quote, quote_plus

MASK = "********"
_SHORTEST = 4  # masking shorter values would blank out ordinary words and digits

T = TypeVar("T")


class Secret:
    """A value that does not show itself: not in str(), repr(), format(), pickles or JSON; only `reveal()` gives it."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the value itself, for the one call that needs it."""
        return self._value

    def __str__(self) -> str:
        return MASK

    def __repr__(self) -> str:
        return f"Secret({MASK})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(("Secret", self._value))

    def __reduce__(self) -> Any:
        raise TypeError("a Secret cannot be pickled")


def _spellings(value: str) -> Iterable[str]:
    """Yield the forms in which a value leaks: itself, URL-encoded, hex and base64 (padding stripped)."""
    raw = value.encode()
    yield value
    yield quote(value, safe="")
    yield quote_plus(value)
    yield raw.hex()
    yield raw.hex().upper()
    yield base64.b64encode(raw).decode().rstrip("=")
    yield base64.urlsafe_b64encode(raw).decode().rstrip("=")


class Redactor:
    """Knows the secret values of one run and masks each of their spellings wherever text leaves the process.

    Thread-safe. Values shorter than four characters are not masked (they would blank out ordinary text); whoever adds
    one is told by the return value of `add`.
    """

    def __init__(self, values: Iterable[str] = ()) -> None:
        self._lock = threading.Lock()
        self._spellings: tuple[str, ...] = ()
        for value in values:
            self.add(value)

    def add(self, value: str | Secret | None) -> bool:
        """Mask this value from now on; return False when it is too short to be masked."""
        text = value.reveal() if isinstance(value, Secret) else value
        if not text or len(text) < _SHORTEST:
            return False
        with self._lock:
            known = set(self._spellings) | set(_spellings(text))
            # longest first: a secret that contains another one must not leave its tail behind
            self._spellings = tuple(sorted(known, key=lambda spelling: (-len(spelling), spelling)))
        return True

    def text(self, text: str) -> str:
        """Return the text with every known spelling of every secret masked."""
        for spelling in self._spellings:
            if spelling in text:
                text = text.replace(spelling, MASK)
        return text

    def value(self, value: T) -> T:
        """Return a copy of a JSON-like value (dict, list, tuple, str, Secret ...) with secrets masked; keys too."""
        return self._walk(value)  # type: ignore[no-any-return]

    def _walk(self, value: Any) -> Any:
        if isinstance(value, Secret):
            return MASK
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {self._walk(key): self._walk(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return (
                type(value)(self._walk(item) for item in value)
                if type(value) in (list, tuple)
                else list(map(self._walk, value))
            )
        return value
