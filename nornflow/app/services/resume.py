"""Going on with a run whose process died, and doing once more what failed in one that has ended."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from typing import Any

from nornflow.abc import RunStore
from nornflow.app.build import Project
from nornflow.app.clock import now
from nornflow.app.processes import shared_out
from nornflow.app.services.approving import answers_about, remembering
from nornflow.app.services.asking import Voices
from nornflow.app.services.cancel import heeding
from nornflow.app.services.decided import Change, kept_change
from nornflow.app.services.plans.applying import sealed_again
from nornflow.app.services.pooling import demand_possible
from nornflow.app.services.prepared import Prepared
from nornflow.app.services.remember import remembered
from nornflow.app.services.spec import kept_spec, spec_of
from nornflow.app.services.waits.waiting import demand_due, remind_all, waits_of
from nornflow.app.services.workers.alive import Alive, alive, living, turns_of
from nornflow.engine.recovery.recovery import Earlier, unconfirmed
from nornflow.engine.shards.sharing import Sharing
from nornflow.errors import StateConflict, StillWaiting, UsageError
from nornflow.model.device import HostView
from nornflow.model.event import EventKind
from nornflow.model.journal import Entry, EntryKind, Standing
from nornflow.model.run import RunRecord, RunState
from nornflow.model.step import Scope
from nornflow.model.wish import Level, Wish
from nornflow.record import record
from nornflow.store.processes import user
from nornflow.store.recorder import RunRecorder


@record
class Wanted:
    """Which run, and which of its steps that was cut off is to be done once more (`again`), if any.

    `recover` says that nothing more shall be done than to take back what was not confirmed. `locked` says what is done about
    devices that others hold, instead of the setting, and `answers` in whose name questions are answered, instead of this
    process's user.
    """

    run: str
    again: str = ""
    recover: bool = False
    locked: str = ""
    answers: str = ""


def resume_run(
    project: Project,
    wanted: Wanted,
    voices: Voices,
    *,
    wait: Callable[[float], object] = time.sleep,
) -> RunRecord:
    """Go on with a run that waits, or whose process is dead, to its end or to what it waits for next; return its record.

    StillWaiting when what it waits for has not come; UsageError when it has ended or its process lives, or when what it
    needs is not what it was; StateConflict when another process was quicker. Nothing is sent to a device before all of
    that is known. PolicyDenied when a gate says no today, DevicesHeld and StepCancelled when it does not get its turn: then
    a run that had done something stays as it is.
    """
    from nornflow.app.sites.owning import at_sites, collect, sites_of  # the database: not every run needs it

    opened = project.store(given_up=lambda: voices.switch.rollbacks.aborted)  # the last Ctrl-C of three
    with closing(opened) as store, alive(store, project) as me:
        standing = store.standing(store.find(wanted.run))
        _demand_unended(standing)
        _demand_dead(standing, me, wait)
        try:
            demand_due(store, standing, now())
        except StillWaiting:
            remind_all(project, store, voices)
            raise
        entries = list(store.entries(standing.run))
        _demand_plan(standing, entries)
        if wanted.recover:
            _demand_unconfirmed(standing, entries)
        change = _unchanged(project, standing, entries, only_ends=wanted.recover or _only_ends(standing))
        try:
            _demand_step(change, wanted.again)
            demand_possible(project, change.spec.asks)
            fence = store.take_over(standing.run, standing.fence, me.id)
            taken_up = bool(standing.worker)  # or it waited in its queue until now
            collect(store, standing.run, fence, me, wait=wait)
            standing = store.standing(standing.run)  # what the dead one wrote until it lost the run
            sites = sites_of(project, store, standing.run, change)
            own = [host for host in change.spec.targets if host not in sites]
            with (
                shared_out(project, change, hosts=own) as here,
                at_sites(project, store, standing.run, fence, sites, here) as far,
            ):
                return _go_on(project, store, change, voices, me, standing, fence, wanted, far or here, taken_up)
        finally:
            change.close()


def _go_on(
    project: Project,
    store: RunStore,
    change: Change,
    voices: Voices,
    me: Alive,
    standing: Standing,
    fence: int,
    wanted: Wanted,
    shards: Sharing | None,
    taken_up: bool,
) -> RunRecord:
    entries = list(store.entries(standing.run))
    recorder = RunRecorder(store, standing.run, standing=standing, fence=fence)
    known = store.record(standing.run).resumed_by
    resumed_by = (*known, user()) if taken_up else known
    earlier = Earlier(standing.state, entries, standing.started_at, wanted.again, resumed_by, recover=wanted.recover)
    prepared = Prepared(
        project,
        change,
        remembering(voices, store, standing.run, wanted.answers or user(), now),
        run=standing.run,
        user=standing.user,
        recorder=recorder,
        remember=store,
        turns=turns_of(me, project, wanted.locked, asked=change.spec.asks),
        earlier=earlier,
        shards=shards,
        sealed=sealed_again(store, change, entries, standing.user) if change.spec.sealed else None,
        waits=waits_of(store, standing.run, fence, change, standing.user),
    )
    said = partial(answers_about, store, standing.run)
    emitter = prepared.tools.emitter
    me.tell(recorder.lose)
    me.tell(emitter.lose)
    try:
        for stored in store.events(standing.run):
            emitter.recall(stored.event)
        more: dict[str, Any] = {"recover": True} if wanted.recover else {}
        kind = EventKind.RUN_RESUMED if taken_up else EventKind.RUN_TAKEN
        emitter.emit(kind, user=user(), worker=me.id, fence=fence, **more)
        with heeding(store, me, standing.run, voices.switch):
            return remembered(recorder, project.records(), prepared.run, prepared.tools, said)
    finally:
        prepared.close()


def _demand_unended(standing: Standing) -> None:
    if standing.ended:
        raise UsageError(
            f"run {standing.run} has ended: it is {standing.state}",
            hint=f"nornflow runs resume {standing.run} --hosts failed does it again where it failed",
        )
    if not standing.spec:
        raise UsageError(
            f"run {standing.run} was begun by a NornFlow that did not keep what it takes to go on with it",
            hint=f"see what it did: nornflow runs logs {standing.run}",
        )


def _demand_plan(standing: Standing, entries: Sequence[Entry]) -> None:
    """Raise UsageError when the run was to apply a sealed plan and died before it had it: only the file has that."""
    sealed = spec_of(standing.spec).sealed
    if sealed and not any(entry.kind is EntryKind.APPROVED for entry in entries):
        raise UsageError(
            f"run {standing.run} died before it came to a device, and what it was to apply stands in a plan file only",
            hint=f"apply plan {sealed[:12]} again (nornflow apply FILE); nornflow runs cancel {standing.run} ends this run",
        )


def _demand_dead(standing: Standing, me: Alive, wait: Callable[[float], object]) -> None:
    """Raise StateConflict unless the run's process is dead."""
    where = living(me, standing.worker, wait)
    if where:
        raise StateConflict(
            f"run {standing.run} is being carried out by {where}",
            hint=f"nornflow runs logs {standing.run} --follow, or nornflow runs cancel {standing.run}",
        )


