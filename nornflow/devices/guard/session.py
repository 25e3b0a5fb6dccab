"""A guarded session: one open connection of one device, lent to one lease at a time."""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from threading import Lock, RLock
from typing import Any

from nornflow.abc import ConnectionGuard
from nornflow.devices.guard.candidate import CandidateDesk
from nornflow.devices.guard.channel import GuardedChannel
from nornflow.devices.guard.facade import Facade, facade_of
from nornflow.devices.guard.judge import Judge
from nornflow.devices.guard.lease import Lease
from nornflow.devices.guard.wire import Phase, Wire
from nornflow.devices.way import way_to
from nornflow.errors import GuardDenied
from nornflow.model.device import HostView, Target, Way

_TURN = 0.05  # seconds between two looks at whether a lease that waits for its turn is still in force


class Session:
    """Opens the driver at its first use, hands out facades of it, and brings it back to exec mode after each lease."""

    def __init__(self, guard: ConnectionGuard, host: str, target: Callable[[], Target]) -> None:
        self.guard = guard
        self._host = host
        self._target = target
        self._turn = RLock()
        self._waiting: list[Lease] = []  # leases of the same thread that stand still while an inner one works
        self._driver: Any = None
        self._wire: Wire | None = None
        self._channel: GuardedChannel | None = None
        self._lease: Lease | None = None
        self._judge: Judge | None = None
        self._desk: CandidateDesk | None = None
        self._socket: socket.socket | None = None  # while the login is under way

    def way(self, view: HostView) -> Way:
        """Return the way by which this session reaches its device, as far as it is known; opens nothing."""
        to = self._target()
        return way_to(view, self.guard.service(to.platform), to.hostname, to.port, to.username, to.extras)

    @property
    def usable(self) -> bool:
        """Whether the session is open and driver and wire agree about its state."""
        return self._driver is not None and not (self._wire is not None and self._wire.dead) and not self._gone()

    def _gone(self) -> bool:
        return self._channel is not None and self._channel.closed

    def facade(self, lease: Lease) -> Facade:
        """Return the facade for a lease, waiting for its turn; opens the session, or opens it anew after a denial."""
        self._take(lease)
        assert self._judge is not None
        return facade_of(self.guard, self._driver, self._wire, self._judge, self._desk, lambda: self._in_force(lease))

    def driver(self, lease: Lease) -> Any:
        """Return the driver itself, for the guard's own calls; what it writes is judged all the same."""
        self._take(lease)
        return self._driver

    def judge(self, lease: Lease) -> Judge:
        """Return the judge of this session's lines under the lease."""
        self._take(lease)
        assert self._judge is not None
        return self._judge

    @property
    def wired(self) -> bool:
        """Whether a wire judges what the driver writes."""
        return self._wire is not None

    def _in_force(self, lease: Lease) -> None:
        lease.check()
        if self._lease is not lease:
            raise lease.denied("the connection belongs to another step", hint="ask the host for the connection again")

    def _take(self, lease: Lease) -> None:
        lease.check()
        if self._lease is not lease:
            while not self._turn.acquire(timeout=_TURN):
                lease.check()
            if self._lease is not None:  # this thread's own outer lease: it goes on when the inner one is over
                self._waiting.append(self._lease)
                self._bring_back()
            self._lease = lease
            lease.on_release(self._give_back)
            if self.guard.connection not in lease.report.connections:
                lease.report.connections.append(self.guard.connection)
            self._judge = None
        if not self.usable:
            self.close()
            self._open(lease)
            self._judge = None
        if self._judge is None:
            self._begin(lease)

    def _begin(self, lease: Lease) -> None:
        if self._wire is not None:
            self._wire.take(lease)
            self._judge = self._wire.judge
        else:
            self._judge = Judge(lease)
        assert self._judge is not None
        candidate = self.guard.surface.candidate
        self._desk = CandidateDesk(self.guard, self._driver, lease, self._judge) if candidate else None

    def _open(self, lease: Lease) -> None:
        target = self._target()
        where = f"{self._host} ({target.hostname}:{target.port or 'default port'})"

        def wrap(channel: Any) -> GuardedChannel:
            self._wire = Wire(lease.platform)
            self._channel = _guarded(channel, self._wire, where)
            return self._channel

        def keep(connected: socket.socket) -> None:
            self._socket = connected
            lease.check()  # it may have been taken away while nobody could close a socket

        try:
            self._driver = self.guard.open(replace(target, opened=keep), wrap)
            self.guard.forget(self._driver)
            if self._channel is not None:
                self._channel.find_prompt()
        except BaseException:
            self.close()
            raise
        finally:
            self._socket = None
        if self._wire is not None:
            self._wire.phase = Phase.GUARDED

    def _give_back(self) -> None:
        """End a lease, and let the outer lease of the same thread go on if there is one."""
        try:
            self._bring_back()
        finally:
            self._lease = self._waiting.pop() if self._waiting else None
            if self._lease is not None and self.usable:
                self._begin(self._lease)
            self._turn.release()

    def _bring_back(self) -> None:
        """Discard what is left of a candidate and return to exec mode, or close the session when that does not work."""
        try:
            if self._desk is not None and self._driver is not None:
                self._desk.drop()
            if self.usable and not (self._wire is not None and self._wire.unfinished):
                if self._channel is not None:
                    self._channel.settle()
                self.guard.settle(self._driver)
            else:
                self.close()
        except Exception:  # noqa: BLE001 - whatever a driver raises here, a session in doubt is not used again
            self.close()
        self._judge = self._desk = None

    def close(self) -> None:
        """Close the session; the wire stays in force until the end."""
        driver, self._driver = self._driver, None
        if self._wire is not None:
            self._wire.phase = Phase.CLOSING
        try:
            if driver is not None:
                self.guard.close(driver)
        finally:
            if self._channel is not None:
                self._channel.close()
            self._wire = self._channel = None

    def abort(self) -> None:
        """Cut the session from another thread, so that a blocked read ends."""
        driver, channel, opening = self._driver, self._channel, self._socket
        if opening is not None:
            with suppress(OSError):  # closed already
                opening.shutdown(socket.SHUT_RDWR)
        if channel is not None:
            channel.cut()
        if driver is not None:
            self.guard.abort(driver)


