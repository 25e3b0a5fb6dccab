"""Answering what a run waits for: approving, rejecting, and sending it a signal."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from datetime import datetime
from typing import Any

from nornflow.abc import RunStore
from nornflow.app.build import Project
from nornflow.app.clock import now
from nornflow.app.services.decided import kept_workflow, step_types_for
from nornflow.app.services.logins import Tell, learn_logins, unheard
from nornflow.app.services.plans.approvals import members
from nornflow.app.services.spec import kept_spec, spec_of
from nornflow.app.services.waits.waiting import told, waits_at
from nornflow.engine.waiting import why
from nornflow.errors import PlanStale, PolicyDenied, StateConflict, UsageError
from nornflow.model.approval import Answer, Approval
from nornflow.model.sealed import SHORT
from nornflow.model.step import Step
from nornflow.model.wait import Wait, WaitEnd, WaitKind
from nornflow.policy.waits import barred, judged
from nornflow.policy.waits import standing as ballot_on
from nornflow.record import record
from nornflow.store.processes import user
from nornflow.workflow.diagnostics import did_you_mean, listing
from nornflow.workflow.templating import has_template


@record
class About:
    """Which of the things that a run waits for: a step, a batch (0 is any); `plan` is how the hash of its plan must begin."""

    step: str = ""
    batch: int = 0
    plan: str = ""


@record
class Said:
    """What became of an answer: the run, what it was about, and whether the run may go on now."""

    run: str
    wait: Wait
    words: str
    due: bool


def decide(project: Project, beginning: str, said: Answer, comment: str, about: About, tell: Tell = unheard) -> Said:
    """Keep what the user of this process says of what a run waits for, and return how that stands then.

    Logins of the run's devices are masked in the comment; `tell` says when they could not be learned.

    PolicyDenied when this user's word does not count, StateConflict when it is decided or too late, PlanStale when the run
    does not apply the plan of that hash, UsageError when it is not clear what is meant.
    """
    from nornflow.store.waits import SqlWaits

    name, at = user(), now()
    with closing(project.store(create=False)) as store:
        run = store.find(beginning)
        table = SqlWaits(_sql(store, run))
        wait = _meant(run, table.of(run), about)
        if not wait.plan.startswith(about.plan):
            raise PlanStale(
                f"run {run} applies plan {wait.plan[:SHORT]}, not {about.plan}",
                hint=f"look at it first: nornflow runs plan {run}",
            )

        if comment:
            learn_logins(project, kept_spec(store.standing(run).spec, project.folder), tell)

        def judge(now_is: Wait, others: Sequence[Wait]) -> WaitEnd | None:
            why = barred(name, now_is, others, members)
            end = judged(now_is, at, members)
            if why and (said is Answer.APPROVED or end is not WaitEnd.REJECTED):
                raise PolicyDenied(
                    f"{name} cannot {'approve' if said is Answer.APPROVED else 'reject'} {wait.about} of run {run}: {why}",
                    hint=f"an answer can come from {ballot_on(now_is, at, members).eligible}",
                )
            return end

        via = "nornflow approve" if said is Answer.APPROVED else "nornflow reject"
        table.answer(run, wait.number, Approval(wait.plan, name, said, at, comment, via), judge)
        after = next(one for one in table.of(run) if one.number == wait.number)
        return Said(run, after, told(after, at), after.due(at))


def is_run(project: Project, beginning: str) -> bool:
    """Tell whether an id of a run begins so."""
    if not project.remembers:
        return False
    with closing(project.store(create=False)) as store:
        try:
            store.find(beginning)
        except UsageError as error:
            return "more than one" in error.message
        return True


def send_signal(project: Project, beginning: str, name: str, data: Any, tell: Tell = unheard) -> Said | None:
    """Send a run a signal with its data; None when nobody waits for it yet: then it is kept until a step does.

    What holds a login of the run's devices is kept sealed; `tell` says when they could not be learned.

    UsageError when no step of the run's workflow can wait for it, StateConflict when the run has ended.
    """
    from nornflow.store.waits import SqlWaits

    at = now()
    with closing(project.store(create=False)) as store:
        run = store.find(beginning)
        sql = _sql(store, run)
        _demand_known(project, store, run, name)
        if data is not None:
            learn_logins(project, kept_spec(store.standing(run).spec, project.folder), tell)
        ended = SqlWaits(sql).signal(run, name, data, user(), at)
        return None if ended is None else Said(run, ended, told(ended, at), due=True)


def pending(store: RunStore, moment: datetime) -> dict[str, list[str]]:
    """Return what each waiting run waits for, in words."""
    from nornflow.store.runs import SqlRunStore
    from nornflow.store.waits import SqlWaits

    if not isinstance(store, SqlRunStore):
        return {}
    return {run: [told(wait, moment) for wait in found] for run, found in SqlWaits(store).open().items()}


def _sql(store: RunStore, run: str) -> Any:
    from nornflow.store.runs import SqlRunStore

    assert isinstance(store, SqlRunStore)  # no other one finds a run
    standing = store.standing(run)
    if standing.ended:
        raise StateConflict(
            f"run {run} has ended: it is {standing.state}", hint=f"see what it did: nornflow runs show {run}"
        )
    return store


def _meant(run: str, waits: Sequence[Wait], about: About) -> Wait:
    """Return the wait that an answer is about: the one that is open, or the last one that was."""
    people = [wait for wait in waits if wait.asked.kind is WaitKind.APPROVAL]
    found = [wait for wait in people if about.step in ("", wait.step) and about.batch in (0, wait.batch)]
    still = [wait for wait in found if wait.open and wait.end is None]
    if len(still) > 1:
        choices = ", ".join(
            f"--step {wait.step} --batch {wait.batch}" if wait.batch else f"--step {wait.step}"
            for wait in sorted(still, key=lambda wait: (wait.batch, wait.step))  # they may have begun side by side
        )
        raise UsageError(f"run {run} waits for more than one approval", hint=f"say which: {choices}")
    if still or found:
        return (still or found)[-1]
    what = f" of step {about.step}" if about.step else ""
    others = [wait.about for wait in people if wait.open and wait.end is None]
    raise UsageError(
        f"run {run} waits for no approval{what}",
        hint=f"it waits for {listing(others)}" if others else "nornflow runs list shows what runs wait for",
    )


def _demand_known(project: Project, store: RunStore, run: str, name: str) -> None:
    """Raise UsageError when the workflow says which signals it waits for, and this one is not among them.

    StateConflict when each step that it names for this one has waited already, outside of batches: none will do so again.
    """
    from nornflow.store.waits import SqlWaits

    spec = spec_of(store.standing(run).spec)
    types = step_types_for(project, spec)
    workflow = kept_workflow(project, spec, types)
    waiting = [step for step in workflow.steps if types[step.type].waits(step.params)]
    named = list(dict.fromkeys(str(step.params["signal"]) for step in waiting if step.params.get("signal")))
    _demand_wanted(run, name, waiting, SqlWaits(_sql(store, run)).of(run))
    if (
        name in named
        or any(map(has_template, named))
        or any(wait.asked.signal == name for wait in waits_at(store, run))
    ):
        return
    if not waiting or named:
        near = did_you_mean(name, named)
        raise UsageError(
            f"no step of run {run} waits for the signal {name!r}",
            hint=f"did you mean {near!r}?"
            if near
            else f"it waits for {listing(named)}"
            if named
            else "no step of it waits",
        )


def _demand_wanted(run: str, name: str, waiting: Sequence[Step], waits: Sequence[Wait]) -> None:
    over = {wait.step: wait for wait in waits if not wait.batch and wait.end is not None}
    last = next((wait for wait in reversed(over.values()) if wait.asked.signal == name), None)
    if last is None or (last.open and last.end is WaitEnd.EXPIRED):
        return  # of one that came too late the store says until when it was waited for
    for step in waiting:
        signal = str(step.params.get("signal") or name)  # a plugin's step has its own ways to say it
        if step.id not in over and (signal == name or has_template(signal)):
            return
    raise StateConflict(
        f"no step of run {run} waits for the signal {name} any more: {why(last)}",
        hint=f"each signal ends one wait; what this one brought: nornflow runs show {run}",
    )
