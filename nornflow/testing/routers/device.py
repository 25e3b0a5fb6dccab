"""A simulated router: its configuration, what it has saved, its faults and its counters."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from nornflow.record import record
from nornflow.testing.routers.config import Configuration, Cursor, ModeLike
from nornflow.testing.routers.ios_grammar import ios_modes
from nornflow.testing.routers.ios_rules import ios_check, ios_complete
from nornflow.testing.simulation import Simulated


@dataclass(slots=True)
class Counters:
    """What happened on a device since it was started."""

    connections: int = 0
    logins: int = 0
    refused_logins: int = 0
    commands: int = 0
    config_lines: int = 0
    rejected_lines: int = 0
    saves: int = 0
    reloads: int = 0
    drops: int = 0
    hangs: int = 0

    def to_json(self) -> dict[str, int]:
        """Return the counters by name."""
        return {counter.name: getattr(self, counter.name) for counter in fields(self)}


@record
class Heard:
    """One line that a device was sent: in which of its sessions, when (seconds of a clock that only goes on), which line.

    `configuring` says that the session was in configuration mode, so that the line changed the device or left the mode.
    """

    session: int
    at: float
    line: str
    configuring: bool


@dataclass(slots=True)
class Neighbourhood:
    """What a device can see of the others: the NTP servers that answer, and the addresses of the fleet.

    `ntp_reachable` is None when every server answers. `routers` returns the devices of the fleet.
    """

    ntp_reachable: frozenset[str] | None = None
    routers: Callable[[], Iterable[Router]] = tuple


@dataclass
class Router(Simulated):
    """One Cisco-IOS-like router whose configuration survives the sessions that change it.

    `lines` is its first configuration; it is built at the first use, so a thousand routers cost nothing to start.
    `ntp_polls` is how many `show ntp associations` it takes until a reachable server is synchronised.
    `enable_secret` makes sessions begin in user mode. Safe to use from several threads.
    """

    name: str
    lines: Callable[[], Iterable[str]]
    serial: str = "9SIM00001"
    data: dict[str, Any] = field(default_factory=dict)
    groups: tuple[str, ...] = ()
    enable_secret: str | None = None
    ntp_polls: int = 1
    neighbourhood: Neighbourhood = field(default_factory=Neighbourhood)
    clock: Callable[[], float] = time.time
    counters: Counters = field(default_factory=Counters)
    outputs: dict[str, str] = field(default_factory=dict)
    log: list[Heard] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()
        self._sessions = itertools.count(1)
        self.booted = self.clock()
        self.startup: list[str] | None = None
        self._config: Configuration | None = None
        self._factory: frozenset[str] = frozenset()
        self._polled: dict[str, int] = {}

    @property
    def config(self) -> Configuration:
        """The running configuration as a tree."""
        with self.lock:
            if self._config is None:
                self.startup = list(self.lines()) if self.startup is None else self.startup
                self._config = self._build(self.startup)
            return self._config

    def _build(self, lines: list[str]) -> Configuration:
        config = Configuration(ios_modes(), ios_check(lambda: self._factory), ios_complete)
        factory, self._factory = self._factory, frozenset()
        config.load(lines)
        found = frozenset(name[0] for name, _ in config.root.sections("interface"))
        self._factory = factory or found
        return config

    @property
    def hostname(self) -> str:
        """The configured host name, `Router` when there is none."""
        item = self.config.root.first("hostname")
        return item.words[1] if item else "Router"

    @property
    def running_config(self) -> str:
        """The body of the running configuration as text, without the lines that `show` puts around it."""
        with self.lock:
            return "\n".join(self.config.lines()) + "\n"

    @property
    def startup_config(self) -> str:
        """The body of the saved configuration as text."""
        with self.lock:
            assert self.config is not None  # reading it loads the first configuration
            return "\n".join(self.startup or []) + "\n"

    @property
    def unsaved(self) -> bool:
        """Whether the running configuration differs from the saved one."""
        return self.running_config != self.startup_config

    def next_session(self) -> int:
        """Return a number for a session that begins."""
        return next(self._sessions)

    def hear(self, session: int, line: str, *, configuring: bool) -> None:
        """Keep a line that was sent; `log` has them in the order in which they came."""
        self.log.append(Heard(session, time.monotonic(), line, configuring))

    def written(self) -> list[tuple[int, str]]:
        """Return the lines of configuration that were sent, each with its session, in the order in which they came."""
        return [(heard.session, heard.line) for heard in list(self.log) if heard.configuring and heard.line != "end"]

    def mode(self, cursor: Cursor) -> ModeLike:
        """Return the configuration mode at a cursor."""
        return self.config.mode(cursor)

    def configure(self, *lines: str) -> None:
        """Change the configuration directly, as somebody at the console would; raises Unparsed and Rejected."""
        with self.lock:
            cursor: Cursor = ()
            for line in lines:
                cursor = self.config.apply(cursor, line.strip())

    def save(self) -> None:
        """Make the running configuration the one that the device starts with."""
        with self.lock:
            self.startup = self.config.lines()
            self.counters.saves += 1

    def reload(self) -> None:
        """Start again with the saved configuration; the sessions are the server's to drop."""
        with self.lock:
            startup = self.startup if self.startup is not None else list(self.lines())
            self.startup, self._config = startup, self._build(startup)
            self.booted = self.clock()
            self._polled.clear()
            self.counters.reloads += 1

    def count(self) -> Mapping[str, int]:
        """Return the counters by name."""
        return self.counters.to_json()

    def ntp_associations(self, *, poll: bool = True) -> Mapping[str, tuple[bool, bool]]:
        """Return for each configured NTP server whether it is synchronised and whether it is the preferred one.

        Every call counts as one poll of each server, unless `poll` is off.
        """
        reachable = self.neighbourhood.ntp_reachable
        with self.lock:
            servers = [value.split() for value in self.config.root.values("ntp", "server")]
            names = {(words[2] if words[0] == "vrf" else words[0]): "prefer" in words for words in servers}
            polled = {name: self._polled.get(name, 0) + 1 for name in names}
            if poll:
                self._polled = polled
            return {
                name: ((reachable is None or name in reachable) and polled[name] >= self.ntp_polls, preferred)
                for name, preferred in names.items()
            }