class Book:
    """The sessions of one inventory's devices, by host and connection."""

    def __init__(self, guards: dict[str, ConnectionGuard]) -> None:
        self._guards = guards
        self._sessions: dict[str, dict[str, Session]] = {}
        self._lock = Lock()

    def session(self, host: str, connection: str, target: Callable[[], Target]) -> Session:
        """Return the session of a host; raises GuardDenied for a connection that has no guard."""
        guard = self._guards.get(connection)
        if guard is None:
            known = ", ".join(sorted(self._guards)) or "none"
            raise GuardDenied(
                f"{host}: no guard knows the connection {connection!r}, so it stays closed",
                hint=f"connections with a guard: {known}; install or write the plugin that guards it",
            )
        with self._lock:
            return self._sessions.setdefault(host, {}).setdefault(connection, Session(guard, host, target))

    def abandon(self, host: str) -> list[Session]:
        """Give up the sessions of a host whose thread may never come back; the next use opens new ones."""
        with self._lock:
            return list(self._sessions.pop(host, {}).values())

    def close(self, host: str, connection: str | None = None) -> None:
        """Close the sessions of a host, or one of them."""
        with self._lock:
            of_host = self._sessions.get(host, {})
            sessions = [session for name, session in of_host.items() if connection in (None, name)]
        for session in sessions:
            session.close()


def _guarded(real: Any, wire: Wire, where: str) -> GuardedChannel:
    """Return the guarded channel of a session: one of paramiko's for drivers that gave such a one, which loads paramiko."""
    paramiko = sys.modules.get("paramiko")  # where it is not loaded, nobody has a channel of it
    if paramiko is None or not isinstance(real, paramiko.Channel):
        return GuardedChannel(real, wire, where)
    from nornflow.devices.guard.paramiko_channel import GuardedParamikoChannel

    return GuardedParamikoChannel(real, wire, where)
