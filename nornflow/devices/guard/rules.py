"""The line rules of a lease: a line is matched in every reading that a device could give its abbreviations."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cache, lru_cache
from itertools import product
from typing import Any

from nornflow.errors import ConfigurationError
from nornflow.model.permission import LineRule
from nornflow.platforms.platform import Platform
from nornflow.platforms.spellings import spellings
from nornflow.platforms.tree import SEPARATOR

_MOST_READINGS = 256
_WHOLE = frozenset(("ip", "no", "auto"))  # words that are no abbreviations: `auto qos` begins no `autocommand`
_NO_LITERAL = re.compile(r"\\[bBdDsSwWAzZpP]|\\.|\[\^?\]?[^\]]*\]|\(\?[a-zA-Z-]*:?|\(\?P?<\w+>|\{[^}]*\}")
_LITERAL = re.compile(r"[a-z][a-z-]+")
_WORD = re.compile(r"([A-Za-z][A-Za-z-]*)(.*)", re.DOTALL)
_APART = re.compile(r"\b([A-Za-z][A-Za-z-]+) (?=\d)")
BEYOND_READING = LineRule("", reason="it is abbreviated so much that nobody can say what the device makes of it")


class RuleBook:
    """The deny rules and the allow-list of one lease, ready to be matched.

    A word that is the beginning of a word in a deny rule counts as that word too: `wr er` meets `write erase`, whether or
    not the grammar knows `erase`. Only in a line that the grammar understood its keywords are taken as they stand.
    """

    def __init__(self, deny: Sequence[LineRule], allow_exec: Sequence[LineRule], platform: Platform) -> None:
        self._platform = platform
        self._config = tuple(rule for rule in deny if rule.on != "exec")
        self._exec = tuple(rule for rule in deny if rule.on == "exec")
        self._allow = tuple(allow_exec)

    def denies_config(self, path: str, raw: str, *, understood: bool = False) -> LineRule | None:
        """Return the rule that forbids a configuration line, given with its section path and as it was typed.

        `understood` says that the platform's grammar knew the whole line, so that the path has it in full words.
        """
        if not self._config:
            return None
        others = spellings(path)
        if others is None:
            return BEYOND_READING
        texts = [tail for each in (path, *others) for tail in _tails(each)]
        return self._find(self._config, (*texts, _squeezed(raw)), _vocabulary(self._platform) if understood else _WHOLE)

    def denies_exec(self, canonical: str, raw: str) -> LineRule | None:
        """Return the rule that forbids an exec line."""
        return self._find(self._exec, (canonical, _squeezed(raw)), _WHOLE) if self._exec else None

    def allows_exec(self, canonical: str) -> bool:
        """Tell whether the allow-list (when there is one) has this read."""
        return not self._allow or bool(_compiled(tuple(rule.pattern for rule in self._allow)).Match(canonical))

    def _find(self, rules: Sequence[LineRule], texts: Iterable[str], known: frozenset[str]) -> LineRule | None:
        patterns = tuple(rule.pattern for rule in rules)
        compiled = _compiled(patterns)
        literals = _literals(patterns)
        free_text = self._platform.exec.free_text
        for text in dict.fromkeys(texts):
            for place, reading in enumerate(_readings(text, literals, known, free_text)):
                if place == _MOST_READINGS:
                    return BEYOND_READING
                found: list[int] = compiled.Match(reading)
                if found:
                    return rules[min(found)]
        return None


def _tails(path: str) -> list[str]:
    parts = path.split(SEPARATOR)
    return [SEPARATOR.join(parts[start:]) for start in range(len(parts))]


def _squeezed(text: str) -> str:
    return " ".join(text.split())


def _readings(text: str, literals: frozenset[str], known: frozenset[str], free: frozenset[str]) -> Iterator[str]:
    """Yield the text, and the text with each abbreviated word of a rule in full."""
    yield text
    choices: list[tuple[str, ...]] = []
    changed = False
    words = text.split(" ")
    for place, word in enumerate(words):
        if word.lower() in free:
            choices.extend((rest,) for rest in words[place:])
            break
        found = _WORD.fullmatch(word)
        typed = found[1].lower() if found else ""
        if not found or typed in literals or typed in known:
            choices.append((word,))
            continue
        fuller = tuple(literal + found[2] for literal in literals if literal.startswith(typed))
        changed = changed or bool(fuller)
        choices.append((word, *fuller))
    joined = _APART.sub(r"\1", text)
    if joined != text:  # `interface vlan 10` is `interface vlan10`
        yield from _readings(joined, literals, known, free)
    if changed:
        for reading in product(*choices):
            yield " ".join(reading)


@lru_cache(maxsize=256)
def _compiled(patterns: tuple[str, ...]) -> Any:
    import re2

    compiled = re2.Set.SearchSet()
    for pattern in patterns:
        try:
            re2.compile(pattern)
        except re2.error as error:
            raise ConfigurationError(
                f"line rule {pattern!r} is not a regular expression: {error}", hint="see the syntax of RE2"
            ) from error
        compiled.Add(f"(?i){pattern}")
    compiled.Compile()
    return compiled


@lru_cache(maxsize=256)
def _literals(patterns: tuple[str, ...]) -> frozenset[str]:
    """Return the words that stand in the patterns as they are."""
    return frozenset(word for each in patterns for word in _LITERAL.findall(_NO_LITERAL.sub(" ", each.lower())))


@cache
def _vocabulary(platform: Platform) -> frozenset[str]:
    """Return every keyword that the platform's configuration grammar knows, lower case."""
    words: set[str] = set()
    for mode in platform.modes.values():
        for rule in mode.rules:
            words.update(_LITERAL.findall(rule.pattern))
    return frozenset(words)
