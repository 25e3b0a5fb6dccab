"""Typed lines as the way in reads them: ranges taken apart, numbered lists as named ones, words that leave in full."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from nornflow.platforms.expand import Opened, locate
from nornflow.platforms.platform import Platform
from nornflow.platforms.spellings import MOST, spellings
from nornflow.platforms.tree import Node, logical_lines
from nornflow.record import record

_RANGE = re.compile(r"(?:(?:no|default?) +)?int[a-z]* +(?:ra[a-z]* +\S|\S.*\d\s*[,-]\s*\w)", re.IGNORECASE)
_SECTION = re.compile(r"((?:(?:no|default?) +)?int[a-z]*) +(.+)", re.IGNORECASE)
_ZEROS = re.compile(r"(?<!\d)0+(?=\d)")
_LEAVES = {short: word for word in ("exit", "end", "quit") for short in (word, word[:3], word[:2])}
_NUMBERED = re.compile(r"(no +)?access-l[a-z]* +(\d+)(?: +(.+))?$", re.IGNORECASE)


@record
class Typed:
    """A line to play, and the planned line that it was made of; `beyond` where nobody can tell what that stands for."""

    line: str
    planned: str
    beyond: bool = False


def typed_lines(lines: Sequence[str], platform: Platform) -> Iterator[Typed]:
    """Yield planned configuration lines one by one, each in words that the platform's grammar can play."""
    parts = [part for line in lines for part in line.split("\n")]
    held: list[str] = []  # the interfaces of a range, while its section is open
    block: list[str] = []
    for planned in logical_lines(parts, platform):
        text = planned.strip()
        if held:
            if _inside(text, platform):
                block.append(planned)
                continue
            yield from _each(held, block)
            held, block = [], []
        if _RANGE.match(text):
            members = _members(text)
            if not members:
                yield Typed(text, planned, beyond=True)
            elif text.lower().startswith(("no ", "def")):
                yield from (Typed(member, planned) for member in members)
            else:
                held, block = members, [planned]
            continue
        yield from (Typed(line, planned) for line in _in_words(planned, platform))
    if held:
        yield from _each(held, block)


def _inside(text: str, platform: Platform) -> bool:
    """Tell whether a line belongs to the interface that is open, and not to the global mode."""
    if text.lower() in _LEAVES:
        return False
    return bool(locate(text, (Opened("interface", "interface"),), platform).stack)


def _each(members: Iterable[str], block: Sequence[str]) -> Iterator[Typed]:
    for member in members:
        yield Typed(member, block[0])
        yield from (Typed(line, line) for line in block[1:])
    yield Typed("exit", "exit")


def _members(text: str) -> list[str]:
    """Return a line for each interface of a range; none when they are too many or not understood."""
    section = _SECTION.match(text)
    if text.lower().startswith("def"):
        return [f"default {line}" for line in _members(f"interface {section[2].strip()}")] if section else []
    told = (line for line in spellings(text) or () if re.search(r"\d", line))
    found = [line for line in told if not _RANGE.match(line) and not re.search(r" ra[a-z]* ", line, re.IGNORECASE)]
    return found if len(found) <= MOST else []


def _in_words(planned: str, platform: Platform) -> Iterator[str]:
    text = planned.strip()
    if "\n" in planned or not text:
        yield planned
        return
    if text.lower() in _LEAVES:
        yield _LEAVES[text.lower()]
        return
    section = _SECTION.fullmatch(text)
    if section is not None:
        yield f"{section[1]} {_ZEROS.sub('', section[2])}"
        return
    numbered = _NUMBERED.match(text)
    if numbered is not None and platform.name == "cisco_ios":
        opener = f"ip access-list {list_kind(numbered[2])} {numbered[2]}"
        if numbered[1]:
            yield f"no {opener}"
        elif numbered[3]:
            yield from (opener, numbered[3], "exit")
        return
    yield planned


def list_kind(number: str) -> str:
    """Return whether a numbered list of IOS is a standard or an extended one."""
    return "standard" if 1 <= int(number) <= 99 or 1300 <= int(number) <= 1999 else "extended"


def with_named_lists(root: Node, platform: Platform) -> Node:
    """Return a tree in which numbered lists are sections and all entries have their numbers, as the device counts them."""
    if platform.name != "cisco_ios":
        return root
    children: list[Node] = []
    lists: dict[str, Node] = {}
    for child in root.children:
        found = re.match(r"access-list (\d+) (.+)", child.line)
        if found is None:
            children.append(child)
            continue
        opener = f"ip access-list {list_kind(found[1])} {found[1]}"
        if opener not in lists:
            lists[opener] = Node(opener)
            children.append(lists[opener])
        lists[opener].children.append(Node(found[2]))
    for child in children:
        if child.line.startswith("ip access-list ") and not any(re.match(r"\d", each.line) for each in child.children):
            child.children = [Node(f"{10 * at} {each.line}") for at, each in enumerate(child.children, 1)]
    return Node("", children)
