"""Conflicts of sealed plans: what two of them would do to each other, device by device."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import timedelta

from nornflow.app.build import Project
from nornflow.app.clock import now
from nornflow.app.services.plans.approvals import profile_of, sealed_plans
from nornflow.engine.record import few
from nornflow.errors import UsageError
from nornflow.model.plan import HostPlan
from nornflow.model.sealed import SHORT, PendingPlan, SealedPlan
from nornflow.planning.conflicts import Comparison, Finding, Kind
from nornflow.record import record


@record
class Meeting:
    """Devices on which two plans meet in the same way; `read` says that they were compared on configurations.

    Where these are not kept only the plans' own lines tell what was there before.
    """

    hosts: tuple[str, ...]
    findings: tuple[Finding, ...]
    read: bool = True

    @property
    def conflict(self) -> bool:
        """Tell whether somebody has to decide something on these devices."""
        return any(finding.conflict for finding in self.findings)


@record
class Conflicts:
    """How two plans meet: nothing where no device is changed by both."""

    a: SealedPlan
    b: SealedPlan
    meetings: tuple[Meeting, ...]

    @property
    def conflict(self) -> bool:
        """Tell whether somebody has to decide something."""
        return any(meeting.conflict for meeting in self.meetings)


def conflicts_of(project: Project, a: SealedPlan, b: SealedPlan) -> Conflicts:
    """Compare two plans; the configurations they were made on are used where they are kept here. No device is asked.

    UsageError when both are one plan.
    """
    if a.hash == b.hash:
        raise UsageError(f"both files hold plan {a.short}", hint="name two plans: nornflow plan conflicts A B")
    with closing(project.store(create=False)) as store:
        kept = sealed_plans(store)
        texts = [dict(kept.images(plan.hash)) if kept is not None else {} for plan in (a, b)]
    return Conflicts(a, b, _meetings(a.plan.hosts, b.plan.hosts, *texts))


@record
class Neighbour:
    """A plan that waits for devices of another one, and how the two meet: in the findings A is the other, B is this."""

    plan: PendingPlan
    meetings: tuple[Meeting, ...]

    def __str__(self) -> str:
        hosts = [host for meeting in self.meetings for host in meeting.hosts]
        said = f"plan {self.plan.hash[:SHORT]} of {self.plan.workflow}, made by {self.plan.requester}, waits for {few(hosts)} too"
        bad = [host for meeting in self.meetings if meeting.conflict for host in meeting.hosts]
        kinds = dict.fromkeys(
            each.kind.value for meeting in self.meetings for each in meeting.findings if each.conflict
        )
        if bad:
            return f"{said}, and they are in conflict on {few(bad)} ({', '.join(kinds)})"
        if any(each.kind is Kind.STALE for meeting in self.meetings for each in meeting.findings):
            return f"{said}: they are not in conflict, but the one that is applied second has to be made anew"
        return f"{said}: one is made to come after the other"


def neighbours(project: Project, plan: SealedPlan) -> tuple[Neighbour, ...]:
    """Return the plans that wait for devices of this one, sealed here no longer ago than an approval holds.

    They are compared by their own lines alone. None where nothing is remembered.
    """
    valid = profile_of(project, plan).approvals.valid_for
    since = now() - timedelta(seconds=valid) if valid else None
    hosts = plan.plan.hosts
    with closing(project.store(create=False)) as store:
        kept = sealed_plans(store)
        waiting = kept.pending([host.host for host in hosts if host.changes], since) if kept is not None else ()
    met = (Neighbour(each, _meetings(hosts, each.hosts, {}, {})) for each in waiting if each.hash != plan.hash)
    return tuple(each for each in met if each.meetings)


def _meetings(
    a: Sequence[HostPlan], b: Sequence[HostPlan], of_a: Mapping[str, str], of_b: Mapping[str, str]
) -> tuple[Meeting, ...]:
    """Return on which devices two plans meet, and how; devices on which they do so alike are together."""
    comparison = Comparison()
    others = {host.host: host for host in b}
    found: dict[tuple[tuple[Finding, ...], bool], list[str]] = {}
    for host in a:
        other = others.get(host.host)
        texts = of_a.get(host.host), of_b.get(host.host)
        findings = comparison.of(host, other, *texts) if other is not None else ()
        if findings:
            found.setdefault((findings, texts != (None, None)), []).append(host.host)
    return tuple(Meeting(tuple(hosts), findings, read) for (findings, read), hosts in found.items())
