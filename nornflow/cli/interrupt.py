"""Ctrl-C: the first one stops after the devices at work, the second one now, the third one gives up rollbacks too."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from queue import SimpleQueue
from types import FrameType

from nornflow.cli.output import tell
from nornflow.engine.cancel import StopSwitch

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def stopping_on_interrupt() -> Iterator[StopSwitch]:
    """Give a switch that SIGINT, SIGTERM and SIGHUP (the terminal is gone) turn on while the `with` lasts."""
    switch = StopSwitch()
    signals: SimpleQueue[int] = SimpleQueue()

    def act() -> None:
        if not switch.stopping:
            switch.stop()
            tell("stopping after the devices at work; once more ends them now", colour="yellow")
        elif not switch.aborted:
            tell("stopping now; what must not stay is taken back, once more gives that up too", colour="red")
            switch.abort()
        elif not switch.rollbacks.aborted:
            tell("giving up: the record names the devices that were not taken back", colour="red")
            switch.rollbacks.abort()

    def listen() -> None:
        while signals.get():
            act()

    def heard(number: int, frame: FrameType | None) -> None:
        # locks, sockets and half-written output may be held by the thread that the signal came to: only this put may
        # be called from a handler at any time
        signals.put(number)

    threading.Thread(target=listen, daemon=True, name="interrupts").start()
    before = {number: signal.signal(number, heard) for number in _SIGNALS}
    try:
        yield switch
    finally:
        signals.put(0)
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def broken_off_by_interrupt() -> Iterator[None]:
    """Let those signals, beside what they do already, raise KeyboardInterrupt: a question must not outlive them."""

    def heard(number: int, frame: FrameType | None) -> None:
        handler = before[number]
        if callable(handler):
            handler(number, frame)
        raise KeyboardInterrupt

    before = {int(number): signal.getsignal(number) for number in _SIGNALS}
    for number in before:
        signal.signal(number, heard)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
