"""The configuration of a simulated device: a tree of lines that is changed line by line and listed as text."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from nornflow.record import record
from nornflow.testing.routers.arguments import listing_place
from nornflow.testing.routers.grammar import Grammar, Invalid, Match, Rule, Unparsed

Words = tuple[str, ...]
Natural = tuple[tuple[int, int, str], ...]
Cursor = tuple[Match, ...]
"""Where a session stands in the configuration: the section lines that it opened, outermost first."""


class Rejected(Exception):
    """The device understands the line and refuses it; the text is what it answers."""


class ModeLike(Protocol):
    """One configuration mode as this module needs it."""

    @property
    def name(self) -> str:
        """The mode's name in the tables."""

    @property
    def grammar(self) -> Grammar:
        """The lines that the mode knows."""


@dataclass(slots=True)
class Item:
    """One stored line, with the section below it if it opens one."""

    words: Words
    rule: Rule
    section: Section | None = None

    @property
    def text(self) -> str:
        """The line as the device lists it, without indentation."""
        return " ".join(self.words)


@dataclass(slots=True)
class Section:
    """The lines of one section by their keys."""

    mode: ModeLike
    items: dict[Words, Item] = field(default_factory=dict)

    def ordered(self) -> list[Item]:
        """Return the lines in the order in which the device lists them."""
        return sorted(self.items.values(), key=_listing_order)

    def first(self, *words: str) -> Item | None:
        """Return the first line that begins with the words, or None."""
        return min(self._beginning(words), key=_listing_order, default=None)

    def values(self, *words: str) -> list[str]:
        """Return what follows the words on every line that begins with them."""
        return [" ".join(item.words[len(words) :]) for item in sorted(self._beginning(words), key=_listing_order)]

    def sections(self, word: str) -> Iterator[tuple[Words, Section]]:
        """Yield name and content of every section whose line begins with the word."""
        for item in sorted(self._beginning((word,)), key=_listing_order):
            if item.section is not None:
                yield item.words[1:], item.section

    def _beginning(self, words: Words) -> Iterator[Item]:
        return (item for item in self.items.values() if _begins(item.words, words))


Check = Callable[["Configuration", Cursor, Match], None]
"""What a device's software looks at before it takes a line; raises Rejected or Invalid."""

Complete = Callable[[Section, Match], str]
"""Returns the full line of one whose number the device supplies."""


@record
class Style:
    """How a platform lists its configuration: the indentation of a level, and whether families are closed by a line."""

    indent: str = " "
    closes_families: bool = True


class Configuration:
    """A configuration tree. `apply` takes lines as a terminal does, `lines` lists what became of them."""

    def __init__(
        self, modes: Mapping[str, ModeLike], check: Check, complete: Complete, style: Style | None = None
    ) -> None:
        self._modes, self._check, self._complete = modes, check, complete
        self._style = style or Style()
        self.root = Section(modes["global"])

    def section(self, cursor: Cursor) -> Section:
        """Return the section at the cursor, made anew where another session took it away."""
        section = self.root
        for opened in cursor:
            section = self._open(section, opened)
        return section

    def mode(self, cursor: Cursor) -> ModeLike:
        """Return the mode that a session at the cursor is in."""
        rule = cursor[-1].rule if cursor else None
        return self._modes[rule.opens] if rule and rule.opens else self._modes["global"]

    def apply(self, cursor: Cursor, line: str) -> Cursor:
        """Take one line and return where the session then stands.

        A line that the open section does not know is tried in the sections around it. Raises Unparsed when none knows
        it and Rejected when the device's software refuses it; the configuration is then as before.
        """
        reset = re.match(r"\s*def(a(u(l(t)?)?)?)?\s+(?=\S)", line, re.IGNORECASE)
        if reset is not None:
            return self._apply_default(cursor, line, reset.end())
        depth, match = self._parse(cursor, line)
        return self._take(cursor[:depth], match, line)

    def _parse(self, cursor: Cursor, line: str) -> tuple[int, Match]:
        error: Unparsed | None = None
        for depth in range(len(cursor), -1, -1):
            try:
                return depth, self.mode(cursor[:depth]).grammar.match(line)
            except Unparsed as found:
                if error is None or _at_first_word(error, line):
                    error = found
        assert error is not None  # the loop ran at least once
        raise error

    def _apply_default(self, cursor: Cursor, line: str, offset: int) -> Cursor:
        try:
            depth, match = self._parse(cursor, "no " + line[offset:])
        except Invalid as error:
            raise Invalid(error.column - len("no ") + offset) from error
        section = self.section(cursor[:depth])
        item = section.items.get(match.key)
        if match.rule is not None and match.rule.opens == "interface":
            if item is not None and item.section is not None:
                item.section.items.clear()
        else:
            section.items.pop(match.key, None)
        return cursor[:depth]

    def _take(self, cursor: Cursor, match: Match, line: str) -> Cursor:
        self._check(self, cursor, match)
        section = self.section(cursor)
        if match.negated:
            self._remove(section, match)
            return cursor
        if match.rule is not None and match.rule.numbered:
            match = section.mode.grammar.match(self._complete(section, match))
        rule = match.rule
        assert rule is not None  # only negated matches come without one
        if rule.opens:
            self._open(section, match)
            return (*cursor, match)
        section.items.pop(match.key, None) if match.key != match.words or rule.default_on else None
        if not rule.default_on:
            section.items.setdefault(match.key, Item(match.words, rule))
        return cursor

    def _open(self, section: Section, match: Match) -> Section:
        rule = match.rule
        assert rule is not None  # a cursor is made of section lines
        assert rule.opens is not None
        item = section.items.setdefault(match.key, Item(match.words, rule))
        if item.section is None:
            item.section = Section(self._modes[rule.opens])
        return item.section

    @staticmethod
    def _remove(section: Section, match: Match) -> None:
        rule, items = match.rule, section.items
        if rule is not None and _stored_as_no(rule, match, section):
            items.pop(match.key, None)
            items[match.key] = Item(("no", *match.key), rule)
        elif rule is not None and rule.numbered:
            for key in [key for key, item in items.items() if _begins(_unnumbered(item.words), match.words)]:
                del items[key]
        elif rule is not None and rule.key_length is not None:
            held = items.get(match.key)
            if held is not None and rule.exact and match.words != match.key and held.words != match.words:
                raise Rejected("% Invalid value: it is not the configured one\n")
            items.pop(match.key, None)
        elif rule is not None and match.key in items:
            del items[match.key]
        if rule is None or (rule.key_length is None and not rule.opens):
            for key in [key for key, item in items.items() if _begins(item.words, match.words)]:
                del items[key]

    def lines(self) -> list[str]:
        """Return the listing, one string a line, indented by level and with `!` between blocks."""
        listing: list[str] = []
        previous: Item | None = None
        for item in self.root.ordered():
            if previous is not None and (previous.section or item.section or previous.words[0] != item.words[0]):
                listing.append("!")
            listing += _lines(item, "", self._style)
            previous = item
        return listing

    def load(self, lines: Iterable[str]) -> None:
        """Take a listing, as at start-up: indentation closes sections, lines of no meaning are passed over."""
        cursor: Cursor = ()
        for line in join_banners(lines):
            words = line.strip()
            if not words or words.startswith("!") or words in ("end", "exit", "exit-address-family"):
                continue
            depth = (len(line) - len(line.lstrip(" "))) // len(self._style.indent)
            cursor = self.apply(cursor[:depth], words)


