"""The configuration lines that bring a device from one configuration to another, worked out on text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from nornflow.model.plan import Method
from nornflow.planning.normalise import tree_of
from nornflow.planning.predict import predict
from nornflow.planning.setlines import set_rollback
from nornflow.platforms.grammar import Match, Mode
from nornflow.platforms.platform import Platform, Style
from nornflow.platforms.tree import Node, render

_PASSES = 3


def rollback_lines(current: str, wanted: str, platform: Platform) -> tuple[str, ...]:
    """Return the lines, with their section openers and exits, that turn the current configuration into the wanted one.

    What goes is taken away first, everywhere, so that nothing clashes (an address that moves to another interface); what
    has one value is set to it directly. Only what the way into a device may hang on (routes, permits, lists, logins:
    `@ahead` and `@late` in the grammar) comes before anything goes, and goes after everything has come. The lines are
    played on the text and completed until it is the wanted one, at most three times: `returns` says whether they do. A
    platform without grammar gets no lines.
    """
    if platform.style is Style.SET:
        before, after = (render(tree_of(text, platform), platform).splitlines() for text in (current, wanted))
        return tuple(set_rollback(before, after, platform))
    if not platform.known:
        return ()
    lines: tuple[str, ...] = ()
    goal = tree_of(wanted, platform)
    reached, aim = current, render(goal, platform)
    for _ in range(_PASSES):
        more = _lines_between(tree_of(reached, platform), goal, platform)
        if not more:
            break
        lines += more
        outcome = predict(current, lines, platform)
        if outcome.method is Method.IMPOSSIBLE or outcome.text in (aim, reached):
            break
        reached = outcome.text
    return lines


def returns(current: str, lines: Sequence[str], wanted: str, platform: Platform) -> bool:
    """Tell whether the lines, played on the text, bring the current configuration to the wanted one, in any order."""
    outcome = predict(current, lines, platform)
    if outcome.method is Method.IMPOSSIBLE:
        return False
    goal = render(tree_of(wanted, platform), platform)
    return outcome.text == goal or sorted(_paths(outcome.text, platform)) == sorted(_paths(goal, platform))


def _paths(text: str, platform: Platform) -> list[tuple[str, ...]]:
    return list(tree_of(text, platform).paths())


def _lines_between(current: Node, wanted: Node, platform: Platform) -> tuple[str, ...]:
    changes = _Changes(platform, _unique_values(wanted, platform))
    mode = platform.mode("global")
    return (
        *changes.additions(current, wanted, mode, 0, ahead=True),
        *changes.removals(current, wanted, mode, 0, late=False),
        *changes.additions(current, wanted, mode, 0, ahead=False),
        *changes.removals(current, wanted, mode, 0, late=True),
    )


def _unique_values(root: Node, platform: Platform) -> dict[str, str]:
    """Return the lines whose value no other section may hold at the same time, with the section they are wanted in."""
    found: dict[str, str] = {}
    for section in root.children:
        rule = platform.mode("global").match(section.line).rule if section.children else None
        if rule is None or not rule.opens:
            continue
        mode = platform.mode(rule.opens)
        for child in section.children:
            inner = mode.match(child.line).rule
            if inner is not None and "unique" in inner.flags:
                found[child.line] = section.line
    return found


@dataclass(slots=True)
class _Changes:
    """One comparison of two trees: what has to go, and what has to come."""

    platform: Platform
    unique: dict[str, str] = field(default_factory=dict)

    def removals(self, current: Node, wanted: Node, mode: Mode, depth: int, *, late: bool) -> Iterator[str]:
        """Yield what has to go, in reverse order, so that what refers to something goes before it.

        What the grammar marks `@late` goes when everything that has to come is there; the rest goes before.
        """
        held = {child.line: child for child in wanted.children}
        held_now = _held(current)
        new = {mode.match(child.line).key: child.line for child in wanted.children if child.line not in held_now}
        gone_lists: set[str] = set()
        for child in reversed(current.children):
            twin = held.get(child.line)
            if twin is not None:
                inner = _inner(mode.match(child.line), self.platform)
                below = list(self.removals(child, twin, inner, depth + 1, late=late)) if child.children else []
                yield from self._wrapped(child.line, below, depth)
                continue
            match = mode.match(child.line)
            whole = _whole(match)
            if whole is not None:
                if whole not in gone_lists and not late:
                    gone_lists.add(whole)
                    yield _indent(f"no {whole}", depth, self.platform)
                continue
            instead = new.get(match.key)
            if instead is not None and not self._clashes(match, child.line, current.line, instead):
                continue
            if match.rule is not None and "contents" in match.rule.flags and not match.negated:
                below = list(self.removals(child, Node(""), _inner(match, self.platform), depth + 1, late=late))
                yield from self._wrapped(child.line, below, depth)
                continue
            if late is not (instead is None and _marked("late", match, child.line, held)):
                continue
            line = _undone(match)
            if line:
                yield _indent(line, depth, self.platform)

    def additions(
        self, current: Node, wanted: Node, mode: Mode, depth: int, *, ahead: bool | None = None
    ) -> Iterator[str]:
        """Yield what has to come, in the order of the wanted listing; sections that changed are opened again.

        With `ahead` only what the grammar marks so: it comes before anything goes. Without it the rest, and with None all,
        which is how a new section comes.
        """
        held = _held(current)
        keys = {mode.match(child.line).key for child in current.children}
        changed = self._changed_lists(current, wanted, mode)
        for child in wanted.children:
            twin = held.get(child.line)
            match = mode.match(child.line)
            inner = _inner(match, self.platform)
            if twin is not None and _whole(match) not in changed:
                below = list(self.additions(twin, child, inner, depth + 1, ahead=ahead)) if child.children else []
                yield from self._wrapped(child.line, below, depth)
                continue
            first = match.key not in keys and _marked("ahead", match, child.line, held)
            if ahead is not None and ahead is not first:
                continue
            if child.children or (match.rule is not None and match.rule.opens):
                below = list(self.additions(self._flipped(current, match, mode), child, inner, depth + 1))
                yield from self._wrapped(child.line, below, depth, always=True)
            else:
                yield from (
                    _indent(child.line, depth, self.platform).split("\n")
                    if depth == 0
                    else [_indent(child.line, depth, self.platform)]
                )

    def _flipped(self, current: Node, match: Match, mode: Mode) -> Node:
        """Return the section of the same key that is there under another line, or an empty one."""
        return next((child for child in current.children if mode.match(child.line).key == match.key), Node(""))

    def _changed_lists(self, current: Node, wanted: Node, mode: Mode) -> set[str | None]:
        """Return the lists that can only be written anew as a whole and that differ."""
        lists: dict[str, tuple[list[str], list[str]]] = {}
        for place, node in enumerate((current, wanted)):
            for child in node.children:
                whole = _whole(mode.match(child.line))
                if whole is not None:
                    lists.setdefault(whole, ([], []))[place].append(child.line)
        return {name for name, (before, after) in lists.items() if before != after}

    def _clashes(self, match: Match, line: str, section: str, instead: str) -> bool:
        """Tell whether an old value has to go by itself before the new one is set.

        A line that only lost words (`ntp server A prefer`) may be kept as it is by a device that is told the rest again.
        """
        flags = match.rule.flags if match.rule is not None else {}
        if "keeps" in flags and line.startswith(f"{instead} "):
            return True
        return "clash" in flags or ("unique" in flags and self.unique.get(line, section) != section)

    def _wrapped(self, opener: str, lines: list[str], depth: int, *, always: bool = False) -> Iterator[str]:
        if not lines and not always:
            return
        yield _indent(opener, depth, self.platform)
        yield from lines
        word = opener.split(" ", 1)[0]
        yield _indent(self.platform.section_exit.get(word, "exit"), depth, self.platform)


def _held(node: Node) -> dict[str, Node]:
    """Return the lines of a section by their text."""
    return {child.line: child for child in node.children}


def _inner(match: Match, platform: Platform) -> Mode:
    return platform.mode(match.rule.opens if match.rule is not None else "")


def _whole(match: Match) -> str | None:
    """Return the name of the list that a line can only go with, None when it can go by itself."""
    if match.rule is None or "whole" not in match.rule.flags:
        return None
    return " ".join(match.text.split(" ")[: int(match.rule.flags["whole"])])


def _marked(flag: str, match: Match, line: str, others: Iterable[str]) -> bool:
    """Tell whether the grammar marks a line so, and no line on the other side keeps both from standing at a time.

    `@either` names words of which a device takes lines with them or without them, among those that begin with the same
    three words (a route into nothing, and one to a next hop).
    """
    flags = match.rule.flags if match.rule is not None and not match.negated else {}
    if flag not in flags or (flags[flag] and flags[flag] not in line.split()):
        return False
    if "either" not in flags:
        return True
    words = re.compile(rf"\b(?:{flags['either']})\b")
    rivals = [other for other in others if other.split()[:3] == line.split()[:3]]
    return all(bool(words.search(other)) is bool(words.search(line)) for other in rivals)


def _undone(match: Match) -> str:
    """Return the line that takes another away; empty when there is nothing to type for it."""
    if match.negated:
        shown = match.rule is not None and "shown" in match.rule.flags
        return "" if shown else match.text
    if match.rule is not None and "cut" in match.rule.flags:
        return f"no {' '.join(match.key)}"
    return f"no {match.text.partition(chr(10))[0]}"


def _indent(line: str, depth: int, platform: Platform) -> str:
    return " " * (depth * platform.indent) + line
