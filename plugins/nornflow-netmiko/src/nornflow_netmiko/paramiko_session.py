"""What tasks know as a paramiko SSHClient: one guarded shell, in which commands run one after the other."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import paramiko

READ_TIMEOUT = 90.0


class ParamikoSession(paramiko.SSHClient):
    """What tasks know as an SSHClient: one shell session, in which commands are run one after the other.

    A second session, an SFTP channel and port forwarding do not exist here. `exec_command` answers like paramiko's, with
    an empty error stream and the exit status 0: a network device tells neither.
    """

    def __init__(self, channel: Any, close: Callable[[], None]) -> None:
        # paramiko's own __init__ is not called: nothing of it is used, the client below is only closed
        self.shell = channel
        self._close = close

    def exec_command(self, command: str, *arguments: Any, **options: Any) -> Any:
        """Run one command and return its three streams."""
        return io.BytesIO(), _Output(self.shell.ask(command, READ_TIMEOUT)), _Output("")

    def invoke_shell(self, *arguments: Any, **options: Any) -> Any:
        """Return the one shell session."""
        return _Shell(self.shell)

    def get_transport(self) -> Any:
        """Return what opens "sessions" for one command each."""
        return _Requests(self.exec_command)

    def close(self) -> None:
        """End the session."""
        self._close()

    def __del__(self) -> None:
        """Leave closing to the guard."""


class _Shell:
    """What tasks may do with the shell: write lines, read what comes back."""

    __slots__ = ("close", "gettimeout", "recv", "recv_ready", "send", "sendall", "settimeout")

    def __init__(self, channel: Any) -> None:
        self.send = lambda text: channel.send(text)
        self.sendall = lambda text: channel.sendall(text)
        self.recv = lambda size: channel.recv(size)
        self.recv_ready = lambda: channel.recv_ready()
        self.settimeout = lambda timeout: channel.settimeout(timeout)
        self.gettimeout = lambda: channel.gettimeout()
        self.close = lambda: None


class _Output(io.BytesIO):
    """An output stream that has a channel to ask for the exit status."""

    def __init__(self, text: str) -> None:
        super().__init__(text.encode())
        self.channel = self

    def recv_exit_status(self) -> int:
        """Return 0: a network device tells no exit status."""
        return 0


class _Requests:
    """Stands for a transport: `open_session` gives something that runs one command in the one shell."""

    __slots__ = ("_run",)

    def __init__(self, run: Callable[..., Any]) -> None:
        self._run = run

    def open_session(self, *arguments: Any, **options: Any) -> _Request:
        """Return a session for one command."""
        return _Request(self._run)


class _Request:
    """One command: `exec_command`, then the output."""

    __slots__ = ("_output", "_run")

    def __init__(self, run: Callable[..., Any]) -> None:
        self._run = run
        self._output = _Output("")

    def __enter__(self) -> _Request:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def exec_command(self, command: str) -> None:
        """Run the command."""
        self._output = self._run(command)[1]

    def makefile(self, *arguments: Any) -> io.BytesIO:
        """Return the output."""
        return self._output

    def makefile_stderr(self, *arguments: Any) -> io.BytesIO:
        """Return the error stream, which is empty."""
        return _Output("")

    def recv_exit_status(self) -> int:
        """Return 0: a network device tells no exit status."""
        return 0

    def close(self) -> None:
        """Do nothing: the shell stays open for the next command."""
