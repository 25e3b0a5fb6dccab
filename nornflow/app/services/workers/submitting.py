"""Leaving a run to workers: it is put into the store with all that it takes, and into the queue of its site."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from nornflow.abc import RunStore
from nornflow.app.build import Project
from nornflow.app.clock import new_run_id, now
from nornflow.app.services.approving import keep_approvals
from nornflow.app.services.asking import Request
from nornflow.app.services.authors import authors_of
from nornflow.app.services.change import Commission
from nornflow.app.services.decided import Change, asked_change
from nornflow.app.services.plans.applying import Wanted, demand_approved, open_change
from nornflow.app.services.plans.sealing import demands
from nornflow.app.services.pooling import demand_possible
from nornflow.app.services.spec import Spec, kept_spec, portable
from nornflow.app.services.waits.waiting import demand_due
from nornflow.app.services.workers.alive import alive
from nornflow.app.sites.names import site_of
from nornflow.engine.graph import device_phases
from nornflow.engine.journal import compact
from nornflow.errors import StillWaiting, UsageError
from nornflow.model.approval import Approval
from nornflow.model.event import Event, EventKind
from nornflow.model.history import NewRun
from nornflow.model.job import Job
from nornflow.model.journal import Entry, EntryKind, Standing
from nornflow.model.plan import Plan
from nornflow.model.run import HostState, StepResult
from nornflow.model.sealed import SealedPlan
from nornflow.model.submission import RUNS, Submission, Submitted, version_differences
from nornflow.record import record
from nornflow.store.posts import Posted, Posts
from nornflow.store.processes import user
from nornflow.store.runs import SqlRunStore
from nornflow.store.submissions import Submissions
from nornflow.store.workers import Workers

WORK = "run"
"""The name of the work that workers do."""
CUT_OFF = "its submission was cut off"
"""Why a run is parked that is not in its queue yet; who leaves it releases it."""


@record
class Left:
    """A run that was left to workers; `notice` says what whoever left it should know."""

    run: str
    place: str
    notice: str = ""


@record
class _Sealed:
    """A sealed plan that a run is to apply, as its journal begins with it."""

    plan: Plan
    approved: Mapping[str, object]
    approvals: Sequence[Approval]


def submit_change(
    project: Project, request: Request, *, yes: bool, notice: Callable[[str], object] = lambda text: None
) -> Left:
    """Leave a change to workers; UsageError when it needs an answer that nobody could give there, or no worker could do it.

    `notice` hears what may be wrong with its files.
    """
    change = asked_change(project, request, notice)
    try:
        if any(step.configures for step in change.workflow.steps) and not yes:
            raise UsageError(
                "the run would ask whether to apply its plan, and where it is carried out nobody can be asked",
                hint="say --yes, or seal a plan (nornflow plan -o), have that approved, and apply it with --detach",
            )
        demand_possible(project, change.spec.asks)
        return _leave(project, change, _terms(project, change, yes, request.locked), None)
    finally:
        change.close()


def submit_commissioned(project: Project, change: Change, commission: Commission, *, yes: bool, who: str) -> Left:
    """Leave the run to workers that somebody wants in the name of `who`; its `claim` says whether it may be begun (any more).

    One that needs an answer which nobody gives (`yes` gives it) ends as it says so.
    """
    demand_possible(project, change.spec.asks)
    return _leave(project, change, _terms(project, change, yes, ""), None, commission, who)


def submit_plan(project: Project, plan: SealedPlan, wanted: Wanted, *, yes: bool) -> Left:
    """Leave a sealed plan to workers; raises what `apply_plan` raises before anything is asked of a device."""
    ready = open_change(project, plan, now())
    try:
        change = ready.change
        if change.spec.stranger:
            raise UsageError(
                "a plan that was not sealed here is planned once more before it is applied, so somebody has to be there",
                hint="apply it without --detach, or have its key trusted (trusted_keys)",
            )
        with closing(project.store()) as store:
            said = demand_approved(store, project, plan, change.profile)
        if not (said.approved or yes):
            raise UsageError(
                "nobody has approved the plan, and where it is applied nobody can be asked", hint="say --yes"
            )
        change = replace(change, spec=replace(change.spec, strict=wanted.strict))
        sealed = _Sealed(plan.plan, plan.approved, said.approved)
        return _leave(project, change, _terms(project, change, yes, wanted.locked), sealed)
    finally:
        ready.change.close()


def submit_again(project: Project, beginning: str, *, yes: bool) -> Left:
    """Leave a run to workers that no process carries out: one that was parked, or cut off."""
    with closing(project.store()) as store:
        assert isinstance(store, SqlRunStore)
        run = store.find(beginning)
        standing, desk = store.standing(run), Submissions(store.engine)
        if standing.ended or not standing.spec:
            raise UsageError(f"run {run} cannot go on: it is {standing.state}", hint=f"nornflow runs show {run}")
        if standing.worker and not Workers(store.engine).gone(standing.worker):
            raise UsageError(
                f"run {run} is being carried out by {standing.worker}", hint=f"nornflow runs logs {run} --follow"
            )
        known = desk.of(run)
        if known is not None and known.parked == CUT_OFF and kept_spec(standing.spec, project.folder).sealed:
            raise UsageError(
                f"run {run} was cut off before it had its plan",
                hint=f"nornflow runs cancel {run}, and apply the plan again",
            )
        spec = kept_spec(standing.spec, project.folder)
        locked, said = (known.locked, known.yes) if known is not None else ("", False)
        sites = sites_of(project, spec)
        new = Submission(place_of(sites), demands(project), now(), yes or said, locked)
        notice = "; ".join(filter(None, (_still_waits(store, standing), _demand_workers(store, new, sites))))
        again = desk.again(run, new)
        store.remark(run, _event(run, again.submission, user()))
    return _submitted(project, again, notice)


def _still_waits(store: RunStore, standing: Standing) -> str:
    """Return what a run waits for before any worker goes on with it, empty when one may at once."""
    try:
        demand_due(store, standing, now())
    except StillWaiting as waits:
        return waits.message
    return ""


def _terms(project: Project, change: Change, yes: bool, locked: str) -> Submission:
    return Submission(place_of(_sites(project, change)), demands(project), now(), yes, locked, parked=CUT_OFF)


def _sites(project: Project, change: Change) -> set[str]:
    return {site_of(change.hosts[host], project.settings.sites.key) for host in change.spec.targets}


def sites_of(project: Project, spec: Spec) -> set[str]:
    """Return the sites of a run that was kept, as the inventory says it today; an empty text for devices without one."""
    if not spec.targets:
        return set()
    targets = frozenset(spec.targets)
    devices = project.devices(Path(spec.inventory) if spec.inventory else None, lambda host: host.name in targets)
    try:
        return {site_of(host, project.settings.sites.key) for host in devices.hosts().values()}
    finally:
        devices.close()


def place_of(sites: Set[str]) -> str:
    """Return the place of a run on devices of these sites: the only one, or `runs`."""
    return (next(iter(sites)) if len(sites) == 1 else "") or RUNS


def _leave(
    project: Project,
    change: Change,
    submission: Submission,
    sealed: _Sealed | None,
    commission: Commission | None = None,
    who: str = "",
) -> Left:
    run, who = commission.run if commission else new_run_id(now()), who or user()
    with closing(project.store()) as store:
        if not isinstance(store, SqlRunStore):
            raise UsageError("without a store no run can be left to workers (store.url: none)", hint="set store.url")
        notice = _demand_workers(store, submission, _sites(project, change))
        # nobody takes it before all of it is there: what is cut off in between stays parked
        new = _new_run(project, change, run, submission, who)
        if commission is None:
            store.begin(new)
        else:
            with alive(store, project) as me:
                commission.claim(store, me.id)
                store.begin(new)
        entries = (
            [] if sealed is None else [Entry(EntryKind.APPROVED, data=sealed.approved), *_errors(change, sealed.plan)]
        )
        store.append(run, 1, [_event(run, submission, who)], fence=1, entry=1, entries=entries)
        if sealed is not None:
            keep_approvals(store, run, sealed.plan, sealed.approvals, now())
        Submissions(store.engine).release(run)
    return _submitted(project, Submitted(run, submission), notice)


def _errors(change: Change, plan: Plan) -> Iterator[Entry]:
    """Yield how devices ended that could not be planned: they are not begun."""
    body = device_phases(change.workflow.steps)[1]
    for host in plan.hosts:
        if host.error:
            step = next(step for step in body if step.configures)
            result = StepResult(HostState.FAILED, error=host.error, reason=host.reason, hint=host.hint)
            yield Entry(EntryKind.OUTCOME, step.id, host.host, {"result": compact(result), "final": True})


def _submitted(project: Project, submitted: Submitted, notice: str) -> Left:
    with closing(project.durable()) as engine:
        engine.submit(job_of(submitted))
    return Left(submitted.run, submitted.submission.place, notice)


def job_of(submitted: Submitted) -> Job:
    """Return the job that carries a run out: it holds ids alone."""
    return Job(submitted.job, submitted.submission.queue, WORK, {"run": submitted.run})


def _event(run: str, submission: Submission, who: str) -> Event:
    data = {"user": who, "place": submission.place, "round": submission.round}
    return Event(EventKind.RUN_SUBMITTED, now(), run, data=data)


def _new_run(project: Project, change: Change, run: str, submission: Submission, who: str) -> NewRun:
    workflow, spec = change.workflow, portable(change.spec, project.folder)
    spec = replace(spec, authors=tuple(dict.fromkeys((*spec.authors, *authors_of(change)))))
    hosts = {host: change.hosts[host].platform or "" for host in change.spec.targets}
    return NewRun(
        run,
        workflow.name,
        workflow.version,
        who,
        change.profile.name,
        submission.at,
        change.spec.inputs,
        hosts,
        workflow.file,
        "",
        spec.kept(),
        submission,
    )


def _demand_workers(store: SqlRunStore, submission: Submission, sites: Set[str]) -> str:
    """Return what is to be said about the workers of a run and its parts; UsageError when all that live have other versions."""
    looker = Workers(store.engine)
    posts = [each for each in Posts(store.engine).all() if not each.draining and not looker.is_dead(each.worker.id)]
    parts = sorted(sites - {""}) if submission.place == RUNS else []
    missing = [_for(place) for place in (submission.place, *parts) if not _has_worker(posts, place, submission)]
    return f"no worker is there {', nor '.join(missing)}; the run waits for one" if missing else ""


def _has_worker(posts: Sequence[Posted], place: str, submission: Submission) -> bool:
    there = [each for each in posts if place in each.post.places]
    if not there or any(each.post.versions == submission.versions for each in there):
        return bool(there)
    one = there[0]
    raise UsageError(
        f"no worker {_for(place)} has the versions that are installed here; on {one.worker.process.machine}: "
        f"{version_differences(submission.versions, one.post.versions)}",
        hint="install the same versions here and there: a run is carried out by what it was made with",
    )


def _for(place: str) -> str:
    return f"for site {place}" if place != RUNS else "for runs of several sites (--runs)"
