"""Pipelines of workflows: what is run after what, where a pipeline and its entries stand, and the moves between that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from nornflow.model.diagnostic import NOWHERE, Location
from nornflow.model.inputs import Input
from nornflow.model.pool import NOTHING, Asked
from nornflow.model.wish import Level
from nornflow.record import record


class Mode(StrEnum):
    """In which order the entries of a pipeline are run.

    `sequential`: one by one, as they are written. `parallel`: all at once. `dependency_based`: each when what it comes after
    allows it. `resource_optimized`: so too, and as many at once as fit the pools, those first on which most depends.
    """

    SEQUENTIAL = "sequential"
    PARALLEL = "parallel"
    DEPENDENCY_BASED = "dependency_based"
    RESOURCE_OPTIMIZED = "resource_optimized"


class On(StrEnum):
    """How an earlier entry must have ended: well, badly, or in either way; one that was skipped has not ended at all."""

    SUCCESS = "success"
    FAILURE = "failure"
    COMPLETION = "completion"


@record
class After:
    """That an entry is begun when another has ended so; `within` is how many seconds after the pipeline's start, 0 for any."""

    run: str
    on: On = On.SUCCESS
    within: float = 0.0


@record
class Entry:
    """One workflow of a pipeline; `inputs` and `limit` still have their templates.

    `timeout` is for one attempt, in seconds, 0 for none but the run's own; after a failure there are up to `retries` more,
    each `delay` seconds later. `asks` is what a run takes of the pools, with the entry's priority; `digest` is that of the
    workflow when the pipeline was compiled.
    """

    id: str
    workflow: str
    inputs: Mapping[str, Any] = field(default_factory=dict)
    limit: str = ""
    profile: str = ""
    after: tuple[After, ...] = ()
    timeout: float = 0.0
    retries: int = 0
    delay: float = 30.0
    asks: Asked = NOTHING
    digest: str = ""
    location: Location = NOWHERE


@record
class Pipeline:
    """A pipeline without an error, its entries as they are written; `stops` when one of them fails."""

    name: str
    entries: tuple[Entry, ...]
    version: str = ""
    description: str = ""
    mode: Mode = Mode.DEPENDENCY_BASED
    max_parallel: int = 5
    stops: bool = True
    timeout: float = 0.0
    inputs: Mapping[str, Input] = field(default_factory=dict)
    file: str = ""

    def entry(self, entry: str) -> Entry:
        """Return the entry of this id; KeyError when there is none."""
        for one in self.entries:
            if one.id == entry:
                return one
        raise KeyError(entry)


def kept_pipeline(pipeline: Pipeline) -> dict[str, Any]:
    """Return a pipeline as plain data, without what only its beginning needs (declared inputs, places in the file)."""
    entries = [
        {**{key: value for key, value in asdict(entry).items() if key != "location"}, "asks": asdict(entry.asks)}
        for entry in pipeline.entries
    ]
    rest = ("name", "version", "description", "mode", "max_parallel", "stops", "timeout", "file")
    return {**{name: getattr(pipeline, name) for name in rest}, "entries": entries}


def pipeline_of(data: Mapping[str, Any]) -> Pipeline:
    """Return the pipeline that was kept."""
    entries = tuple(
        Entry(
            **{
                **entry,
                "after": tuple(After(one["run"], On(one["on"]), one["within"]) for one in entry["after"]),
                "asks": Asked(**entry["asks"]),
            }
        )
        for entry in data["entries"]
    )
    return Pipeline(**{**data, "mode": Mode(data["mode"]), "entries": entries})


class PipelineState(StrEnum):
    """Where a pipeline stands; `waiting` says that nothing goes on until somebody answers one of its runs."""

    RUNNING = "running"
    WAITING = "waiting"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    TIMED_OUT = "timed_out"


class EntryState(StrEnum):
    """Where an entry stands; `delayed` is between two attempts, `waiting` says that its run waits without a process."""

    PENDING = "pending"
    RUNNING = "running"
    WAITING = "waiting"
    DELAYED = "delayed"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    DENIED = "denied"
    CANCELLED = "cancelled"
    TIMED_OUT = "timed_out"
    SKIPPED = "skipped"


