"""The run of one entry of a pipeline, in a process of its own: begun, gone on with or left to workers, as an ordinary run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress

from nornflow.abc import RunStore
from nornflow.app.build import Project
from nornflow.app.services.asking import Request, Voices
from nornflow.app.services.change import Commission, carry_out
from nornflow.app.services.decided import Change, asked_change
from nornflow.app.services.pipelines.lead import of_pipelines
from nornflow.app.services.pipelines.spec import PipelineSpec, names_for, request_for
from nornflow.app.services.resume import Wanted, resume_run
from nornflow.app.services.workers.submitting import submit_again, submit_commissioned
from nornflow.errors import NornFlowError, StateConflict, StoreError, UsageError
from nornflow.model.pipeline import EntryState
from nornflow.model.run import RunRecord
from nornflow.record import record
from nornflow.store.pipelines import SqlPipelines
from nornflow.store.runs import SqlRunStore


def work_on(project: Project, pipeline: str, entry: str, run: str, voices: Voices) -> RunRecord | None:
    """Carry out the run of an entry and return its record; None when that is not what is wanted any more.

    What is raised instead of a record is told to whoever leads the pipeline, too. No store is open while the run is made
    ready: it may fork.
    """
    try:
        with _telling(project, pipeline, entry, run):
            return _carried_out(project, pipeline, entry, run, voices)
    except StateConflict:  # another process was quicker, or the run is not wanted any more
        return None


def leave_run(project: Project, pipeline: str, entry: str, run: str) -> None:
    """Leave the run of an entry to workers, in the name of whoever began the pipeline; do nothing when it is not wanted any more.

    One that they are to have already, and have not, is brought to them. What is raised is told to whoever leads the pipeline.
    """
    with suppress(StateConflict), _telling(project, pipeline, entry, run):
        _left(project, pipeline, entry, run)


@contextmanager
def _telling(project: Project, pipeline: str, entry: str, run: str) -> Iterator[None]:
    try:
        yield
    except StateConflict:
        raise
    except NornFlowError as error:
        with suppress(StoreError), _opened(project) as (_, desk):
            desk.told(pipeline, entry, run, error.message, error.hint, error.exit_code)
        raise


@contextmanager
def _opened(project: Project) -> Iterator[tuple[SqlRunStore, SqlPipelines]]:
    with closing(of_pipelines(project.store())) as store:
        yield store, SqlPipelines(store)


@record
class _Wanted:
    """The run of an entry: what it is asked for (None where it has begun), and the workflow's digest when it was compiled."""

    request: Request | None
    digest: str
    who: str
    yes: bool


def _wanted(project: Project, pipeline: str, entry: str, run: str) -> _Wanted:
    """Return what is wanted; StateConflict when the run is not wanted any more."""
    with _opened(project) as (store, desk):
        record = desk.record(pipeline)
        known = record.entry(entry)
        if known.run != run or known.state is not EntryState.RUNNING:
            raise StateConflict(f"run {run} is not wanted any more", hint=f"nornflow pipeline show {pipeline}")
        spec = PipelineSpec.read(desk.spec(pipeline)).at_home(project.folder)
        wanted = spec.made.entry(entry)
        begun = desk.run(run) is not None
        if not begun:  # one that has begun knows itself what it was begun with
            spec.demand_unchanged(project, pipeline)
        request = None if begun else request_for(project, spec, wanted, names_for(store, spec, record))
    return _Wanted(request, wanted.digest, record.user, spec.yes)


def _carried_out(project: Project, pipeline: str, entry: str, run: str, voices: Voices) -> RunRecord:
    wanted = _wanted(project, pipeline, entry, run)
    if wanted.request is None:
        return resume_run(project, Wanted(run), voices)
    with closing(_unchanged(asked_change(project, wanted.request), wanted.request, wanted.digest)) as change:
        return carry_out(project, change, voices, commission=_commission(pipeline, entry, run))


def _left(project: Project, pipeline: str, entry: str, run: str) -> None:
    wanted = _wanted(project, pipeline, entry, run)
    if wanted.request is None:
        submit_again(project, run, yes=wanted.yes)
        return
    with closing(_unchanged(asked_change(project, wanted.request), wanted.request, wanted.digest)) as change:
        commission = _commission(pipeline, entry, run)
        submit_commissioned(project, change, commission, yes=wanted.yes, who=wanted.who)


def _commission(pipeline: str, entry: str, run: str) -> Commission:
    def claim(store: RunStore, worker: str) -> None:
        SqlPipelines(of_pipelines(store)).claim(pipeline, entry, run, worker)

    return Commission(run, claim)


def _unchanged(change: Change, request: Request, digest: str) -> Change:
    """Return the change; UsageError when its workflow is not the one that the pipeline was begun with."""
    if change.workflow.digest == digest:
        return change
    change.close()
    raise UsageError(
        f"{request.file} is not what it was when the pipeline was begun",
        hint="begin the pipeline anew: what was checked is what is run",
    )
