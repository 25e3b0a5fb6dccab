"""The run of one entry of a pipeline, in a process of its own: begun, or gone on with, as an ordinary run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from typing import Any

from nornflow.abc import RunStore
from nornflow.app.build import Project
from nornflow.app.services.asking import Request, Voices
from nornflow.app.services.change import Commission, carry_out
from nornflow.app.services.pipeline_lead import of_pipelines
from nornflow.app.services.pipeline_spec import PipelineSpec, names_for, request_for
from nornflow.app.services.prepared import Change, asked_change
from nornflow.app.services.resume import Wanted, resume_run
from nornflow.errors import NornFlowError, StateConflict, StoreError, UsageError
from nornflow.model.pipeline import EntryState
from nornflow.model.run import RunRecord
from nornflow.store.pipelines import SqlPipelines
from nornflow.store.runs import SqlRunStore


def work_on(project: Project, pipeline: str, entry: str, run: str, voices: Voices) -> RunRecord | None:
    """Carry out the run of an entry and return its record; None when that is not what is wanted any more.

    What is raised instead of a record is told to whoever leads the pipeline, too. No store is open while the run is made
    ready: it may fork.
    """
    try:
        return _carried_out(project, pipeline, entry, run, voices)
    except StateConflict:  # another process was quicker, or the run is not wanted any more
        return None
    except NornFlowError as error:
        with suppress(StoreError), _opened(project) as (_, desk):
            desk.told(pipeline, entry, run, error.message, error.hint, error.exit_code)
        raise


@contextmanager
def _opened(project: Project) -> Iterator[tuple[SqlRunStore, SqlPipelines]]:
    with closing(of_pipelines(project.store())) as store:
        yield store, SqlPipelines(store)


def _carried_out(project: Project, pipeline: str, entry: str, run: str, voices: Voices) -> RunRecord | None:
    with _opened(project) as (store, desk):
        record = desk.record(pipeline)
        known = record.entry(entry)
        if known.run != run or known.state is not EntryState.RUNNING:
            return None
        begun = desk.run(run) is not None
        kept: Mapping[str, Any] = desk.spec(pipeline)
        spec = PipelineSpec(**kept)
        wanted = spec.made.entry(entry)
        request = None if begun else request_for(project, spec, wanted, names_for(store, spec, record))
    if request is None:
        return resume_run(project, Wanted(run), voices)
    change = _unchanged(asked_change(project, request), request, wanted.digest)

    def claim(store: RunStore, worker: str) -> None:
        SqlPipelines(of_pipelines(store)).claim(pipeline, entry, run, worker)

    try:
        return carry_out(project, change, voices, commission=Commission(run, claim))
    finally:
        change.close()


def _unchanged(change: Change, request: Request, digest: str) -> Change:
    """Return the change; UsageError when its workflow is not the one that the pipeline was begun with."""
    if change.workflow.digest == digest:
        return change
    change.close()
    raise UsageError(
        f"{request.file} is not what it was when the pipeline was begun",
        hint="bring it back and resume the pipeline, or begin the pipeline anew",
    )
