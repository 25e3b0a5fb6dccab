"""Running a pipeline and going on with one: this process leads it, others carry out its runs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from dataclasses import field, replace
from pathlib import Path

from nornflow.abc import RunStore
from nornflow.app.build import Project
from nornflow.app.clock import new_run_id, now
from nornflow.app.services.asking import Voices
from nornflow.app.services.given import given_inputs
from nornflow.app.services.pipelines.file import usable_pipeline
from nornflow.app.services.pipelines.spec import PipelineSpec, settings_of
from nornflow.app.services.pipelines.stage import stage_of
from nornflow.app.services.pipelines.starter import ProcessStarter
from nornflow.app.services.pipelines.takers import takers, why_untaken
from nornflow.app.services.waits.waiting import remind
from nornflow.app.services.workers.alive import Alive, alive, living
from nornflow.engine.herald import Herald
from nornflow.engine.pipelines.conductor import Conductor
from nornflow.errors import RunLost, StateConflict, UsageError
from nornflow.model.pipeline import (
    EntryRecord,
    EntryState,
    Pipeline,
    PipelineRecord,
    PipelineState,
    PipelineWish,
    kept_pipeline,
)
from nornflow.model.submission import Submission
from nornflow.model.wish import Level
from nornflow.policy.profiles import profile_named
from nornflow.record import record
from nornflow.store.patience import Patience
from nornflow.store.pipelines import SqlPipelines
from nornflow.store.posts import Posts
from nornflow.store.processes import user
from nornflow.store.runs import SqlRunStore
from nornflow.workflow.inputs import resolve_inputs

TICK = 0.25
"""Seconds between two looks at how the runs stand."""


@record
class PipelineRequest:
    """What somebody asked for: the file, inputs (`key=value` or `@file.yaml`), another inventory, and options of each run.

    `yes` answers every question of every run with yes; `options` are words of the command line that each run is given.
    """

    file: Path
    inputs: Sequence[str] = ()
    inventory: Path | None = None
    yes: bool = False
    options: Sequence[str] = field(default=())


def run_pipeline(
    project: Project, request: PipelineRequest, voices: Voices, wait: Callable[[float], object] = time.sleep
) -> PipelineRecord:
    """Run a pipeline to its end, or until it waits for somebody, and return how it stands then.

    InvalidDocument and UsageError before anything is begun.
    """
    pipeline, spec = _asked(project, request)
    with closing(of_pipelines(project.store())) as store:
        desk = SqlPipelines(store)
        with alive(store, project) as me:
            record = _new(pipeline, me.id)
            desk.begin(record, spec.kept())
            return _Lead(project, desk, store, me, voices, request, wait).lead(pipeline, record, record.fence)


def detach_pipeline(project: Project, request: PipelineRequest) -> tuple[PipelineRecord, str]:
    """Leave a pipeline to workers; return how it stands, and what whoever left it should know. Errors as `run_pipeline`."""
    pipeline, spec = _asked(project, request)
    with closing(of_pipelines(project.store())) as store:
        record = _new(pipeline, "")
        kept = spec.portable().kept()
        SqlPipelines(store).begin(record, kept)
        posts = takers(store)
    why = why_untaken(kept, record, posts) if posts else "no worker is there"
    return record, f"{why}; the pipeline waits for one" if why else ""


def starter(project: Project, pipeline: str, request: PipelineRequest) -> ProcessStarter:
    """Return what starts the processes of a pipeline."""
    options = [*request.options, *(("--yes",) if request.yes else ())]
    return ProcessStarter(project.folder, logs_of(project, pipeline), options)


def logs_of(project: Project, pipeline: str) -> Path:
    """Return the folder in which the processes of a pipeline write what they say."""
    return project.workspace / "pipelines" / pipeline


def _asked(project: Project, request: PipelineRequest) -> tuple[Pipeline, PipelineSpec]:
    pipeline = usable_pipeline(project, request.file)
    profile = profile_named(project.profiles, project.settings.profile)
    inputs = resolve_inputs(
        pipeline.inputs, given_inputs(request.inputs), max_string=profile.strictness.max_string, base=project.folder
    )
    spec = PipelineSpec(
        kept_pipeline(pipeline),
        str(request.file.parent.resolve()),
        str(project.folder.resolve()),
        inputs,
        str(request.inventory.resolve()) if request.inventory else "",
        request.yes,
        settings_of(project, request.inventory),
    )
    return pipeline, spec


def resume_pipeline(
    project: Project,
    beginning: str,
    voices: Voices,
    request: PipelineRequest,
    wait: Callable[[float], object] = time.sleep,
) -> PipelineRecord:
    """Go on with a pipeline whose process is dead, or that waits; entries that have ended are not begun again.

    What its beginner said yes to needs no yes once more. UsageError when it has ended, StateConflict when another process
    leads it.
    """
    with closing(of_pipelines(project.store())) as store:
        desk = SqlPipelines(store)
        record = desk.record(desk.find(beginning))
        _demand_unended(record)
        with alive(store, project) as me:
            where = living(me, record.worker, wait)
            if where:
                raise StateConflict(
                    f"pipeline {record.id} is led by {where}: it goes on by itself",
                    hint=f"nornflow pipeline show {record.id}, or nornflow pipeline cancel {record.id}",
                )
            spec = PipelineSpec.read(desk.spec(record.id))
            if not spec.is_of(str(project.folder.resolve())):
                raise UsageError(f"pipeline {record.id} was begun in {spec.project}", hint="resume it in that folder")
            if record.wish is None:  # one that is to end begins no run any more
                spec.demand_unchanged(project, record.id)
            fence = desk.take_over(record.id, record.fence, me.id)
            request = replace(request, yes=request.yes or spec.yes)
            return _Lead(project, desk, store, me, voices, request, wait).lead(spec.made, record, fence)


def _demand_unended(record: PipelineRecord) -> None:
    if record.over:
        raise UsageError(
            f"pipeline {record.id} has ended: it is {record.state}", hint=f"nornflow pipeline show {record.id}"
        )


def of_pipelines(store: RunStore) -> SqlRunStore:
    """Return the store as the database that it is; UsageError where nothing is remembered."""
    if not isinstance(store, SqlRunStore):
        raise UsageError("without a store there are no pipelines (store.url: none)", hint="set store.url")
    return store


def _new(pipeline: Pipeline, worker: str) -> PipelineRecord:
    began = now()
    return PipelineRecord(
        new_run_id(began),
        pipeline.name,
        pipeline.file,
        pipeline.mode,
        PipelineState.RUNNING,
        user(),
        began,
        tuple(EntryRecord(entry.id, entry.workflow) for entry in pipeline.entries),
        worker=worker,
    )


class _Lead:
    """This process as the one that leads a pipeline, and does nothing else."""

    def __init__(
        self,
        project: Project,
        desk: SqlPipelines,
        store: SqlRunStore,
        me: Alive,
        voices: Voices,
        request: PipelineRequest,
        wait: Callable[[float], object],
    ) -> None:
        self._project = project
        self._desk = desk
        self._store = store
        self._me = me
        self._voices = voices
        self._request = request
        self._wait = wait
        self._lost = threading.Event()
        self._told: Level | None = None

    def lead(self, pipeline: Pipeline, record: PipelineRecord, fence: int) -> PipelineRecord:
        project, voices = self._project, self._voices
        patience = Patience(project.settings.store.patience, waiting=voices.notice)
        processes = starter(project, record.id, self._request)
        observers = (*voices.observers, *project.plugin_host.registries.observers.values())
        herald = Herald(observers, project.redactor, voices.notice)
        self._me.tell(lambda error: self._lost.set())
        workers = self._me.workers
        assert workers is not None  # there is a store
        posts = Posts(self._store.engine)

        def takes(submission: Submission) -> bool:
            return any(
                submission.place in each.post.places and not each.draining and not workers.is_dead(each.worker.id)
                for each in posts.all()
            )

        stage = stage_of(project, self._store, workers, processes, herald.emitter(record.id, now), takes)
        conductor = Conductor(pipeline, record, fence, stage)
        try:
            while True:
                self._heed(record.id)
                record = patience(conductor.step)
                if any(entry.state is EntryState.WAITING for entry in record.entries):
                    for event in patience(lambda: remind(self._store, now())):
                        herald.tell(event)
                if record.over or record.state is PipelineState.WAITING:
                    processes.close()
                    return record
                if self._lost.is_set():
                    raise RunLost(
                        "this process was taken for dead: it was stopped for too long, or cut off from the store",
                        hint=f"see how the pipeline stands: nornflow pipeline show {record.id}",
                    )
                if voices.switch.rollbacks.aborted:
                    voices.notice(f"the runs go on by themselves; then: nornflow pipeline resume {record.id}")
                    return record
                self._wait(TICK)
        finally:
            herald.close()

    def _heed(self, pipeline: str) -> None:
        """Have the pipeline end as somebody wishes at this terminal."""
        wish = self._voices.switch.wish
        if wish is not None and wish.level is not self._told:
            with suppress(StateConflict):
                self._desk.ask(pipeline, PipelineWish(wish.level, wish.by))
            self._told = wish.level
