"""Waiting runs that may go on, for whoever looks at all of them again and again: a worker, or a timer of the system."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from nornflow.abc import RunStore
from nornflow.app.build import Project
from nornflow.app.services.asking import Voices
from nornflow.app.services.cancel import Cancelled, end_untouched, followed
from nornflow.app.services.resume import Wanted, resume_run
from nornflow.app.services.workers.alive import Alive
from nornflow.errors import NornFlowError


def due(store: RunStore, me: Alive, moment: datetime) -> Sequence[str]:
    """Return the waiting runs that may go on at a moment (UTC), the oldest first; none that somebody is about to.

    What they waited for was decided, has come or is over, or somebody wants them to end. `resume_run` goes on with one,
    and of several who try one succeeds.
    """
    from nornflow.store.runs import SqlRunStore
    from nornflow.store.waits import SqlWaits

    workers = me.workers
    if workers is None or not isinstance(store, SqlRunStore):
        return ()
    found = SqlWaits(store).due(moment)
    owners = {run.run: run.worker for run in store.unended()} if found else {}
    return [run for run in found if not owners.get(run) or workers.gone(owners[run])]


def end_waiting(project: Project, found: Cancelled, voices: Voices, *, until_end: bool = False) -> Cancelled:
    """End a run that waits without a process, as somebody wishes: take back what has to be. Raises as `resume_run`.

    A worker may be quicker: then what becomes of it there is returned, as `cancel_run` does. One that nobody can go on with
    (a plugin is gone, say) ends all the same if it has sent nothing to a device.
    """
    try:
        record = resume_run(project, Wanted(found.run), voices)
    except NornFlowError:
        after = followed(project, found.run, found.wish, until_end=until_end)
        ended = end_untouched(project, after) if after.waits else after
        if ended is None:
            raise
        return ended
    return replace(found, state=record.state, heard=True)
