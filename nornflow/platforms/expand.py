"""Reading a typed configuration line: in which open section it lands and what it says in full words."""

from __future__ import annotations

import re
from dataclasses import replace

from nornflow.platforms.grammar import Match
from nornflow.platforms.platform import Platform
from nornflow.record import record

GLOBAL = "global"
_DEFAULT = re.compile(r"def(?:a(?:u(?:l(?:t)?)?)?)?\s+(?=\S)", re.IGNORECASE)


@record
class Opened:
    """A section that is open: its line in full words, and the name of its mode ("" when nobody knows it)."""

    text: str
    mode: str = ""


Stack = tuple[Opened, ...]


@record
class Located:
    """Where a line lands: the sections that stay open around it, its reading, and whether it resets to the default."""

    stack: Stack
    match: Match
    resets: bool = False

    @property
    def line(self) -> str:
        """The line in full words."""
        return f"default {self.match.text}" if self.resets else self.match.line

    @property
    def opens(self) -> Opened | None:
        """The section that the line opens, if it opens one."""
        rule = self.match.rule
        if rule is None or not rule.opens or self.match.negated or self.resets:
            return None
        return Opened(self.match.text, rule.opens)


def mode_name(stack: Stack) -> str:
    """Return the name of the mode that a session with these open sections is in."""
    return stack[-1].mode if stack else GLOBAL


def locate(line: str, stack: Stack, platform: Platform) -> Located:
    """Find the innermost open section that knows the line, as the device does, and give the line in full words.

    A line that no open section knows stays in the section that understood most of its words (the innermost of them);
    the words that were understood are given in full.
    """
    text = line.strip()
    reset = _DEFAULT.match(text)
    if reset is not None:
        inner = locate(f"no {text[reset.end() :]}", stack, platform)
        if inner.match.known:
            return replace(inner, resets=True)
    best: Located | None = None
    for depth in range(len(stack), -1, -1):
        match = platform.mode(mode_name(stack[:depth])).match(text)
        if match.known:
            return Located(stack[:depth], match)
        if best is None or match.taken > best.match.taken:
            best = Located(stack[:depth], match)
    assert best is not None  # the loop ran at least once
    return best


def expand(line: str, platform: Platform, mode: str = GLOBAL) -> str:
    """Return one line of a mode in full words (`no shut` -> `no shutdown`); what is not known comes back as typed."""
    stack: Stack = () if mode == GLOBAL else (Opened("", mode),)
    return locate(line, stack, platform).line
