"""How a login begins and how it goes wrong: the TCP connection, and errors with host, address and what to do next."""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from nornflow.errors import AuthenticationFailed, ConnectionLost, UnexpectedPrompt, Unreachable
from nornflow.model.device import Target
from nornflow.record import record

SSH_PORT = 22
LOOK = 2.0
"""Seconds between two looks of paramiko at a session on which nothing comes: for keepalives and new keys."""


@record
class Login:
    """One login over SSH to a target; all but `connect` and `at_rest` return an error, for the guard to raise."""

    target: Target

    @property
    def where(self) -> str:
        """The device with its address, for messages."""
        return f"{self.target.host} ({self.target.hostname}:{self.target.port or SSH_PORT})"

    def connect(self, timeout: float) -> socket.socket:
        """Connect without delay of small packets (50-90 ms less per login); raises Unreachable with what was the matter.

        `timeout` is in seconds. The socket is told to the target, which may refuse it: then it is closed.
        """
        target = self.target
        port = target.port or SSH_PORT
        try:
            connected = socket.create_connection((target.hostname, port), timeout)
        except socket.gaierror as error:
            raise Unreachable(
                f"{target.host}: the name {target.hostname!r} is not known", hint="check hostname in the inventory"
            ) from error
        except TimeoutError as error:
            raise Unreachable(
                f"{target.host}: no answer from {target.hostname}:{port} within {timeout:g} s",
                hint="check the address, the route to it and the firewalls on the way",
            ) from error
        except OSError as error:
            raise Unreachable(
                f"{target.host}: {target.hostname}:{port}: {error.strerror or error}",
                hint="check hostname and port in the inventory, and whether the device listens for SSH",
            ) from error
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            target.opened(connected)
        except BaseException:
            connected.close()
            raise
        return connected

    @staticmethod
    def at_rest(client: Any) -> Callable[[], None]:
        """Have a `paramiko.SSHClient` that is logged in look up seldom from its socket, and return what closes it at once.

        paramiko has a thread for each session, which looks up ten times a second, and notices only then that its socket was
        closed: with a thousand open sessions half a core does nothing else.
        """
        below = client.get_transport().sock
        below.settimeout(LOOK)

        def close() -> None:
            if isinstance(below, socket.socket):  # a jump host's channel and a proxy's pipe end when they are closed
                with suppress(OSError):  # the other end was faster
                    below.shutdown(socket.SHUT_RDWR)
            client.close()

        return close

    def refused(self) -> AuthenticationFailed:
        """Return the error for credentials that the device did not take."""
        return AuthenticationFailed(
            f"{self.where} refused the login of {self.target.username!r}",
            hint="check username and password of the device in the inventory",
        )

    def no_prompt(self, gist: str) -> UnexpectedPrompt:
        """Return the error for a device that shows no prompt."""
        return UnexpectedPrompt(
            f"{self.where}: no exec prompt after the login: {gist}",
            hint="check the platform in the inventory, and whether the device waits for something (a banner, a question)",
        )

    def no_session(self, gist: str) -> Unreachable:
        """Return the error for a device with which no SSH session comes about."""
        return Unreachable(
            f"{self.where}: no SSH session: {gist}", hint="check that the device speaks SSH on this port"
        )

    def dropped(self, gist: str) -> ConnectionLost:
        """Return the error for a session that ended while logging in."""
        return ConnectionLost(
            f"{self.where}: the session was dropped during the login: {gist}",
            hint="try again; see the device's log when it happens again",
        )
