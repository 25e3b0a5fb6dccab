"""What a conductor works with in this program: the store's runs and wishes, whoever starts their processes, the time."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from nornflow.abc import Starter
from nornflow.app.build import Project
from nornflow.app.clock import new_run_id, now
from nornflow.app.services.cancel import end_untaken
from nornflow.app.services.waits.waiting import advice, told, waits_at
from nornflow.app.services.workers.submitting import CUT_OFF
from nornflow.engine.pipelines.conductor import RunLook, Stage
from nornflow.errors import StateConflict
from nornflow.model.run import RUN_MOVES, RunState
from nornflow.model.submission import Submission
from nornflow.model.wish import Level, Wish
from nornflow.store.pipelines import SqlPipelines
from nornflow.store.runs import SqlRunStore
from nornflow.store.submissions import Submissions
from nornflow.store.waits import SqlWaits
from nornflow.store.wishes import Wishes
from nornflow.store.workers import Workers

_BY_ITSELF = "a worker goes on by itself"
_LED = "the pipeline goes on with it, by itself as long as it is led"


def stage_of(
    project: Project,
    store: SqlRunStore,
    workers: Workers,
    starter: Starter,
    emit: Callable[..., None],
    takes: Callable[[Submission], bool],
) -> Stage:
    """Return the stage of whoever leads pipelines here; `takes` tells whether workers look after a run so submitted."""
    desk, submissions, waits = SqlPipelines(store), Submissions(store.engine), SqlWaits(store)

    def look(run: str) -> RunLook | None:
        found = desk.run(run)
        if found is None:
            return None
        state, worker = found
        if state not in RUN_MOVES:
            record = store.record(run)
            return RunLook(state, True, worker, record.error, record.hint, record.exit_code)
        submission = submissions.of(run)
        left = submission is not None and not submission.parked and takes(submission)
        parked = submission.parked if submission is not None and submission.parked != CUT_OFF else ""
        if parked:
            hint = f"nornflow runs resume {run} --detach has it tried again, nornflow runs cancel {run} ends it"
            return RunLook(state, False, worker, hint=hint, parked=parked)
        if state is RunState.WAITING:
            open_waits, moment = waits_at(store, run), now()
            text = "; ".join(told(wait, moment) for wait in open_waits)
            return RunLook(state, False, worker, text, advice(open_waits, run, _BY_ITSELF if left else _LED), left=left)
        return RunLook(state, False, worker, left=left)

    def end_run(run: str, level: Level, by: str) -> None:
        with suppress(StateConflict):  # it has ended meanwhile
            Wishes(store.engine).ask(run, Wish(level, by, now(), "nornflow pipeline"))
            end_untaken(project, store, run)

    return Stage(
        desk,
        starter,
        look,
        lambda run: run in waits.due(now()),
        workers.gone,
        end_run,
        lambda: new_run_id(now()),
        emit,
        now,
        project.settings.pools,
    )
