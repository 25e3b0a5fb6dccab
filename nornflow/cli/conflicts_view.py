"""Conflicts of two plans for people and for machines: devices on which they meet alike stand together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from nornflow.app.services.plans.conflicting import Conflicts, Meeting
from nornflow.cli.plan_view import host_names
from nornflow.model.plain import plain
from nornflow.model.sealed import SealedPlan
from nornflow.planning.conflicts import Finding, Kind

_MOST = 12
"""Lines of one plan that are shown of one finding; JSON has all."""


def conflicts_text(found: Conflicts) -> Iterator[str]:
    """Yield the lines that say how two plans meet."""
    yield f"A  {_named(found.a)}"
    yield f"B  {_named(found.b)}"
    for meeting in found.meetings:
        yield ""
        yield f"{host_names(meeting.hosts)}:"
        for finding in meeting.findings:
            yield f"  {finding.kind.value}: {finding.says}"
            yield from _lines(finding)
        if not meeting.read:
            yield "  looked at by the plans' own lines alone: the configurations they were made on are not kept here"
    yield ""
    yield verdict(found)


def verdict(found: Conflicts) -> str:
    """Return in one line how two plans meet, and what to do."""
    both = sum(len(meeting.hosts) for meeting in found.meetings)
    bad = sum(len(meeting.hosts) for meeting in found.meetings if meeting.conflict)
    if not both:
        return "no conflict: no device is changed by both"
    kinds = {finding.kind for meeting in found.meetings if meeting.conflict for finding in meeting.findings}
    if bad and kinds <= {Kind.AFTER, Kind.ROLLBACK}:
        return f"conflict: on {bad} of the {both} devices that both change, when the first one is taken back before the second"
    if bad:
        return f"conflict: on {bad} of the {both} devices that both change; one of the plans has to give way, or to be made anew"
    stale = any(finding.kind is Kind.STALE for meeting in found.meetings for finding in meeting.findings)
    text = f"no conflict on the {both} devices that both change"
    return f"{text}; the second one is made anew with: nornflow plan rebase B --after A -o FILE" if stale else text


def _lines(finding: Finding) -> Iterator[str]:
    if finding.kind is Kind.SAME:
        sides = [("A, B", finding.a)]
    elif finding.kind is Kind.ORDER:
        sides = [("A, then B", finding.a), ("B, then A", finding.b)]
    else:
        sides = [("A", finding.a), ("B", finding.b)]
    width = max(len(name) for name, _ in sides)
    for name, lines in sides:
        for line in lines[:_MOST]:
            yield f"    {name:<{width}}  {line}".replace("\n", "\n" + " " * (width + 6))  # a banner
        if len(lines) > _MOST:
            yield f"    {name:<{width}}  and {len(lines) - _MOST} lines more"


def conflicts_json(found: Conflicts) -> dict[str, Any]:
    """Return how two plans meet as JSON types, device by device."""
    return {
        "a": _identity(found.a),
        "b": _identity(found.b),
        "conflict": found.conflict,
        "devices": [
            {"host": host, "conflict": meeting.conflict, "compared_on": _compared(meeting), "findings": _json(meeting)}
            for meeting in found.meetings
            for host in meeting.hosts
        ],
    }


def _json(meeting: Meeting) -> list[dict[str, Any]]:
    return [{**plain(finding), "conflict": finding.conflict} for finding in meeting.findings]


def _compared(meeting: Meeting) -> str:
    return "configuration" if meeting.read else "lines"


def _identity(plan: SealedPlan) -> dict[str, Any]:
    return {"hash": plan.hash, "workflow": plan.plan.workflow, "requester": plan.requester}


def _named(plan: SealedPlan) -> str:
    made = f"{plan.created_at:%Y-%m-%d %H:%M} UTC"
    return f"plan {plan.short} of {plan.plan.workflow} {plan.plan.version}, made by {plan.requester} at {made}"
