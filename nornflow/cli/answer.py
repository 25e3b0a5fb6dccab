"""Waiting for one line from a terminal, for as long as anybody still wants the answer."""

from __future__ import annotations

import os
import selectors
import socket
from contextlib import suppress

from nornflow.engine.cancel import StopSwitch


def answered(terminal: int, until: StopSwitch) -> str | None:
    """Return the next line that is typed there; None at its end, or when the run shall end first.

    The terminal is a file descriptor in line mode, so that one read gives one line.
    """
    waker, wake = socket.socketpair()
    forget = until.on_end(lambda: _wake(wake))
    try:
        with selectors.DefaultSelector() as waiting:
            waiting.register(terminal, selectors.EVENT_READ)
            waiting.register(waker, selectors.EVENT_READ)
            waiting.select()
        if until.finishing:
            return None
        try:
            line = os.read(terminal, 4096)
        except OSError:  # the other end of the terminal is gone
            return None
        return line.decode(errors="replace") if line else None
    finally:
        forget()
        waker.close()
        wake.close()


def _wake(wake: socket.socket) -> None:
    with suppress(OSError):  # answered, and closed, in this very moment
        wake.send(b"!")
