"""Carrying on, in a process of its own, one run that was left to workers: until it ends, or somebody has to look at it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import asdict, replace
from enum import StrEnum

from nornflow.app.build import Project
from nornflow.app.services.asking import Voices
from nornflow.app.services.plans.sealing import demands
from nornflow.app.services.resume import Wanted, resume_run
from nornflow.errors import ApprovalRequired, DevicesHeld, NornFlowError, RunLeft, StillWaiting, StoreError, WrongKey
from nornflow.model.journal import Standing
from nornflow.model.plan import Plan
from nornflow.model.run import RunState
from nornflow.model.submission import Submission, version_differences
from nornflow.record import record
from nornflow.store.runs import SqlRunStore
from nornflow.store.submissions import Submissions
from nornflow.store.workers import Workers

LOOK = 0.5
"""Seconds between two looks at a process that carries the run out already."""


class Came(StrEnum):
    """What came of carrying a run on: it `ended`, or `waits`, somebody has to look (`stuck`), or it is to be tried `again`."""

    ENDED = "ended"
    WAITS = "waits"
    STUCK = "stuck"
    AGAIN = "again"


@record
class Carried:
    """How a process left a run: what came of it, the run's state, and what is to be said about that."""

    came: Came
    state: str = ""
    text: str = ""

    def written(self) -> str:
        """Return it as one line of JSON."""
        return json.dumps(asdict(self), ensure_ascii=False)

    @classmethod
    def read(cls, text: str) -> Carried:
        """Return what was written so; ValueError for another text."""
        found = json.loads(text)
        return cls(Came(found["came"]), found["state"], found["text"])


def warmed_up(project: Project) -> Mapping[str, str]:
    """Load what any run needs, and return the versions of what was loaded."""
    from nornflow.devices import fleet, runner  # noqa: F401 - Nornir, and all below it

    return demands(project)


def carry_on(
    project: Project,
    run: str,
    voices: Voices,
    loaded: Mapping[str, str],
    *,
    wait: Callable[[float], object] = time.sleep,
) -> Carried:
    """Go on with a run that was left to workers and return what came of it; while another process lives that does so, wait.

    `loaded` are the versions that this process has loaded: others may have been installed since.
    """
    if loaded != demands(project):
        return Carried(Came.AGAIN, text="other versions were installed under this process")
    with closing(project.store()) as store:
        assert isinstance(store, SqlRunStore)  # no other one has submissions
        submission = Submissions(store.engine).of(run)
        standing = _nobody_else(store, run, project.settings.store.silence, wait)
    if standing.ended or submission is None:
        return Carried(Came.ENDED, standing.state.value)
    if differences := version_differences(submission.versions, demands(project)):
        return Carried(
            Came.STUCK, text=f"this worker has not the versions that the run was submitted with: {differences}"
        )
    try:
        wanted = Wanted(run, locked=submission.locked, answers=standing.user)
        record = resume_run(project, wanted, _answering(voices, submission))
    except (StillWaiting, DevicesHeld) as error:
        came, text = Came.WAITS if standing.state is RunState.WAITING else Came.STUCK, error.message
    except RunLeft as error:
        came, text = Came.AGAIN, error.message
    except NornFlowError as error:
        came, text = (found := stopped_by(error)).came, found.text
    else:
        came = Came.WAITS if record.state is RunState.WAITING else Came.AGAIN
        text = "" if came is Came.WAITS else "another process has taken the run over"
    with closing(project.store()) as store:
        standing = store.standing(run)
    return Carried(Came.ENDED if standing.ended else came, standing.state.value, text)


def stopped_by(error: NornFlowError) -> Carried:
    """Return what an error makes of carrying a run on: a store that is away comes back, anything else wants somebody."""
    if isinstance(error, StoreError) and not isinstance(error, WrongKey):
        return Carried(Came.AGAIN, text=error.message)
    return Carried(Came.STUCK, text=f"{error.message}{f' ({error.hint})' if error.hint else ''}")


def _nobody_else(store: SqlRunStore, run: str, silence: float, wait: Callable[[float], object]) -> Standing:
    """Return how the run stands once no living process carries it out, or it has ended."""
    workers = Workers(store.engine, silence=silence)
    while True:
        standing = store.standing(run)
        if standing.ended or not standing.worker or workers.gone(standing.worker):
            return standing
        wait(LOOK)


def _answering(voices: Voices, submission: Submission) -> Voices:
    """Return voices that answer as whoever submitted the run said; without that the run waits where it may."""
    yes = submission.yes

    def approve(plan: Plan, held: bool) -> bool:
        if not yes:  # nobody has said no, either
            raise ApprovalRequired(
                "the change waits for approval: where it is carried out nobody can be asked",
                hint="look at the plan, then leave the change to workers with --yes",
            )
        return True

    return replace(voices, approve=approve, question=lambda text: yes or None, via="--yes" if yes else "")
