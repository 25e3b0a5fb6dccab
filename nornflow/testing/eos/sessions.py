"""Configuration sessions of a simulated EOS device: candidates that are committed, confirmed in time, or gone."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from nornflow.testing.eos.timer import Cancel, Timer
from nornflow.testing.routers.config import Configuration, Cursor


class Refused(Exception):
    """The device refuses a command; the text is its answer."""


class State(StrEnum):
    """Where a configuration session is."""

    PENDING = "pending"
    TIMED = "pendingCommitTimer"
    COMPLETED = "completed"


@dataclass
class ConfigSession:
    """One named candidate; `before` is what the device returns to when a timed commit is not confirmed."""

    name: str
    candidate: Configuration
    state: State = State.PENDING
    cursor: Cursor = ()
    before: list[str] | None = None
    commit_by: float = 0.0
    cancel: Cancel | None = None


class Sessions:
    """The configuration sessions of one device.

    `build` makes a configuration of lines, `running` and `set_running` read and replace the running configuration.
    Every method raises Refused where a device would answer with an error. The caller holds the device's lock; the
    commit timer takes it through `guarded`.
    """

    limit = 5

    def __init__(
        self,
        build: Callable[[list[str]], Configuration],
        running: Callable[[], Configuration],
        set_running: Callable[[Configuration], None],
        timer: Timer,
        guarded: Callable[[Callable[[], None]], None],
    ) -> None:
        self._build, self._running, self._set_running = build, running, set_running
        self._timer, self._guarded = timer, guarded
        self.by_name: dict[str, ConfigSession] = {}

    def enter(self, name: str) -> ConfigSession:
        """Open a session, or a pending one again."""
        session = self.by_name.get(name)
        if session is not None and session.state is not State.PENDING:
            raise Refused(f"Cannot enter session {name} (session already {session.state})")
        if session is None:
            if sum(other.state is State.PENDING for other in self.by_name.values()) >= self.limit:
                raise Refused("Maximum number of pending sessions has been reached. Please commit or abort one")
            session = self.by_name[name] = ConfigSession(name, self._build(self._running().lines()))
        session.cursor = ()
        return session

    def existing(self, name: str) -> ConfigSession:
        """Return a session that must be there."""
        session = self.by_name.get(name)
        if session is None or session.state is State.COMPLETED:
            raise Refused(f"Cannot find session {name}")
        return session

    def clean(self, session: ConfigSession) -> None:
        """Empty the candidate (`rollback clean-config`)."""
        session.candidate, session.cursor = self._build([]), ()

    def commit(self, name: str) -> None:
        """Make the candidate the running configuration, or confirm a timed commit."""
        session = self.existing(name)
        if session.state is State.TIMED:
            self._stop(session)
        else:
            self._set_running(self._build(session.candidate.lines()))
        # A device remembers one completed session.
        self.by_name = {held: other for held, other in self.by_name.items() if other.state is not State.COMPLETED}
        session.state = State.COMPLETED

    def commit_timed(self, name: str, seconds: float) -> None:
        """Make the candidate the running configuration until the time is over, unless it is confirmed before."""
        session = self.existing(name)
        if any(other.state is State.TIMED for other in self.by_name.values()):
            raise Refused("Another session is pending commit timer")
        session.before = self._running().lines()
        self._set_running(self._build(session.candidate.lines()))
        session.state = State.TIMED
        session.commit_by = self._timer.now() + seconds
        session.cancel = self._timer.later(seconds, lambda: self._guarded(lambda: self._expire(session)))

    def abort(self, name: str) -> None:
        """Throw a candidate away; a timed commit is taken back at once."""
        session = self.existing(name)
        if session.state is State.TIMED:
            self._take_back(session)
        del self.by_name[name]

    def forget(self) -> None:
        """Lose every session, as a reload does; a timed commit is not confirmed by it."""
        for session in self.by_name.values():
            self._stop(session)
        self.by_name.clear()

    def diff(self, name: str) -> str:
        """Return the candidate's difference from the running configuration as a unified diff."""
        session = self.existing(name)
        lines = difflib.unified_diff(
            self._running().lines(),
            session.candidate.lines(),
            "system:/running-config",
            f"session:/{name}-session-config",
            lineterm="",
        )
        return "".join(f"{line}\n" for line in lines)

    def _expire(self, session: ConfigSession) -> None:
        if session.state is State.TIMED and self.by_name.get(session.name) is session:
            self._take_back(session)
            del self.by_name[session.name]

    def _take_back(self, session: ConfigSession) -> None:
        self._stop(session)
        self._set_running(self._build(session.before or []))

    @staticmethod
    def _stop(session: ConfigSession) -> None:
        if session.cancel is not None:
            session.cancel()
            session.cancel = None
