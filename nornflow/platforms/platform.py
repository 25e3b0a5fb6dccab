"""What is known of one network platform, as one frozen value that is made of its data files."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property

from nornflow.platforms.exec import ExecGrammar
from nornflow.platforms.grammar import Mode


class Style(StrEnum):
    """How a configuration is written: by indentation, as `set` lines, or in a way that nobody here knows."""

    INDENTED = "indented"
    SET = "set"
    UNKNOWN = "unknown"


class Banner(StrEnum):
    """How a text of several lines ends: at the delimiter it began with, at a line `EOF`, or there is none."""

    DELIMITED = "delimited"
    EOF = "eof"
    NONE = "none"


_KEYWORD = re.compile(r"(?<![\w-])[a-z][a-z0-9-]*")

NO_MODE = Mode("", (), {})
"""The mode of a section whose lines nobody here knows."""


@dataclass(frozen=True, eq=False)
class Platform:
    """One platform: its names, its configuration modes, and how its text is read and compared.

    `indent` is the number of spaces per level in the device's own listing; `closers` are the words that leave a section
    when typed (and that a listing may hold), `section_exit` the word by the first word of a section where it is not `exit`.
    `interfaces` are the types in the order of the listing; `single` matches `set` lines up to a value that only one line
    can hold. `volatile` matches lines of a listing that change by themselves or say
    nothing about the configuration, `errors` matches an answer by which the device refuses a line. `exec` says which
    exec lines read. `noise` are patterns of what changes by itself in the state that a device shows (`*.uptime`).
    `login_lines` is false where SSH sessions come in by a shell and not by `line vty`.
    """

    name: str
    exec: ExecGrammar
    aliases: tuple[str, ...] = ()
    style: Style = Style.INDENTED
    indent: int = 1
    modes: Mapping[str, Mode] = field(default_factory=dict)
    closers: frozenset[str] = frozenset({"exit"})
    section_exit: Mapping[str, str] = field(default_factory=dict)
    interfaces: tuple[str, ...] = ()
    single: re.Pattern[str] | None = None
    banner: Banner = Banner.NONE
    banner_delimiter: str = ""
    volatile: re.Pattern[str] | None = None
    errors: re.Pattern[str] | None = None
    noise: tuple[str, ...] = ()
    login_lines: bool = True

    @property
    def known(self) -> bool:
        """Tell whether there is a configuration grammar, so that a change can be predicted on text."""
        return self.style is Style.SET or bool(self.modes)

    def mode(self, name: str) -> Mode:
        """Return the configuration mode of this name; one that knows no line when there is none."""
        return self.modes.get(name, NO_MODE)

    @cached_property
    def keywords(self) -> frozenset[str]:
        """The words that the grammar itself has, in small letters: a line's other words are names and values."""
        patterns = (rule.pattern for mode in self.modes.values() for rule in mode.rules)
        return frozenset(word for pattern in patterns for word in _KEYWORD.findall(pattern))

    def error_in(self, answer: str) -> str:
        """Return the first line of a device's answer that says "refused", or an empty string."""
        if self.errors is None:
            return ""
        return next((line.strip() for line in answer.splitlines() if self.errors.search(line)), "")