def _lines(item: Item, indent: str, style: Style) -> list[str]:
    if item.section is None:
        return [indent + item.text]
    listing = [indent + item.text]
    shown = [rule for rule in item.section.mode.grammar.rules if rule.shown]
    absent = [rule for rule in shown if _is_absent(rule, item.section)]
    children = item.section.ordered() + [Item(("no", *_key_words(rule)), rule) for rule in absent]
    for child in sorted(children, key=_listing_order):
        if child.section is not None and len(listing) > 1:
            listing.append(indent + style.indent + "!")
        listing += _lines(child, indent + style.indent, style)
    if item.words[0] == "address-family" and style.closes_families:
        listing.append(indent + "exit-address-family")
    return listing


def _is_absent(rule: Rule, section: Section) -> bool:
    """Tell whether a line that is shown as `no` when absent has to be shown; a switch port has no address at all."""
    words = _key_words(rule)
    others = [item for item in section.items.values() if item.words[: len(words)] == words]
    return not others and section.first("switchport") is None


def _key_words(rule: Rule) -> Words:
    return tuple(rule.pattern.split(" ;")[0].split())


def _listing_order(item: Item) -> tuple[int, int, Natural, int, Natural]:
    rule = item.rule
    words = item.words[1:] if item.words[0] == "no" else item.words
    if rule.typed:
        return rule.block, 0, (), 0, ()
    if rule.block != rule.rank or "@peer" in rule.pattern:
        return rule.block, 0, _natural(words[1]), rule.rank, _natural(" ".join(words))
    kind = listing_place(words[1]) if rule.opens == "interface" else 0
    return rule.block, kind, _natural(" ".join(words)), 0, ()


def _natural(text: str) -> Natural:
    parts = re.split(r"(\d+)", text)
    return tuple((0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts)


def _stored_as_no(rule: Rule, match: Match, section: Section) -> bool:
    """Tell whether the `no` form itself is a line of the configuration, because the positive form is the default."""
    if match.words[0] == "passive-interface" and match.words[1:] != ("default",):
        return ("passive-interface", "default") in section.items
    return rule.default_on


def _begins(words: Words, start: Words) -> bool:
    return words[: len(start)] == start


def _unnumbered(words: Words) -> Words:
    if words[0].isdecimal():
        return words[1:]
    if "seq" in words[:4]:
        place = words.index("seq")
        return words[:place] + words[place + 2 :]
    return words


def _at_first_word(error: Unparsed, line: str) -> bool:
    """Tell whether the grammar knew not even the first word, so that an outer section's answer says more."""
    if not isinstance(error, Invalid):
        return False
    start = re.match(r"\s*(no\s+)?", line, re.IGNORECASE)
    return start is not None and error.column <= start.end()


def join_banners(lines: Iterable[str]) -> Iterator[str]:
    """Yield the lines with every banner's text joined to the line that begins it."""
    held: list[str] = []
    for line in lines:
        if not held and re.match(r"banner \w+ \^C", line) is None:
            yield line
            continue
        held.append(line)
        if "\n".join(held).count("^C") >= 2:
            yield "\n".join(held)
            held = []
