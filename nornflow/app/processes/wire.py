"""What the process of a run and those that work for it say to each other, over a pipe between parent and child."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import field, replace
from multiprocessing.connection import Connection
from multiprocessing.reduction import ForkingPickler
from typing import Any

from nornflow.abc import EventSink, Fence, Journal
from nornflow.errors import NornFlowError, StoreError
from nornflow.model.event import Event
from nornflow.model.journal import Entry
from nornflow.model.plain import plain
from nornflow.model.run import RunInfo
from nornflow.record import record


@record
class Born:
    """A process is there."""

    pid: int


@record
class Begin:
    """A run begins: what its steps are told of it."""

    info: RunInfo


@record
class NewPass:
    """What was planned is applied from now on."""


@record
class Stop:
    """How far the run is to end: whether nothing new shall begin, and whether work in progress shall end; for one order too."""

    stopping: bool
    aborted: bool
    order: int = 0


@record
class End:
    """There is no more work: sessions are closed and the process ends."""


@record
class Noted:
    """Entries of the journal that need not be waited for."""

    entries: tuple[Entry, ...]


@record
class Asked:
    """What a thread waits for: entries to be durable, or whether a device may be written to."""

    number: int
    entries: tuple[Entry, ...] = ()
    device: str = ""
    what: str = ""


@record
class Answered:
    """The answer to what was asked: a value, or the error that is raised there."""

    number: int
    value: Any = None
    error: NornFlowError | None = None


@record
class Learned:
    """A secret that a process came to know, in good time before anything that holds it; `origin` tells nothing of it."""

    value: str = field(repr=False)
    origin: str


@record
class Failed:
    """An order that could not be done for a reason that is no result of its devices: a fault of the program, as text."""

    number: int
    error: str


class Line:
    """One end of the pipe, for many threads."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._sending = threading.Lock()

    def send(self, message: object) -> None:
        """Send a message; OSError when the other end is gone."""
        with self._sending:
            self._connection.send(message)

    def send_readable(self, message: object) -> None:
        """Send what strangers have put something into; whatever error of their classes keeps it from being read there."""
        packed = ForkingPickler.dumps(message)
        ForkingPickler.loads(packed)
        with self._sending:
            self._connection.send_bytes(packed)

    def receive(self) -> Any:
        """Wait for the next message; EOFError when the other end is gone. One thread at a time."""
        return self._connection.recv()

    def close(self) -> None:
        """Close this end."""
        self._connection.close()


class Desk:
    """Where the child's threads ask the parent something and wait for the answer."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._lock = threading.Lock()
        self._waiting: dict[int, tuple[threading.Event, list[Answered]]] = {}
        self._number = 0

    def ask(self, make: Callable[[int], Asked]) -> Any:
        """Ask and return the answer; raises the error that was answered."""
        event, found = threading.Event(), list[Answered]()
        with self._lock:
            self._number += 1
            number = self._number
            self._waiting[number] = event, found
        self._line.send(make(number))
        event.wait()
        if found[0].error is not None:
            raise found[0].error
        return found[0].value

    def answer(self, answer: Answered) -> None:
        """Let the thread go on that asked."""
        with self._lock:
            event, found = self._waiting.pop(answer.number)
        found.append(answer)
        event.set()


class FarJournal(Journal):
    """Has the parent write the journal, which alone owns the run."""

    def __init__(self, line: Line, desk: Desk) -> None:
        self._line = line
        self._desk = desk

    def write(self, *entries: Entry) -> None:
        """Keep entries; durable when this returns."""
        self._desk.ask(lambda number: Asked(number, _plain(entries)))

    def note(self, *entries: Entry) -> None:
        """Keep entries without waiting."""
        self._line.send(Noted(_plain(entries)))


def _plain(entries: tuple[Entry, ...]) -> tuple[Entry, ...]:
    """Return entries as the journal will keep them: what a step type put into its result may not be fit to be pickled."""
    return tuple(replace(entry, data=plain(dict(entry.data))) for entry in entries)


class FarFence(Fence):
    """Asks the parent, which holds the locks, before every block that is written to a device."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def covers(self, device: str) -> bool:
        """Tell whether the run has locked the device."""
        return bool(self._desk.ask(lambda number: Asked(number, device=device, what="covers")))

    def check(self, device: str) -> None:
        """Raise LockLost unless the run holds the device, or did a moment ago."""
        self._desk.ask(lambda number: Asked(number, device=device, what="check"))

    def begin(self, device: str) -> None:
        """Raise LockLost unless the run holds the device."""
        self._desk.ask(lambda number: Asked(number, device=device, what="begin"))


class FarEvents(EventSink):
    """Has the parent tell what happens."""

    def __init__(self, line: Line) -> None:
        self._line = line

    def take(self, event: Event) -> None:
        """Send one event; StoreError when nobody is there to keep it."""
        try:
            self._line.send(event)
        except OSError as error:
            raise StoreError(f"the run's own process is gone: {error}") from None
