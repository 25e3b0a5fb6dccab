"""Line rules: regular expressions over a device line with its section path, judged on RE2 so that none can burn time."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any

from nornflow.errors import ConfigurationError
from nornflow.model.permission import LineRule
from nornflow.platforms.spellings import spellings

SEPARATOR = " / "
"""Stands between a section and the line in it: `interface Vlan10 / shutdown`."""

BEYOND_READING = LineRule("", reason="it stands for so many interfaces that nobody can look at each of them")

Refusals = Callable[[str, Sequence[str], Sequence[LineRule]], Sequence[tuple[str, LineRule]]]
"""Returns for a platform's name, its lines and rules those lines that a rule refuses, with their section path."""

_TOKEN = re.compile(r"<<([^<>|]+)(?:\|([^<>|]*))?>>")
_NEST = re.compile(r"((?:\(\?:\\?[\w-])+)((?:\)\?)+)")
_DO = re.compile(r"do\s+(?P<command>.+)", re.IGNORECASE)


def expand(pattern: str, management: Sequence[str] = ()) -> str:
    """Return the RE2 pattern that a rule's shorthand stands for.

    `<<sh|utdown>>` becomes the word and its abbreviations from `sh` on; `<<management>>` any of the given interface
    patterns. Raises ConfigurationError for another `<<name>>`.
    """

    def replace(match: re.Match[str]) -> str:
        stem, rest = match.group(1), match.group(2)
        if rest is not None:
            return re.escape(stem) + "".join(f"(?:{re.escape(letter)}" for letter in rest) + ")?" * len(rest)
        if stem == "management":
            return f"(?:{'|'.join(f'(?:{interface})' for interface in management)})" if management else r"[^\s\S]"
        raise ConfigurationError(
            f"<<{stem}>> in the pattern {pattern!r} means nothing", hint="write <<management>> or <<sh|utdown>>"
        )

    return _TOKEN.sub(replace, pattern)


def readable(pattern: str) -> str:
    """Return a pattern for people: the nest of optional letters that an abbreviation becomes is shown as `sh[utdown]`."""

    def fold(match: re.Match[str]) -> str:
        letters = re.findall(r"\(\?:(\\?.)", match[1])
        return (
            f"[{''.join(letter.removeprefix(chr(92)) for letter in letters)}]"
            if len(letters) * 2 == len(match[2])
            else match[0]
        )

    return _NEST.sub(fold, pattern)


def compiled(pattern: str) -> Any:
    """Compile a pattern on RE2, case-insensitively; raises ConfigurationError when it is not one."""
    import re2

    options = re2.Options()
    options.case_sensitive = False
    options.log_errors = False
    try:
        return re2.compile(pattern, options=options)
    except re2.error as error:
        told = error.args[0].decode() if error.args and isinstance(error.args[0], bytes) else str(error)
        raise ConfigurationError(
            f"{pattern!r} is not a regular expression that RE2 knows: {told}",
            hint="RE2 has no look-around and no back-references: https://github.com/google/re2/wiki/Syntax",
        ) from error


class RuleBook:
    """Rules compiled once: one search tells that no rule matches, which is what nearly every line asks."""

    def __init__(self, rules: Iterable[LineRule]) -> None:
        self._rules: dict[str, list[tuple[LineRule, Any]]] = {"exec": [], "config": []}
        for rule in rules:
            self._rules[rule.on].append((rule, compiled(rule.pattern)))
        self._any = {
            on: compiled("|".join(f"(?:{rule.pattern})" for rule, _ in pairs)) if pairs else None
            for on, pairs in self._rules.items()
        }

    def judge(self, line: str, on: str = "config") -> LineRule | None:
        """Return the first rule that matches the line, given with its section path, or None.

        A rule is searched in the whole path and in each of its tails, so that `^no username` also matches a global line
        typed inside a section; runs of blanks count as one. `do reload` is judged as the exec command `reload` as well.
        """
        words = " ".join(line.split())
        others = spellings(words) if on == "config" else ()
        if others is None:
            return BEYOND_READING
        tails = [tail for each in (words, *others) for tail in _tails(each)]
        found = next((rule for tail in tails if (rule := self._first(tail, on)) is not None), None)
        if found is None and on == "config":
            commands = [match["command"] for tail in tails if (match := _DO.fullmatch(tail))]
            found = next((rule for command in commands if (rule := self._first(command, "exec")) is not None), None)
        return found

    def _first(self, text: str, on: str) -> LineRule | None:
        quick = self._any[on]
        if quick is None or quick.search(text) is None:
            return None
        return next((rule for rule, pattern in self._rules[on] if pattern.search(text)), None)


def _tails(path: str) -> list[str]:
    parts = path.split(SEPARATOR)
    return [SEPARATOR.join(parts[start:]) for start in range(len(parts))]


@lru_cache(maxsize=256)
def rule_book(rules: tuple[LineRule, ...]) -> RuleBook:
    """Return the compiled book of these rules; the same rules give the same book."""
    return RuleBook(rules)


def judge(line_with_path: str, rules: Sequence[LineRule], on: str = "config") -> LineRule | None:
    """Return the first rule that matches a line given with its section path (`interface Vlan10 / shutdown`), or None.

    `on` says what the line is: a `config` line or an `exec` command. Who judges many lines keeps a `rule_book`.
    """
    return rule_book(tuple(rules)).judge(line_with_path, on)


def sections(lines: Iterable[str]) -> Iterable[tuple[str, str]]:
    """Yield each configuration line with its section path, told by indentation: `("shutdown", "interface Vlan10 / shutdown")`.

    `exec:` lines are their own path. Lines that come without indentation keep their own text as path; a platform's grammar
    knows better, and where there is one the guard uses it.
    """
    stack: list[tuple[int, str]] = []
    for raw in lines:
        line = raw.strip()
        if not line or line.startswith("!"):
            continue
        depth = len(raw) - len(raw.lstrip())
        while stack and stack[-1][0] >= depth:
            stack.pop()
        yield line, SEPARATOR.join([*(text for _, text in stack), line])
        if not line.startswith("exec:"):
            stack.append((depth, line))
