"""A worker as the one that leads pipelines: those left to workers, and those whose leader is dead.

It leads in between: whenever something has changed about a pipeline, or a moment has come, one step of its conductor is
done. Between two of them there is nothing of it but a look at the store, shared by all pipelines.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from nornflow.app.build import Project
from nornflow.app.clock import now
from nornflow.app.services.pipelines.leaving import LeavingStarter
from nornflow.app.services.pipelines.spec import PipelineSpec, settings_of
from nornflow.app.services.pipelines.stage import stage_of
from nornflow.app.services.pipelines.takers import why_not
from nornflow.engine.herald import Herald
from nornflow.engine.pipelines.conductor import Conductor
from nornflow.engine.pipelines.orchestration import next_moment
from nornflow.errors import RunLost, StateConflict, StoreError, UsageError
from nornflow.model.pipeline import EntryState, Pipeline, PipelineRecord
from nornflow.model.submission import Submitted
from nornflow.store.pipelines import SqlPipelines
from nornflow.store.runs import SqlRunStore
from nornflow.store.workers import Workers


@dataclass(slots=True)
class _Led:
    """A pipeline that is led here; `seen` is what there was to be seen when nothing was to be done, until `again`."""

    pipeline: Pipeline
    conductor: Conductor
    fence: int
    seen: object = None
    again: datetime | None = None


class Pipelines:
    """The pipelines that one worker leads; `tell` says in a line what happens."""

    def __init__(
        self,
        project: Project,
        store: SqlRunStore,
        workers: Workers,
        starter: LeavingStarter,
        herald: Herald,
        tell: Callable[[str], object],
    ) -> None:
        self._project, self._store, self._workers = project, store, workers
        self._starter, self._herald, self._tell = starter, herald, tell
        self._desk = SqlPipelines(store)
        self._led: dict[str, _Led] = {}
        self._home, self._settings = str(project.folder.resolve()), settings_of(project)
        self._foreign: set[str] = set()
        self._unfit: set[str] = set()

    def look(self, due: Collection[str], submitted: Mapping[str, Submitted]) -> None:
        """Lead every pipeline that nobody leads, and do what can be done for those that are led here. StoreError.

        `due` are the runs that may go on, `submitted` those that were left to workers and have not ended.
        """
        self._starter.go_on()
        records = self._desk.unended()
        gone = self._workers.gone_of({one.worker for one in records} - {self._workers.id})
        for record in records:
            # a database that went away in that moment may have made it ours without a word
            unheard = record.worker == self._workers.id and record.id not in self._led
            if record.worker in gone or unheard:
                self._take_up(record)
            elif record.worker != self._workers.id:
                self._led.pop(record.id, None)
        mine = [one for one in records if one.id in self._led]
        self._led = {one.id: self._led[one.id] for one in mine}
        self._lead(mine, due, submitted)

    def release(self) -> None:
        """Leave every pipeline to other workers; a process that is about to begin a run comes to its end. StoreError."""
        self._starter.begin_no_more()
        for pipeline, led in self._led.items():
            with suppress(RunLost):
                self._desk.release(pipeline, led.fence)
        self._led.clear()

    def _take_up(self, record: PipelineRecord) -> None:
        if record.id in self._foreign or (record.id in self._unfit and record.wish is None):
            return
        spec = self._spec(record)
        if spec is None:
            return
        with suppress(StateConflict):  # another worker was quicker, or it has ended
            fence = self._desk.take_over(record.id, record.fence, self._workers.id)
            self._tell(f"pipeline {record.id} ({record.name}) is led here")
            self._led[record.id] = _Led(spec.made, self._conductor(spec.made, record, fence), fence)

    def _spec(self, record: PipelineRecord) -> PipelineSpec | None:
        """Return what a pipeline was begun with.

        None for one of another project's folder, one that is not understood, and one that was begun with other settings:
        under those of here its runs would be others, so it is left to a worker that has them.
        """
        try:
            spec = PipelineSpec.read(self._desk.spec(record.id))
        except UsageError as error:
            self._foreign.add(record.id)
            self._tell(f"pipeline {record.id} is not led here: {error.message}")
            return None
        if not spec.is_of(self._home):
            self._foreign.add(record.id)
        elif why_not(spec, record, self._home, self._settings):
            self._unfit.add(record.id)
            changes = "; ".join(spec.changes(self._settings))
            self._tell(f"pipeline {record.id} is not led here, its settings are others: {changes}")
        else:
            return spec
        return None

    def _conductor(self, pipeline: Pipeline, record: PipelineRecord, fence: int) -> Conductor:
        emit = self._herald.emitter(record.id, now)
        stage = stage_of(self._project, self._store, self._workers, self._starter, emit, takes=lambda submission: True)
        return Conductor(pipeline, record, fence, stage)

    def _lead(
        self, records: Collection[PipelineRecord], due: Collection[str], submitted: Mapping[str, Submitted]
    ) -> None:
        at_work = {one.run for record in records for one in record.entries if _has_run(one.state)}
        runs = self._desk.runs(at_work) if at_work else {}
        owners = {worker for _, worker in runs.values()} | {one.worker for each in records for one in each.entries}
        gone = self._workers.gone_of(owners - {""})
        for record in records:
            led = self._led[record.id]
            sight = (
                record,
                tuple(
                    (
                        runs.get(one.run),
                        runs.get(one.run, ("", ""))[1] in gone,
                        one.worker in gone,
                        one.run in due,
                        submitted[one.run].submission.parked if one.run in submitted else None,
                        self._starter.is_there(one.run),
                    )
                    for one in record.entries
                    if _has_run(one.state)
                ),
            )
            if sight != led.seen or (led.again is not None and led.again <= now()):
                self._step(led, record, sight)

    def _step(self, led: _Led, record: PipelineRecord, sight: object) -> None:
        moment = now()
        try:
            after = led.conductor.step()
        except RunLost:
            self._led.pop(record.id)
            self._tell(f"pipeline {record.id} is led by another process now")
            return
        except StoreError:
            led.seen = None
            raise
        except Exception as error:  # noqa: BLE001 - whatever is wrong with one pipeline must not cost the worker its runs
            self._tell(f"pipeline {record.id} is not led here any more: {error!r}")
            self._foreign.add(record.id)
            with suppress(RunLost):
                self._desk.release(record.id, self._led.pop(record.id).fence)
            return
        led.seen = sight if (after.state, after.entries) == (record.state, record.entries) else None
        led.again = next_moment(led.pipeline, after, moment)
        if after.over:
            self._tell(f"pipeline {record.id} is {after.state}")


def _has_run(state: EntryState) -> bool:
    return state in (EntryState.RUNNING, EntryState.WAITING)
