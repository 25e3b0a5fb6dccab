"""The SSH server of one simulated router: a listening socket whose faults can change while it runs."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import asyncssh

from nornflow.testing.routers.device import Router
from nornflow.testing.routers.session import Session, Timing

# What IOS-XE 17 offers.
_ALGORITHMS: dict[str, Any] = {
    "kex_algs": ["curve25519-sha256", "ecdh-sha2-nistp256", "diffie-hellman-group14-sha256"],
    "encryption_algs": ["aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "aes128-ctr", "aes192-ctr", "aes256-ctr"],
    "mac_algs": ["hmac-sha2-256-etm@openssh.com", "hmac-sha2-256", "hmac-sha2-512", "hmac-sha1"],
    "compression_algs": ["none"],
}


@dataclass(frozen=True, slots=True)
class Credentials:
    """The login that every simulated device accepts."""

    username: str = "netops"
    password: str = "simulated-login"


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
        self._username = username
        return True

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        faults, counters = self._router.faults, self._router.counters
        flap = faults.get("flap")
        refused = "auth" in faults or (flap is not None and self._number <= (flap.after or 1))
        right = Credentials(username, password) == self._credentials
        if refused or not right:
            counters.refused_logins += 1
            return False
        counters.logins += 1
        return True

    def session_requested(self) -> Session:
        return self._new_session()


class Server:
    """Serves one router over SSH; every method runs in the fleet's event loop.

    The socket is bound from the start, so the port is known and stays the router's own even while nothing listens.
    """

    def __init__(
        self, router: Router, options: asyncssh.SSHServerConnectionOptions, credentials: Credentials, timing: Timing
    ) -> None:
        self.router = router
        self._options, self._credentials, self._timing = options, credentials, timing
        self._listener: socket.socket | None = None
        self._open: set[socket.socket] = set()
        self._connections: set[asyncssh.SSHServerConnection] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.port = 0

    def bind(self, address: str, port: int) -> None:
        """Reserve the address; raises OSError when it is taken."""
        self._address = address
        self._listener = self._socket(port)
        self.port = self._listener.getsockname()[1]
        self.update()

    def _socket(self, port: int) -> socket.socket:
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setblocking(False)
        try:
            listener.bind((self._address, port))
        except OSError:
            listener.close()
            raise
        self._listening = False
        return listener

    def update(self) -> None:
        """Listen, or stop listening, as the router's faults now say."""
        wanted = "refuse" not in self.router.faults
        if self._listener is None or wanted == self._listening:
            return
        loop = asyncio.get_running_loop()
        if wanted:
            self._listener.listen(256)
            loop.add_reader(self._listener.fileno(), self._accept)
            self._listening = True
        else:
            # A bound socket that does not listen refuses connections, and nobody else can take its port.
            loop.remove_reader(self._listener.fileno())
            self._listener.close()
            self._listener = self._socket(self.port)

    def _accept(self) -> None:
        assert self._listener is not None
        try:
            accepted, _ = self._listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return
        self.router.counters.connections += 1
        accepted.setblocking(False)
        accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if "noanswer" in self.router.faults:
            self._open.add(accepted)
            return
        task = asyncio.get_running_loop().create_task(self._serve(accepted))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, accepted: socket.socket) -> None:
        try:
            connection = await asyncssh.run_server(
                accepted,
                options=self._options,
                server_factory=lambda: _Connection(self.router, self._credentials, self._session),
            )
        except (OSError, asyncssh.Error):
            return  # the client left or was refused; asyncssh has closed the socket
        self._connections.add(connection)
        try:
            await connection.wait_closed()
        finally:
            self._connections.discard(connection)

    def _session(self) -> Session:
        return Session(self.router, self._timing, self.drop)

    def drop(self) -> None:
        """Cut every connection, as a reload does."""
        for connection in list(self._connections):
            connection.abort()
        for silent in self._open:
            silent.close()
        self._open.clear()

    async def close(self) -> None:
        """Stop listening and cut every connection."""
        if self._listener is not None:
            if self._listening:
                asyncio.get_running_loop().remove_reader(self._listener.fileno())
            self._listener.close()
            self._listener = None
        self.drop()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
