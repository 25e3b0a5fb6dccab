"""The guarded channel: what a driver gets in place of its `paramiko.Channel`, with the wire between it and the device."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

from nornflow.devices.guard.wire import Phase, Wire
from nornflow.errors import ConnectionLost, GuardDenied, LineRejected, UnexpectedPrompt

_LINES = re.compile(rb"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
_PATIENCE = 10.0  # seconds that a driver's next configuration line waits for the answer to its last one
_CLOSED_TO_TASKS = (
    *("exec_command", "invoke_subsystem", "invoke_shell", "get_pty", "resize_pty", "send_stderr", "sendall_stderr"),
    *("makefile", "makefile_stdin", "makefile_stderr", "request_x11", "request_forward_agent", "get_transport"),
    *("update_environment", "set_environment_variable", "fileno", "shutdown", "shutdown_read", "shutdown_write"),
    "set_combine_stderr",
)


class GuardedChannel:
    """A channel whose every written line is judged; the real one is out of reach behind it.

    Besides paramiko's own methods a guard uses `ask`, `push` and `settle`, which wait for the device's prompt and not for
    a time to pass. A session that the other side has dropped raises ConnectionLost at the next call, at once.
    """

    def __init__(self, real: Any, wire: Wire, where: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._real = real
        self._wire = wire
        self._where = where
        self._clock = clock
        self._pending = b""  # read while waiting for a prompt, and not yet by the driver

    def __repr__(self) -> str:
        return f"<guarded channel to {self._where}>"

    def sendall(self, s: Any) -> None:
        """Judge the data line by line and send what is allowed; raises GuardDenied and ConnectionLost."""
        data = s.encode() if isinstance(s, str) else bytes(s)
        lines = _LINES.findall(data) if len(data) > 1 else [data]
        try:
            if len(lines) > 1:
                self._wire.rehearse(data)
            for line in lines:
                if self._wire.config and not self._wire.confirmed and self._wire.phase is Phase.GUARDED:
                    self._pending += self._until(
                        lambda data: self._wire.confirmed, _PATIENCE, "an answer to the last line"
                    )
                out = self._wire.write(line)
                if out:
                    self._real.sendall(out)
        except GuardDenied:
            if self._wire.dead:
                self._real.close()
            raise
        except (OSError, EOFError) as error:
            raise self._lost() from error

    def send(self, s: Any) -> int:
        """Send all of it; never only a part."""
        self.sendall(s)
        return len(s)

    def recv_ready(self) -> bool:
        """Tell whether something can be read; raises ConnectionLost when the session is gone."""
        if self._pending or self._wire.answers or self._real.recv_ready():
            return True
        if (self._real.closed or self._real.eof_received) and self._wire.phase is not Phase.CLOSING:
            raise self._lost()
        return False

    def recv(self, nbytes: int) -> bytes:
        """Return what the device wrote, or what the guard answered in its place."""
        if self._pending:
            data, self._pending = self._pending, b""
            return data
        if self._wire.answers and not self._real.recv_ready():
            return self._wire.answers.popleft()
        return self._receive(nbytes)

    def _receive(self, nbytes: int = 65536) -> bytes:
        data: bytes = self._real.recv(nbytes)
        if not data and self._wire.phase is not Phase.CLOSING:
            raise self._lost()
        self._wire.read(data)
        return data

    def _lost(self) -> ConnectionLost:
        return ConnectionLost(
            f"{self._where}: the session was dropped",
            hint="see whether the device restarted, or whether the change cut its own management path",
        )

    def _until(self, done: Callable[[bytes], bool], timeout: float, wanted: str) -> bytes:
        """Read until the wire says that it is done; raises UnexpectedPrompt after `timeout` seconds of waiting."""
        data = b""
        before = self._real.gettimeout()
        end = self._clock() + timeout
        try:
            while not done(data):
                left = end - self._clock()
                if left <= 0:
                    raise TimeoutError
                self._real.settimeout(left)
                data += self._receive()
        except TimeoutError as error:
            last = (data + b" ").splitlines()[-1].decode("utf-8", "replace").strip()
            raise UnexpectedPrompt(
                f"{self._where}: {wanted} did not come within {timeout:g} s; the device shows {last!r}",
                hint="see whether the device asks a question, or needs more time",
            ) from error
        finally:
            self._real.settimeout(before)
        return data

    def ask(self, command: str, timeout: float = 60.0) -> str:
        """Run one exec command and return its output, without echo and prompt, with line feeds alone as line ends."""
        wire = self._wire
        prompt = wire.prompt.strip()
        self._pending = b""
        while self._real.recv_ready():
            self._receive()
        self.sendall(command.encode() + b"\n")
        if wire.answers:
            return b"".join(wire.answers.popleft() for _ in range(len(wire.answers))).decode()
        wire.tail = b""
        echo = command.strip().encode()
        data = self._until(
            lambda data: wire.tail.strip() == prompt and echo in data[:4096] and not self._real.recv_ready(),
            timeout,
            f"the prompt after {command!r}",
        )
        text = data.decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n")
        lines = text.split("\n")
        body = lines[1:-1] if command.strip() in lines[0] else lines[:-1]
        return "\n".join(body) + "\n" if body else ""

    def find_prompt(self, timeout: float = 10.0) -> None:
        """Learn the exec prompt of a session that was wrapped only after its login; UnexpectedPrompt."""
        if not self._wire.prompt:
            self._real.sendall(b"\n")
            self._until(lambda data: self._wire.at_prompt, timeout, "the exec prompt")

    @property
    def at_prompt(self) -> bool:
        """Whether the device shows its exec prompt and nothing behind it."""
        return self._wire.at_prompt

    @property
    def privileged(self) -> bool:
        """Whether the last exec prompt was a `#`: a driver that asks the device again waits one answer more."""
        return self._wire.prompt.strip().endswith(b"#")

    def log_in(self, secret: str, timeout: float = 20.0) -> None:
        """Wait for the first prompt of a fresh shell, become privileged, and turn paging off; UnexpectedPrompt."""
        wire = self._wire
        self._until(lambda data: wire.at_prompt, timeout, "a prompt")
        if wire.prompt.strip().endswith(b">") and "enable" in wire.platform.exec.verbs:
            self._real.sendall(b"enable\n")
            wire.tail = b""
            self._until(lambda data: b"ssword" in data or wire.at_prompt, timeout, "an answer to 'enable'")
            if not wire.at_prompt:
                self._real.sendall(secret.encode() + b"\n")
                self._until(lambda data: wire.at_prompt, timeout, "the privileged prompt")
        for command in wire.platform.exec.no_paging:
            self.ask(command, timeout)

    def push(self, lines: Sequence[str], timeout: float = 30.0) -> None:
        """Enter configuration mode, send the lines one by one, and leave it; LineRejected at the first refused line."""
        wire = self._wire
        grammar = wire.platform.exec
        try:
            self._push_line(grammar.enter_line, timeout)
            for line in lines:
                self._push_line(line.rstrip("\r\n"), timeout)
        except LineRejected:
            self.settle(timeout)
            raise
        self.settle(timeout)

    def _push_line(self, line: str, timeout: float) -> None:
        wire = self._wire
        self.sendall(line.encode() + b"\n")
        if wire.config and not wire.confirmed:
            wire.tail = b""
            self._until(
                lambda data: wire.confirmed or self._rejected() is not None, timeout, f"the prompt after {line!r}"
            )
        wire.answers.clear()
        rejected = self._rejected()
        if rejected is not None:
            raise rejected

    def _answered(self, data: bytes) -> bool:
        return self._wire.confirmed or self._rejected() is not None

    def _rejected(self) -> LineRejected | None:
        return self._wire.judge.lease.rejected if self._wire.judge else None

    def settle(self, timeout: float = 10.0) -> None:
        """Bring the session back to exec mode; raises UnexpectedPrompt when it does not come."""
        wire = self._wire
        wire.virtual = False
        wire.answers.clear()
        self._pending = b""
        if not wire.config:
            return
        wire.leave()
        self._real.sendall(wire.platform.exec.leave_line.encode() + b"\n")
        question = wire.platform.exec.discard_question.encode()
        left = self._until(
            lambda data: wire.at_prompt or (bool(question) and question in data), timeout, "the exec prompt"
        )
        if not wire.at_prompt and question and question in left:
            self._real.sendall(b"yes\n")
            self._until(lambda data: wire.at_prompt, timeout, "the exec prompt")

    def settimeout(self, timeout: float | None) -> None:
        """Set how many seconds `recv` waits."""
        self._real.settimeout(timeout)

    def gettimeout(self) -> float | None:
        """Return how many seconds `recv` waits."""
        timeout: float | None = self._real.gettimeout()
        return timeout

    def close(self) -> None:
        """Close the session."""
        self._real.close()

    @property
    def running_config_command(self) -> str:
        """The command that shows the running configuration on this platform."""
        return self._wire.platform.exec.running_config

    def forget(self) -> None:
        """Clear the password from paramiko's authentication; the session does not need it again."""
        handler = getattr(self._real.transport, "auth_handler", None)
        if handler is not None:
            handler.password = None
            handler.private_key = None

    def cut(self) -> None:
        """Close the socket below the session, from whatever thread; blocked reads end with ConnectionLost."""
        transport = self._real.transport
        if transport is not None:
            with suppress(OSError):  # wakes its thread at once; one that is only closed it would look at later
                transport.sock.shutdown(socket.SHUT_RDWR)
            transport.sock.close()
            transport.close()

    def exit_status_ready(self) -> bool:
        """Tell whether the shell at the other end has ended."""
        return bool(self._real.exit_status_ready())

    @property
    def closed(self) -> bool:
        """Whether the session is closed."""
        return bool(self._real.closed)

    @property
    def transport(self) -> Any:
        """The two harmless calls of the transport that drivers make."""
        real = self._real.transport
        return SimpleNamespace(
            is_active=lambda: real.is_active(), set_keepalive=lambda every: real.set_keepalive(every)
        )


def _closed_to_tasks(name: str) -> Callable[..., Any]:
    def refuse(self: GuardedChannel, *arguments: Any, **options: Any) -> Any:
        judge = self._wire.judge
        what, hint = f"channel.{name} would go around the guard", "use the connection's own methods"
        raise judge.lease.denied(what, hint=hint) if judge else GuardDenied(what, hint=hint)

    refuse.__name__ = name
    return refuse


for _name in _CLOSED_TO_TASKS:
    setattr(GuardedChannel, _name, _closed_to_tasks(_name))
