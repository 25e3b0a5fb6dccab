"""Conflicts of sealed plans: what two of them would do to each other, device by device."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass

from nornflow.app.build import Project
from nornflow.app.services.approvals import sealed_plans
from nornflow.errors import UsageError
from nornflow.model.sealed import SealedPlan
from nornflow.planning.conflicts import Comparison, Finding


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
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
    return Conflicts(a, b, meetings(a, b, *texts))


def meetings(a: SealedPlan, b: SealedPlan, of_a: Mapping[str, str], of_b: Mapping[str, str]) -> tuple[Meeting, ...]:
    """Return on which devices two plans meet, and how; devices on which they do so alike are together."""
    comparison = Comparison()
    others = {host.host: host for host in b.plan.hosts}
    found: dict[tuple[tuple[Finding, ...], bool], list[str]] = {}
    for host in a.plan.hosts:
        other = others.get(host.host)
        texts = of_a.get(host.host), of_b.get(host.host)
        findings = comparison.of(host, other, *texts) if other is not None else ()
        if findings:
            found.setdefault((findings, texts != (None, None)), []).append(host.host)
    return tuple(Meeting(tuple(hosts), findings, read) for (findings, read), hosts in found.items())
