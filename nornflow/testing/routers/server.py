"""The SSH server of one simulated router."""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping
from typing import Any

import asyncssh

from nornflow.testing.listener import Listener
from nornflow.testing.routers.device import Router
from nornflow.testing.routers.faults import Fault
from nornflow.testing.routers.session import Session
from nornflow.testing.simulation import Credentials
from nornflow.testing.timing import Timing

# What IOS-XE 17 offers.
_ALGORITHMS: dict[str, Any] = {
    "kex_algs": ["curve25519-sha256", "ecdh-sha2-nistp256", "diffie-hellman-group14-sha256"],
    "encryption_algs": ["aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "aes128-ctr", "aes192-ctr", "aes256-ctr"],
    "mac_algs": ["hmac-sha2-256-etm@openssh.com", "hmac-sha2-256", "hmac-sha2-512", "hmac-sha1"],
    "compression_algs": ["none"],
}


async def server_options(host_key: asyncssh.SSHKey) -> asyncssh.SSHServerConnectionOptions:
    """Return the SSH options that all the routers of a fleet share."""
    options: asyncssh.SSHServerConnectionOptions = await asyncssh.SSHServerConnectionOptions.construct(
        server_host_keys=[host_key],
        line_editor=False,
        encoding="utf-8",
        server_version="Cisco-1.25",
        allow_scp=False,
        x11_forwarding=False,
        agent_forwarding=False,
        login_timeout=120,
        gss_host=None,
        **_ALGORITHMS,
    )
    return options


class _Connection(asyncssh.SSHServer):
    """The authentication of one SSH connection."""

    def __init__(self, router: Router, credentials: Credentials, new_session: Callable[[], Session]) -> None:
        self._router, self._credentials, self._new_session = router, credentials, new_session
        self._number = router.counters.connections

    def begin_auth(self, username: str) -> bool:
        return True

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        faults, counters = self._router.faults, self._router.counters
        flap = faults.get("flap")
        refused = "auth" in faults or (flap is not None and self._number <= (flap.after or 1))
        if refused or Credentials(username, password) != self._credentials:
            counters.refused_logins += 1
            return False
        counters.logins += 1
        return True

    def session_requested(self) -> Session:
        return self._new_session()


class SSHListener(Listener):
    """Serves one router over SSH."""

    def __init__(
        self,
        router: Router,
        options: asyncssh.SSHServerConnectionOptions,
        credentials: Credentials,
        timing: Timing,
    ) -> None:
        super().__init__()
        self._router, self._options, self._credentials, self._timing = router, options, credentials, timing
        self._connections: set[asyncssh.SSHServerConnection] = set()

    def faults(self) -> Mapping[str, Fault]:
        """Return the router's faults at this moment."""
        return self._router.faults

    def connected(self) -> None:
        """Count a connection."""
        self._router.counters.connections += 1

    async def serve(self, accepted: socket.socket) -> None:
        """Speak SSH with one client until it leaves."""
        try:
            connection = await asyncssh.run_server(
                accepted,
                options=self._options,
                server_factory=lambda: _Connection(self._router, self._credentials, self._session),
            )
        except (OSError, asyncssh.Error):
            return  # the client left or was refused; asyncssh has closed the socket
        self._connections.add(connection)
        try:
            await connection.wait_closed()
        finally:
            self._connections.discard(connection)

    def _session(self) -> Session:
        return Session(self._router, self._timing, self.drop)

    def cut(self) -> None:
        """Cut the SSH connections."""
        for connection in list(self._connections):
            connection.abort()
