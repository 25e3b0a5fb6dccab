"""Which places of a configuration lines touch: their sections and the words that say what each of them sets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from nornflow.planning.normalise import tree_of
from nornflow.planning.replay import home_of
from nornflow.planning.setlines import single_key
from nornflow.planning.words import begins
from nornflow.platforms.expand import GLOBAL, Located, Stack, locate
from nornflow.platforms.platform import Platform, Style
from nornflow.platforms.tree import SEPARATOR, Node, SectionTracker, logical_lines, render
from nornflow.record import record

_WHOLE = frozenset(("route-map",))
"""Modes whose sections are one thing: what one line of an entry of a route map does hangs on its other lines."""


@record
class Touch:
    """One line that changes something: where it stands and what it says, in full words.

    `sections` are the lines of its sections and `place` their keys, the outermost first; `key` is what of the line is not
    its value. `removes` says that it takes something away, `whole` that its section is one thing.
    """

    text: str
    key: tuple[str, ...]
    sections: tuple[str, ...] = ()
    place: tuple[tuple[str, ...], ...] = ()
    removes: bool = False
    opens: bool = False
    whole: bool = False
    typed: str = ""

    @property
    def line(self) -> str:
        """The line with its sections, as people read it."""
        return SEPARATOR.join((*self.sections, self.typed or self.text))

    def meets(self, other: Touch) -> bool:
        """Tell whether both touch one thing: they set the same, or one takes away what the other is about."""
        same = self.place == other.place and (self.key == other.key or (self.whole and other.whole))
        return same or self.covers(other) or other.covers(self)

    def agrees(self, other: Touch) -> bool:
        """Tell whether both say the same of the same thing."""
        return self.place == other.place and (self.text, self.removes) == (other.text, other.removes)

    def covers(self, other: Touch) -> bool:
        """Tell whether this line takes the other one, or a section that it stands in, away."""
        depth = len(self.place)
        if not self.removes or other.place[:depth] != self.place:
            return False
        if len(other.place) == depth:
            return begins(other.text, self.text)
        return begins(other.sections[depth], self.text) or other.place[depth] == self.key


def touched(lines: Iterable[str], platform: Platform) -> Iterator[Touch]:
    """Yield what each configuration line touches, by the grammar of the platform; without one by its indentation.

    A line that opens a section touches nothing by itself; it is there as what its own lines stand in.
    """
    parts = [part for line in lines for part in line.split("\n")]
    if platform.style is Style.SET:
        yield from _of_set_lines(parts, platform)
    elif not platform.known:
        yield from _by_indentation(parts, platform)
    else:
        yield from _by_grammar(logical_lines(parts, platform), platform)


def _by_grammar(lines: Iterable[str], platform: Platform) -> Iterator[Touch]:
    stack: Stack = ()
    for line in lines:
        text = line.strip()
        if not text or text[0] == "!":
            continue
        if text in platform.closers or text == "end":
            stack = () if text == "end" else stack[:-1]
            continue
        typed = locate(text, stack, platform)
        stack = typed.stack if typed.opens is None else (*typed.stack, typed.opens)
        yield _touch(home_of(typed, platform), platform)


def _touch(located: Located, platform: Platform) -> Touch:
    match, mode, place = located.match, GLOBAL, []
    for opened in located.stack:
        place.append(platform.mode(mode).match(opened.text).key)
        mode = opened.mode
    return Touch(
        match.text,
        match.key,
        tuple(opened.text for opened in located.stack),
        tuple(place),
        removes=match.negated or located.resets,
        opens=located.opens is not None,
        whole=mode in _WHOLE,
        typed=located.line,
    )


def _by_indentation(lines: Iterable[str], platform: Platform) -> Iterator[Touch]:
    stack: list[tuple[int, str]] = []
    for line in lines:
        text = line.strip()
        if not text or text[0] == "!":
            continue
        depth = len(line) - len(line.lstrip())
        while stack and stack[-1][0] >= depth:
            stack.pop()
        sections = tuple(above for _, above in stack)
        bare = text.removeprefix("no ")
        place = tuple(tuple(section.split()) for section in sections)
        yield Touch(bare, tuple(bare.split()), sections, place, removes=bare != text, typed=text)
        stack.append((depth, text))


def _of_set_lines(lines: Iterable[str], platform: Platform) -> Iterator[Touch]:
    tracker = SectionTracker(platform)
    for raw in lines:
        line = tracker.feed(raw)
        verb, _, rest = line.partition(" ")
        if verb in ("set", "delete", "activate", "deactivate") and rest:
            key = single_key(line, platform) if verb == "set" else None
            words = tuple((key.partition(" ")[2] if key else rest).split())
            yield Touch(rest, words, removes=verb == "delete", typed=line)


def around(text: str, touches: Sequence[Touch], platform: Platform) -> str:
    """Return what of a configuration has to do with these lines: their sections, and the lines that begin like them.

    The lines, played on it, change it as they would change the whole; devices that differ elsewhere have it in common.
    """
    if platform.style is Style.SET:
        tops = {touch.text.split(" ")[0] for touch in touches}
        held = (line for line in render(tree_of(text, platform), platform).splitlines())
        return "".join(f"{line}\n" for line in held if line.partition(" ")[2].split(" ")[0] in tops)
    tops = {(*touch.sections, touch.text)[0] for touch in touches}
    words = {top.split(" ")[0] for top in tops}
    keys = {(*touch.place, touch.key)[0] for touch in touches}
    mode = platform.mode(GLOBAL)

    def kept(node: Node) -> Node:
        match = mode.match(node.line) if node.children else None
        wanted = match is not None and (match.key in keys or any(begins(match.text, top) for top in tops))
        return node if wanted else Node(node.line)

    root = tree_of(text, platform)
    near = [kept(node) for node in root.children if node.line.removeprefix("no ").split(" ")[0] in words]
    return render(Node("", near), platform)
