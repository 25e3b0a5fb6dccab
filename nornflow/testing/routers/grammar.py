"""The command grammar of a simulated device: patterns become a tree that resolves abbreviations as a device does.

A pattern is one line of text:

    hostname ; HOSTNAME                     `;` ends the key: lines with an equal key replace each other
    ip address IP MASK secondary            without `;` the whole line is its key, so many of them can stand
    switchport mode ; (access|trunk)        ( ) holds alternatives, [ ] may be left out, capitals are arguments
    ~service pad                            on by default: it is the `no` form that is stored and shown
    -neighbor HOST                          known only behind `no`: takes away everything that begins with it
    interface IFACE > interface             opens the section whose grammar is `interface`
    console=con                             typed as the first word, stored as the second (`_` there is a space)

Flags at the end of a pattern: `@exact` (`no` needs the very value), `@shown` (shown as `no` when absent),
`@typed` (lines stay in the order in which they were typed), `@numbered` (the device gives the line a number),
`@peer` (the lines about one peer, the second word, stand together).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from nornflow.record import record
from nornflow.testing.routers.arguments import ARGUMENTS, BadArgument

_GROUP = re.compile(r"\[([^\[\]()]*)\]|\(([^\[\]()]*)\)")


class Unparsed(ValueError):
    """A line is not in the grammar; the subclasses are the three answers that a device gives."""


class Invalid(Unparsed):
    """A word has no place in the grammar; `column` is where it begins in the typed line."""

    def __init__(self, column: int) -> None:
        super().__init__(f"invalid input at column {column}")
        self.column = column


class Incomplete(Unparsed):
    """The line ends before the command does."""


class Ambiguous(Unparsed):
    """An abbreviation fits several keywords; `typed` is the line as it was typed."""

    def __init__(self, typed: str) -> None:
        super().__init__(f"ambiguous: {typed}")
        self.typed = typed


@record
class Rule:
    """What the grammar knows about one kind of line: its place in the listing, its key and what it opens."""

    pattern: str
    rank: int
    key_length: int | None = None
    block: int = 0
    opens: str | None = None
    default_on: bool = False
    negative_only: bool = False
    exact: bool = False
    shown: bool = False
    typed: bool = False
    numbered: bool = False


@record
class Match:
    """A line that the grammar knows, in its canonical words; `rule` is None for a `no` form cut short."""

    words: tuple[str, ...]
    rule: Rule | None
    negated: bool = False

    @property
    def key(self) -> tuple[str, ...]:
        """The words that identify the line among its sisters."""
        length = self.rule.key_length if self.rule else None
        return self.words if length is None else self.words[:length]


@dataclass(slots=True)
class _Node:
    keywords: dict[str, tuple[str, _Node]] = field(default_factory=dict)
    arguments: dict[str, _Node] = field(default_factory=dict)
    rule: Rule | None = None
    negatable: bool = False


@record
class _Word:
    text: str
    column: int


class Grammar:
    """The commands of one mode."""

    def __init__(self, patterns: Iterable[str]) -> None:
        self._root = _Node()
        self.rules: list[Rule] = []
        for rank, pattern in enumerate(patterns):
            self._add(pattern.strip(), rank)

    def _add(self, pattern: str, rank: int) -> None:
        text, flags = pattern, set(re.findall(r"@(\w+)", pattern))
        text = re.sub(r"\s*@\w+", "", text)
        text, _, opens = text.partition(" > ")
        rule = Rule(
            pattern=pattern,
            rank=rank,
            block=self._block(rank, "peer" in flags),
            opens=opens.strip() or None,
            default_on=text.startswith("~"),
            negative_only=text.startswith("-"),
            exact="exact" in flags,
            shown="shown" in flags,
            typed="typed" in flags,
            numbered="numbered" in flags,
        )
        self.rules.append(rule)
        for words in _expand(text.lstrip("~-")):
            self._add_words(words, rule)

    def _block(self, rank: int, peer: bool) -> int:
        """Return the rank of the block that a pattern is listed in: its own, or that of the first one about peers."""
        if not peer:
            return rank
        return next((rule.rank for rule in self.rules if "@peer" in rule.pattern), rank)

    def _add_words(self, words: list[str], rule: Rule) -> None:
        key_length, length, node = None, 0, self._root
        for word in words:
            if word == ";":
                key_length, node.negatable = length, True
                continue
            node = self._child(node, word)
            length += 1 + word.partition("=")[2].count("_")
        if rule.negative_only:
            node.negatable = True
        else:
            node.rule = replace(rule, key_length=key_length)

    @staticmethod
    def _child(node: _Node, word: str) -> _Node:
        if word in ARGUMENTS:
            return node.arguments.setdefault(word, _Node())
        typed, _, stored = word.partition("=")
        return node.keywords.setdefault(typed, (stored.replace("_", " ") or typed, _Node()))[1]

    def match(self, line: str) -> Match:
        """Return the line in canonical words, or raise Invalid, Incomplete or Ambiguous."""
        words = [_Word(m.group(), m.start()) for m in re.finditer(r"\S+", line)]
        negated = bool(words) and words[0].text.lower() == "no"
        canonical, node = self._walk(line, words[1:] if negated else words)
        if node.rule is not None:
            return Match(canonical, node.rule, negated)
        if negated and node.negatable:
            return Match(canonical, None, negated)
        raise Incomplete(line)

    def _walk(self, line: str, words: list[_Word]) -> tuple[tuple[str, ...], _Node]:
        canonical: list[str] = []
        node, index = self._root, 0
        while index < len(words):
            word = words[index]
            step = _keyword(node, word.text, line) or _argument(node, line, words, index)
            if step is None:
                raise Invalid(word.column)
            text, node, taken = step
            canonical += [text] if taken else text.split()
            index += taken or 1
        return tuple(canonical), node

    def completions(self, line: str) -> list[str]:
        """Return the words that may come next, for context help; raises as `match` does."""
        words = [_Word(m.group(), m.start()) for m in re.finditer(r"\S+", line)]
        unfinished = words.pop().text.lower() if words and not line.endswith(" ") else ""
        _, node = self._walk(line, words)
        found = sorted(word for word in node.keywords if word.startswith(unfinished))
        return found + (sorted(node.arguments) if not unfinished else []) + (["<cr>"] if node.rule else [])


def _expand(pattern: str) -> Iterator[list[str]]:
    group = _GROUP.search(pattern)
    if group is None:
        yield pattern.split()
        return
    optional, required = group.groups()
    choices = (required if required is not None else optional).split("|")
    if optional is not None:
        choices.append("")
    for choice in choices:
        yield from _expand(f"{pattern[: group.start()]} {choice} {pattern[group.end() :]}")


def _keyword(node: _Node, word: str, line: str) -> tuple[str, _Node, int] | None:
    """Return stored text and next node of the keyword that `word` means; 0 words taken marks a keyword."""
    low = word.lower()
    if low in node.keywords:
        return (*node.keywords[low], 0)
    fits = [found for typed, found in node.keywords.items() if typed.startswith(low) and typed == found[0]]
    fits = fits or [found for typed, found in node.keywords.items() if typed.startswith(low)]
    if len(fits) > 1:
        raise Ambiguous(line)
    return (*fits[0], 0) if fits else None


def _argument(node: _Node, line: str, words: list[_Word], index: int) -> tuple[str, _Node, int] | None:
    word = words[index]
    for name, child in node.arguments.items():
        if name == "LINE":
            return line[word.column :].rstrip(), child, len(words) - index
        try:
            return ARGUMENTS[name](word.text), child, 1
        except BadArgument:
            if not name.endswith("IFACE") or index + 1 == len(words):
                continue
        try:  # `interface gigabitethernet 1`: type and number may be typed apart
            return ARGUMENTS[name](word.text + words[index + 1].text), child, 2
        except BadArgument:
            continue
    return None
