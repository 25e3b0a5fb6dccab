"""What runs wait for: bound to who made them, looked at by whoever goes on with one, and told in words."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from datetime import datetime

from nornflow.abc import RunStore, Waits
from nornflow.app.build import Project
from nornflow.app.clock import now
from nornflow.app.services.asking import Voices
from nornflow.app.services.authors import authors_of
from nornflow.app.services.decided import Change
from nornflow.app.services.plans.approvals import members, sealed_plans
from nornflow.engine.herald import Herald
from nornflow.engine.waiting import moment
from nornflow.errors import StillWaiting, UsageError
from nornflow.model.event import Event
from nornflow.model.journal import Standing
from nornflow.model.run import RunState
from nornflow.model.wait import Wait, WaitKind
from nornflow.policy.waits import possible
from nornflow.policy.waits import standing as answers_stand
from nornflow.store.nothing import NoStore


def waits_of(store: RunStore, run: str, fence: int, change: Change, user: str) -> Waits | None:
    """Return where the owner of a run keeps what it waits for; None when nothing is remembered, UsageError when it must be.

    Whoever asked for the run, sealed its plan or wrote its workflow does not count among those who approve.
    """
    if isinstance(store, NoStore):
        if change.workflow.rollout.pause is not None:
            raise UsageError(
                "the rollout asks people behind a batch, and nothing is remembered here (store.url: none)",
                hint="give the project a store: nornflow config explain store.url",
            )
        return None
    from nornflow.store.patience import PatientRunStore
    from nornflow.store.run_waits import RunWaits
    from nornflow.store.waits import Bound

    assert isinstance(store, PatientRunStore)  # there is no other kind
    kept = sealed_plans(store) if change.spec.sealed else None
    sealer = kept.requester(change.spec.sealed) if kept is not None else None
    authors = (*change.spec.authors, *authors_of(change), *((sealer,) if sealer else ()))
    profile = change.profile.approvals
    allowed = profile.approvers if profile.count else ()
    return RunWaits(store, run, fence, Bound(user, tuple(dict.fromkeys(authors)), allowed))


def demand_due(store: RunStore, standing: Standing, now: datetime) -> None:
    """Raise StillWaiting, with who is missing, when a run waits and nothing has come of it; one that is to end may go on."""
    if standing.state is not RunState.WAITING or standing.wish:
        return
    open_waits = waits_at(store, standing.run)
    if not any(wait.due(now) for wait in open_waits):
        raise StillWaiting(
            f"run {standing.run} waits: {'; '.join(told(wait, now) for wait in open_waits)}",
            hint=advice(open_waits, standing.run, now=now),
        )


def waits_at(store: RunStore, run: str) -> Sequence[Wait]:
    """Return what a run waits for at this moment."""
    from nornflow.store.runs import SqlRunStore
    from nornflow.store.waits import SqlWaits

    return SqlWaits(store).open(run).get(run, ()) if isinstance(store, SqlRunStore) else ()


def told(wait: Wait, now: datetime | None = None) -> str:
    """Return what is waited for, and since or until when, in words; without a moment, as it stood at the last answer."""
    asked = wait.asked
    now = now or max((each.at for each in wait.answers), default=wait.since)
    if wait.end is not None:
        return f"{wait.about}: {wait.end}"
    if asked.kind is WaitKind.TIME:
        return f"{wait.about} waits until {moment(asked.until)}{': its time has come' if wait.due(now) else ''}"
    until = f", until {moment(wait.expires_at)}" if wait.expires_at else ""
    if asked.kind is WaitKind.SIGNAL:
        text = f"the signal {asked.signal}"
    else:
        text = f"{answers_stand(wait, now, members)}{_too_few(wait)}" if asked.approvers else "a yes of anybody"
    if wait.ended_by_itself(now):
        return f"{wait.about} waited for {text}{until}: it is too late"
    return f"{wait.about} waits for {text}{until}"


def _too_few(wait: Wait) -> str:
    """Return that fewer people can say yes than have to, if it is so; groups may have other members elsewhere."""
    found = possible(wait, members)
    if found is None or found >= wait.asked.approvers:
        return ""
    return f"; {f'only {found}' if found else 'none'} of them can approve, as this machine knows its users and groups"


def advice(waits: Sequence[Wait], run: str, goes_on: str = "", *, now: datetime | None = None) -> str:
    """Return which commands go on from what is waited for, at a moment.

    The last resumes the run, where `goes_on` does not say better.
    """
    found = []
    for wait in waits:
        step = f" --step {wait.step}" if wait.step else ""
        if now is not None and wait.due(now):
            continue
        if wait.end is None and wait.asked.kind is WaitKind.APPROVAL:
            found.append(f"nornflow approve {run}{step} (or reject)")
        elif wait.end is None and wait.asked.kind is WaitKind.SIGNAL:
            found.append(f"nornflow runs signal {run} {wait.asked.signal}")
    go_on = goes_on or f"nornflow runs resume {run}"
    if found:
        return "; ".join((*dict.fromkeys(found), f"then {go_on}"))
    over = now is not None and any(wait.due(now) for wait in waits)
    return go_on if over else f"{go_on}, when its time has come"


def remind(store: RunStore, moment: datetime) -> Sequence[Event]:
    """Tell of those that wait for people longer than their steps bear, each time once, and return what was told.

    The events stand in the streams of their runs; whoever writes one down has it to tell observers.
    """
    from nornflow.store.runs import SqlRunStore
    from nornflow.store.waits import SqlWaits

    return SqlWaits(store).remind(moment) if isinstance(store, SqlRunStore) else ()


def remind_all(project: Project, store: RunStore, voices: Voices) -> None:
    """Remind of what waits, and tell observers: where there is no worker, whoever looks again and again comes here."""
    observers = (*voices.observers, *project.plugin_host.registries.observers.values())
    with closing(Herald(observers, project.redactor, voices.notice)) as herald:
        for event in remind(store, now()):
            herald.tell(event)
