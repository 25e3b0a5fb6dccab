"""Leaves the runs of pipelines to workers: each is begun by a process that is there for a moment, and then is in its queue."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from nornflow.abc import Starter
from nornflow.app.services.workers.carrier import Carrier, Errand
from nornflow.errors import StoreError

GLANCE = 0.001
"""Seconds for which a process is looked at."""


@dataclass
class LeavingStarter(Starter):
    """Has processes of a worker begin runs, at most so many at once as `most`; `is_left` tells of runs that workers have.

    What a process has to say of a run that it did not begin is in the store.
    """

    carrier: Callable[[], Carrier]
    is_left: Callable[[str], bool]
    most: int
    _waiting: dict[str, Errand] = field(default_factory=dict)
    _at_work: dict[str, Carrier] = field(default_factory=dict)

    def start(self, pipeline: str, entry: str, run: str, attempt: int) -> None:
        """Have a run begun, or brought back to workers; StoreError when no process could be started."""
        if not self.is_left(run):
            self._waiting[run] = Errand(run, pipeline=pipeline, entry=entry)
            self.go_on()

    def go_on(self) -> None:
        """Let go of processes that have ended, and start those for which there is room.

        StoreError when one could not be started; then it is started the next time.
        """
        for run, carrier in list(self._at_work.items()):
            if carrier.ended(GLANCE):
                carrier.kill()
                del self._at_work[run]
        while self._waiting and len(self._at_work) < self.most:
            run = next(iter(self._waiting))
            try:
                self._at_work[run] = carrier = self.carrier()
            except OSError as error:
                raise StoreError(f"no process could be started for run {run}: {error.strerror or error}") from error
            carrier.take(self._waiting.pop(run))

    def is_there(self, run: str) -> bool:
        """Tell whether a run is still to be begun, or a process is about to."""
        self.go_on()
        return run in self._waiting or run in self._at_work

    @property
    def busy(self) -> bool:
        """Tell whether there is a process about to begin a run."""
        self.go_on()
        return bool(self._at_work)

    def stop(self, run: str) -> None:
        """End the process of a run that has not begun."""
        self._waiting.pop(run, None)
        if carrier := self._at_work.pop(run, None):
            carrier.kill()

    def begin_no_more(self) -> None:
        """Start no further process."""
        self._waiting.clear()

    def close(self) -> None:
        """End every process."""
        for run in (*self._waiting, *self._at_work):
            self.stop(run)
