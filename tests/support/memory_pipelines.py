"""Pipelines in memory, and processes that run their entries without any: for stories of who leads one."""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from nornflow.abc import PipelineStore, Starter
from nornflow.engine.pipelines.conductor import Conductor, RunLook, Stage
from nornflow.errors import RunLost, StateConflict, UsageError
from nornflow.model.pipeline import (
    ENTRY_MOVES,
    PIPELINE_MOVES,
    After,
    Entry,
    EntryRecord,
    EntryState,
    Pipeline,
    PipelineRecord,
    PipelineState,
    PipelineWish,
)
from nornflow.model.run import RUN_MOVES, RunState
from nornflow.model.wish import Level

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


class MemoryPipelines(PipelineStore):
    """Pipelines by their ids."""

    def __init__(self) -> None:
        self._records: dict[str, PipelineRecord] = {}
        self._specs: dict[str, str] = {}
        self._lock = threading.RLock()

    def begin(self, pipeline: PipelineRecord, spec: Mapping[str, Any]) -> None:
        self._records[pipeline.id], self._specs[pipeline.id] = pipeline, json.dumps(spec)

    def record(self, pipeline: str) -> PipelineRecord:
        if pipeline not in self._records:
            raise UsageError(f"there is no pipeline {pipeline!r}")
        return self._records[pipeline]

    def spec(self, pipeline: str) -> Mapping[str, Any]:
        self.record(pipeline)
        found: Mapping[str, Any] = json.loads(self._specs[pipeline])
        return found

    def find(self, beginning: str) -> str:
        found = [one for one in self._records if beginning and one.startswith(beginning)]
        if len(found) != 1:
            raise UsageError("none, or more than one")
        return found[0]

    def pipelines(
        self, status: PipelineState | None = None, last: int | None = None, name: str = ""
    ) -> Sequence[PipelineRecord]:
        found = [
            one for one in reversed(self._records.values()) if status in (None, one.state) and name in ("", one.name)
        ]
        return found[:last]

    def unended(self) -> Sequence[PipelineRecord]:
        return [one for one in self._records.values() if not one.over]

    def move_entry(self, pipeline: str, fence: int, old: EntryRecord, new: EntryRecord) -> None:
        if new.state is not old.state and new.state not in ENTRY_MOVES.get(old.state, ()):
            raise ValueError(f"an entry does not move from {old.state} to {new.state}")
        with self._lock:
            self._owned(pipeline, fence)
            known = self.record(pipeline).entry(old.id)
            if (known.state, known.run, known.worker) != (old.state, old.run, old.worker):
                raise StateConflict("it is not what it was")
            names = (one.name for one in fields(EntryRecord))
            changed = {name: getattr(new, name) for name in names if getattr(new, name) != getattr(old, name)}
            self._put(pipeline, replace(known, **changed))

    def move(
        self, pipeline: str, fence: int, old: PipelineState, new: PipelineState, at: datetime, error: str = ""
    ) -> None:
        if new not in PIPELINE_MOVES.get(old, ()):
            raise ValueError(f"a pipeline does not move from {old} to {new}")
        with self._lock:
            known = self._owned(pipeline, fence)
            if known.state is not old:
                raise StateConflict("it is not what it was")
            over = at if new not in PIPELINE_MOVES else None
            self._records[pipeline] = replace(known, state=new, error=error, completed_at=over)

    def take_over(self, pipeline: str, fence: int, worker: str) -> int:
        with self._lock:
            known = self.record(pipeline)
            if known.fence != fence or known.over:
                raise StateConflict("it is another one's")
            self._records[pipeline] = replace(known, fence=fence + 1, worker=worker)
        return fence + 1

    def release(self, pipeline: str, fence: int) -> None:
        with self._lock:
            self._records[pipeline] = replace(self._owned(pipeline, fence), worker="")

    def ask(self, pipeline: str, wish: PipelineWish) -> PipelineRecord:
        with self._lock:
            known = self.record(pipeline)
            if known.over:
                raise StateConflict("it has ended")
            if known.wish is None or known.wish.height < wish.height:
                self._records[pipeline] = replace(known, wish=wish)
        return self.record(pipeline)

    def claim(self, pipeline: str, entry: str, run: str, worker: str) -> None:
        with self._lock:
            known = self.record(pipeline).entry(entry)
            if known.state is not EntryState.RUNNING or known.run != run or known.worker:
                raise StateConflict("it is not wanted")
            self._put(pipeline, replace(known, worker=worker))

    def told(self, pipeline: str, entry: str, run: str, error: str, hint: str, exit_code: int) -> None:
        with self._lock:
            known = self.record(pipeline).entry(entry)
            if known.run == run:
                self._put(pipeline, replace(known, error=error, hint=hint, exit_code=exit_code))

    def _owned(self, pipeline: str, fence: int) -> PipelineRecord:
        known = self.record(pipeline)
        if known.fence != fence:
            raise RunLost("another process leads it")
        return known

    def _put(self, pipeline: str, entry: EntryRecord) -> None:
        known = self._records[pipeline]
        entries = tuple(entry if one.id == entry.id else one for one in known.entries)
        self._records[pipeline] = replace(known, entries=entries)


@dataclass
class Process:
    """A process that carries out a run: it has begun it, or not yet, and lives or not."""

    entry: str
    run: str
    worker: str
    ours: int
    alive: bool = True


