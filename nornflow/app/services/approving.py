"""Asking about a plan so that it is remembered: what was asked about, and what was answered, by whom and when."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from nornflow.abc import RunStore
from nornflow.app.services.asking import Voices
from nornflow.model.approval import Answer, Approval
from nornflow.model.plan import Plan
from nornflow.store.nothing import NoStore


def remembering(voices: Voices, store: RunStore, run: str, user: str, clock: Callable[[], datetime]) -> Voices:
    """Return the voices with answers that are kept: the plan before it is asked about, the answer before it has an effect.

    Asking raises StoreError then when they cannot be kept. A store that keeps nothing leaves the voices as they are.
    """
    if isinstance(store, NoStore):
        return voices  # and the database is not loaded
    from nornflow.store.patience import PatientRunStore
    from nornflow.store.plans import SqlPlans

    if not isinstance(store, PatientRunStore):
        return voices

    plans = SqlPlans(store)

    def asked(plan: Plan, held: bool) -> bool:
        digest = plans.keep(plan, clock())
        yes = voices.approve(plan, held)
        answer = Answer.APPROVED if yes else Answer.REJECTED
        plans.answered(run, Approval(digest, user, answer, clock()))
        return yes

    return replace(voices, approve=asked)
