"""Applying a sealed plan: it is opened, held against what is there today, and exactly its lines are sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nornflow.abc import RunStore
from nornflow.app.build import Project
from nornflow.app.clock import now
from nornflow.app.services.asking import Voices
from nornflow.app.services.change import Applied, carry_out
from nornflow.app.services.decided import Change, kept_change
from nornflow.app.services.plans.approvals import members, sealed_plans, standing_of
from nornflow.app.services.plans.provenance import (
    ELSEWHERE,
    demand_asked_for_here,
    demand_inside,
    demand_one_story,
    is_vouched,
)
from nornflow.app.services.plans.sealing import seal_again, versions
from nornflow.app.services.plans.strangers import planned_here
from nornflow.app.services.spec import Spec, at_home, spec_of
from nornflow.engine.plans.drift import Sealed
from nornflow.errors import ApprovalRequired, PlanStale
from nornflow.model.device import HostView
from nornflow.model.journal import Entry, EntryKind
from nornflow.model.profile import Profile
from nornflow.model.run import HostState, RunRecord
from nornflow.model.sealed import SealedPlan
from nornflow.policy.approvals import AHEAD, Ballot, ballot
from nornflow.record import record

if TYPE_CHECKING:
    from nornflow.store.sealed import SqlSealed


_OTHER = "{}: the inventory says something else of it than when the plan was made"


@record
class Wanted:
    """How a plan shall be applied: `strict` when one stale device keeps all from being changed; `locked` as for a run."""

    strict: bool = False
    locked: str = ""


@record
class Opened:
    """A plan with the change that it is of, as that is today, and the devices that are not the same any more."""

    plan: SealedPlan
    change: Change
    outdated: Mapping[str, str]
    devices: frozenset[str]


def open_change(project: Project, plan: SealedPlan, moment: datetime) -> Opened:
    """Make ready what a plan is of; PlanStale when something that holds for all of it is not what it was."""
    if moment < plan.created_at - AHEAD:
        raise PlanStale(
            f"the plan is of {plan.created_at:%Y-%m-%d %H:%M} UTC, and here it is {moment:%Y-%m-%d %H:%M}: "
            "a clock was set back",
            hint="see to the clocks: approvals and confirmations hang on them",
        )
    spec = replace(spec_of(plan.spec), stranger=not is_vouched(project, plan))
    if spec.stranger:
        demand_inside(spec)
    spec = at_home(spec, project.folder)
    found = _other_versions(plan.versions, versions(project))
    change, today = kept_change(project, spec)
    try:
        demand_one_story(plan, change.workflow)
        if spec.stranger:
            demand_asked_for_here(project, spec, change.workflow, change.hosts)
        found += [f"the file {name}" for name in spec.other_files(today)]
        if today.used != spec.used:
            found.append(f"the profile: it was {spec.used} and would be {today.used}")
        if found:
            raise PlanStale(
                f"plan {plan.short} cannot be applied, something is not what it was when it was made: {'; '.join(found)}",
                hint="bring that back, or plan again and have that approved",
            )
    except BaseException:
        change.close()
        raise
    outdated = {host: _OTHER.format(host) for host in spec.other_devices(today)}
    gone = [host for host in spec.targets if host not in change.hosts]
    outdated |= {host: f"{host}: the inventory has no such device any more" for host in gone}
    hosts = {**change.hosts, **{host: HostView(host) for host in gone}}
    same = {host: digest for host, digest in spec.devices.items() if host not in outdated}
    change = replace(change, hosts=hosts, spec=replace(spec, sealed=plan.hash, devices=same))
    return Opened(plan, change, outdated, frozenset(hosts.keys() - set(gone)))


def apply_plan(project: Project, plan: SealedPlan, voices: Voices, wanted: Wanted) -> RunRecord:
    """Apply a sealed plan where devices are still as it found them, and return the run's record.

    Raises PlanStale when the plan as a whole does not hold any more, ApprovalRequired when it lacks approvals; nothing
    is asked of a device before.
    """
    ready = open_change(project, plan, now())
    try:
        with closing(project.store()) as store:
            profile = ready.change.profile
            said = demand_approved(store, project, plan, profile)
            approved, shown, outdated = plan.approved, plan.plan, ready.outdated
            if ready.change.spec.stranger:
                voices.notice(f"plan {plan.short} is planned once more, for {ELSEWHERE}")
                checked = planned_here(project, plan, open_change(project, plan, now()).change, voices)
                approved, shown, outdated = checked.approved, checked.plan, {**checked.others, **outdated}
            sealed = replace(
                _sealed(sealed_plans(store), ready.change.spec, approved, plan.created_at),
                outdated=outdated,
                strict=wanted.strict,
                answered=bool(said.approved),
                still=lambda: _demand(standing_of(store, project, plan, profile, now())),
            )
            change = replace(ready.change, spec=replace(ready.change.spec, strict=wanted.strict))
            return carry_out(
                project, change, voices, locked=wanted.locked, applied=Applied(sealed, shown, said.approved)
            )
    finally:
        ready.change.close()


def demand_approved(store: RunStore, project: Project, plan: SealedPlan, profile: Profile) -> Ballot:
    """Return who approved a plan; ApprovalRequired when that is not enough."""
    said = standing_of(store, project, plan, profile, now())
    _demand(said)
    return said


def stale_hosts(record: RunRecord) -> Sequence[str]:
    """Return the devices that were left alone because they had drifted."""
    return [host.host for host in record.hosts if host.state is HostState.STALE]


def replan_stale(
    project: Project, plan: SealedPlan, hosts: Sequence[str], voices: Voices, file: Path, key: Path | None = None
) -> SealedPlan:
    """Plan for devices that were stale once more, as they are now, into a plan file of its own, and return that plan."""
    ready = open_change(project, plan, now())
    try:
        known = [host for host in hosts if host in ready.devices]
        if not known:
            raise PlanStale("the inventory has none of the stale devices any more", hint="plan the change anew")
        change = replace(ready.change, spec=replace(ready.change.spec, sealed=""))
        return seal_again(project, plan, change, known, voices, file, key)[1]
    finally:
        ready.change.close()


def _demand(said: Ballot) -> None:
    if not said.carried:
        raise ApprovalRequired(
            f"the plan is not approved: {said}",
            hint="they look at it with `nornflow plan show FILE` and say yes with `nornflow approve FILE`"
            if not said.rejected
            else "plan again, or talk to whoever rejected it: `nornflow approve FILE` takes a rejection back",
        )


def sealed_again(store: RunStore, change: Change, entries: Sequence[Entry], user: str) -> Sealed:
    """Return the sealed plan of a run of `user` that goes on, as its journal has it; nobody is asked once more.

    Approvals that ran out meanwhile held when it began; a word that was taken back since is heard, and so is a profile
    that asks for more of them now.
    """
    spec = change.spec
    approved = next(entry.data for entry in entries if entry.kind is EntryKind.APPROVED)
    kept = sealed_plans(store)
    made = kept.made_at(spec.sealed) if kept is not None else None
    requester = (kept.requester(spec.sealed) if kept is not None else None) or user
    plan = SealedPlan(made or now(), requester, change.workflow.authors, {}, {}, (), approved, hash=spec.sealed)
    quorum = replace(change.profile.approvals, valid_for=0)

    def still() -> None:
        answers = kept.answers(spec.sealed) if kept is not None else ()
        stranger = ELSEWHERE if spec.stranger else ""
        _demand(ballot(quorum, plan, answers, now(), members, stranger=stranger))

    other = {host: _OTHER.format(host) for host in spec.targets if host not in spec.devices}
    return replace(_sealed(kept, spec, approved, made), answered=True, strict=spec.strict, still=still, outdated=other)


def _sealed(kept: SqlSealed | None, spec: Spec, approved: Mapping[str, Any], made: datetime | None) -> Sealed:
    def image(host: str, digest: str) -> str | None:
        return kept.image(spec.sealed, host, digest) if kept is not None else None

    def blame(host: str) -> str:
        return str(kept.touched_since(host, made) or "") if kept is not None and made is not None else ""

    return Sealed(approved, image, blame, after=spec.after, awaited=spec.awaited, hash=spec.sealed)


def _other_versions(then: Mapping[str, str], today: Mapping[str, str]) -> list[str]:
    return [
        f"{name} was {then.get(name, 'not installed')} and is {today.get(name, 'not installed')}"
        for name in sorted(then.keys() | today.keys())
        if then.get(name) != today.get(name)
    ]
