"""What remembers pipelines, and what starts the processes that run their entries."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from nornflow.model.pipeline import EntryRecord, PipelineRecord, PipelineState, PipelineWish


class PipelineStore(ABC):
    """Remembers pipelines and where their entries stand; thread-safe, and shared by processes.

    A pipeline is led by one process at a time, counted by its `fence`. Whoever writes with a fence raises RunLost, and
    writes nothing, when another process leads it by now. Methods that take a pipeline raise UsageError when there is none
    of that id; every method raises StoreError.
    """

    @abstractmethod
    def begin(self, pipeline: PipelineRecord, spec: Mapping[str, Any]) -> None:
        """Remember a new pipeline, and what it takes to go on with it in another process."""

    @abstractmethod
    def record(self, pipeline: str) -> PipelineRecord:
        """Return how it stands."""

    @abstractmethod
    def spec(self, pipeline: str) -> Mapping[str, Any]:
        """Return what it was begun with, exactly."""

    @abstractmethod
    def find(self, beginning: str) -> str:
        """Return the id that begins so; UsageError when there is none or more than one."""

    @abstractmethod
    def pipelines(
        self, status: PipelineState | None = None, last: int | None = None, name: str = ""
    ) -> Sequence[PipelineRecord]:
        """Return the pipelines in this state and of this name, newest first."""

    @abstractmethod
    def unended(self) -> Sequence[PipelineRecord]:
        """Return the pipelines that have not ended, oldest first."""

    @abstractmethod
    def move_entry(self, pipeline: str, fence: int, old: EntryRecord, new: EntryRecord) -> None:
        """Change an entry where `new` differs from `old`.

        StateConflict when it is not in the state of `old`, with the run of `old`, any more, or when the table of moves does
        not have the move.
        """

    @abstractmethod
    def move(
        self, pipeline: str, fence: int, old: PipelineState, new: PipelineState, at: datetime, error: str = ""
    ) -> None:
        """Move the pipeline; StateConflict as above. A move to a final state ends it at `at`."""

    @abstractmethod
    def take_over(self, pipeline: str, fence: int, worker: str) -> int:
        """Let `worker` lead a pipeline that `fence` led until now, and return the new fence.

        Of several who try exactly one succeeds; the others, and whoever comes when it has ended, raise StateConflict.
        """

    @abstractmethod
    def release(self, pipeline: str, fence: int) -> None:
        """Lead it no more: another worker may take it over at once, and until then it has none (an empty id)."""

    @abstractmethod
    def ask(self, pipeline: str, wish: PipelineWish) -> PipelineRecord:
        """Wish that it ends early; a wish that goes as far or further stays. StateConflict when it has ended."""

    @abstractmethod
    def claim(self, pipeline: str, entry: str, run: str, worker: str) -> None:
        """Let `worker` begin the run of an entry.

        StateConflict when that is not its run (any more), or somebody has begun it: then nothing may be done.
        """

    @abstractmethod
    def told(self, pipeline: str, entry: str, run: str, error: str, hint: str, exit_code: int) -> None:
        """Note why the process of a run ended without a record of it; nothing when that is not the entry's run any more."""


class Starter(ABC):
    """Starts the processes in which the runs of one pipeline's entries are carried out."""

    @abstractmethod
    def start(self, pipeline: str, entry: str, run: str, attempt: int) -> None:
        """Start a process that begins the run of an entry, or goes on with it where the store has it already."""

    @abstractmethod
    def is_there(self, run: str) -> bool:
        """Tell whether a process that was started here for this run is still there."""

    @abstractmethod
    def stop(self, run: str) -> None:
        """End the process of a run that has not begun; one that has must be asked to end."""
