"""Ctrl-C: the first one ends the run after the devices at work, the second one now, the third one gives up rollbacks too."""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from types import FrameType

from nornflow.cli.output import tell
from nornflow.engine.cancel import StopSwitch
from nornflow.model.wish import Level, Wish
from nornflow.store.processes import user

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def stopping_on_interrupt() -> Iterator[StopSwitch]:
    """Give a switch that SIGINT, SIGTERM and SIGHUP (the terminal is gone) turn on while the `with` lasts.

    Each of them goes one level further than what is wished for already, from here or by `nornflow runs cancel`.
    """
    switch = StopSwitch()
    with hearing(lambda name: _further(switch, name)):
        yield switch


@contextmanager
def hearing(heard: Callable[[str], None]) -> Iterator[None]:
    """Call `heard` with the name of each SIGINT, SIGTERM and SIGHUP while the `with` lasts, in a thread of its own."""
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)

    def listen() -> None:
        with ours:
            while number := int.from_bytes(ours.recv(1)):
                if number in _SIGNALS:
                    heard(signal.Signals(number).name)

    threading.Thread(target=listen, daemon=True, name="interrupts").start()
    before = {number: signal.signal(number, _heard) for number in _SIGNALS}
    # the interpreter itself writes the number of a signal there, at once; a handler would have to wait until the main
    # thread comes back from whatever it waits for
    woken = signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
    try:
        yield
    finally:
        signal.set_wakeup_fd(woken)
        for number, handler in before.items():
            signal.signal(number, handler)
        theirs.close()  # the listener reads the end


def _heard(number: int, frame: FrameType | None) -> None:
    """Keep a signal from doing what it does by itself."""


def _further(switch: StopSwitch, name: str) -> None:
    """Go one level further, and say so before it is done: what follows may take the terminal for itself."""
    level = switch.wish.level if switch.wish is not None else None
    if level is None or level is Level.AFTER_BATCH:
        tell("stopping after the devices at work; once more ends them and takes back what was changed", colour="yellow")
        switch.heed(_wish(Level.AFTER_DEVICE, name))
    elif level is Level.AFTER_DEVICE:
        tell("stopping now; everything that was changed is taken back, once more gives that up too", colour="red")
        switch.heed(_wish(Level.NOW, name))
    elif not switch.rollbacks.aborted:
        tell("giving up: the record names the devices that were not taken back", colour="red")
        switch.rollbacks.abort()


def _wish(level: Level, name: str) -> Wish:
    return Wish(level, user(), datetime.now(UTC), name)
