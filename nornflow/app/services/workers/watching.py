"""Looking at workers and at what is in their queues, and having one take no more."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from contextlib import closing

from nornflow.app.build import Project
from nornflow.app.clock import now
from nornflow.errors import UsageError
from nornflow.model.run import RunState
from nornflow.model.submission import RUNS, Submitted, version_differences
from nornflow.record import record
from nornflow.store.pipelines import SqlPipelines
from nornflow.store.posts import Posted, Posts
from nornflow.store.runs import SqlRunStore
from nornflow.store.site_shards import parts_of
from nornflow.store.submissions import Submissions
from nornflow.store.waits import SqlWaits
from nornflow.store.workers import Workers


@record
class WorkerSeen:
    """A worker: what it takes, whether it lives and takes more, the runs that its processes carry out, the pipelines it leads.

    One that is `silent` is on another machine, was not declared dead, and has not been heard of just now.
    """

    id: str
    machine: str
    user: str
    places: tuple[str, ...]
    concurrency: int
    alive: bool
    draining: bool
    runs: tuple[str, ...]
    pipelines: tuple[str, ...] = ()
    silent: bool = False


@record
class RunSeen:
    """A run that no process carries out; `why` nobody can, if so, `parked` why nobody shall.

    With `part` it is the run's part at one site that waits.
    """

    run: str
    place: str
    why: str = ""
    parked: str = ""
    part: bool = False

    @property
    def where(self) -> str:
        """Return whose workers it is for, in words."""
        where = f"site {self.place}" if self.place != RUNS else "runs of several sites or none, for workers with --runs"
        return f"its part at {where}" if self.part else where

    def __str__(self) -> str:
        return f"parked: {self.parked}" if self.parked else self.why or "waits for a place"


@record
class Watched:
    """The workers of a store, and the runs that wait for one."""

    workers: tuple[WorkerSeen, ...]
    waiting: tuple[RunSeen, ...]

    @property
    def takers(self) -> bool:
        """Tell whether there is a worker that takes more."""
        return any(worker.alive and not worker.draining and not worker.silent for worker in self.workers)


def watched(project: Project, *, wait: Callable[[float], object] = time.sleep) -> Watched:
    """Return the workers of the project's store and the runs in their queues.

    Those on other machines are listened to for a moment: when all workers have died, nobody is left to declare them dead.
    """
    with closing(project.store(create=False)) as store:
        found = _demanded(store)
        ids = [each.worker.id for each in Posts(found.engine).all()]
        return seen_in(found, Workers(found.engine).silent(ids, wait=wait))


def seen_in(found: SqlRunStore, silent: Collection[str] = ()) -> Watched:
    """Return the workers of a store, of which some are known to be silent, and the runs in their queues. StoreError."""
    looker, posts = Workers(found.engine), Posts(found.engine).all()
    alive = {each.worker.id for each in posts if not looker.is_dead(each.worker.id)}
    submitted = Submissions(found.engine).open()
    standings = [found.standing(each.run) for each in submitted]
    carried = {each.run for each in standings if each.worker and not looker.is_dead(each.worker)}
    resting = {each.run for each in standings if each.state is RunState.WAITING}.difference(SqlWaits(found).due(now()))
    there = [each for each in posts if each.worker.id in alive.difference(silent) and not each.draining]
    # one that waits for people wants no worker yet, but it will: whoever replaces workers has to know
    idle = {
        each.run for each in submitted if each.run in resting and not _wants_others(each.submission.place, each, there)
    }
    pipelines = SqlPipelines(found).unended()
    return Watched(
        tuple(
            WorkerSeen(
                each.worker.id,
                each.worker.process.machine,
                each.worker.user,
                each.post.places,
                each.post.concurrency,
                each.worker.id in alive,
                each.draining,
                tuple(one.run for one in submitted if one.run in carried and one.submission.worker == each.worker.id),
                tuple(one.id for one in pipelines if one.worker == each.worker.id),
                each.worker.id in silent,
            )
            for each in posts
        ),
        tuple(
            RunSeen(each.run, each.submission.place, _why(each.submission.place, each, there), each.submission.parked)
            for each in submitted
            if each.run not in carried and (each.submission.parked or each.run not in idle)
        )
        + tuple(
            RunSeen(each.run, site, _why(site, each, there), part=True)
            for each in submitted
            if each.run in carried
            for site, worker in parts_of(found.engine, each.run)
            if not worker or looker.is_dead(worker)
        ),
    )


def drain_worker(project: Project, beginning: str) -> str:
    """Have a worker take no more and return its id; UsageError when there is none whose id begins so."""
    with closing(project.store()) as store:
        return Posts(_demanded(store).engine).drain(beginning)


def _demanded(store: object) -> SqlRunStore:
    if not isinstance(store, SqlRunStore):
        raise UsageError("without a store there are no workers (store.url: none)", hint="set store.url")
    return store


def _why(place: str, each: Submitted, there: list[Posted]) -> str:
    here = [worker.post for worker in there if place in worker.post.places]
    if not here:
        return "no worker takes these"
    if not _wants_others(place, each, there):
        return ""
    return f"no worker has its versions: {version_differences(each.submission.versions, here[0].versions)}"


def _wants_others(place: str, each: Submitted, there: Sequence[Posted]) -> bool:
    """Tell whether there are workers for the place, and all of them have other versions than the run was left with."""
    here = [worker.post for worker in there if place in worker.post.places]
    return bool(here) and all(post.versions != each.submission.versions for post in here)
