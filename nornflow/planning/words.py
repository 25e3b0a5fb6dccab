"""Comparing configuration lines by their words: keys, beginnings, and the numbers of list entries."""

from __future__ import annotations

import re

from nornflow.platforms.grammar import Match, Mode, Rule
from nornflow.platforms.tree import Node


def key(node: Node, mode: Mode) -> tuple[str, ...]:
    """Return what identifies a line among its sisters: its words without values."""
    return mode.match(node.line).key


def bare(rule: Rule) -> str:
    """Return a rule's words up to its value."""
    return rule.pattern.partition("{")[0].strip()


def begins(line: str, words: str) -> bool:
    """Tell whether a line begins with these words, as whole words."""
    return line == words or line.startswith(f"{words} ")


def begins_bare(line: str, words: str) -> bool:
    """Tell the same of the line without its `no`."""
    return begins(line.removeprefix("no "), words)


def is_default(rule: Rule, match: Match) -> bool:
    """Tell whether a line sets the value that the device does not show."""
    value = rule.flags.get("default")
    return value is not None and match.text.endswith(f" {value}")


def unnumbered(line: str) -> tuple[str, int | None]:
    """Return a line of a numbered list without its number, and the number."""
    found = re.match(r"(?:(.*?) seq )?(\d+) (.*)$", line)
    if found is None:
        return line, None
    return f"{found[1]} {found[3]}" if found[1] else found[3], int(found[2])


def list_words(words: list[str]) -> int:
    """Return how many words name the list that a line without number belongs to; 0 inside the list's own section."""
    return next((index for index, word in enumerate(words) if word in ("permit", "deny", "remark")), 0)


def prune(node: Node, starts: list[str]) -> None:
    """Take away the lines that begin with any of the words, in all sections below; `no` forms too."""
    node.children = [child for child in node.children if not any(begins_bare(child.line, start) for start in starts)]
    for child in node.children:
        prune(child, starts)