def _demand_unconfirmed(standing: Standing, entries: Sequence[Entry]) -> None:
    if not unconfirmed(entries):
        raise UsageError(
            f"run {standing.run} has changed nothing that waits to be confirmed",
            hint=f"nornflow runs resume {standing.run} goes on with it",
        )


def _ended_by(standing: Standing) -> str:
    """Return which command ends a run that waits, to begin another one in its place."""
    waits = standing.state is RunState.WAITING
    return f" (nornflow runs cancel {standing.run} --after-device ends this one)" if waits else ""


def _only_ends(standing: Standing) -> bool:
    """Tell whether a run waits, and somebody wishes that it does no step any more."""
    wish = Wish.read(standing.wish)
    return standing.state is RunState.WAITING and wish is not None and wish.level.height > Level.AFTER_BATCH.height


def _unchanged(project: Project, standing: Standing, entries: Sequence[Entry], *, only_ends: bool) -> Change:
    """Return the change as it was begun; UsageError, naming it, when something that is still needed is another now.

    Whoever only recovers the run, or ends it, does no step any more, so no file of one is needed.
    """
    spec = kept_spec(standing.spec, project.folder)
    change, today = kept_change(project, spec)
    steps = frozenset(step.id for step in change.workflow.steps)
    if spec.sealed:  # a device that is not there any more is stale, and the others are changed
        gone = {host: HostView(host) for host in spec.targets if host not in change.hosts}
        change = replace(change, hosts={**change.hosts, **gone})
    differences = spec.changes(today, steps if only_ends else _done(change, entries))
    if differences:
        change.close()
        raise UsageError(
            f"run {standing.run} cannot go on: something is not what it was when it was begun: {'; '.join(differences)}",
            hint=f"bring that back, or begin a new run{_ended_by(standing)}; devices that were at work are compared with what "
            "they should be",
        )
    return change


def _done(change: Change, entries: Sequence[Entry]) -> frozenset[str]:
    """Return the steps that are done on every device that they are for: nothing is rendered or read for them any more.

    A planned step is not done by its plan: it renders its templates once more, and only what the plan has may be sent.
    """
    workflow, targets = change.workflow, frozenset(change.spec.targets)
    over: dict[str, set[str]] = {}
    without: set[str] = set()
    for entry in entries:
        if entry.kind is EntryKind.OUTCOME and entry.data["final"]:
            over.setdefault(entry.step, set()).add(entry.host)
        elif entry.kind is EntryKind.LEFT_OUT:
            without.add(entry.host)
        elif entry.kind is EntryKind.APPROVED and "plan" in entry.data:
            without.update(host["host"] for host in entry.data["plan"]["hosts"] if host.get("error"))
        elif entry.kind is EntryKind.RESULT and entry.data["batch"] == 0:
            over.setdefault(entry.step, set()).update(targets)
    return frozenset(
        step.id
        for step in workflow.steps
        if step.id in over and not step.check and (step.once or targets - without <= over[step.id])
    )


def _demand_step(change: Change, step_id: str) -> None:
    steps = {step.id: step for step in change.workflow.steps}
    if not step_id:
        return
    if step_id not in steps:
        raise UsageError(f"there is no step {step_id!r} in the workflow", hint=f"its steps are {', '.join(steps)}")
    if steps[step_id].scope is not Scope.RUN:
        raise UsageError(
            f"step {step_id} works on devices: they are read and compared, nothing is done twice there",
            hint="leave --from out; it is for steps of the run, of which nobody can tell whether they were done",
        )