_E = EntryState
_ENDS = frozenset({_E.SUCCEEDED, _E.FAILED, _E.DENIED, _E.CANCELLED, _E.TIMED_OUT})
ENTRY_MOVES: Mapping[EntryState, frozenset[EntryState]] = {
    _E.PENDING: frozenset({_E.RUNNING, _E.SKIPPED, _E.CANCELLED, _E.TIMED_OUT, _E.FAILED}),
    _E.RUNNING: _ENDS | {_E.WAITING, _E.DELAYED},
    _E.WAITING: _ENDS | {_E.RUNNING, _E.DELAYED},
    _E.DELAYED: frozenset({_E.RUNNING, _E.CANCELLED, _E.TIMED_OUT, _E.FAILED}),
}
"""The only allowed moves of an entry; a state that is not a key is final."""
BADLY = _ENDS - {_E.SUCCEEDED}
"""Ends for which `on: failure` holds."""

_P = PipelineState
PIPELINE_MOVES: Mapping[PipelineState, frozenset[PipelineState]] = {
    _P.RUNNING: frozenset({_P.WAITING, _P.SUCCEEDED, _P.FAILED, _P.CANCELLED, _P.TIMED_OUT}),
    _P.WAITING: frozenset({_P.RUNNING}),
}
"""The only allowed moves of a pipeline; a state that is not a key is final."""


class Ending(StrEnum):
    """Why the run of an entry was told to end."""

    NOT = ""
    TIMEOUT = "timeout"
    CANCELLED = "cancelled"


@record
class EntryRecord:
    """Where an entry stands and what came of it.

    `run` is that of the last attempt, `attempts` counts them, `deaths` the processes that died over the last one and
    `worker` is the one that began its run. `due_at` is when the next attempt is made, `ending` why the run was told to end;
    of one that is delayed, whether its time was over.
    """

    id: str
    workflow: str
    state: EntryState = EntryState.PENDING
    run: str = ""
    attempts: int = 0
    deaths: int = 0
    worker: str = ""
    started_at: datetime | None = None
    completed_at: datetime | None = None
    due_at: datetime | None = None
    ending: Ending = Ending.NOT
    error: str = ""
    hint: str = ""
    exit_code: int = 0

    @property
    def over(self) -> bool:
        """Tell whether nothing more becomes of it."""
        return self.state not in ENTRY_MOVES

    @property
    def ended_as(self) -> EntryState:
        """Return how the last attempt of one that is delayed has ended."""
        return EntryState.TIMED_OUT if self.ending is Ending.TIMEOUT else EntryState.FAILED

    @property
    def at_work(self) -> bool:
        """Tell whether a process is to be at work for it."""
        return self.state is EntryState.RUNNING


@record
class PipelineRecord:
    """All that is known of a pipeline; `fence` counts the processes that have led it, `worker` is the last of them.

    `wish` is how somebody wants it to end early: no further entry is begun, and runs at work end as the level says, at the
    lowest one when they are done.
    """

    id: str
    name: str
    file: str
    mode: Mode
    state: PipelineState
    user: str
    started_at: datetime
    entries: tuple[EntryRecord, ...]
    completed_at: datetime | None = None
    error: str = ""
    wish: PipelineWish | None = None
    worker: str = ""
    fence: int = 1

    @property
    def over(self) -> bool:
        """Tell whether it has ended."""
        return self.state not in PIPELINE_MOVES

    def entry(self, entry: str) -> EntryRecord:
        """Return the record of an entry; KeyError when there is none."""
        for one in self.entries:
            if one.id == entry:
                return one
        raise KeyError(entry)

    @property
    def exit_code(self) -> int:
        """How a command about it ends: 0 well, 4 it waits, 3 or 4 when that is what all bad ends have, 1 for the rest."""
        if self.state is PipelineState.WAITING:
            return 4
        if self.state is PipelineState.SUCCEEDED:
            return 0
        codes = {one.exit_code for one in self.entries if one.state in BADLY and one.attempts}
        return codes.pop() if len(codes) == 1 and codes <= {3, 4} else 1


@record
class PipelineWish:
    """That a pipeline shall end early: runs at work end at `level`, or (None) as they would; who wants it."""

    level: Level | None
    by: str

    @property
    def height(self) -> int:
        """The wish as a number that grows."""
        return self.level.height if self.level is not None else 0

    def __str__(self) -> str:
        how = "runs at work end as they would" if self.level is None else f"runs at work end {self.level.value}"
        return f"{self.by} ended the pipeline: no further entry is begun, {how}"
