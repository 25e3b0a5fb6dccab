"""Secrets as values, and masking by value: the only masking code of the project."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar
from urllib.parse import quote, quote_plus

MASK = "********"
_SHORTEST = 4  # masking shorter values would blank out ordinary words and digits
_FEW = 100  # so many spellings are searched for one by one, which is quicker than looking at each place of a text

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


def _texts(value: Any) -> Iterator[str]:
    """Yield each string in a JSON-like value, keys too."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _texts(key)
            yield from _texts(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _texts(item)


_WITHOUT_TEXT = frozenset((type(None), bool, int, float))


class Redactor:
    """Knows the secret values of one run and masks each of their spellings wherever text leaves the process.

    Thread-safe. Values shorter than four characters are not masked (they would blank out ordinary text); whoever adds
    one is told by the return value of `add`. A password of its own for each of thousands of devices is no trouble.
    """

    def __init__(self, values: Iterable[str] = ()) -> None:
        self._lock = threading.Lock()
        self._known: set[str] = set()
        self._origins: dict[str, str] = {}
        self._few: tuple[str, ...] = ()
        self._few_in_json: tuple[str, ...] = ()
        self._by_start: dict[str, list[str]] = {}
        self._heard: Callable[[str, str], object] = lambda value, origin: None
        for value in values:
            self.add(value)

    def add(self, value: str | Secret | None, origin: str = "") -> bool:
        """Mask this value from now on; return False when it is too short to be masked.

        `origin` says where it comes from, in words that tell nothing of it; of several the first one stays.
        """
        text = value.reveal() if isinstance(value, Secret) else value
        if not text or len(text) < _SHORTEST:
            return False
        with self._lock:
            new = text not in self._known
            for spelling in _spellings(text) if origin and text not in self._origins else ():
                self._origins.setdefault(spelling, origin)
            for spelling in set(_spellings(text)) - self._known:
                self._known.add(spelling)
                self._by_start.setdefault(spelling[:_SHORTEST], []).append(spelling)
            if len(self._known) <= _FEW:
                # longest first: a secret that contains another one must not leave its tail behind
                self._few = tuple(sorted(self._known, key=lambda spelling: (-len(spelling), spelling)))
                self._few_in_json = tuple(json.dumps(spelling, ensure_ascii=False)[1:-1] for spelling in self._few)
        if new:
            self._heard(text, origin)
        return True

    def tell(self, heard: Callable[[str, str], object]) -> None:
        """Call this with each value that is new from now on, and its origin, before whoever adds it goes on."""
        self._heard = heard

    def text(self, text: str) -> str:
        """Return the text with every known spelling of every secret masked."""
        if len(text) < _SHORTEST:
            return text
        if len(self._known) > _FEW:
            return self._scanned(text)
        for spelling in self._few:
            if spelling in text:
                text = text.replace(spelling, MASK)
        return text

    def referred(self, text: str) -> str:
        """Return the text with each secret replaced by where it comes from, `<password of r1>`; others are masked."""
        with self._lock:
            origins = sorted(self._origins.items(), key=lambda item: -len(item[0]))
        for spelling, origin in origins:
            if spelling in text:
                text = text.replace(spelling, f"<{origin}>")
        return self.text(text)

    def _scanned(self, text: str) -> str:
        """Look at each place of the text once, however many secrets there are; what overlaps is masked as one."""
        shown: list[str] = []
        end = 0
        for place in range(len(text) - _SHORTEST + 1):
            for spelling in self._by_start.get(text[place : place + _SHORTEST], ()):
                if text.startswith(spelling, place):
                    if place >= end:
                        shown += (text[end:place], MASK)
                    end = max(end, place + len(spelling))
        return "".join((*shown, text[end:]))

    def may_be_in(self, text: str) -> bool:
        """Tell whether a secret may be in a JSON text (one that is not in ASCII only); False is for certain.

        JSON spells each character the same wherever it stands, so what is in a value is in the text too: where this says
        False, `value` would change nothing, and it takes far less time.
        """
        if len(self._known) > _FEW:
            return True
        return any(spelling in text for spelling in self._few_in_json)

    def found(self, value: Any) -> tuple[str, ...]:
        """Return the spellings of secrets that stand in a JSON-like value, sorted: none where `value` would change nothing."""
        return tuple(sorted({spelling for text in _texts(value) for spelling in self._found_in(text)}))

    def _found_in(self, text: str) -> Iterator[str]:
        if len(self._known) <= _FEW:
            yield from (spelling for spelling in self._few if spelling in text)
            return
        for place in range(len(text) - _SHORTEST + 1):
            known = self._by_start.get(text[place : place + _SHORTEST], ())
            yield from (spelling for spelling in known if text.startswith(spelling, place))

    def value(self, value: T) -> T:
        """Return a copy of a JSON-like value (dict, list, tuple, str, Secret ...) with secrets masked; keys too."""
        return self._walk(value)  # type: ignore[no-any-return]

    def _walk(self, value: Any) -> Any:
        kind = type(value)
        if kind is str:  # most of what there is, so it is asked for first
            return self.text(value)
        if kind in _WITHOUT_TEXT:
            return value
        if kind is dict:
            return {self._walk(key): self._walk(item) for key, item in value.items()}
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
