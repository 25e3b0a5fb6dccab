"""Whether a run is worked on at its sites, and what a run that goes on has to know of that from before."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager

from nornflow.abc import RunStore
from nornflow.abc.durable import DurableEngine
from nornflow.app.build import Project
from nornflow.app.services.decided import Change
from nornflow.app.services.plans.sealing import demands
from nornflow.app.services.workers.alive import Alive
from nornflow.app.sites.names import site_of
from nornflow.app.sites.owner import AtSites, left_over
from nornflow.engine.shards.sharing import Sharing
from nornflow.model.job import Job, JobState
from nornflow.model.submission import RUNS, part_queue_of
from nornflow.store.patience import Patience
from nornflow.store.runs import SqlRunStore
from nornflow.store.site_shards import OwnersDesk
from nornflow.store.submissions import Submissions
from nornflow.store.workers import Workers

PART = "part"
"""The name of the work that is a site's part of a run."""
LOOK = 0.2
"""Seconds between two looks whether processes of sites have ended."""


def sites_of(project: Project, store: RunStore, run: str, change: Change) -> Mapping[str, str]:
    """Return the site of each device that workers of its site work on: none unless a run of several sites was left to workers."""
    submission = Submissions(store.engine).of(run) if isinstance(store, SqlRunStore) else None
    if submission is None or submission.place != RUNS:
        return {}
    hosts = [change.hosts[host] for host in change.spec.targets if host in change.hosts]
    return {host.name: site for host in hosts if (site := site_of(host, project.settings.sites.key))}


@contextmanager
def at_sites(
    project: Project, store: RunStore, run: str, fence: int, sites: Mapping[str, str], own: Sharing | None = None
) -> Iterator[AtSites | None]:
    """Have devices of a run worked on by workers of their `sites`; None without one. `own` works on the others."""
    if not isinstance(store, SqlRunStore) or not sites:
        yield None
        return
    with closing(project.durable(store.engine)) as engine:

        def job(site: str) -> str:
            return f"{run}.{fence}:{site}"

        def submit(site: str) -> None:
            engine.submit(Job(job(site), part_queue_of(site, demands(project)), PART, {"run": run, "site": site}))

        def given_up(site: str) -> str:
            return why_given_up(engine, Workers(store.engine), job(site))

        patience = Patience(project.settings.store.patience)
        desk = OwnersDesk(store.engine, store.rows.exact, store.rows.value, patience)
        shared = AtSites(desk, fence, sites, submit, given_up, own)
        with closing(shared):
            yield shared


def why_given_up(engine: DurableEngine, workers: Workers, job: str) -> str:
    """Return why no worker takes a site's part any more; one that somebody who is dead has is put back into its queue.

    A worker that is declared dead the moment before it takes a job has been followed already: nobody else looks for it.
    """
    status = engine.status(job)
    if status is not None and status.state is JobState.RUNNING and workers.is_dead(status.worker):
        engine.recover([status.worker])
    if status is None or not status.ended or status.state is JobState.DONE:
        return ""
    return f"its part is {status.state}, {status.error or 'workers died of it'}"


def collect(store: RunStore, run: str, fence: int, me: Alive, *, wait: Callable[[float], object] = time.sleep) -> None:
    """Let the sites end that worked for an owner before this one, and put what they told it into the journal."""
    if not isinstance(store, SqlRunStore) or me.workers is None:
        return
    desk = OwnersDesk(store.engine, store.rows.exact, store.rows.value)
    while any(not me.workers.gone(worker) for worker in desk.end(run, fence)):
        wait(LOOK)
    standing = store.standing(run)
    tellings = desk.tellings(run)
    if tellings:
        entries = left_over(desk, run, list(store.entries(run)))
        if entries:
            store.append(run, standing.events + 1, [], fence=fence, entry=standing.entries + 1, entries=entries)
        desk.written(run, fence, [each.number for each in tellings])
