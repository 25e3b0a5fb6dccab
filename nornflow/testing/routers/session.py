"""One SSH session on a simulated router: the shell behind a terminal, with latency and faults in between."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import asyncssh

from nornflow.testing.routers.device import Router
from nornflow.testing.routers.faults import Fault
from nornflow.testing.routers.shell import Question, Reply, Shell
from nornflow.testing.routers.terminal import HELP, Terminal
from nornflow.testing.timing import Timing


class Session(asyncssh.SSHServerSession[str]):
    """Feeds what an SSH client sends into the shell, and answers after the router's latency."""

    def __init__(self, router: Router, timing: Timing, drop_all: Callable[[], None]) -> None:
        self._router, self._timing, self._drop_all = router, timing, drop_all
        self._shell = Shell(router, privileged=router.enable_secret is None, session=router.next_session())
        self._terminal = Terminal(self._write)
        self._terminal.echo = self._terminal.help_key = False
        self._question: Question | None = None
        self._busy = False
        self._at_work = ""
        self._commands = 0
        self._requested: str | None = None
        self._unsent: list[str] = []

    def connection_made(self, chan: asyncssh.SSHServerChannel[str]) -> None:
        """Keep the channel to write to."""
        self._channel = chan

    def pty_requested(self, term_type: str, term_size: Any, term_modes: Any) -> bool:
        """Echo what is typed, as a terminal wants it."""
        self._terminal.echo = self._terminal.help_key = True
        return True

    def shell_requested(self) -> bool:
        """Allow an interactive session."""
        return True

    def exec_requested(self, command: str) -> bool:
        """Run one command without a session (`ssh host "show version"`)."""
        self._requested = command
        return True

    def session_started(self) -> None:
        """Greet with the prompt, or run the command of an exec request."""
        if self._requested is None:
            self._write("\r\n" + self._shell.prompt)
        else:
            self._begin(self._requested)

    def data_received(self, data: str, datatype: asyncssh.DataType) -> None:
        """Take typed characters."""
        self._terminal.feed(data)
        self._go_on()

    def eof_received(self) -> bool:
        """End the session with the client's end of input."""
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Take nothing more: answers that are still due go nowhere."""
        if self._busy and self._at_work:
            self._router.unheard.append(self._at_work)
        self._busy = True

    def _write(self, text: str) -> None:
        """Have text sent; what comes at once (an echo, and the prompt behind it) goes out in one packet, as devices do it."""
        if not self._unsent:
            asyncio.get_running_loop().call_soon(self._send)
        self._unsent.append(text)

    def _send(self) -> None:
        text = "".join(self._unsent)
        self._unsent.clear()
        if text and not self._channel.is_closing():
            self._channel.write(text)

    def _exit(self) -> None:
        self._send()
        self._channel.exit(0)

    def _go_on(self) -> None:
        if self._terminal.paging:
            self._terminal.turn_page(self._shell.page_length)
        if self._waits():
            return
        for line in self._terminal.typed():
            if line == HELP and self._terminal.help_key:
                self._write(self._shell.help(self._terminal.unfinished).replace("\n", "\r\n") + self._shell.prompt)
                self._write(self._terminal.unfinished)
            elif line == "\x03" or line == "\x1a":
                self._question, self._terminal.hidden, self._terminal.help_key = None, False, self._terminal.echo
                self._shell.end()
                self._write(self._shell.prompt)
            elif line.strip() or self._question is not None:
                self._begin(line)
                if self._waits():
                    return
            else:
                self._write(self._shell.prompt)

    def _waits(self) -> bool:
        """Tell whether typed characters have to wait, for an answer or behind a page."""
        return self._busy or self._terminal.paging

    def _begin(self, line: str) -> None:
        """Count the command, let the faults act on it, and have it run when the router's latency is over."""
        faults, counters = self._router.faults, self._router.counters
        self._commands += 1
        counters.commands += 1
        self._busy, self._at_work = True, line.strip()
        self._router.last_command = self._at_work
        if _strikes(faults.get("drop"), line, self._commands):
            counters.drops += 1
            self._at_work = ""
            self._abort()
        elif _strikes(faults.get("reload"), line, self._commands):
            self._router.heal("reload")
            self._reload()
        elif _strikes(faults.get("hang"), line, self._commands):
            counters.hangs += 1
        else:
            delay = self._timing.delay(faults.get("slow"), self._at_work)
            if delay > 0:
                asyncio.get_running_loop().call_later(delay, self._finish, line, True)
            else:
                self._finish(line, False)

    def _finish(self, line: str, go_on: bool) -> None:
        if self._channel.is_closing():
            return
        if self._question is not None:
            question, self._question, self._terminal.hidden = self._question, None, False
            self._terminal.help_key = self._terminal.echo
            with self._router.lock:
                reply = question(line)
        else:
            reply = self._shell.execute(line)
        self._busy = False
        self._answer(reply)
        if go_on:
            self._go_on()

    def _answer(self, reply: Reply) -> None:
        if reply.reloads:
            self._write(reply.text.replace("\n", "\r\n"))
            self._reload()
        elif self._requested is not None:
            self._write(reply.text)
            self._exit()
        elif reply.ends:
            self._exit()
        elif reply.asks is not None:
            self._question, self._terminal.hidden = reply.asks, reply.hidden
            self._terminal.help_key = False
            self._terminal.show(reply.text, "", 0)
        else:
            self._terminal.show(reply.text, self._shell.prompt, self._shell.page_length)

    def _reload(self) -> None:
        self._send()
        self._at_work = ""
        self._router.reload()
        self._drop_all()

    def _abort(self) -> None:
        self._send()
        self._channel.get_connection().abort()


def _strikes(fault: Fault | None, command: str, count: int) -> bool:
    return fault is not None and fault.strikes(command.strip(), count)
