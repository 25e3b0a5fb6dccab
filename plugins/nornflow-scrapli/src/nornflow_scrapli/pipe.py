"""Sessions of libssh2 and of a local `ssh` in the shape of a `paramiko.Channel`, so that the guard's wire fits above them.

Neither is ever blocked in C: every call returns at once, and waiting is a poll that another thread can end.
"""

from __future__ import annotations

import os
import select
import signal
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import suppress
from socket import SHUT_RDWR, socket
from threading import RLock
from typing import Any

_LOOK = 1.0  # seconds: how long one poll lasts at most before it is looked whether the session was closed meanwhile
_STUCK = 30.0  # seconds that a device may leave written bytes untaken


class Pipe(ABC):
    """The part of a `paramiko.Channel` that the guarded channel uses, over a file descriptor that is polled.

    A lock is held around each call into the library, which is never more than an instant: libssh2 may be used by one
    thread at a time, and a descriptor that was closed may be another session's by then. It can be entered again,
    because a signal's handler may close the session in the middle.
    """

    def __init__(self, descriptor: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.eof_received = False
        self._freed = False
        self._descriptor = descriptor
        self._clock = clock
        self._timeout: float | None = None
        self._lock = RLock()
        self._read = b""

    @abstractmethod
    def _read_now(self, size: int) -> bytes | None:
        """Return what is there, b"" at the end of the session, None when there is nothing yet."""

    @abstractmethod
    def _write_now(self, data: bytes) -> int:
        """Return how many bytes were taken; raises OSError when the session is over."""

    @abstractmethod
    def _end(self) -> None:
        """Free what the session holds."""

    @abstractmethod
    def _wake(self) -> None:
        """End the session below, so that a poll returns."""

    @property
    def closed(self) -> bool:
        """Whether the session is over, from whichever side."""
        return self._freed or self.eof_received

    def recv(self, size: int) -> bytes:
        """Return the next bytes, b"" when the session is over; raises TimeoutError after `settimeout` seconds."""
        end = None if self._timeout is None else self._clock() + self._timeout
        while (data := self._taken(size)) is None:
            self._wait(select.POLLIN, end)
        return data

    def recv_ready(self) -> bool:
        """Tell whether `recv` would return bytes at once."""
        with self._lock:
            self._read = self._taken(65535) or b""
        return bool(self._read)

    def _taken(self, size: int) -> bytes | None:
        with self._lock:
            if self._read:
                data, self._read = self._read, b""
                return data
            if self.closed:
                return b""
            found = self._read_now(size)
            self.eof_received = found == b""
            return found

    def sendall(self, data: bytes) -> None:
        """Write all of it; raises OSError when the session is over, TimeoutError when the device takes nothing."""
        end = self._clock() + _STUCK
        while data:
            with self._lock:
                if self.closed:
                    raise ConnectionError("the session is closed")
                taken = self._write_now(data)
            data = data[taken:]
            if not taken:
                self._wait(select.POLLIN | select.POLLOUT, end)

    def _wait(self, events: int, end: float | None) -> None:
        left = _LOOK if end is None else min(_LOOK, end - self._clock())
        if left <= 0:
            raise TimeoutError("the device was silent for too long")
        poll = select.poll()
        poll.register(self._descriptor, events)
        poll.poll(left * 1000)

    def settimeout(self, timeout: float | None) -> None:
        """Set how many seconds `recv` waits; None waits for ever."""
        self._timeout = timeout

    def gettimeout(self) -> float | None:
        """Return how many seconds `recv` waits."""
        return self._timeout

    def close(self) -> None:
        """End the session and free it; from any thread, and more than once."""
        with self._lock:
            if not self._freed:
                self._freed = True
                self._end()

    # what the guarded channel looks for below a channel, to cut it: paramiko's transport, and its socket

    @property
    def transport(self) -> Pipe:
        """What lies below the channel: this."""
        return self

    @property
    def sock(self) -> Pipe:
        """What lies below the transport: this."""
        return self

    def shutdown(self, how: int) -> None:
        """End the session below at once, without freeing anything that another thread may be using."""
        with self._lock:
            if not self._freed:
                self._wake()

    def is_active(self) -> bool:
        """Tell whether the session is open."""
        return not self.closed

    def exit_status_ready(self) -> bool:
        """Tell whether the shell at the other end has ended."""
        return self.closed

    def set_keepalive(self, interval: int) -> None:  # noqa: B027 - nothing is to be done
        """Do nothing: a session that hangs is found by who waits for it."""


class LibsshPipe(Pipe):
    """A channel of ssh2-python, whose session is not blocking from here on."""

    def __init__(self, session: Any, channel: Any, connected: socket) -> None:
        super().__init__(connected.fileno())
        session.set_blocking(False)
        self._session = session
        self._channel = channel
        self._socket = connected

    def _read_now(self, size: int) -> bytes | None:
        from ssh2.exceptions import SSH2Error

        try:
            found, data = self._channel.read(size)
            if found > 0:
                return bytes(data)
            return b"" if self._channel.eof() else None
        except SSH2Error:  # the socket was closed at the other end, or shut down by another thread
            return b""

    def _write_now(self, data: bytes) -> int:
        from ssh2.exceptions import SSH2Error

        try:
            return int(self._channel.write(data)[1])
        except SSH2Error as error:
            raise ConnectionError(f"the device took no more bytes ({type(error).__name__})") from error

    def _end(self) -> None:
        from ssh2.exceptions import SSH2Error

        with suppress(SSH2Error):
            self._channel.close()
            self._session.disconnect()
        self._wake()
        # libssh2 says good-bye over the descriptor's number when it frees a channel: only then may the number be another's
        self._channel = None
        self._session = None
        self._socket.close()

    def _wake(self) -> None:
        with suppress(OSError):
            self._socket.shutdown(SHUT_RDWR)


class ProcessPipe(Pipe):
    """A local `ssh` behind a pseudo-terminal, as scrapli's transport `system` starts it."""

    def __init__(self, process: Any) -> None:
        super().__init__(process.fd)
        self._process = process
        os.set_blocking(process.fd, False)

    def _read_now(self, size: int) -> bytes | None:
        try:
            return os.read(self._descriptor, size)
        except BlockingIOError:
            return None
        except OSError:  # Linux: EIO when the process has ended
            return b""

    def _write_now(self, data: bytes) -> int:
        try:
            return os.write(self._descriptor, data)
        except BlockingIOError:
            return 0

    def _end(self) -> None:
        self._wake()
        with suppress(OSError):
            self._process.fileobj.close()
        with suppress(ChildProcessError):
            os.waitpid(self._process.pid, 0)

    def _wake(self) -> None:
        with suppress(ProcessLookupError):
            os.kill(self._process.pid, signal.SIGKILL)
