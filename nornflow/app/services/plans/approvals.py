"""Approving and rejecting sealed plans, and how the approvals of one stand."""

from __future__ import annotations

import grp
import pwd
from collections.abc import Collection
from contextlib import closing
from datetime import datetime
from typing import TYPE_CHECKING

from nornflow.abc import RunStore
from nornflow.app.build import Project
from nornflow.app.clock import now
from nornflow.app.services.choice import chosen_profile
from nornflow.app.services.decided import kept_workflow
from nornflow.app.services.logins import Tell, learn_logins, unheard
from nornflow.app.services.plans.provenance import ELSEWHERE, is_vouched, of_stranger, vouched
from nornflow.app.services.spec import spec_of
from nornflow.errors import PolicyDenied, UsageError
from nornflow.model.approval import Answer, Approval
from nornflow.model.profile import Profile
from nornflow.model.sealed import SealedPlan
from nornflow.policy.approvals import Ballot, ballot, eligible, excluded
from nornflow.policy.lowering import with_steps
from nornflow.store.nothing import NoStore
from nornflow.store.processes import user

if TYPE_CHECKING:
    from nornflow.store.sealed import SqlSealed


def answer(project: Project, plan: SealedPlan, said: Answer, comment: str, tell: Tell = unheard) -> Ballot:
    """Keep what the user of this process says of a plan, and return how its approvals stand then.

    Logins of its devices are masked in the comment; `tell` says when they could not be learned.

    PolicyDenied when this user's word would not count, UsageError when nothing is remembered here.
    """
    profile = profile_of(project, plan)
    name = user()
    why = excluded(name, profile.approvals, plan, members)
    if said is Answer.APPROVED and why:
        raise PolicyDenied(
            f"{name} cannot approve plan {plan.short}: {why}",
            hint=f"an approval can come from {eligible(', '.join(profile.approvals.approvers), plan)}",
        )
    if comment:
        learn_logins(project, spec_of(plan.spec), tell)
    with closing(project.store()) as store:
        if said is Answer.APPROVED and profile.approvals.count and not vouched(store, project, plan):
            raise PolicyDenied(
                f"plan {plan.short} cannot be approved, for nobody can tell who made it: {ELSEWHERE}",
                hint="approve it where it was sealed, seal it here, or have it signed with a key that the project trusts",
            )
        kept = sealed_plans(store)
        if kept is None:
            raise UsageError(
                "nothing is remembered here, so an approval would be forgotten at once (store.url: none)",
                hint="give the project a store: nornflow config explain store.url",
            )
        kept.answered(Approval(plan.hash, name, said, now(), comment))
        return standing_of(store, project, plan, profile, now())


def standing_of(store: RunStore, project: Project, plan: SealedPlan, profile: Profile, moment: datetime) -> Ballot:
    """Return how the approvals of a plan stand, as the profile counts them today."""
    kept = sealed_plans(store)
    answers = kept.answers(plan.hash) if kept is not None else ()
    stranger = "" if vouched(store, project, plan) else ELSEWHERE
    return ballot(profile.approvals, plan, answers, moment, members, stranger=stranger)


def profile_of(project: Project, plan: SealedPlan) -> Profile:
    """Return the profile that a plan would be applied under today."""
    spec = spec_of(plan.spec)
    workflow = kept_workflow(project, spec)
    profile = with_steps(chosen_profile(project, spec.profile, workflow), workflow, project.profiles)
    return profile if is_vouched(project, plan) else of_stranger(project, profile)


def sealed_plans(store: RunStore) -> SqlSealed | None:
    """Return where a store keeps what is known of sealed plans; None when it keeps nothing."""
    if isinstance(store, NoStore):
        return None
    from nornflow.store.runs import SqlRunStore
    from nornflow.store.sealed import SqlSealed

    assert isinstance(store, SqlRunStore)  # there is no other kind
    return SqlSealed(store)


def members(group: str) -> Collection[str]:
    """Return the users of a group of this machine's system; of one that it does not have, nobody."""
    try:
        found = grp.getgrnam(group)
    except KeyError:
        return ()
    return {*found.gr_mem, *(each.pw_name for each in pwd.getpwall() if each.pw_gid == found.gr_gid)}
