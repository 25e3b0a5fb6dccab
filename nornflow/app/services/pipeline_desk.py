"""Looking at pipelines, and ending one early."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass

from nornflow.app.build import Project
from nornflow.app.services.asking import Voices
from nornflow.app.services.pipeline_lead import PipelineRequest, of_pipelines, resume_pipeline, starter
from nornflow.app.services.prepared import now
from nornflow.errors import StateConflict
from nornflow.model.lock import Place
from nornflow.model.pipeline import PipelineRecord, PipelineState, PipelineWish
from nornflow.model.wish import Level
from nornflow.store.pipelines import SqlPipelines
from nornflow.store.processes import user
from nornflow.store.slots import places
from nornflow.store.waits import SqlWaits
from nornflow.store.workers import Workers

LOOK = 0.25
"""Seconds between two looks at a pipeline that is to end."""


@dataclass(frozen=True, slots=True)
class PipelineView:
    """How a pipeline stands; `cut_off` says that the process that led it is dead.

    `places` has the place of each of its runs that waits for its turn, by the run's id.
    """

    record: PipelineRecord
    cut_off: bool
    places: Mapping[str, Place]


@contextmanager
def _opened(project: Project) -> Iterator[tuple[SqlPipelines, Workers]]:
    with closing(of_pipelines(project.store(create=False))) as store:
        yield SqlPipelines(store), Workers(store.engine)


def pipelines_of(
    project: Project, status: PipelineState | None = None, last: int | None = None, name: str = ""
) -> Sequence[PipelineView]:
    """Return the pipelines of the project in this state and of this name, newest first."""
    with _opened(project) as (desk, workers):
        return [_view(one, workers) for one in desk.pipelines(status, last, name)]


def pipeline_of_id(project: Project, beginning: str) -> PipelineView:
    """Return a pipeline by the beginning of its id; UsageError when there is none, or more than one."""
    with _opened(project) as (desk, workers):
        return _view(desk.record(desk.find(beginning)), workers)


def _view(record: PipelineRecord, workers: Workers) -> PipelineView:
    waiting = {} if record.over else places(workers.engine)
    runs = {entry.run for entry in record.entries}
    cut_off = record.state is PipelineState.RUNNING and workers.is_dead(record.worker)
    return PipelineView(record, cut_off, {run: place for run, place in waiting.items() if run in runs})


def resume_all(project: Project, request: PipelineRequest) -> Sequence[str]:
    """Go on with every pipeline whose process is dead, or that waits and may go on, each led by a process of its own.

    Return their ids, oldest first. Of several who do this at once, one leads each pipeline.
    """
    with closing(of_pipelines(project.store(create=False))) as store:
        desk, workers, due = SqlPipelines(store), Workers(store.engine), frozenset(SqlWaits(store).due(now()))
        running, waiting = (desk.pipelines(state) for state in (PipelineState.RUNNING, PipelineState.WAITING))
        found = [one.id for one in running if workers.is_dead(one.worker)]
        found += [one.id for one in waiting if due & {entry.run for entry in one.entries}]
    for pipeline in sorted(found):
        starter(project, pipeline, request).lead(pipeline)
    return sorted(found)


def cancel_pipeline(
    project: Project,
    beginning: str,
    level: Level | None,
    voices: Voices,
    request: PipelineRequest,
    *,
    until_end: bool = False,
    wait: Callable[[float], object] = time.sleep,
) -> PipelineRecord:
    """Have a pipeline end early and return how it stands: no entry is begun any more, runs at work end at the level.

    Where nobody leads it (it waits, or its process is dead) this process does until it has ended. StateConflict when it
    has ended already; UsageError when there is none.
    """
    with _opened(project) as (desk, workers):
        pipeline = desk.find(beginning)
        record = desk.ask(pipeline, PipelineWish(level, user()))
        while not record.over:
            if workers.gone(record.worker):
                with suppress(StateConflict):  # somebody leads it by now
                    return resume_pipeline(project, pipeline, voices, request, wait)
            elif not until_end:
                return record
            wait(LOOK)
            record = desk.record(pipeline)
        return record
