"""The command line behind eAPI: one request's commands run in order, in the mode that the ones before them opened."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from nornflow.testing.eos.device import Switch
from nornflow.testing.eos.sessions import ConfigSession, Refused
from nornflow.testing.eos.views import VIEWS, Output
from nornflow.testing.routers import filters
from nornflow.testing.routers.config import Configuration, Cursor, Rejected
from nornflow.testing.routers.grammar import Ambiguous, Grammar, Incomplete, Invalid, Unparsed

_ACTIONS: Mapping[str, str] = {
    "enable": "nothing",
    "terminal (length|width) INT": "nothing",
    "configure [terminal]": "configure",
    "configure session WORD": "session",
    "configure session WORD commit": "commit",
    "configure session WORD commit timer WORD": "commit_timer",
    "configure session WORD abort": "abort",
    "configure replace WORD": "replace",
    "write [memory]": "save",
    "copy running-config startup-config": "save",
    "copy (running-config|startup-config) WORD": "copy",
}


@cache
def _grammar() -> Grammar:
    return Grammar([*VIEWS, *_ACTIONS])


class CommandFailed(Exception):
    """One command of a request failed; `detail` is what the device says about it."""

    def __init__(self, detail: str, code: int = 1002) -> None:
        super().__init__(detail)
        self.detail, self.code = detail, code


@dataclass
class Shell:
    """One request's way through the command line of a device; `run` is given its commands one by one."""

    switch: Switch
    session: ConfigSession | None = None
    direct: Configuration | None = None
    cursor: Cursor = field(default=())

    def run(self, command: str, text: bool, data: str = "") -> dict[str, Any]:
        """Run one command and return its result; `data` is the input that follows it. Raises CommandFailed."""
        try:
            if self.session is not None or self.direct is not None:
                return self._configure(command.strip(), data)
            output = self._exec(command)
        except Unparsed as error:
            raise CommandFailed(_explain(error, command)) from error
        except (Refused, Rejected) as refusal:
            raise CommandFailed(str(refusal).strip()) from refusal
        if text:
            return {"output": output.text}
        if output.json is None:
            raise CommandFailed("Command cannot be used over the API at this time: unconverted command", 1003)
        return output.json

    def _configure(self, command: str, data: str) -> dict[str, Any]:
        if command in ("", "!") or command.startswith("!"):
            return {}
        if command == "end":
            self.session, self.direct, self.cursor = None, None, ()
            return {}
        if command == "rollback clean-config" and self.session is not None:
            self.switch.sessions.clean(self.session)
            self.cursor = ()
            return {}
        if command in ("commit", "abort") and self.session is not None:
            name, self.session, self.cursor = self.session.name, None, ()
            getattr(self.switch.sessions, command)(name)
            return {}
        if command in ("exit", "exit-address-family"):
            self.cursor = self.cursor[:-1]
            return {}
        self._line(f"{command} ^C\n{data.rstrip()}\n^C" if command.startswith("banner ") else command)
        return {}

    def _line(self, line: str) -> None:
        counters = self.switch.counters
        rejecting = self.switch.faults.get("reject")
        config = self.session.candidate if self.session is not None else self.direct
        assert config is not None  # only called in configuration mode
        try:
            if rejecting is not None and re.search(rejecting.at, line):
                raise Rejected(rejecting.text or f"Invalid input (at token 0: '{line.split()[0]}')")
            self.cursor = config.apply(self.cursor, line)
        except (Unparsed, Rejected):
            counters.rejected_lines += 1
            raise
        counters.config_lines += 1

    def _exec(self, command: str) -> Output:
        wanted, pipe, words = command.partition("|")
        match = _grammar().match(wanted)
        assert match.rule is not None  # only `no` forms come without a rule
        pattern = match.rule.pattern
        if pattern in VIEWS:
            output = VIEWS[pattern](self.switch, match.words)
            if not pipe or words.strip() == "json":
                return output
            try:
                return Output(None, filters.filtered(output.text, words))
            except filters.BadFilter as error:
                raise Refused(f"Invalid input (at token {len(wanted.split()) + 1}: '{words.split()[0]}')") from error
        if "readonly" in self.switch.faults and _ACTIONS[pattern] != "nothing":
            raise Refused("Authorization denied for command")
        action: Callable[[tuple[str, ...]], str] = getattr(self, f"_do_{_ACTIONS[pattern]}")
        text = action(match.words)
        return Output({"messages": [text]} if text else {}, text)

    def _do_nothing(self, words: tuple[str, ...]) -> str:
        return ""

    def _do_configure(self, words: tuple[str, ...]) -> str:
        self.direct, self.cursor = self.switch.config, ()
        return ""

    def _do_session(self, words: tuple[str, ...]) -> str:
        self.session, self.cursor = self.switch.sessions.enter(words[2]), ()
        return ""

    def _do_commit(self, words: tuple[str, ...]) -> str:
        self.switch.sessions.commit(words[2])
        return ""

    def _do_commit_timer(self, words: tuple[str, ...]) -> str:
        span = re.fullmatch(r"(\d+):(\d\d):(\d\d)", words[5])
        if span is None:
            raise Refused(f"Invalid input (at token 5: '{words[5]}')")
        hours, minutes, seconds = (int(part) for part in span.groups())
        self.switch.sessions.commit_timed(words[2], hours * 3600 + minutes * 60 + seconds)
        return ""

    def _do_abort(self, words: tuple[str, ...]) -> str:
        self.switch.sessions.abort(words[2])
        return ""

    def _do_replace(self, words: tuple[str, ...]) -> str:
        lines = self.switch.startup if words[2] == "startup-config" else self.switch.flash.get(words[2])
        if lines is None:
            raise Refused(f"Error opening {words[2]} (No such file or directory)")
        self.switch.replace(lines)
        return ""

    def _do_save(self, words: tuple[str, ...]) -> str:
        self.switch.save()
        return "Copy completed successfully."

    def _do_copy(self, words: tuple[str, ...]) -> str:
        source = self.switch.startup if words[1] == "startup-config" else self.switch.config.lines()
        if not words[2].startswith("flash:"):
            raise Refused(f"Invalid input (at token 2: '{words[2]}')")
        self.switch.flash[words[2]] = list(source)
        return "Copy completed successfully."


def _explain(error: Unparsed, command: str) -> str:
    """Return what EOS says of a line: the kind of error and the number of the word."""
    words = [(found.start(), found.group()) for found in re.finditer(r"\S+", command)]
    last = len(words) - 1
    match error:
        case Invalid():
            place = next((n for n, (start, _) in enumerate(words) if start >= error.column), last)
            return f"Invalid input (at token {place}: '{words[place][1]}')"
        case Ambiguous():
            return f"Ambiguous command (at token {last}: '{words[last][1]}')"
        case Incomplete():
            return f"Incomplete command (at token {last}: '{words[last][1]}')" if words else "Incomplete command"
    raise error
