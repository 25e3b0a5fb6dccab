"""Plays typed configuration lines on a configuration tree, as the device would, without the device."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from nornflow.planning.placement import insert
from nornflow.planning.words import (
    bare,
    begins,
    begins_bare,
    is_default,
    key,
    list_words,
    prune,
    unnumbered,
)
from nornflow.platforms.expand import Located, Opened, Stack, locate, mode_name
from nornflow.platforms.grammar import Match, Mode, Rule
from nornflow.platforms.platform import Platform
from nornflow.platforms.tree import Node, logical_lines


class Unpredictable(Exception):
    """What the device makes of a line cannot be told from text; the message says which line and why."""


class Replay:
    """A configuration that changes line by line; `root` is the tree, `notes` says where the text is not the whole truth."""

    def __init__(self, root: Node, platform: Platform) -> None:
        self.root = root
        self.notes: list[str] = []
        self._platform = platform
        self._stack: Stack = ()

    @property
    def sections(self) -> tuple[str, ...]:
        """The lines of the sections that are open now, outermost first."""
        return tuple(opened.text for opened in self._stack)

    def play(self, lines: Iterable[str]) -> None:
        """Take the lines in their order; raises Unpredictable, the tree is then worthless."""
        parts = (part for line in lines for part in line.split("\n"))
        for line in logical_lines(parts, self._platform):
            self.take(line)
        self._hide_empty(self.root, "global")

    def take(self, line: str) -> None:
        """Take one line (a banner as a whole); what it raises left the tree as it was. Empty sections stay listed."""
        text = self._banner(line.strip())
        if not text or text[0] == "!":
            return
        if text in self._platform.closers or text == "end":
            self._stack = () if text == "end" else self._stack[:-1]
            return
        if re.match(r"do\s", text):
            self._note(f"`{text}` is not configuration; its effect is not predicted")
            return
        typed = locate(text, self._stack, self._platform)
        located = home_of(typed, self._platform)
        self._refuse_unpredictable(located)
        self._stack = typed.stack
        mode = self._platform.mode(mode_name(located.stack))
        if located.resets:
            self._reset(located, mode)
        elif located.match.negated:
            self._remove(located.match, located.stack, mode)
        else:
            self._add(located, mode)

    def _banner(self, text: str) -> str:
        """Give a banner the delimiter that the device itself lists."""
        found = re.match(r"(banner \w+ )(\^C|\S)(.*)", text, re.DOTALL)
        if not self._platform.banner_delimiter or found is None or found[2] not in found[3]:
            return text
        body = found[3][: found[3].index(found[2])]
        return f"{found[1]}{self._platform.banner_delimiter}{body}{self._platform.banner_delimiter}"

    def _refuse_unpredictable(self, located: Located) -> None:
        rule = located.match.rule
        text = located.line
        if re.match(r"(no |default )?interface (range |\S*\d[\d/]*\s*[,-])", text):
            raise Unpredictable(f"`{text}` stands for several interfaces")
        if rule is not None and "impossible" in rule.flags:
            raise Unpredictable(f"what `{text}` leaves depends on the device")
        if rule is not None and "hashed" in rule.flags and not located.match.negated:
            self._note(f"`{' '.join(located.match.key)}` is stored in another form than typed")

    def _section(self, stack: Stack, *, create: bool) -> Node | None:
        node, above = self.root, "global"
        for opened in stack:
            mode = self._platform.mode(above)
            found = next((child for child in node.children if child.line == opened.text), None)
            if found is None:
                if not create:
                    return None
                found = self._open(node, opened, mode)
            node, above = found, opened.mode
        return node

    def _open(self, above: Node, opened: Opened, mode: Mode) -> Node:
        """Make a section, or rename the one of the same key (`route-map X deny 10` over `... permit 10`)."""
        match = mode.match(opened.text)
        for child in above.children:
            if mode.match(child.line).key == match.key and child.line != opened.text:
                child.line = opened.text
                return child
        node = Node(opened.text)
        insert(node, above.children, mode, self._platform)
        inner = self._platform.mode(opened.mode)
        node.children = [Node(f"no {bare(rule)}") for rule in inner.rules if "shown" in rule.flags]
        return node

    def _add(self, located: Located, mode: Mode) -> None:
        section = self._section(located.stack, create=True)
        assert section is not None  # it was made when it was missing
        match = self._numbered(located.match, section, mode)
        rule = match.rule
        if rule is None:
            self._add_unknown(match, section, mode)
            return
        if rule.opens:
            opened = Opened(self._existing(match, rule, section), rule.opens)
            self._section((*located.stack, opened), create=True)
            self._stack = (*located.stack, opened)
            return
        same = [child for child in section.children if key(child, mode) == match.key]
        if [child.line for child in same] == [match.text]:
            return
        if "clash" in rule.flags and same:
            self._note(f"`{match.text}` is refused while `{same[0].line}` stands")
            return
        self._clear(section, rule, mode)
        self._replace(section, same, match, mode)

    @staticmethod
    def _existing(match: Match, rule: Rule, section: Node) -> str:
        """Return the line of the one section that a line cut short (`router bgp`) stands for."""
        if "existing" not in rule.flags:
            return match.text
        fits = [child.line for child in section.children if re.fullmatch(re.escape(match.text) + r" \S+", child.line)]
        return fits[0] if len(fits) == 1 else match.text

    def _replace(self, section: Node, same: list[Node], match: Match, mode: Mode) -> None:
        rule = match.rule
        assert rule is not None  # callers look first
        hidden = rule.default_on or is_default(rule, match)
        if same and not hidden and not same[0].line.startswith("no ") and "typed" not in rule.flags:
            same[0].line = match.text
            gone = same[1:]
        else:
            gone = same
            if not hidden:
                insert(Node(match.text), section.children, mode, self._platform)
        section.children[:] = [child for child in section.children if not any(child is node for node in gone)]

    def _add_unknown(self, match: Match, section: Node, mode: Mode) -> None:
        if any(child.line == match.text for child in section.children):
            return
        self._note(f"`{match.text}` is not in the grammar of {self._platform.name}: taken as a line of its own")
        section.children[:] = [child for child in section.children if child.line != f"no {match.text}"]
        insert(Node(match.text), section.children, mode, self._platform)

    def _numbered(self, match: Match, section: Node, mode: Mode) -> Match:
        """Give a line the number that the device gives it; the same line that has one already stays itself."""
        rule = match.rule
        if rule is None or "numbered" not in rule.flags:
            return match
        step, words = int(rule.flags["numbered"]), match.text.split(" ")
        if rule.opens:  # `route-map X` alone is its entry permit 10
            return mode.match(f"{match.text} permit {step}")
        used: list[int] = []
        for child in section.children:
            without, number = unnumbered(child.line)
            if number is None or without.split(" ")[: list_words(words)] != words[: list_words(words)]:
                continue
            if without == match.text:
                return mode.match(child.line)
            used.append(number)
        number = max(used, default=0) // step * step + step
        at = list_words(words)
        return mode.match(" ".join([*words[:at], *(["seq"] if at else []), str(number), *words[at:]]))

    def _remove(self, match: Match, stack: Stack, mode: Mode) -> None:
        rule, section = match.rule, self._section(stack, create=False)
        if rule is not None and rule.default_on and match.whole:
            self._store_no(match, stack, mode)
            return
        gone = list(self._hit(match, section, mode)) if section is not None else []
        if section is None or not gone:
            if rule is None and (section is None or all(child.line != match.line for child in section.children)):
                self._note(f"`{match.line}` matches nothing: taken as no change")
            return
        self._take_out(section, gone, mode)
        if rule is not None and "deep" in rule.flags:
            self._remove_deep(section, match, rule)
        if rule is not None:
            self._clear(section, rule, mode)

    def _clear(self, section: Node, rule: Rule, mode: Mode) -> None:
        """Take away what a line takes with it (a new VRF takes the addresses)."""
        if "clears" in rule.flags:
            words = rule.flags["clears"]
            self._take_out(section, [child for child in section.children if begins(child.line, words)], mode)

    def _hit(self, match: Match, section: Node, mode: Mode) -> Iterator[Node]:
        """Yield the lines of a section that a `no` form takes away."""
        rule = match.rule
        if rule is not None and "whole" in rule.flags:
            start = " ".join(match.text.split(" ")[: int(rule.flags["whole"])])
            yield from (child for child in section.children if begins(child.line, start))
            return
        if rule is not None and "numbered" in rule.flags and not rule.opens:
            yield from (child for child in section.children if unnumbered(child.line)[0] == match.text)
            return
        positive = [child for child in section.children if not child.line.startswith("no ")]
        if rule is not None and not rule.only_negated and "numbered" not in rule.flags:
            equal = [child for child in positive if key(child, mode) == match.key]
            if equal:
                yield from equal
                return
        yield from (child for child in positive if begins(child.line, match.text))

    def _store_no(self, match: Match, stack: Stack, mode: Mode) -> None:
        section = self._section(stack, create=True)
        assert section is not None  # it was made when it was missing
        line = match.line
        if any(child.line == line for child in section.children):
            return
        section.children[:] = [child for child in section.children if key(child, mode) != match.key]
        insert(Node(line), section.children, mode, self._platform)

    def _remove_deep(self, section: Node, match: Match, rule: Rule) -> None:
        """Take away what belongs to a neighbour, in this section and the ones below; and the members of a group."""
        length = int(rule.flags["deep"])
        starts = [" ".join(match.text.split(" ")[:length])]
        if "members" in rule.flags:
            name = match.text.split(" ")[1]
            starts += [
                " ".join(child.line.split(" ")[:length])
                for child in section.children
                if child.line.endswith(f" peer-group {name}")
            ]
        prune(section, starts)

    def _reset(self, located: Located, mode: Mode) -> None:
        """Play `default ...`: an interface loses its lines, any other line goes back to what is not shown."""
        match, section = located.match, self._section(located.stack, create=False)
        if section is None:
            return
        if match.rule is not None and match.rule.opens:
            inner = self._platform.mode(match.rule.opens)
            for child in section.children:
                if child.line == match.text:
                    child.children = [Node(f"no {bare(rule)}") for rule in inner.rules if "shown" in rule.flags]
            return
        if match.rule is not None and match.rule.default_on:
            section.children[:] = [child for child in section.children if key(child, mode) != match.key]
            return
        self._remove(match, located.stack, mode)

    def _take_out(self, section: Node, gone: list[Node], mode: Mode) -> None:
        """Take lines away; where the device then shows that something is absent (`no ip address`), that is put in."""
        section.children[:] = [child for child in section.children if not any(child is node for node in gone)]
        for words in (bare(rule) for rule in mode.rules if "shown" in rule.flags):
            went = any(begins_bare(node.line, words) for node in gone)
            if went and not any(begins_bare(child.line, words) for child in section.children):
                insert(Node(f"no {words}"), section.children, mode, self._platform)

    def _hide_empty(self, node: Node, mode: str) -> None:
        """Leave out sections that the device does not list while they are empty."""
        kept: list[Node] = []
        for child in node.children:
            rule = self._platform.mode(mode).match(child.line).rule
            if rule is not None and rule.opens and child.children:
                self._hide_empty(child, rule.opens)
            if rule is None or "empty" not in rule.flags or child.children:
                kept.append(child)
        node.children = kept

    def _note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)


def home_of(located: Located, platform: Platform) -> Located:
    """Follow a line to the section in which the device keeps it, which may be another than the one it was typed in."""
    rule = located.match.rule
    if rule is not None and "moves" in rule.flags:
        section, _, line = rule.flags["moves"].format(*located.match.text.split(" ")).partition(" / ")
        opened = locate(section, (), platform).opens
        assert opened is not None  # a section that the same grammar opens
        return locate(f"no {line}" if located.match.negated else line, (opened,), platform)
    if rule is None or "into" not in rule.flags:
        return located
    opener = platform.mode(mode_name(located.stack)).match(rule.flags["into"])
    assert opener.rule is not None  # a section that the same grammar opens
    below = locate(located.match.line, (*located.stack, Opened(opener.text, opener.rule.opens)), platform)
    return Located(below.stack, below.match, located.resets)
