"""Remembering nothing (`store.url: none`): for runs where no disk may be written, and to measure what a store costs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

from nornflow.abc import RunStore
from nornflow.errors import UsageError
from nornflow.model.event import Event
from nornflow.model.history import Grouping, NewRun, RunQuery, RunSummary, Statistic, StoredEvent
from nornflow.model.journal import Entry, Standing
from nornflow.model.run import RunRecord, RunState
from nornflow.store.records import RunRecords

NONE = "none"
"""The value of `store.url` with which nothing is kept."""


class NoStore(RunStore):
    """Takes everything and keeps nothing; questions raise UsageError."""

    def begin(self, run: NewRun) -> None:
        """Let the run begin."""

    def move(
        self, run: str, old: RunState, new: RunState, at: datetime, error: str = "", *, fence: int | None = None
    ) -> None:
        """Let the run move: nobody else can know of it."""

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
        """Let events and entries go."""

    def remark(self, run: str, event: Event) -> None:
        """Let the event go."""

    def finish(self, record: RunRecord, old: RunState, *, fence: int | None = None) -> None:
        """Let the run end."""

    def rest(self, record: RunRecord, *, fence: int | None = None) -> None:
        """Let the record go."""

    def standing(self, run: str) -> Standing:
        """Raise UsageError, as every question does."""
        raise _nothing()

    def unended(self) -> Sequence[Standing]:
        """Return none: nobody can go on with what was not kept."""
        return ()

    def take_over(self, run: str, fence: int, worker: str) -> int:
        """Raise UsageError: there is nothing to go on with."""
        raise _nothing()

    def entries(self, run: str) -> Iterator[Entry]:
        """Raise UsageError, as every question does."""
        raise _nothing()

    def find(self, beginning: str) -> str:
        """Raise UsageError: there is nothing to be found."""
        raise _nothing()

    def runs(self, query: RunQuery) -> Sequence[RunSummary]:
        """Raise UsageError, as every question does."""
        raise _nothing()

    def summary(self, run: str) -> RunSummary:
        """Raise UsageError, as every question does."""
        raise _nothing()

    def record(self, run: str) -> RunRecord:
        """Raise UsageError, as every question does."""
        raise _nothing()

    def events(self, run: str, after: int = 0) -> Iterator[StoredEvent]:
        """Raise UsageError, as every question does."""
        raise _nothing()

    def statistics(self, by: Grouping, query: RunQuery) -> Sequence[Statistic]:
        """Raise UsageError, as every question does."""
        raise _nothing()

    def purge(self, before: datetime) -> Sequence[str]:
        """Raise UsageError, as every question does."""
        raise _nothing()

    def close(self) -> None:
        """There is nothing to let go of."""


class NoRecords(RunRecords):
    """Writes no record file either."""

    def write(self, record: RunRecord) -> Path:
        """Return where the record would be."""
        return self.folder(record.id)


def _nothing() -> UsageError:
    return UsageError(
        "runs are not remembered here: the setting store.url is `none`",
        hint="leave store.url out for a SQLite file in the workspace; `nornflow run --format json` prints the record",
    )
