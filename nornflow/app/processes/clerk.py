"""Writing down what forked processes tell: the run's own process alone has its record and its locks."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from contextlib import suppress

from nornflow.app.processes.wire import Answered, Asked, Line, Noted
from nornflow.engine.tools import Tools
from nornflow.errors import NornFlowError, StoreError
from nornflow.model.event import Event


class Clerk:
    """Tells events, writes the journal and asks the fence, for all processes of one run."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._to_write: queue.SimpleQueue[tuple[Line, Asked] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._write, daemon=True, name="clerk")
        self._thread.start()

    def take(self, line: Line, message: object) -> None:
        """Do what a process asks for; its answer goes back over the line. In order, for one process."""
        match message:
            case Event() as event:
                self._tools.emitter.emit(event.kind, event.message, step=event.step, host=event.host, **event.data)
            case Noted(entries):
                self._guarded(lambda: self._tools.journal.note(*entries))
            case Asked(device="") as asked:
                self._to_write.put((line, asked))
            case Asked() as asked:
                _send(line, self._of_fence(asked))

    def close(self) -> None:
        """End the clerk's thread."""
        self._to_write.put(None)
        self._thread.join()

    def _write(self) -> None:
        """Write what all processes want to be durable, as much at once as there is."""
        while (first := self._to_write.get()) is not None:
            asked, last = [first], False
            with suppress(queue.Empty):
                while not last:
                    more = self._to_write.get_nowait()
                    last = more is None
                    asked += [more] if more is not None else []
            entries = [entry for _, each in asked for entry in each.entries]
            error = self._guarded(lambda entries=entries: self._tools.journal.write(*entries))  # type: ignore[misc]
            for line, each in asked:
                _send(line, Answered(each.number, error=error))
            if last:
                return

    def _guarded(self, write: Callable[[], None]) -> StoreError | None:
        try:
            write()
        except StoreError as error:
            self._tools.emitter.lose(error)
            return error
        return None

    def _of_fence(self, asked: Asked) -> Answered:
        fence = self._tools.devices.fence if self._tools.devices is not None else None
        if fence is None:
            return Answered(asked.number, False)
        try:
            match asked.what:
                case "covers":
                    return Answered(asked.number, fence.covers(asked.device))
                case "begin":
                    fence.begin(asked.device)
                case _:
                    fence.check(asked.device)
        except NornFlowError as error:
            return Answered(asked.number, error=error)
        return Answered(asked.number)


def _send(line: Line, answer: Answered) -> None:
    with suppress(OSError):  # whoever asked is dead
        line.send(answer)
