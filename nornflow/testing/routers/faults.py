"""What can go wrong on a simulated device: the kinds of fault, and their spelling on the command line."""

from __future__ import annotations

import random
import re
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from nornflow.errors import UsageError
from nornflow.record import record

KINDS: Mapping[str, str] = {
    "auth": "the password is refused",
    "flap": "the first N connections are refused at authentication (default 1), the next ones work",
    "refuse": "nothing listens on the port",
    "noanswer": "the TCP connection is taken, no SSH banner ever comes",
    "drop": "the session is cut when a command comes: after N commands, or at one that matches",
    "hang": "the session never answers: after N commands, or at a command that matches",
    "slow": "every answer, or that to a command that matches, takes N times the latency (default 20)",
    "reject": "configuration lines that match get the device's error marker (default: every line)",
    "readonly": "configuration mode and saving answer `% Authorization failed`",
    "prompt": "the prompt is the given text instead of the host name's",
    "reload": "the device reloads by itself: after N commands, or at one that matches",
}
"""The kinds of fault by name, in words."""

_NUMBERED = frozenset({"flap", "drop", "hang", "slow", "reload"})
_MATCHING = frozenset({"drop", "hang", "reject", "reload", "slow"})


@record
class Fault:
    """One fault of one device.

    `after` counts commands of a session (connections for `flap`, the factor for `slow`); `at` is a regular expression
    that is searched in the command; `text` is the marker of `reject` or the prompt of `prompt`.
    """

    kind: str
    after: float | None = None
    at: str = ""
    text: str = ""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise UsageError(f"there is no fault {self.kind!r}", hint=f"the kinds are: {', '.join(KINDS)}")
        if self.after is not None and self.kind not in _NUMBERED:
            raise UsageError(f"the fault {self.kind!r} takes no number")
        if self.at and self.kind not in _MATCHING:
            raise UsageError(f"the fault {self.kind!r} takes no `at`")
        if self.text and self.kind not in ("reject", "prompt"):
            raise UsageError(f"the fault {self.kind!r} takes no `text`")
        try:
            re.compile(self.at)
        except re.error as error:
            raise UsageError(f"fault {self.kind!r}: {self.at!r} is not a regular expression: {error}") from error

    def strikes(self, command: str, count: int) -> bool:
        """Tell whether the fault acts on a session's command; `count` is the number of commands with this one."""
        if self.at:
            return re.search(self.at, command) is not None
        return count > (self.after or 0)

    def slows(self, command: str) -> bool:
        """Tell whether the answer to a command takes longer."""
        return not self.at or re.search(self.at, command) is not None

    def to_json(self) -> dict[str, Any]:
        """Return the fault as JSON values, without what was left out."""
        fields = {"kind": self.kind, "after": self.after, "at": self.at, "text": self.text}
        return {name: value for name, value in fields.items() if value not in (None, "")}


class Faulty:
    """A device that misbehaves on demand; the base of every simulated one. Safe to use from several threads.

    `last_command` is the one that came last, done or not. `unheard` are the commands during which the client went away: it
    cut its session before it had the answer.
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.faults: dict[str, Fault] = {}
        self.last_command = ""
        self.unheard: list[str] = []
        self.on_faults_changed: Callable[[], None] | None = None

    def fault(self, kind: str, *, after: float | None = None, at: str = "", text: str = "") -> None:
        """Make the device misbehave from now on, also in the sessions that are open; see KINDS. Raises UsageError."""
        self.add_fault(Fault(kind, after, at, text))

    def add_fault(self, fault: Fault) -> None:
        """Make the device misbehave from now on."""
        self._set({**self.faults, fault.kind: fault})

    def heal(self, kind: str | None = None) -> None:
        """End one fault, or all."""
        self._set({} if kind is None else {held: fault for held, fault in self.faults.items() if held != kind})

    def _set(self, faults: dict[str, Fault]) -> None:
        self.faults = faults
        # Without the lock: the server's thread may hold it while it waits for this one.
        if self.on_faults_changed is not None:
            self.on_faults_changed()


def parse_fault(spec: str, names: Sequence[str], *, rng: random.Random | None = None) -> dict[str, Fault]:
    """Read `KIND:WHICH[:N | :at=REGEX | :text=TEXT]...` and return the fault of each device that it names.

    WHICH is `all`, a percentage (`5%`, drawn with `rng`), or names, numbers and ranges with commas (`r1,3,7-9`).
    Raises UsageError.
    """
    kind, *rest = spec.split(":", 2)
    if not rest or not rest[0]:
        raise UsageError(
            f"the fault {spec!r} does not say which devices it is for",
            hint="write KIND:WHICH, for example drop:r3:4 or reject:all:at=ntp server",
        )
    options = _options(rest[1] if len(rest) > 1 else "", spec)
    fault = Fault(kind, **options)
    return dict.fromkeys(_which(rest[0], names, rng or random.Random(1)), fault)


def parse_faults(specs: Iterable[str], names: Sequence[str]) -> dict[str, list[Fault]]:
    """Read many fault specifications and return the faults by device name; raises UsageError."""
    faults: dict[str, list[Fault]] = {}
    for spec in specs:
        for name, fault in parse_fault(spec, names).items():
            faults.setdefault(name, []).append(fault)
    return faults


def _options(text: str, spec: str) -> dict[str, Any]:
    options: dict[str, Any] = {}
    for part in re.split(r":(?=at=|text=|after=|[\d.]+\Z)", text) if text else ():
        name, equals, value = part.partition("=")
        if not equals:
            name, value = "after", part
        if name == "after":
            try:
                options["after"] = float(value)
            except ValueError as error:
                raise UsageError(f"the fault {spec!r}: {value!r} is not a number") from error
        elif name in ("at", "text"):
            options[name] = value
        else:
            raise UsageError(f"the fault {spec!r} has no option {name!r}", hint="the options are after=, at=, text=")
    return options


def _which(which: str, names: Sequence[str], rng: random.Random) -> list[str]:
    if which == "all":
        return list(names)
    if re.fullmatch(r"\d+(\.\d+)?%", which):
        return rng.sample(list(names), min(len(names), round(len(names) * float(which[:-1]) / 100)))
    chosen: list[str] = []
    for part in which.split(","):
        span = re.fullmatch(r"(\d+)(?:-(\d+))?", part)
        if span is not None and 1 <= int(span[1]) <= int(span[2] or span[1]) <= len(names):
            chosen += names[int(span[1]) - 1 : int(span[2] or span[1])]
        elif part in names:
            chosen.append(part)
        else:
            raise UsageError(f"there is no simulated device {part!r}", hint=f"there are {names[0]} to {names[-1]}")
    return chosen
