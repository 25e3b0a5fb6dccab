"""A listening socket of a simulated device: it can refuse, stay silent, and be cut while it runs."""

from __future__ import annotations

import asyncio
import socket
from abc import ABC, abstractmethod
from collections.abc import Mapping

from nornflow.testing.routers.faults import Fault


class Listener(ABC):
    """Accepts the connections of one device; every method runs in the fleet's event loop.

    The socket is bound from the start, so the port is known and stays the device's own even while nothing listens.
    """

    def __init__(self) -> None:
        self.port = 0
        self._address = ""
        self._socket: socket.socket | None = None
        self._listening = False
        self._silent: set[socket.socket] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    @abstractmethod
    def faults(self) -> Mapping[str, Fault]:
        """Return the device's faults at this moment."""

    @abstractmethod
    def connected(self) -> None:
        """Count a connection."""

    @abstractmethod
    async def serve(self, accepted: socket.socket) -> None:
        """Speak with one client until it leaves."""

    @abstractmethod
    def cut(self) -> None:
        """Cut the connections that are served."""

    def bind(self, address: str, port: int) -> None:
        """Reserve the address; raises OSError when it is taken."""
        self._address = address
        self._socket = self._bound(port)
        self.port = self._socket.getsockname()[1]
        self.update()

    def _bound(self, port: int) -> socket.socket:
        bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.setblocking(False)
        try:
            bound.bind((self._address, port))
        except OSError:
            bound.close()
            raise
        self._listening = False
        return bound

    def update(self) -> None:
        """Listen, or stop listening, as the device's faults now say."""
        wanted = "refuse" not in self.faults()
        if self._socket is None or wanted == self._listening:
            return
        loop = asyncio.get_running_loop()
        if wanted:
            self._socket.listen(256)
            loop.add_reader(self._socket.fileno(), self._accept)
            self._listening = True
        else:
            # A bound socket that does not listen refuses connections, and nobody else can take its port.
            loop.remove_reader(self._socket.fileno())
            self._socket.close()
            self._socket = self._bound(self.port)

    def _accept(self) -> None:
        assert self._socket is not None  # the reader is removed before the socket goes
        try:
            accepted, _ = self._socket.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return
        self.connected()
        accepted.setblocking(False)
        accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if "noanswer" in self.faults():
            self._silent.add(accepted)
            return
        task = asyncio.get_running_loop().create_task(self.serve(accepted))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def open(self) -> int:
        """Return how many connections clients hold at this moment."""
        return sum(not task.done() for task in self._tasks) + sum(map(_is_open, self._silent))

    def drop(self) -> None:
        """Cut every connection, as a reload does."""
        self.cut()
        for silent in self._silent:
            silent.close()
        self._silent.clear()

    async def close(self) -> None:
        """Stop listening and cut every connection."""
        if self._socket is not None:
            if self._listening:
                asyncio.get_running_loop().remove_reader(self._socket.fileno())
            self._socket.close()
            self._socket = None
        self.drop()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


def _is_open(silent: socket.socket) -> bool:
    """Tell whether the client of a connection that nobody answers is still there; what it has sent is thrown away."""
    try:
        while silent.recv(65536):
            pass
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False
