"""A sealed plan for people and for machines: what it is, what it would do, how every way back was tried, who approved."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from nornflow.app.reports.markdown import escaped
from nornflow.app.services.change import PlannedChange
from nornflow.app.services.plans.inspecting import Inspected
from nornflow.app.services.plans.provenance import ELSEWHERE
from nornflow.cli.plan_view import host_names, plan_markdown, plan_text
from nornflow.model.plain import plain
from nornflow.model.sealed import SealedPlan
from nornflow.planning.signing import fingerprint


def sealed_lines(found: Inspected, *, markdown: bool = False) -> Iterator[str]:
    """Yield the lines of a sealed plan."""
    plan = found.plan
    facts = {
        "sealed": f"sha256 {plan.hash}",
        "made": f"{plan.created_at:%Y-%m-%d %H:%M:%S} UTC by {plan.requester}",
        "but": "" if found.known else f"that is its word alone: {ELSEWHERE}",
        "written by": ", ".join(plan.authors),
        "goes on from": plan.follows,
        "comes after": _comes_after(plan),
        "signed": ", ".join(fingerprint(signature.key) for signature in plan.signatures),
        "with": ", ".join(f"{name} {version}" for name, version in plan.versions.items()),
        "approvals": str(found.said),
    }
    # one line for each: no name that somebody wrote into the file begins a line of its own
    shown = [(name, " ".join(value.split())) for name, value in facts.items() if value]
    if markdown:
        yield from (f"- **{name}**: {escaped(value)}" for name, value in shown)
        yield ""
        yield from plan_markdown(_change(found))
        return
    yield from (f"{name:<12} {value}" for name, value in shown)
    yield ""
    yield from plan_text(_change(found))


def sealed_json(found: Inspected) -> dict[str, Any]:
    """Return a sealed plan as JSON types, with how its approvals stand."""
    plan = found.plan
    said = found.said
    return {
        "hash": plan.hash,
        "created_at": plain(plan.created_at),
        "requester": plan.requester,
        "known": found.known,
        "authors": list(plan.authors),
        "follows": plan.follows,
        "after": {"plan": plan.after, "awaited": list(plan.awaited)} if plan.after else None,
        "signatures": [fingerprint(signature.key) for signature in plan.signatures],
        "versions": dict(plan.versions),
        "targets": list(plan.spec["targets"]),
        "plan": {**plain(plan.plan), "changes": plan.plan.changes},
        "decisions": plain(plan.decisions),
        "approvals": {**plain(said), "missing": said.missing, "carried": said.carried, "text": str(said)},
    }


def _comes_after(plan: SealedPlan) -> str:
    if not plan.after:
        return ""
    waiting = f", which has to be applied first to {host_names(tuple(plan.awaited))}" if plan.awaited else ""
    return f"plan {plan.after}{waiting}"


def _change(found: Inspected) -> PlannedChange:
    return PlannedChange(found.plan.plan, found.plan.decisions)