@dataclass
class World(Starter):
    """A store, runs, processes and a clock; `lead` gives a conductor in a new process, the one before is dead then."""

    pipeline: Pipeline
    pools: Mapping[str, float] = field(default_factory=lambda: {"cpu": 4.0})
    desk: MemoryPipelines = field(default_factory=MemoryPipelines)
    runs: dict[str, tuple[RunState, str, int]] = field(default_factory=dict)
    processes: list[Process] = field(default_factory=list)
    wishes: dict[str, Level] = field(default_factory=dict)
    events: list[tuple[Any, ...]] = field(default_factory=list)
    begun: list[str] = field(default_factory=list)
    due: set[str] = field(default_factory=set)
    meanwhile: list[Callable[[], object]] = field(default_factory=list)
    """What happens between a conductor's look at a run and its look at the process."""
    seconds: float = 0.0
    leads: int = 0
    left: bool = False
    """Whether processes leave the runs that they begin to workers: those are looked after, whoever dies."""
    parked: dict[str, str] = field(default_factory=dict)
    numbers: Any = field(default_factory=lambda: itertools.count(1))

    def __post_init__(self) -> None:
        entries = tuple(EntryRecord(one.id, one.workflow) for one in self.pipeline.entries)
        made = PipelineRecord(
            "p", self.pipeline.name, "f", self.pipeline.mode, PipelineState.RUNNING, "ada", NOON, entries, worker="w"
        )
        self.desk.begin(made, {})

    @property
    def record(self) -> PipelineRecord:
        return self.desk.record("p")

    def states(self) -> dict[str, str]:
        return {one.id: one.state.value for one in self.record.entries}

    def sight(self) -> object:
        """What a worker looks at, to see whether something has changed."""
        there = tuple(
            (self.runs.get(one.run), self.parked.get(one.run), one.run in self.due) for one in self.record.entries
        )
        alive = tuple((one.run, one.alive) for one in self.processes)
        return self.record, there, alive, self.leads

    def lead(self) -> Conductor:
        self.leads += 1
        fence = 1 if self.leads == 1 else self.desk.take_over("p", self.record.fence, f"lead-{self.leads}")
        stage = Stage(
            self.desk,
            self,
            self._look,
            self.due.__contains__,
            self._gone,
            lambda run, level, by: self.wishes.__setitem__(run, level),
            lambda: f"run-{next(self.numbers)}",
            lambda kind, message="", **data: self.events.append((kind, message, data)),
            lambda: NOON + timedelta(seconds=self.seconds),
            self.pools,
        )
        return Conductor(self.pipeline, self.record, fence, stage)

    def _gone(self, worker: str) -> bool:
        while self.meanwhile:
            self.meanwhile.pop(0)()
        return not any(one.worker == worker and one.alive for one in self.processes)

    def _look(self, run: str) -> RunLook | None:
        if run not in self.runs:
            return None
        state, worker, code = self.runs[run]
        parked = self.parked.get(run, "")
        error = "" if not code else "it failed"
        return RunLook(state, state not in RUN_MOVES, worker, error, "", code, self.left and not parked, parked)

    def start(self, pipeline: str, entry: str, run: str, attempt: int) -> None:
        if self.left and run in self.runs and run not in self.parked:
            return
        self.processes.append(Process(entry, run, f"process-{next(self.numbers)}", self.leads))

    def is_there(self, run: str) -> bool:
        return any(one.run == run and one.alive and one.ours == self.leads for one in self.processes)

    def stop(self, run: str) -> None:
        for one in self.processes:
            if one.run == run and one.ours == self.leads:
                one.alive = False

    def of(self, entry: str) -> Process:
        return [one for one in self.processes if one.entry == entry][-1]

    def begin(self, process: Process) -> bool:
        """Let a process begin its run, or go on with it; tell whether it may."""
        if process.run in self.runs:
            state, worker, code = self.runs[process.run]
            busy = any(one.worker == worker and one.alive for one in self.processes if one is not process)
            process.alive = not busy and state in RUN_MOVES
            if process.alive:
                self.runs[process.run] = RunState.RUNNING, process.worker, code
            return process.alive
        try:
            self.desk.claim("p", process.entry, process.run, process.worker)
        except StateConflict:
            process.alive = False
            return False
        self.begun.append(process.entry)
        self.runs[process.run] = (RunState.QUEUED, "", 0) if self.left else (RunState.RUNNING, process.worker, 0)
        if self.left:
            process.alive = False
        return True

    def end(self, process: Process, state: RunState = RunState.SUCCEEDED, code: int | None = None) -> None:
        """Let the run of a process end, and the process with it."""
        self.runs[process.run] = state, process.worker, (state is not RunState.SUCCEEDED) if code is None else code
        process.alive = False

    def through(self, entry: str, state: RunState = RunState.SUCCEEDED, code: int | None = None) -> None:
        """Let the process of an entry begin and end."""
        assert self.begin(self.of(entry))
        self.end(self.of(entry), state, code)


def entry(name: str, *after: Any, **keys: Any) -> Entry:
    """Return an entry that comes after others, on their success where nothing else is said."""
    afters = tuple(one if isinstance(one, After) else After(one) for one in after)
    return Entry(name, f"{name}.yaml", after=afters, **keys)


def world(*entries: Entry, left: bool = False, **keys: Any) -> World:
    """Return the world of a pipeline of these entries."""
    return World(Pipeline("window", entries, **keys), left=left)


def at_work(world: World) -> list[str]:
    """Return the entries that are at work."""
    return [one.id for one in world.record.entries if one.at_work]
