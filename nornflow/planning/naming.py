"""Which names and addresses the changed lines of a plan speak of, and where they turn up again in a state."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from ipaddress import ip_interface
from typing import Any

from nornflow.model.state import Path
from nornflow.planning.state import leaves
from nornflow.platforms.platform import Platform
from nornflow.record import record

_WORDS = re.compile(r"[^\s,;\"'(){}\[\]=]+")
_INTERFACE = re.compile(r"([A-Za-z][A-Za-z-]*)(\d[\d/.:]*)")
_ADDRESS = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}|[0-9a-fA-F]*:[0-9a-fA-F:.]+")
_PREFIXED = re.compile(rf"({_ADDRESS.pattern})/(\d{{1,3}})")
_DOMAIN = re.compile(r"([a-z][a-z0-9-]*)(?:\.[a-z0-9-]+)*\.[a-z]+")
_FREE_TEXT = frozenset(("description", "remark", "banner", "comment", "alias"))
"""After these a line holds words for people: a name among them says nothing about what the line does."""
_NOTHING = frozenset(("0.0.0.0", "255.255.255.255", "::"))
_MOST = 500  # values of a part that is new or gone as a whole that are looked at


@record
class _Word:
    """A number or plain word of a line, behind the word `key`; by itself it names nothing."""

    key: str
    text: str
    line: str


class Named:
    """What the changed lines of one device's plan name: addresses, interfaces, numbers behind their keyword.

    Takes lines as `planning.diff.changes_in` gives them, each with its sections behind ` / `.
    """

    def __init__(self, lines: Iterable[str], platform: Platform) -> None:
        self._platform = platform
        self._names: dict[str, str] = {}
        self._without_length: dict[str, str] = {}
        self._words: list[_Word] = []
        for line in lines:
            self._read(line)

    def line_for(self, path: Path, *values: Any) -> str:
        """Return the changed line that a place in the state, or its value, follows from; empty when there is none."""
        segments = [word for segment in path for word in self._words_of(segment)]
        shown = [word for value in values for word in self._words_in(value)]
        for word in (*segments, *shown):
            if word in self._names:
                return self._names[word]
            prefixed = _PREFIXED.fullmatch(word)
            if prefixed is not None and prefixed[1] in self._without_length:
                return self._without_length[prefixed[1]]
        spelt = [f"_{segment.casefold().replace('-', '_')}" for segment in path]
        placed, valued = set(segments), set(shown)
        for each in self._words:
            told = [f"_{each.key}" in segment for segment in spelt]
            if (each.text in placed and any(told)) or (each.text in valued and told[-1]):
                return each.line
        return ""

    def _read(self, line: str) -> None:
        """Take a line apart; plain words count only where it names nothing better, the section around it neither."""
        names, lengthless, words = set[str](), set[str](), list[_Word]()
        sign = line[:1] if line[:1] in ("+", "-") else ""
        own, *sections = line.removeprefix(sign).strip().split(" / ")
        shown = f"{sign} {' / '.join((*sections, own))}".lstrip()
        for part in (own, *sections):
            key, free, typed, mask = "", False, _WORDS.findall(part), ""
            for text, following in zip(typed, (*typed[1:], ""), strict=False):
                word = text.casefold()
                if mask:  # it belongs to the address before it
                    mask = ""
                elif word in _FREE_TEXT:
                    key, free = word, True
                elif not free and word in self._platform.keywords:
                    key = word
                elif free or not _is_name(word):
                    if word not in ("no", "set", "delete") and (len(word) > 1 or word.isdigit()):
                        words.append(_Word(key.replace("-", "_"), word, shown))
                else:
                    mask = _mask(word, following)
                    whole, bare = _spelt(f"{word}/{mask}" if mask else word)
                    names |= whole or {self._full(word)}
                    lengthless |= bare
        for name in names:
            self._names.setdefault(name, shown)
        for name in lengthless:
            self._without_length.setdefault(name, shown)
        if not names:
            self._words += [word for word in words if word.key]

    def _words_in(self, value: Any) -> Iterator[str]:
        for count, (path, leaf) in enumerate(leaves(value)):
            if count == _MOST:
                return
            for segment in (*path, str(leaf)):
                yield from self._words_of(segment)

    def _words_of(self, text: str) -> Iterator[str]:
        for word in map(str.casefold, _WORDS.findall(text)):
            yield self._full(word)
            domain = _DOMAIN.fullmatch(word)
            if domain is not None:
                yield domain[1]

    def _full(self, word: str) -> str:
        """Return the name of an interface with its type in full (`gi0/1` -> `gigabitethernet0/1`), other words as they are."""
        found = _INTERFACE.fullmatch(word)
        if found is None:
            return word
        kinds = (kind.casefold() for kind in self._platform.interfaces)
        return next((kind for kind in kinds if kind.startswith(found[1])), found[1]) + found[2]


def _is_name(word: str) -> bool:
    """Tell whether a word can name one thing: it has a digit and is no number; words and numbers turn up anywhere."""
    return any(letter.isdigit() for letter in word) and not word.isdigit()


def _mask(word: str, following: str) -> str:
    """Return the following word when it is the mask of an address (255.255.255.0 or 0.0.0.255), or an empty string."""
    if not (_ADDRESS.fullmatch(word) and _ADDRESS.fullmatch(following)):
        return ""
    try:
        ip_interface(f"{word}/{following}")
    except ValueError:
        return ""
    return following


def _spelt(word: str) -> tuple[set[str], set[str]]:
    """Return how an address can stand in a state: with its length, as its network; and how with any length.

    Both are empty for a word that is no address.
    """
    try:
        found = ip_interface(word)
    except ValueError:
        return set(), set()
    own, network = str(found.ip), found.network
    spelt = {own, str(found), str(network), str(network.network_address)} if "/" in word else {own}
    with_any_length = {own} if "/" not in word or found.ip != network.network_address else set[str]()
    return spelt - _NOTHING, with_any_length - _NOTHING
