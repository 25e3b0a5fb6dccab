"""The run of one entry of a pipeline, in a process of its own: begun, or gone on with, as an ordinary run."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing, suppress
from typing import Any

from nornflow.app.build import Project
from nornflow.app.services.asking import Request, Voices
from nornflow.app.services.change import Commission, carry_out
from nornflow.app.services.pipeline_spec import PipelineSpec, names_for, request_for
from nornflow.app.services.prepared import asked_change
from nornflow.app.services.resume import Wanted, resume_run
from nornflow.errors import NornFlowError, StateConflict, StoreError, UsageError
from nornflow.model.pipeline import Entry, EntryState
from nornflow.model.run import RunRecord
from nornflow.store.pipelines import SqlPipelines
from nornflow.store.runs import SqlRunStore


def work_on(project: Project, pipeline: str, entry: str, run: str, voices: Voices) -> RunRecord | None:
    """Carry out the run of an entry and return its record; None when that is not what is wanted any more.

    What is raised instead of a record is told to whoever leads the pipeline, too.
    """
    with closing(project.store()) as store:
        assert isinstance(store, SqlRunStore)  # a pipeline is kept in the store
        desk = SqlPipelines(store)
        known = desk.record(pipeline).entry(entry)
        if known.run != run or known.state is not EntryState.RUNNING:
            return None
        try:
            return _carried_out(project, store, desk, pipeline, entry, run, voices)
        except StateConflict:  # another process was quicker, or the run is not wanted any more
            return None
        except NornFlowError as error:
            with suppress(StoreError):
                desk.told(pipeline, entry, run, error.message, error.hint, error.exit_code)
            raise


def _carried_out(
    project: Project, store: SqlRunStore, desk: SqlPipelines, pipeline: str, entry: str, run: str, voices: Voices
) -> RunRecord:
    if desk.run(run) is not None:
        return resume_run(project, Wanted(run), voices)
    kept: Mapping[str, Any] = desk.spec(pipeline)
    spec = PipelineSpec(**kept)
    wanted = spec.made.entry(entry)
    request = request_for(project, spec, wanted, names_for(store, spec, desk.record(pipeline)))
    change = asked_change(project, request)
    try:
        _demand_unchanged(wanted, change.workflow.digest, request)
        commission = Commission(run, lambda worker: desk.claim(pipeline, entry, run, worker))
        return carry_out(project, change, voices, commission=commission)
    finally:
        change.close()


def _demand_unchanged(entry: Entry, digest: str, request: Request) -> None:
    if entry.digest != digest:
        raise UsageError(
            f"entry {entry.id}: {request.file} is not what it was when the pipeline was begun",
            hint="bring it back and resume the pipeline, or begin the pipeline anew",
        )
