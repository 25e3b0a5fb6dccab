"""The configuration grammar of a platform: patterns of lines become a tree that reads a line as the device does.

A grammar file holds modes (`[interface]`) and below each its patterns, one a line, in the order in which the device
lists them:

    hostname {WORD}                     { } holds a value: lines that differ only in it replace each other
    ntp server WORD [prefer]            without { } the whole line is its own, so many of them can stand
    switchport mode {(access|trunk)}    ( ) holds alternatives, [ ] may be left out, capitals are arguments
    ~service pad                        on by default: the `no` form is what is stored and shown
    -neighbor WORD                      known only behind `no`: takes away everything that begins with it
    interface IFACE > interface         opens a section whose mode is `interface`

    console=con                         typed as the first word, stored as the second (`_` there is a space)
    include family                      the lines of the mode `family` stand here too
    [route-map alphabetical]            the device sorts the lines of this mode by their letters

Flags at the end:

    @typed          lines stay in the order of typing             @group      listed with all lines of its first argument
    @numbered=10    the device gives the line its number           @default=V  this value is not shown
    @shown          shown as `no` when absent                      @empty      a section that is not shown while empty
    @into="LINE"    is put into this child section                 @clears="W" takes away the lines that begin with W
    @moves="A / B"  is kept as line B of section A ({1}: word 1)   @member     makes a neighbour the member of a group
    @contents       a section that cannot be taken away: its lines are, one by one
    @existing       stands for the section of this kind that is there already
    @deep=2         `no` takes all lines that begin with its first two words, in the sections below too
    @members        `no` takes the lines of the members of this group too
    @whole=2        can only be taken away together with all lines that share its first two words
    @clash          a second value is refused: `no` comes first     @cut        is taken away by its words without value
    @impossible     what the device makes of it is not predicted
    @keeps          told again without its last words it keeps them: `no` comes first
    @ahead          comes before anything goes             @late          goes after everything has come: access first
    @ahead=permit   only lines with this word do so (@late too)
    @either="A|B"   of lines that begin alike only those with, or those without these words can stand: no @ahead, no @late
    @unique         no two sections may hold the same value        @hashed     is stored in another form than typed
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache

from nornflow.platforms.arguments import Argument
from nornflow.record import record

_CHOICE = re.compile(r"\[([^\[\]()]*)\]|\(([^\[\]()]*)\)")
_FLAG = re.compile(r"\s@(\w+)(?:=(\"[^\"]*\"|\S+))?")


@record
class Rule:
    """What is known of one kind of line: its place in the listing, what it opens, and its flags."""

    pattern: str
    rank: int
    opens: str = ""
    default_on: bool = False
    only_negated: bool = False
    flags: Mapping[str, str] = field(default_factory=dict, hash=False)


@record
class Match:
    """A line as a mode reads it. `text` is canonical and without `no`; `rule` is None when the mode does not know it.

    `key` is the words without values: of lines with an equal key only one can stand. `known` is False when only the
    first `taken` words were understood; `whole` is False for a `no` form that is cut short.
    """

    text: str
    key: tuple[str, ...]
    rule: Rule | None
    negated: bool = False
    known: bool = True
    whole: bool = True
    taken: int = 0

    @property
    def line(self) -> str:
        """The canonical line, with `no` when it was typed with it."""
        return f"no {self.text}" if self.negated else self.text


@dataclass(slots=True)
class _Node:
    keywords: dict[tuple[str, str, bool], _Node] = field(default_factory=dict)
    arguments: dict[tuple[str, bool], _Node] = field(default_factory=dict)
    rule: Rule | None = None
    cut: Rule | None = None


@dataclass(slots=True)
class _Walk:
    words: tuple[str, ...] = ()
    key: tuple[str, ...] = ()
    taken: int = 0
    rule: Rule | None = None
    whole: bool = True
    found: bool = False


class Mode:
    """The lines that one configuration mode knows."""

    def __init__(
        self, name: str, patterns: Sequence[str], arguments: Mapping[str, Argument], *, alphabetical: bool = False
    ) -> None:
        self.name = name
        self.alphabetical = alphabetical
        self.rules = tuple(_rule(pattern, rank) for rank, pattern in enumerate(patterns))
        self._root = _Node()
        self._arguments = arguments
        for rule in self.rules:
            for words in _spellings(_body(rule.pattern)):
                self._add(words, rule)

    def match(self, line: str) -> Match:
        """Return the line as this mode reads it; never raises, an unknown line comes back with `known=False`."""
        head, feed, rest = line.partition("\n")  # of a banner only the first line is read
        match = _match(self, head)
        return replace(match, text=match.text + feed + rest) if feed else match

    def _add(self, words: Sequence[str], rule: Rule) -> None:
        node, value = self._root, False
        for word in words:
            opened = word.startswith("{")
            if opened and not value:
                node.cut = node.cut or rule
            value = value or opened
            text = word.strip("{}")
            if text == "LINE" or text in self._arguments:
                node = node.arguments.setdefault((text, value), _Node())
            elif text:
                typed, alias, stored = text.partition("=")
                node = node.keywords.setdefault((typed, stored.replace("_", " ") if alias else typed, value), _Node())
            if word.endswith("}"):
                value = False
        if rule.only_negated:
            node.cut = node.cut or rule
        elif node.rule is None:
            node.rule = rule

    def walk(self, line: str, words: Sequence[re.Match[str]], negated: bool) -> _Walk:
        """Read as many words as can be understood; the longest reading wins when none is complete."""
        best = _Walk()

        def descend(node: _Node, index: int, done: tuple[str, ...], key: tuple[str, ...]) -> bool:
            nonlocal best
            if index == len(words):
                rule = node.rule or (node.cut if negated else None)
                if rule is not None:
                    best = _Walk(done, key, index, rule, node.rule is not None, True)
                    return True
            if index > best.taken:
                best = _Walk(done, key, index)
            if index == len(words):
                return False
            for text, taken, value, child in self._steps(node, line, words, index):
                if descend(child, index + taken, (*done, text), key if value or not text else (*key, text)):
                    return True
            return False

        descend(self._root, 0, (), ())
        return best

    def _steps(
        self, node: _Node, line: str, words: Sequence[re.Match[str]], index: int
    ) -> Iterator[tuple[str, int, bool, _Node]]:
        typed = words[index].group().lower()
        exact = [(edge, child) for edge, child in node.keywords.items() if edge[0].lower() == typed]
        fits = exact or [(edge, child) for edge, child in node.keywords.items() if edge[0].lower().startswith(typed)]
        if len({edge[0] for edge, _ in fits}) == 1:  # two keywords that fit: the device calls that ambiguous
            for (_, stored, value), child in fits:
                yield stored, 1, value, child
        left = [word.group() for word in words[index:]] if node.arguments else []
        for (kind, value), child in node.arguments.items():
            if kind == "LINE":
                yield line[words[index].start() :].rstrip(), len(left), value, child
                continue
            found = self._arguments[kind](left)
            if found is not None:
                yield found[0], found[1], value, child


@lru_cache(maxsize=32_768)
def _match(mode: Mode, line: str) -> Match:
    words = list(re.finditer(r"\S+", line))
    negated = bool(words) and words[0].group().lower() == "no"
    if negated:
        words = words[1:]
    walk = mode.walk(line, words, negated)
    if walk.found:
        return Match(" ".join(filter(None, walk.words)), walk.key, walk.rule, negated, True, walk.whole, walk.taken)
    rest = line[words[walk.taken].start() :].rstrip() if walk.taken < len(words) else ""
    text = " ".join((*walk.words, rest) if rest else walk.words)
    return Match(text, tuple(text.split()), None, negated, False, False, walk.taken)


def _rule(pattern: str, rank: int) -> Rule:
    flags = {name: value.strip('"') for name, value in _FLAG.findall(pattern)}
    opens = _FLAG.sub("", pattern).partition(" > ")[2].strip()
    return Rule(pattern, rank, opens, pattern.startswith("~"), pattern.startswith("-"), flags)


def _body(pattern: str) -> str:
    return _FLAG.sub("", pattern).partition(" > ")[0].lstrip("~-")


def _spellings(body: str) -> Iterator[list[str]]:
    """Yield the lists of words that a pattern stands for: one per choice of its ( | ) and [ ]."""
    choice = _CHOICE.search(body)
    if choice is None:
        yield body.replace("{ ", "{").replace(" }", "}").split()
        return
    optional, required = choice.groups()
    texts = (required if required is not None else optional).split("|")
    for text in texts if required is not None else [*texts, ""]:
        yield from _spellings(f"{body[: choice.start()]}{text}{body[choice.end() :]}")


def read_modes(text: str, arguments: Mapping[str, Argument]) -> dict[str, Mode]:
    """Return the modes of a grammar file by name; raises ValueError for a pattern in no mode and an unknown `include`."""
    patterns: dict[str, list[str]] = {}
    alphabetical: set[str] = set()
    current: list[str] | None = None
    for raw in text.splitlines():
        line = raw.partition("#")[0].strip()
        header = re.match(r"\[(\S+)( alphabetical)?\]$", line)
        if header:
            current = patterns.setdefault(header[1], [])
            alphabetical |= {header[1]} if header[2] else set()
        elif line and current is None:
            raise ValueError(f"pattern before the first mode: {line}")
        elif line and current is not None:
            current.append(line)
    return {
        name: Mode(name, list(_with_includes(name, patterns)), arguments, alphabetical=name in alphabetical)
        for name in patterns
    }


def _with_includes(name: str, patterns: Mapping[str, Sequence[str]]) -> Iterator[str]:
    if name not in patterns:
        raise ValueError(f"include of an unknown mode: {name}")
    for line in patterns[name]:
        if line.startswith("include "):
            yield from _with_includes(line.split()[1], patterns)
        else:
            yield line
