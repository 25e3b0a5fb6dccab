"""Asking about a plan so that it is remembered: what was asked about, and what was answered, by whom and when."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from nornflow.abc import RunStore
from nornflow.app.services.asking import Voices
from nornflow.model.approval import Answer, Approval
from nornflow.model.plan import Plan
from nornflow.store.nothing import NoStore

if TYPE_CHECKING:
    from nornflow.store.plans import SqlPlans

APPROVE = "nornflow approve"
"""By which means a sealed plan is approved."""


def answers_about(store: RunStore, run: str) -> tuple[Approval, ...]:
    """Return what was answered about the plans of a run and about what it waited for; none where nothing is kept. StoreError."""
    plans = _plans(store)
    if plans is None:
        return ()
    from nornflow.store.runs import SqlRunStore
    from nornflow.store.waits import SqlWaits

    assert isinstance(store, SqlRunStore)  # it has plans
    said = [each for wait in SqlWaits(store).of(run) for each in wait.answers]
    return (*plans.answers(run), *said)


def remembering(voices: Voices, store: RunStore, run: str, user: str, clock: Callable[[], datetime]) -> Voices:
    """Return the voices with answers that are kept: the plan before it is asked about, the answer before it has an effect.

    Asking raises StoreError then when they cannot be kept. A store that keeps nothing leaves the voices as they are.
    """
    plans = _plans(store)
    if plans is None:
        return voices  # and the database is not loaded

    def asked(plan: Plan, held: bool) -> bool:
        digest = plans.keep(plan, clock())
        yes = voices.approve(plan, held)
        answer = Answer.APPROVED if yes else Answer.REJECTED
        plans.answered(run, Approval(digest, user, answer, clock(), via=voices.via))
        return yes

    return replace(voices, approve=asked)


def keep_approvals(store: RunStore, run: str, plan: Plan, approvals: Sequence[Approval], at: datetime) -> None:
    """Keep with a run which plan it applies and who approved that; StoreError when it cannot be."""
    plans = _plans(store)
    if plans is not None and approvals:
        digest = plans.keep(plan, at)
        for each in approvals:
            plans.answered(run, replace(each, plan=digest, via=each.via or APPROVE))


def _plans(store: RunStore) -> SqlPlans | None:
    if isinstance(store, NoStore):
        return None
    from nornflow.store.patience import PatientRunStore
    from nornflow.store.plans import SqlPlans

    return SqlPlans(store) if isinstance(store, PatientRunStore) else None
