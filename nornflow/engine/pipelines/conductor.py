"""Leads a pipeline to its end: begins what may begin, hears how it ended, and knows after a crash where everything stands.

What is about to be done is written down before it is done; each step looks at the store anew. So a conductor that died, or
that lost the store for a while, is followed by one that does just the same.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from nornflow.abc import PipelineStore, Starter
from nornflow.engine.pipelines.orchestration import fates, not_again, stopping, to_begin
from nornflow.errors import StateConflict
from nornflow.model.event import EventKind
from nornflow.model.pipeline import (
    BADLY,
    Ending,
    EntryRecord,
    EntryState,
    Pipeline,
    PipelineRecord,
    PipelineState,
)
from nornflow.model.pool import Amounts
from nornflow.model.run import RunState
from nornflow.model.wish import Level
from nornflow.record import record

MOST_DEATHS = 3
"""How many processes may die over one run before it is left as it is."""
_HOPELESS = frozenset((2, 3, 4))
"""Exit codes after which another attempt would end in the same way."""
_OUTCOMES = {
    RunState.SUCCEEDED: EntryState.SUCCEEDED,
    RunState.DENIED: EntryState.DENIED,
    RunState.CANCELLED: EntryState.CANCELLED,
    RunState.TIMED_OUT: EntryState.TIMED_OUT,
}
"""How an entry ends with its run; every other end of one is a failure."""
_ENDED_BY = {Ending.TIMEOUT: EntryState.TIMED_OUT, Ending.CANCELLED: EntryState.CANCELLED}
"""How an entry ends that was told to."""


@record
class RunLook:
    """A run as the store has it: its state, whether it has ended, who carries it out, and how it would end a process.

    `left` says that workers look after it, whichever of them dies; `parked` why no worker takes it any more.
    """

    state: RunState
    ended: bool
    worker: str
    error: str = ""
    hint: str = ""
    exit_code: int = 0
    left: bool = False
    parked: str = ""


@record
class Stage:
    """What a conductor works with.

    `run` gives a run, None when the store does not have it; `due` tells whether one that waits may go on; `gone` whether a
    worker is dead; `end_run` asks a run to end early, in somebody's name; `new_run` makes the id of one; `emit` tells
    observers; `clock` gives UTC.
    """

    desk: PipelineStore
    starter: Starter
    run: Callable[[str], RunLook | None]
    due: Callable[[str], bool]
    gone: Callable[[str], bool]
    end_run: Callable[[str, Level, str], None]
    new_run: Callable[[], str]
    emit: Callable[..., None]
    clock: Callable[[], datetime]
    pools: Amounts


class Conductor:
    """Leads one pipeline as the process of one fence."""

    def __init__(self, pipeline: Pipeline, record: PipelineRecord, fence: int, stage: Stage) -> None:
        self._pipeline = pipeline
        self._id = record.id
        self._fence = fence
        self._stage = stage
        self._asked: dict[str, Level] = {}
        self._started: set[str] = set()

    def step(self) -> PipelineRecord:
        """Do everything that can be done at this moment, and return how the pipeline stands then.

        It is to be called again, a little later, until the pipeline has ended or waits. Raises RunLost when another process
        leads the pipeline, StoreError when the store is away: then the step can be done again.
        """
        with suppress(StateConflict):  # the process of a run has told something meanwhile: the next step sees it
            self._step()
        return self._stage.desk.record(self._id)

    def _step(self) -> None:
        for entry in self._stage.desk.record(self._id).entries:
            if entry.state in (EntryState.RUNNING, EntryState.WAITING):
                self._look_at(entry)
        self._end_early()
        self._settle()
        self._begin()
        record = self._stage.desk.record(self._id)
        state = self._standing(record)
        if state is record.state:
            return
        if record.state is PipelineState.WAITING and state is not PipelineState.RUNNING:
            self._move(record, PipelineState.RUNNING)
            record = replace(record, state=PipelineState.RUNNING)
        self._move(record, state)

    # what became of those at work

    def _look_at(self, entry: EntryRecord) -> None:
        run = self._stage.run(entry.run)
        if run is not None and run.ended:
            self._ended(entry, run)
        elif run is not None and run.parked:
            why = replace(entry, state=EntryState.FAILED, completed_at=self._stage.clock(), exit_code=1)
            self._change(entry, replace(why, error=f"its run is parked: {run.parked}", hint=run.hint))
        elif run is not None and run.state is RunState.WAITING:
            if entry.state is EntryState.WAITING:
                if self._stage.due(entry.run):
                    self._start(entry, replace(entry, state=EntryState.RUNNING))
            elif not self._is_taken_up(entry, run):
                self._change(entry, replace(entry, state=EntryState.WAITING, error=run.error, hint=run.hint))
        elif entry.state is EntryState.WAITING:  # somebody has gone on with it
            self._change(entry, replace(entry, state=EntryState.RUNNING, error="", hint=""))
        elif not (run is not None and run.left) and not self._stage.starter.is_there(entry.run):
            worker = entry.worker if run is None else run.worker
            if not worker or self._stage.gone(worker):
                # what its process did and told before it went; now that it is gone, no more comes from it
                after, now = self._stage.run(entry.run), self._stage.desk.record(self._id).entry(entry.id)
                if after == run and now.worker == entry.worker:
                    self._left_alone(now, begun=after is not None)

    def _is_taken_up(self, entry: EntryRecord, run: RunLook) -> bool:
        """Tell whether somebody is about to go on with a run that waits."""
        return self._stage.starter.is_there(entry.run) or (run.left and self._stage.due(entry.run))

    def _left_alone(self, entry: EntryRecord, *, begun: bool) -> None:
        """Go on with a run that nobody carries out, unless its process has told why, or too many have died over it.

        A run that has begun and not ended is not tried once more: another one would come on top of what it has half done.
        """
        # a process that a conductor before this one started, if it did, may live: it just has not come so far
        deaths = entry.deaths + bool(begun or entry.worker or entry.run in self._started)
        over = replace(entry, completed_at=self._stage.clock(), run=entry.run if begun else "")
        if entry.ending and not begun:
            self._over(entry, self._never_begun(entry, entry.ending))
        elif entry.exit_code:
            over = replace(over, state=EntryState.DENIED if entry.exit_code == 3 else EntryState.FAILED)
            end = self._change if begun else self._over
            end(entry, over)
        elif deaths >= MOST_DEATHS:
            log = f"see what they said: pipelines/{self._id}/{entry.id}-{entry.attempts}.log in the workspace, or a worker's log"
            hint = f"see what it was doing: nornflow runs show {entry.run}" if begun else log
            over = replace(over, state=EntryState.FAILED, exit_code=1, hint=hint)
            self._change(entry, replace(over, error=f"{MOST_DEATHS} processes died over it"))
        else:
            # one that was about to begin the run, however late it comes, finds that it is not the entry's any more
            run = entry.run if begun else self._stage.new_run()
            self._start(entry, replace(entry, run=run, worker="", deaths=deaths))

    def _ended(self, entry: EntryRecord, run: RunLook) -> None:
        state = _OUTCOMES.get(run.state, EntryState.FAILED)
        if entry.ending and state is not EntryState.SUCCEEDED:
            state = _ENDED_BY[entry.ending]
        told = replace(entry, state=state, error=run.error, hint=run.hint, exit_code=run.exit_code)
        if state is EntryState.TIMED_OUT and entry.ending:
            told = replace(told, error=f"its time was over; {run.error}".removesuffix("; "))
        self._over(entry, told)

    def _over(self, entry: EntryRecord, told: EntryRecord) -> None:
        """End an entry, or have it tried once more where that was asked for and may help."""
        wanted, now = self._pipeline.entry(entry.id), self._stage.clock()
        failed = told.state in (EntryState.FAILED, EntryState.TIMED_OUT) and told.exit_code not in _HOPELESS
        record = self._stage.desk.record(self._id)
        if not (failed and entry.attempts <= wanted.retries and record.wish is None and not self._late(record)):
            self._change(entry, replace(told, completed_at=now))
        elif why := stopping(self._pipeline, {one.id: one for one in record.entries}).get(entry.id):
            self._change(entry, replace(told, completed_at=now, error=not_again(told.error, why)))
        else:
            due, late = now + timedelta(seconds=wanted.delay), told.state is EntryState.TIMED_OUT
            ending = Ending.TIMEOUT if late else Ending.NOT
            self._change(entry, replace(told, state=EntryState.DELAYED, due_at=due, ending=ending, completed_at=None))

    # what shall end early

    def _end_early(self) -> None:
        """Ask runs to end whose time is over, or which somebody wants to end; what was not begun is not begun any more."""
        record = self._stage.desk.record(self._id)
        late = self._late(record)
        for entry in record.entries:
            if entry.over:
                continue
            if late or self._is_late(entry):
                self._end(entry, Ending.TIMEOUT, Level.NOW, record.user)
            elif record.wish is not None:
                self._end(entry, Ending.CANCELLED, record.wish.level, record.wish.by)

    def _end(self, entry: EntryRecord, ending: Ending, level: Level | None, by: str) -> None:
        if entry.state in (EntryState.PENDING, EntryState.DELAYED):
            self._change(entry, self._never_begun(entry, ending))
            return
        asked = self._asked.get(entry.run)
        if level is None or (asked is not None and level.height <= asked.height):
            return
        if entry.ending is not ending:
            old, entry = entry, replace(entry, ending=ending)
            self._change(old, entry)
        if self._stage.run(entry.run) is None:  # nothing was done yet
            self._stage.starter.stop(entry.run)
            if not entry.worker:  # whoever comes late to begin it may not
                self._over(entry, self._never_begun(entry, ending))
            return
        self._stage.end_run(entry.run, level, by)
        self._asked[entry.run] = level
        if entry.state is EntryState.WAITING:  # a process has to end it
            self._start(entry, replace(entry, state=EntryState.RUNNING))

    def _never_begun(self, entry: EntryRecord, ending: Ending) -> EntryRecord:
        """Return how an entry stands of which no (further) run is begun."""
        why = "its time was over before it had begun" if ending is Ending.TIMEOUT else "it was not begun any more"
        over = replace(entry, state=_ENDED_BY[ending], completed_at=self._stage.clock(), exit_code=1)
        return replace(over, error=why, run=entry.run if entry.state is EntryState.DELAYED else "")

    def _is_late(self, entry: EntryRecord) -> bool:
        limit = self._pipeline.entry(entry.id).timeout
        at_work = entry.state in (EntryState.RUNNING, EntryState.WAITING)
        return bool(limit and at_work and entry.started_at and self._since(entry.started_at) >= limit)

    def _late(self, record: PipelineRecord) -> bool:
        return bool(self._pipeline.timeout and self._since(record.started_at) >= self._pipeline.timeout)

    def _since(self, moment: datetime) -> float:
        return (self._stage.clock() - moment).total_seconds()

    # what may begin

    def _settle(self) -> None:
        """End entries that will never be begun; one that is skipped may settle others."""
        while True:
            record = self._stage.desk.record(self._id)
            entries = {one.id: one for one in record.entries}
            found = fates(self._pipeline, entries, self._since(record.started_at))
            if not found:
                return
            for name, (state, why) in found.items():
                old = entries[name]
                code = (old.exit_code or 1) if state in BADLY else 0
                over = replace(old, state=state, error=why, completed_at=self._stage.clock(), exit_code=code)
                self._change(old, over)

    def _begin(self) -> None:
        record = self._stage.desk.record(self._id)
        if record.wish is not None:
            return
        entries = {one.id: one for one in record.entries}
        for name in to_begin(self._pipeline, entries, self._stage.pools, self._stage.clock()):
            old = entries[name]
            begun = EntryRecord(old.id, old.workflow, EntryState.RUNNING, self._stage.new_run(), old.attempts + 1)
            self._start(old, replace(begun, started_at=self._stage.clock()))

    def _start(self, old: EntryRecord, new: EntryRecord) -> None:
        new = replace(new, error="", hint="", exit_code=0)
        self._change(old, new)
        self._stage.starter.start(self._id, new.id, new.run, new.attempts)
        self._started.add(new.run)

    # how it all stands

    def _standing(self, record: PipelineRecord) -> PipelineState:
        unended = {entry.state for entry in record.entries if not entry.over}
        if unended:
            return PipelineState.WAITING if unended <= self._idle(record) else PipelineState.RUNNING
        if any(entry.state is EntryState.CANCELLED for entry in record.entries) and record.wish is not None:
            return PipelineState.CANCELLED
        if self._late(record) and any(entry.state is EntryState.TIMED_OUT for entry in record.entries):
            return PipelineState.TIMED_OUT
        return PipelineState.FAILED if any(one.state in BADLY for one in record.entries) else PipelineState.SUCCEEDED

    def _idle(self, record: PipelineRecord) -> frozenset[EntryState]:
        """Return the states of entries that nothing becomes of by itself, while one of them waits for an answer."""
        waits = any(entry.state is EntryState.WAITING for entry in record.entries)
        return frozenset((EntryState.WAITING, EntryState.PENDING)) if waits else frozenset()

    def _change(self, old: EntryRecord, new: EntryRecord) -> None:
        self._stage.desk.move_entry(self._id, self._fence, old, new)
        if new.state is not old.state or new.run != old.run:
            data: dict[str, Any] = {"entry": new.id, "state": new.state.value, "entry_run": new.run}
            self._stage.emit(EventKind.PIPELINE_ENTRY, new.error, **data, attempt=new.attempts, workflow=new.workflow)

    def _move(self, record: PipelineRecord, state: PipelineState) -> None:
        error = "; ".join(f"{one.id}: {one.error or one.state.value}" for one in record.entries if one.state in BADLY)
        self._stage.desk.move(self._id, self._fence, record.state, state, self._stage.clock(), error)
        self._stage.emit(EventKind.PIPELINE_STATE, error, state=state.value, name=record.name)
