"""Where a device lists a new line: by the order of its grammar, by number and name among lines of one kind."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache

from nornflow.platforms.grammar import Match, Mode, Rule
from nornflow.platforms.platform import Platform
from nornflow.platforms.tree import Node

_Natural = tuple[tuple[int, int, str], ...]
_Order = tuple[int, int, _Natural, int, _Natural]


def insert(node: Node, siblings: list[Node], mode: Mode, platform: Platform) -> None:
    """Put a line among its sisters: before the first that the device lists later, behind what stays in typing order."""
    match = mode.match(node.line)
    if mode.alphabetical:
        place = next((i for i, sister in enumerate(siblings) if sister.line > node.line), len(siblings))
    elif match.rule is None:
        place = _beside_likeness(node.line, siblings)
    else:
        place = _by_order(match, match.rule, siblings, mode, platform)
    siblings.insert(place, node)


def _by_order(match: Match, rule: Rule, siblings: Sequence[Node], mode: Mode, platform: Platform) -> int:
    held = [(index, mode.match(sister.line)) for index, sister in enumerate(siblings)]
    group = _group_of(match, rule)
    if group:
        own = [(index, other) for index, other in held if other.rule and _group_of(other, other.rule) == group]
        if own:
            wanted_inside = (rule.rank, natural(" ".join(match.key)))
            inside = ((i, (other.rule.rank, natural(" ".join(other.key)))) for i, other in own if other.rule)
            return next((index for index, order in inside if order > wanted_inside), own[-1][0] + 1)
    elif not mode.alphabetical and "typed" not in rule.flags:
        own = [(index, other) for index, other in held if other.rule and other.rule.rank == rule.rank]
        if own:  # the listing itself shows where lines of this kind stand
            wanted_own = _order(match, rule, mode, platform, {})
            kin = ((i, _order(other, rule, mode, platform, {})) for i, other in own)
            return next((index for index, order in kin if order > wanted_own), own[-1][0] + 1)
    members = _members(other for _, other in held)
    wanted = _order(match, rule, mode, platform, members)
    later = (i for i, other in held if other.rule and _order(other, other.rule, mode, platform, members) > wanted)
    return next(later, len(siblings))


def _beside_likeness(line: str, siblings: Sequence[Node]) -> int:
    """Return the place behind the last sister that begins with the same word, else the end."""
    first = line.removeprefix("no ").split(" ", 1)[0]
    alike = [i for i, sister in enumerate(siblings) if sister.line.removeprefix("no ").split(" ", 1)[0] == first]
    return alike[-1] + 1 if alike else len(siblings)


def _group_of(match: Match, rule: Rule) -> tuple[str, ...]:
    """Return the words that a line shares with all others of its group; empty when it is in none."""
    if "group" not in rule.flags:
        return ()
    return tuple(match.text.split(" ")[: int(rule.flags["group"] or 2)])


def _members(matches: Iterable[Match]) -> dict[str, str]:
    """Return the group of each neighbour that is a member of one, where the device lists members first."""
    found: dict[str, str] = {}
    for match in matches:
        if match.rule is not None and "member" in match.rule.flags:
            words = match.text.split(" ")
            found[words[1]] = words[-1]
    return found


def _order(match: Match, rule: Rule, mode: Mode, platform: Platform, members: dict[str, str]) -> _Order:
    words = match.text.split(" ")
    if "typed" in rule.flags:
        return rule.rank, 0, (), 0, ()
    if "group" in rule.flags and words[0] == "neighbor" and len(words) > 1:
        return _last_of_group(mode), *_peer(words[1], members), rule.rank, natural(" ".join(match.key))
    kind = _interface_kind(words, platform) if rule.opens == "interface" else 0
    return rule.rank, kind, natural(" ".join(match.key)), 0, natural(match.text)


@lru_cache(maxsize=256)
def _last_of_group(mode: Mode) -> int:
    return max(rule.rank for rule in mode.rules if "group" in rule.flags)


def _peer(name: str, members: dict[str, str]) -> tuple[int, _Natural]:
    """Groups come first, then the members of groups where the device lists them by group, then the other neighbours."""
    if re.match(r"[\d.]+$", name) is None and ":" not in name:
        return 0, natural(name)
    if name in members:
        return 1, (*natural(members[name]), *natural(name))
    return 2 + (":" in name), natural(name)


def _interface_kind(words: Sequence[str], platform: Platform) -> int:
    if len(words) < 2:
        return 0
    kinds = platform.interfaces
    return next((i for i, kind in enumerate(kinds) if words[1].startswith(kind) and words[1] != kind), len(kinds))


@lru_cache(maxsize=16_384)
def natural(text: str) -> _Natural:
    """Return a key by which numbers in a text sort as numbers."""
    parts = re.split(r"(\d+)", text)
    return tuple((0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts if part)
