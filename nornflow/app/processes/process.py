"""One forked process, as the process of the run knows it: what it is at, what it told, and whether it lives."""

from __future__ import annotations

import os
import signal
import threading
import traceback
from collections.abc import Callable
from contextlib import suppress

from nornflow.abc import Cancellation
from nornflow.app.processes.clerk import Clerk
from nornflow.app.processes.wire import Asked, Begin, Born, End, Failed, Learned, Line, Noted, Stop
from nornflow.engine.shards.shard import Finished, Order
from nornflow.model.journal import Entry
from nornflow.model.run import RunInfo
from nornflow.redaction import Redactor

LOOK = 0.1
"""Seconds between two looks at whether the run shall end while its processes are at work."""
PATIENCE = 12.0
"""Seconds that a process gets to close its sessions when the run is over."""


class Process:
    """Listens to a forked process from a thread of its own."""

    def __init__(self, line: Line, info: RunInfo, clerk: Clerk, redactor: Redactor) -> None:
        self.alive = True
        self.pid = 0
        self._line = line
        self._clerk = clerk
        self._redactor = redactor
        self._changed = threading.Condition()
        self._finished: dict[int, Finished | Failed] = {}
        self._told: dict[int, list[Entry]] = {}
        self._at_work: dict[int, Cancellation] = {}
        self._stops: dict[int, Stop] = {}
        self.send(Begin(info))
        self._thread = threading.Thread(target=self._listen, daemon=True, name="process")
        self._thread.start()

    def send(self, message: object) -> None:
        """Send a message; one that is dead does not hear it."""
        with suppress(OSError):
            self._line.send(message)

    def begin(self, order: Order, cancellation: Cancellation) -> None:
        """Have an order done."""
        with self._changed:
            self._told[order.number] = []
            self._at_work[order.number] = cancellation
        self.send(order)

    def heed(self, run: Cancellation) -> None:
        """Tell the process, once, how far the run and the work on each of its orders shall end."""
        with self._changed:
            now = [Stop(who.stopping, who.aborted, number) for number, who in ((0, run), *self._at_work.items())]
            news = [stop for stop in now if stop.stopping and self._stops.get(stop.order) != stop]
            self._stops |= {stop.order: stop for stop in news}
        for stop in news:
            self.send(stop)

    def wait(self, order: Order, heed: Callable[[], None]) -> Finished | None:
        """Wait until an order is done and return what came of it; None when the process died.

        `heed` is called again and again meanwhile. RuntimeError for a fault of the program.
        """
        while True:
            with self._changed:
                self._changed.wait_for(lambda: order.number in self._finished or not self.alive, LOOK)
                if found := self._finished.pop(order.number, None):
                    del self._told[order.number], self._at_work[order.number]
                    break
                if not self.alive:
                    return None
            heed()
        if isinstance(found, Failed):
            raise RuntimeError(f"a process of the run failed:\n{found.error}")
        return found

    def told(self, order: Order) -> list[Entry]:
        """Return what the dead process had told of the journal since it began with an order."""
        with self._changed:
            return self._told.pop(order.number)

    def end(self) -> None:
        """Let the process close its sessions and end, and see to it that it does."""
        self.send(End())
        self._thread.join(PATIENCE)
        if self._thread.is_alive() and self.pid:
            self._kill()
            self._thread.join()
        self._line.close()

    def _kill(self) -> None:
        if self.pid:  # 0 is whoever has not said yet that it is there, and to the system everybody of this group
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)

    def _listen(self) -> None:
        try:
            while True:
                self._take(self._line.receive())
        except (EOFError, OSError):
            pass  # it is dead
        except Exception:  # noqa: BLE001 - it says what nobody can read, and would be waited for, for ever
            traceback.print_exc()
            self._kill()
        with self._changed:
            self.alive = False
            self._changed.notify_all()

    def _take(self, message: object) -> None:
        match message:
            case Born(pid):
                self.pid = pid
            case Learned(value, origin):
                self._redactor.add(value, origin)
            case Finished() | Failed():
                with self._changed:
                    self._finished[message.number] = message
                    self._changed.notify_all()
            case _:
                if isinstance(message, (Noted, Asked)):
                    with self._changed:
                        for told in self._told.values():
                            told += message.entries
                self._clerk.take(self._line, message)
