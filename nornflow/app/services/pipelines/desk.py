"""Looking at pipelines, and ending one early."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import field

from nornflow.app.build import Project
from nornflow.app.clock import now
from nornflow.app.services.asking import Voices
from nornflow.app.services.pipelines.lead import PipelineRequest, of_pipelines, resume_pipeline, starter
from nornflow.app.services.pipelines.spec import PipelineSpec, settings_of
from nornflow.app.services.pipelines.takers import takers, why_not, why_untaken
from nornflow.app.services.waits.waiting import remind_all
from nornflow.app.services.workers.watching import Watched, seen_in
from nornflow.engine.pipelines.orchestration import is_due
from nornflow.errors import StateConflict, UsageError
from nornflow.model.lock import Place
from nornflow.model.pipeline import EntryState, PipelineRecord, PipelineState, PipelineWish
from nornflow.model.run import RunState
from nornflow.model.wish import Level
from nornflow.record import record
from nornflow.store.pipelines import SqlPipelines
from nornflow.store.processes import user
from nornflow.store.runs import SqlRunStore
from nornflow.store.slots import places
from nornflow.store.waits import SqlWaits
from nornflow.store.workers import Workers

LOOK = 0.25
"""Seconds between two looks at a pipeline that is to end."""


@record
class PipelineView:
    """How a pipeline stands; `leader` is who leads it, in words, `cut_off` says that the process that did is dead.

    `followed` says that there are workers that take it up when nobody leads it, `untaken` why none of those that are there
    does. `places` has the place of each of its runs that waits for its turn, by the run's id, and `queued` what keeps those
    from a worker that were left to workers.
    """

    record: PipelineRecord
    cut_off: bool = False
    leader: str = ""
    followed: bool = False
    untaken: str = ""
    places: Mapping[str, Place] = field(default_factory=dict)
    queued: Mapping[str, str] = field(default_factory=dict)


@contextmanager
def _opened(project: Project) -> Iterator[tuple[SqlPipelines, SqlRunStore, Workers]]:
    with closing(of_pipelines(project.store(create=False))) as store:
        yield SqlPipelines(store), store, Workers(store.engine, silence=project.settings.store.silence)


def pipelines_of(
    project: Project, status: PipelineState | None = None, last: int | None = None, name: str = ""
) -> Sequence[PipelineView]:
    """Return the pipelines of the project in this state and of this name, newest first."""
    with _opened(project) as (desk, store, _):
        return _views(desk.pipelines(status, last, name), desk, store)


def pipeline_of_id(project: Project, beginning: str) -> PipelineView:
    """Return a pipeline by the beginning of its id; UsageError when there is none, or more than one."""
    with _opened(project) as (desk, store, _):
        return _views([desk.record(desk.find(beginning))], desk, store)[0]


def _views(records: Sequence[PipelineRecord], desk: SqlPipelines, store: SqlRunStore) -> Sequence[PipelineView]:
    unended = [one for one in records if not one.over]
    watched, workers = seen_in(store) if unended else Watched((), ()), Workers(store.engine)
    waiting = places(store.engine) if unended else {}
    queued = {each.run: f"{each} ({each.where})" for each in watched.waiting}
    posts = takers(store) if unended else ()

    def view(record: PipelineRecord) -> PipelineView:
        runs = {entry.run for entry in record.entries}
        dead = workers.is_dead(record.worker)
        about = None if dead else workers.about(record.worker)
        untaken = "" if about else why_untaken(desk.spec(record.id), record, posts)
        return PipelineView(
            record,
            record.state is PipelineState.RUNNING and dead and bool(record.worker),
            f"{record.worker} on {about.process.machine}, process {about.process.pid}" if about else "",
            bool(posts) and not untaken,
            untaken,
            {run: place for run, place in waiting.items() if run in runs},
            {run: why for run, why in queued.items() if run in runs},
        )

    return [PipelineView(one) if one.over else view(one) for one in records]


def resume_all(project: Project, request: PipelineRequest) -> Sequence[str]:
    """Go on with every pipeline whose process is dead, or that waits and may go on, each led by a process of its own; remind.

    One that waits may go on when an answer has come, or when a time of its own is over. Return their ids, oldest first;
    without those that a worker goes on with. Of several who do this at once, one leads each pipeline.
    """
    with closing(of_pipelines(project.store(create=False))) as store:
        posts, home, settings = takers(store), str(project.folder.resolve()), settings_of(project)
        if not posts:  # workers remind, too
            remind_all(project, store, Voices())
        desk, workers, moment = SqlPipelines(store), Workers(store.engine), now()
        due = frozenset(SqlWaits(store).due(moment))

        def goes_on(one: PipelineRecord) -> bool:
            kept = desk.spec(one.id)
            try:
                spec = PipelineSpec.read(kept)
            except UsageError:  # of another NornFlow, which goes on with it
                return False
            if why_not(spec, one, home, settings) or (posts and not why_untaken(kept, one, posts)):
                return False
            if one.state is PipelineState.RUNNING:
                return workers.is_dead(one.worker)
            waiting = {entry.run for entry in one.entries if entry.state is EntryState.WAITING}
            # one that waits no more was gone on with by itself, as `runs resume` does
            moved = any(state is not RunState.WAITING for state, _ in desk.runs(waiting).values())
            return moved or bool(due & waiting) or is_due(spec.made, one, moment)

        found = [one.id for one in desk.unended() if goes_on(one)]
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

    Where nobody leads it (it waits, or its process is dead) and no worker does, this process does until it has ended.
    StateConflict when it has ended already; UsageError when there is none.
    """
    with _opened(project) as (desk, store, workers):
        pipeline = desk.find(beginning)
        record = desk.ask(pipeline, PipelineWish(level, user()))
        while not record.over:
            posts = takers(store)
            taken = bool(posts) and not why_untaken(desk.spec(pipeline), record, posts)
            if workers.gone(record.worker) and not taken:
                record = desk.record(pipeline)
                if record.over:  # its process ended it, and went, between these two looks
                    return record
                with suppress(StateConflict):  # somebody leads it by now
                    return resume_pipeline(project, pipeline, voices, request, wait)
            elif not until_end:
                return record
            wait(LOOK)
            record = desk.record(pipeline)
        return record
