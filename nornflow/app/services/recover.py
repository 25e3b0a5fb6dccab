"""Taking back what runs changed that died before it was confirmed."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import closing

from nornflow.app.build import Project
from nornflow.app.services.asking import Voices
from nornflow.app.services.dead import dead_runs
from nornflow.app.services.resume import Wanted, resume_run
from nornflow.app.services.workers.alive import alive
from nornflow.engine.recovery.recovery import unconfirmed
from nornflow.model.confirm import Armed
from nornflow.model.run import RunRecord


def recoverable(project: Project) -> Mapping[str, Mapping[str, Armed]]:
    """Return the runs whose process is dead, each with the devices whose change was not confirmed, before or past its time."""
    with closing(project.store()) as store, alive(store, project) as me:
        runs = {run.run: unconfirmed(list(store.entries(run.run))) for run in dead_runs(store, me)}
    return {run: hosts for run, hosts in runs.items() if hosts}


def recover_run(
    project: Project, run: str, voices: Voices, *, wait: Callable[[float], object] = time.sleep
) -> RunRecord:
    """Take back what a dead run changed and nobody confirmed, end it, and return its record.

    Nothing else of the run is done, but what its `on_failure` says of a failed run. Raises as `resume_run`.
    """
    return resume_run(project, Wanted(run, recover=True), voices, wait=wait)
