"""Planning and running a change: from a file and the words of a command line to a plan or a record."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from functools import partial

from nornflow.abc import RunStore
from nornflow.app.build import Project
from nornflow.app.clock import new_run_id, now
from nornflow.app.processes import shared_out
from nornflow.app.services.approving import answers_about, keep_approvals, remembering
from nornflow.app.services.asking import Request as Request
from nornflow.app.services.asking import Voices as Voices
from nornflow.app.services.decided import Change, asked_change
from nornflow.app.services.pooling import demand_possible
from nornflow.app.services.prepared import Prepared
from nornflow.app.services.remember import remembered
from nornflow.engine.plans.drift import Sealed
from nornflow.engine.recovery.recovery import Earlier
from nornflow.model.approval import Approval
from nornflow.model.decision import Decision
from nornflow.model.plan import Plan
from nornflow.model.run import RunRecord
from nornflow.record import record
from nornflow.store.processes import user
from nornflow.store.recorder import RunRecorder


@record
class PlannedChange:
    """A plan with what the gates said of it."""

    plan: Plan
    decisions: tuple[Decision, ...]


@record
class Applied:
    """A sealed plan that a run applies, and the approvals that it has."""

    sealed: Sealed
    plan: Plan
    approvals: Sequence[Approval] = ()


def plan_change(project: Project, request: Request, voices: Voices) -> PlannedChange:
    """Plan a change: devices are read, nothing is written. Raises what `nornflow plan` shows as an error."""
    return plan_made_ready(project, asked_change(project, request, voices.notice), voices)


def plan_made_ready(project: Project, change: Change, voices: Voices) -> PlannedChange:
    """Plan a change that is made ready."""
    with shared_out(project, change) as shards:
        prepared = Prepared(project, change, voices, run=new_run_id(now()), user=user(), shards=shards)
        try:
            plan, decisions = prepared.run.plan()
        finally:
            prepared.close()
    return PlannedChange(plan, decisions)


def run_change(project: Project, request: Request, voices: Voices) -> RunRecord:
    """Run a change, remember it in the store and write its record into the workspace; the record says how it ended.

    StoreError, before any device is asked, when the store cannot be written.
    """
    return carry_out(project, asked_change(project, request, voices.notice), voices, locked=request.locked)


@record
class Commission:
    """A run that somebody wants under this id; `claim`, given store and worker, raises when it may not be begun (any more)."""

    run: str
    claim: Callable[[RunStore, str], None]


def carry_out(
    project: Project,
    change: Change,
    voices: Voices,
    *,
    locked: str = "",
    earlier: Earlier | None = None,
    applied: Applied | None = None,
    commission: Commission | None = None,
) -> RunRecord:
    """Run a change that is made ready, as a new run; `earlier` is what is known of it from a run before.

    With `applied` nothing is planned: a plan is applied that was sealed before.
    """
    demand_possible(project, change.spec.asks)
    # these load the database, which a plan does not need
    from nornflow.app.services.cancel import heeding
    from nornflow.app.services.dead import dead_runs, told_of
    from nornflow.app.services.waits.waiting import waits_of
    from nornflow.app.services.workers.alive import alive, turns_of

    run = commission.run if commission else new_run_id(now())
    opened = partial(project.store, given_up=lambda: voices.switch.rollbacks.aborted)  # the last Ctrl-C of three
    with shared_out(project, change) as shards, closing(opened()) as store, alive(store, project) as me:
        for dead in dead_runs(store, me):
            voices.notice(told_of(store, dead))
        recorder = RunRecorder(store, run)
        voices = remembering(voices, store, run, user(), now)
        said = partial(answers_about, store, run)
        prepared = Prepared(
            project,
            change,
            voices,
            run=run,
            user=user(),
            recorder=recorder,
            remember=store,
            turns=turns_of(me, project, locked, change.spec.asks),
            earlier=earlier,
            sealed=applied.sealed if applied else None,
            shards=shards,
            waits=waits_of(store, run, 1, change, user()),
        )
        me.tell(recorder.lose)
        me.tell(prepared.tools.emitter.lose)
        try:
            if commission is not None:
                commission.claim(store, me.id)
            recorder.begin(prepared.new(me.id))
            if applied is not None:
                keep_approvals(store, run, applied.plan, applied.approvals, now())
            # before sessions are closed, which may take as long as devices let it
            with heeding(store, me, run, voices.switch):
                return remembered(recorder, project.records(), prepared.run, prepared.tools, said)
        finally:
            prepared.close()
