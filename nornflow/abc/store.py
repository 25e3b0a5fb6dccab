"""What remembers runs: the sink of one run's events, and the store of all runs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from datetime import datetime

from nornflow.model.event import Event
from nornflow.model.history import Grouping, NewRun, RunQuery, RunSummary, Statistic, StoredEvent
from nornflow.model.journal import Entry, Standing
from nornflow.model.run import RunRecord, RunState


class EventSink(ABC):
    """Keeps the events of one run, whatever observers do; the run stops when it cannot."""

    @abstractmethod
    def take(self, event: Event) -> None:
        """Keep one masked event; called in order, one at a time. StoreError when it or one before it cannot be kept.

        When it returns from `run.state`, `step.started` or `batch.started`, everything up to there is kept for good.
        """


class Journal(ABC):
    """Writes down what one run is about to do and what became of it."""

    @abstractmethod
    def write(self, *entries: Entry) -> None:
        """Keep the entries, in order; when it returns they outlive the process and the power. Threads may call at once.

        StoreError when they, or anything before them, cannot be kept: then nothing more may be done. RunLost when another
        process has taken the run over. Without entries it waits for what was noted before.
        """

    @abstractmethod
    def note(self, *entries: Entry) -> None:
        """Keep entries without waiting: they are durable before anything that is written later. Errors as `write`."""


class RunStore(ABC):
    """Remembers runs: their states, events and results. Thread-safe, and shared by processes.

    A method that writes does all of it or, raising StoreError, nothing; what it wrote outlives the process and the power.
    Methods that take a run raise UsageError when there is none of that id. Values are masked before they are kept, but for
    those of the journal and the spec: what is sent later must be exact, so what is secret in them is kept encrypted.

    A run has one owner at a time, counted by its `fence`: 1 for who began it, one more for each who took it over. Whoever
    writes with a fence raises RunLost, and writes nothing, when the run is another one's by now.
    """

    @abstractmethod
    def begin(self, run: NewRun) -> None:
        """Remember a new run with its devices, in the state `pending`, or `queued` with a submission.

        StoreError when the id is taken.
        """

    @abstractmethod
    def move(
        self, run: str, old: RunState, new: RunState, at: datetime, error: str = "", *, fence: int | None = None
    ) -> None:
        """Move a run from `old` to `new`; StateConflict when it is not in `old` or the table of moves has no such move.

        Of several who move a run from one state exactly one succeeds. A move to a final state ends the run at `at`.
        """

    @abstractmethod
    def append(
        self,
        run: str,
        first: int,
        events: Sequence[Event],
        *,
        fence: int | None = None,
        entry: int = 1,
        entries: Sequence[Entry] = (),
    ) -> None:
        """Add events as numbers `first`, `first + 1` ..., and entries of the journal from the number `entry` on, at once.

        StoreError unless the numbers follow the last ones (from 1). An owner (`fence`) may repeat its last call when it does
        not know whether it was done: then nothing is added twice.
        """

    @abstractmethod
    def remark(self, run: str, event: Event) -> None:
        """Add an event of somebody else than the owner to the run's stream, behind what is there.

        The owner's own numbers, in `append` and `standing`, go on as if it were not there; in the stream all follow in order.
        """

    @abstractmethod
    def finish(self, record: RunRecord, old: RunState, *, fence: int | None = None) -> None:
        """Move the run from `old` to the record's state and keep everything of the record, at once; errors as `move`.

        What the journal holds beside the plan and the pre-images is forgotten: the record says it.
        """

    @abstractmethod
    def rest(self, record: RunRecord, *, fence: int | None = None) -> None:
        """Keep the results and the devices' fates so far of a run that waits, in place of what was kept of them before."""

    @abstractmethod
    def standing(self, run: str) -> Standing:
        """Return who carries the run out, how far it is, and what it began with."""

    @abstractmethod
    def unended(self) -> Sequence[Standing]:
        """Return the runs that have not ended, oldest first, without their specs and numbers."""

    @abstractmethod
    def take_over(self, run: str, fence: int, worker: str) -> int:
        """Make `worker` the owner of a run that `fence` owned until now, and return the new fence.

        Of several who try exactly one succeeds; the others, and whoever comes when it has ended, raise StateConflict.
        """

    @abstractmethod
    def entries(self, run: str) -> Iterator[Entry]:
        """Yield the journal of a run, in order; values are as JSON keeps them."""

    @abstractmethod
    def find(self, beginning: str) -> str:
        """Return the id that begins so; UsageError when there is none or more than one."""

    @abstractmethod
    def runs(self, query: RunQuery) -> Sequence[RunSummary]:
        """Return the runs that fit the query, newest first."""

    @abstractmethod
    def summary(self, run: str) -> RunSummary:
        """Return how a run stands at this moment."""

    @abstractmethod
    def record(self, run: str) -> RunRecord:
        """Return what is known of a run, results and devices included; values are as JSON keeps them."""

    @abstractmethod
    def events(self, run: str, after: int = 0) -> Iterator[StoredEvent]:
        """Yield the events with a number above `after`, in order; those being written by another process as well."""

    @abstractmethod
    def statistics(self, by: Grouping, query: RunQuery) -> Sequence[Statistic]:
        """Return durations and success per workflow, step or platform, over the ended runs that fit the query."""

    @abstractmethod
    def purge(self, before: datetime) -> Sequence[str]:
        """Forget the runs that ended before a moment, and outputs that no other run has; return their ids."""

    @abstractmethod
    def close(self) -> None:
        """Let go of connections; the store is not used afterwards."""
