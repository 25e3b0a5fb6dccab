"""A simulated EOS device: running and startup configuration, files on flash, sessions and counters."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from nornflow.testing.eos.eos_grammar import eos_modes
from nornflow.testing.eos.sessions import Sessions
from nornflow.testing.eos.timer import Timer, WallTimer
from nornflow.testing.routers.arguments import interface_type
from nornflow.testing.routers.config import Configuration, Cursor, Rejected, Style
from nornflow.testing.routers.device import Counters
from nornflow.testing.routers.grammar import Match
from nornflow.testing.routers.ios_rules import ios_complete
from nornflow.testing.simulation import Simulated

VERSION = "4.31.2F"
MODEL = "vEOS-lab"


@dataclass
class Switch(Simulated):
    """One Arista-EOS-like device. `lines` is its first configuration. Safe to use from several threads."""

    name: str
    lines: Callable[[], Iterable[str]]
    serial: str = "SIM00001"
    data: dict[str, Any] = field(default_factory=dict)
    groups: tuple[str, ...] = ()
    timer: Timer = field(default_factory=WallTimer)
    counters: Counters = field(default_factory=Counters)

    def __post_init__(self) -> None:
        super().__init__()
        self.booted = self.timer.now()
        self.flash: dict[str, list[str]] = {}
        self.startup = list(self.lines())
        self._ports = [line.split()[1] for line in self.startup if line.startswith("interface ") and _physical(line)]
        self._config: Configuration | None = None
        self.sessions = Sessions(self.build, lambda: self.config, self._set_running, self.timer, self._guarded)

    @property
    def config(self) -> Configuration:
        """The running configuration as a tree."""
        with self.lock:
            if self._config is None:
                self._config = self.build(self.startup)
            return self._config

    def build(self, lines: Iterable[str]) -> Configuration:
        """Return a configuration of the lines; the ports of the box are always in it."""
        config = Configuration(eos_modes(), _check, ios_complete, Style(indent="   ", closes_families=False))
        for port in self._ports:
            config.apply((), f"interface {port}")
        config.load(lines)
        return config

    def replace(self, lines: Iterable[str]) -> None:
        """Make the lines the whole running configuration."""
        with self.lock:
            self._config = self.build(lines)

    def _set_running(self, config: Configuration) -> None:
        self._config = config

    def _guarded(self, work: Callable[[], None]) -> None:
        with self.lock:
            work()

    @property
    def hostname(self) -> str:
        """The configured host name, `localhost` when there is none."""
        item = self.config.root.first("hostname")
        return item.words[1] if item else "localhost"

    @property
    def running_config(self) -> str:
        """The body of the running configuration as text, without header and `end`."""
        with self.lock:
            return "\n".join(self.config.lines()) + "\n"

    @property
    def startup_config(self) -> str:
        """The body of the saved configuration as text."""
        with self.lock:
            return "\n".join(self.build(self.startup).lines()) + "\n"

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
        """Start again with the saved configuration; sessions and unconfirmed commits are gone."""
        with self.lock:
            self.sessions.forget()
            self._config = self.build(self.startup)
            self.booted = self.timer.now()
            self.counters.reloads += 1

    def count(self) -> Mapping[str, int]:
        """Return the counters by name."""
        return self.counters.to_json()


def _physical(line: str) -> bool:
    return interface_type(line.split()[1]) in ("Ethernet", "Management")


def _check(config: Configuration, cursor: Cursor, match: Match) -> None:
    words = match.words
    if words[0] == "interface" and match.negated and _physical(" ".join(words)):
        raise Rejected("Cannot remove physical interfaces")
    if words[:2] == ("router", "bgp") and not match.negated and not cursor:
        running = config.root.first("router", "bgp")
        if running is not None and running.words[2] != words[2]:
            raise Rejected(f"BGP is already running with AS number {running.words[2]}")
