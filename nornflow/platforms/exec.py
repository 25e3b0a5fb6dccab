"""Exec lines: which of them only read the device, which enter configuration, save, or do anything else."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from nornflow.record import record

_UNPRINTABLE = re.compile(r"[^\x20-\x7e]")
_FILE_SYSTEM = re.compile(
    r"\b(?:boot)?(?:flash|disk|slot|usbflash|usb|nvram|system|crashinfo|harddisk|null|tftp|scp|sftp|r?ftp|rcp|https?)\d*:"
)
_NEVER_CONFIG = (
    *("clear", "configure", "copy", "debug", "delete", "erase", "format", "reload", "rename", "request", "rmdir"),
    *("rollback", "squeeze", "ssh", "tclsh", "telnet", "undebug", "upgrade", "write"),
)
_METACHARACTERS = (";", "`", "\\", "<", ">", "$(", "&&", "||")


class Kind(StrEnum):
    """What an exec line does; only `read` and `session` lines may always be sent."""

    READ = "read"
    SESSION = "session"
    ENTER = "enter"
    LEAVE = "leave"
    ENABLE = "enable"
    SAVE = "save"
    WRITE = "write"
    REFUSED = "refused"


@record
class ExecVerdict:
    """What a line is: its kind, the line with its verb and arguments in full words, and why it is not a read."""

    kind: Kind
    canonical: str
    why: str = ""


Prefixes = Mapping[str, str]
"""Every unambiguous beginning of a word, with the word; whole words always stand for themselves."""


def prefixes(words: Iterable[str], specials: Mapping[str, str] | None = None) -> Prefixes:
    """Return the table of unambiguous abbreviations of these words; `specials` are those that the device defines itself."""
    table: dict[str, str | None] = {}
    for word in words:
        for length in range(1, len(word)):
            short = word[:length]
            table[short] = word if table.get(short, word) == word else None
    table |= {word: word for word in words}
    table |= dict(specials or {})
    return {short: word for short, word in table.items() if word is not None}


@dataclass(frozen=True, slots=True, eq=False)
class ExecGrammar:
    """What a platform's exec mode knows, made of the `[exec]` table of its data file.

    `verbs` is the platform's whole verb table: an abbreviation counts only when it fits exactly one verb. `arguments`
    does the same for the first arguments of a verb. `reads` are verbs and beginnings of canonical lines that only read,
    `writes` beginnings that do more than their verb says, `never_config` verbs that no configuration line begins with.
    `filters` may follow a pipe; `other_filters` exist too and may not. `separator` stands between two commands in one line.
    `commit_line` puts lines in force on a platform with a candidate, `discard_question` is what it asks who leaves without.
    `longest` is how many characters of a line the device reads; the rest is lost or is another line.
    """

    verbs: Prefixes
    arguments: Mapping[str, Prefixes]
    filters: Prefixes
    safe_filters: frozenset[str]
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    session: re.Pattern[str] | None
    enter: frozenset[str]
    save: Mapping[str, str]
    leave: frozenset[str]
    enter_line: str = "configure terminal"
    leave_line: str = "end"
    commit_line: str = ""
    discard_question: str = ""
    leave_config: frozenset[str] = frozenset({"end"})
    do: tuple[str, ...] = ("do",)
    separator: str = ""
    longest: int = 1000
    deferred: tuple[str, ...] = ()
    never_config: tuple[str, ...] = ()
    free_text: frozenset[str] = frozenset()
    exec_prompt: re.Pattern[bytes] = field(default=re.compile(rb"^[^\s#>()]+[#>]\s?$"))
    config_prompt: re.Pattern[bytes] = field(default=re.compile(rb"^[^\s#>()]+\(conf[^)\s]*\)#\s?$"))
    config_echo: re.Pattern[str] = field(default=re.compile(r"^[^\s#>()]+\(conf[^)\s]*\)#(.*)$"))
    virtual_prompt: str = "{base}(config)#"
    virtual_greeting: str = ""
    answers: Mapping[str, str] = field(default_factory=dict)
    running_config: str = "show running-config"
    no_paging: tuple[str, ...] = ("terminal length 0",)

    @classmethod
    def from_table(cls, table: Mapping[str, Any]) -> ExecGrammar:
        """Make the grammar from a data file's `[exec]` table; what is missing there is not allowed."""
        verbs: Sequence[str] = table.get("verbs", ())
        filters: Sequence[str] = table.get("filters", ())
        prompts: Mapping[str, str] = table.get("prompts", {})
        patterns: Sequence[str] = table.get("session", ())
        texts: dict[str, Any] = {
            name: table[name]
            for name in (
                *("enter_line", "leave_line", "commit_line", "discard_question"),
                *("virtual_prompt", "virtual_greeting", "running_config"),
            )
            if name in table
        }
        texts |= {
            f"{name}_prompt": re.compile(prompts[name].encode()) for name in ("exec", "config") if name in prompts
        }
        return cls(
            verbs=prefixes(verbs, table.get("specials")),
            arguments={verb: prefixes(words) for verb, words in table.get("arguments", {}).items()},
            filters=prefixes((*filters, *table.get("other_filters", ()))),
            safe_filters=frozenset(filters),
            reads=tuple(table.get("reads", ())),
            writes=tuple(table.get("writes", ())),
            session=re.compile("|".join(f"(?:{pattern})" for pattern in patterns)) if patterns else None,
            enter=frozenset(table.get("enter", ())),
            save={form: table.get("save_as", {}).get(form, form) for form in table.get("save", ())},
            leave=frozenset(table.get("leave", ("exit", "logout", "quit"))),
            leave_config=frozenset(table.get("leave_config", ("end",))),
            do=tuple(table.get("do", ("do",))),
            separator=table.get("separator", ""),
            longest=table.get("longest", 1000),
            deferred=tuple(table.get("deferred", ())),
            never_config=tuple(sorted(table.get("never_config", _NEVER_CONFIG))),
            free_text=frozenset(table.get("free_text", ("description", "remark"))),
            no_paging=tuple(table.get("no_paging", ("terminal length 0",))),
            answers=dict(table.get("answers", {})),
            **texts,
        )

    def ambiguous_filter(self, word: str) -> bool:
        """Tell whether a word could be the beginning of several filters; what the device makes of it is not known."""
        return any(name.startswith(word) for name in self.filters)

    def verb(self, word: str) -> str:
        """Return the verb that a word stands for, or an empty string when it is unknown or ambiguous."""
        return self.verbs.get(word.lower(), "")

    def behind_do(self, line: str) -> str | None:
        """Return the exec command that a configuration line runs (`do show clock`), or None when it runs none."""
        word, _, rest = line.strip().partition(" ")
        typed = word.lower()
        if any(
            typed == name or (len(typed) > 1 and name.startswith(typed) and typed not in self.free_text)
            for name in self.do
        ):
            return rest.strip()
        return None

    def is_whole(self, line: str) -> bool:
        """Tell whether a line of configuration mode makes the device commit or save: it does so wholly or not at all."""
        command = self.behind_do(line)
        if command is None:
            return line.split()[:1] == ["commit"]
        return classify(command, self).kind is Kind.SAVE


