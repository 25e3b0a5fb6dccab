"""Ctrl-C: the first one stops after the devices at work, the second one now."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from nornflow.cli.output import tell
from nornflow.engine.cancel import StopSwitch


@contextmanager
def stopping_on_interrupt() -> Iterator[StopSwitch]:
    """Give a switch that SIGINT and SIGTERM turn on while the `with` lasts."""
    switch = StopSwitch()

    def heard(number: int, frame: FrameType | None) -> None:
        if not switch.stopping:
            switch.stop()
            tell("stopping after the devices at work; once more ends them now", colour="yellow")
        elif not switch.aborted:
            tell("stopping now", colour="red")
            # callbacks close sockets and take locks: not in a signal handler
            threading.Thread(target=switch.abort, daemon=True).start()

    before = {number: signal.signal(number, heard) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield switch
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