def classify(line: str | bytes, grammar: ExecGrammar) -> ExecVerdict:
    """Say what an exec line does. Never raises: what is not known to be harmless is `write` or `refused`."""
    text = line.decode("latin-1") if isinstance(line, bytes) else line
    found = _UNPRINTABLE.search(text)
    if found:
        return ExecVerdict(Kind.REFUSED, "", f"holds {found.group()!r}, which is not printable ASCII")
    text = " ".join(text.split())
    if not text or text in ("!", "#"):
        return ExecVerdict(Kind.SESSION, text)
    command, *filters = text.split("|")
    words = command.split()
    meta = next((mark for mark in _METACHARACTERS if mark in text), "")
    if meta or "?" in text:
        return ExecVerdict(Kind.REFUSED, text, f"holds {meta or '?'!r}, which means more than itself in exec mode")
    if not words or text[0] in "!#":
        return ExecVerdict(Kind.REFUSED, text, "is not a command")
    verb = grammar.verb(words[0])
    if not verb:
        return ExecVerdict(Kind.WRITE, text, f"{words[0]!r} is an unknown or ambiguous command")
    canonical = _in_full(verb, words, grammar)
    if filters:
        canonical = f"{canonical} |{'|'.join(filters)}"
        if verb != "show":
            return ExecVerdict(Kind.WRITE, canonical, "pipes the output of a command that is not show")
        unknown = next((each for place, each in enumerate(filters) if not _only_filters(filters, place, grammar)), None)
        if unknown is not None:
            return ExecVerdict(Kind.WRITE, canonical, f"pipes to {unknown.strip()!r}, which is not a known filter")
    return _kind_of(verb, canonical, grammar)


def _only_filters(filters: Sequence[str], place: int, grammar: ExecGrammar) -> bool:
    """Tell whether the part behind this pipe filters, or is an alternative in the filter's expression (`include a|b`)."""
    text = filters[place]
    name = (text.split() or [""])[0].lower()
    if grammar.filters.get(name, "") in grammar.safe_filters:
        return True
    typed_together = place > 0 and text[:1] != " " and filters[place - 1][-1:] != " "
    return typed_together and bool(name) and name not in grammar.filters and not grammar.ambiguous_filter(name)


def _in_full(verb: str, words: Sequence[str], grammar: ExecGrammar) -> str:
    known = grammar.arguments.get(verb, {})
    depth = 2 if verb == "copy" else 1
    arguments = [known.get(word.lower(), word) if place < depth else word for place, word in enumerate(words[1:])]
    return " ".join((verb, *arguments))


def _kind_of(verb: str, canonical: str, grammar: ExecGrammar) -> ExecVerdict:
    if canonical in grammar.enter:
        return ExecVerdict(
            Kind.ENTER, grammar.enter_line if canonical in ("configure", grammar.enter_line) else canonical
        )
    if canonical in grammar.save:
        return ExecVerdict(Kind.SAVE, grammar.save[canonical])
    if canonical in grammar.leave:
        return ExecVerdict(Kind.LEAVE, canonical)
    if canonical == "enable":
        return ExecVerdict(Kind.ENABLE, canonical)
    if grammar.session is not None and grammar.session.fullmatch(canonical):
        return ExecVerdict(Kind.SESSION, canonical)
    if any(_begins(canonical, write) for write in grammar.writes):
        return ExecVerdict(Kind.WRITE, canonical, "does more than read on this platform")
    if any(_begins(canonical, read) for read in grammar.reads):
        if verb == "show" and _FILE_SYSTEM.search(canonical.lower()):
            return ExecVerdict(Kind.WRITE, canonical, "names a file system or an address")
        return ExecVerdict(Kind.READ, canonical)
    return ExecVerdict(Kind.WRITE, canonical, "is not known to be a read")


def _begins(canonical: str, start: str) -> bool:
    return canonical == start or canonical.startswith(start + " ")
