"""A plan as text, Markdown or JSON: per device the diff and how it was come by, devices with the same diff together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

from nornflow.app.reports.markdown import code, escaped, fence_for
from nornflow.app.services.change import PlannedChange
from nornflow.model.confirm import length, taken_back_by
from nornflow.model.decision import Verdict, strictest
from nornflow.model.plain import plain
from nornflow.model.plan import HostPlan, Plan, PlannedStep, Rehearsal
from nornflow.planning.diff import added_removed, changes_in
from nornflow.record import record


@record
class Group:
    """Devices that a plan would change in the same way; the diffs are those of the first one."""

    hosts: tuple[str, ...]
    steps: tuple[tuple[str, str, str], ...]
    """Step id, method and diff of each step that changes them."""
    lines: tuple[tuple[str, tuple[str, ...]], ...]
    rollback: Rehearsal | None = None
    """How the way back of the first one was rehearsed; that of the others is worth the same."""
    confirm: str = ""
    """What takes the change back when nobody confirms it."""


def groups(plan: Plan) -> list[Group]:
    """Return the devices that would change, those with the same diffs together, in the plan's order."""
    found: dict[object, list[HostPlan]] = {}
    for host in plan.hosts:
        if host.changes:
            found.setdefault(_shape(host), []).append(host)
    return [
        Group(
            tuple(host.host for host in hosts),
            tuple((step.step, step.method.value, step.diff) for step in hosts[0].steps if step.diff),
            tuple((step.step, lines) for step in hosts[0].steps if (lines := _unseen(step))),
            hosts[0].rollback,
            hosts[0].confirm,
        )
        for hosts in found.values()
    ]


def _shape(host: HostPlan) -> object:
    """Return what must be the same for two devices to be shown together; the lines around a change may differ."""
    steps = tuple(
        (step.step, step.method, changes_in(step.diff) if step.diff else (), _unseen(step))
        for step in host.steps
        if step.changes
    )
    return steps, host.rollback and (host.rollback.method, _gist(host.rollback)), host.confirm


def _unseen(step: PlannedStep) -> tuple[str, ...]:
    """Return the lines that a step would send and that no diff shows: all without one, exec commands (but saves) beside one."""
    return step.actions if step.diff else step.lines if step.changes else ()


def _gist(rehearsal: Rehearsal) -> str:
    return rehearsal.evidence.partition("\n")[0]


def plan_text(change: PlannedChange) -> Iterator[str]:
    """Yield the lines of a plan for a terminal or a pipe."""
    plan = change.plan
    yield f"plan of {plan.workflow} {plan.version} under profile {plan.profile}: {summary(plan)}"
    for group in groups(plan):
        yield ""
        yield f"{host_names(group.hosts)}:"
        for step, method, diff in group.steps:
            yield f"  {step} ({method})"
            yield from (f"    {line}" for line in diff.splitlines())
        for step, lines in group.lines:
            yield f"  {step}: what these lines change cannot be predicted"
            yield from (f"    {line}" for line in lines)
        if group.rollback is not None:
            first, *more = group.rollback.evidence.splitlines() or [""]
            yield f"  rollback: {group.rollback.method}{f' ({first})' if first else ''}"
            yield from (f"    {line}" for line in more)
        if group.confirm:
            yield f"  {_confirm(plan, group.confirm)}"
    unchanged = [host.host for host in plan.hosts if not host.changes and not host.error]
    if unchanged:
        yield ""
        yield f"no change: {host_names(tuple(unchanged))}"
    notes = {(step.step, step.note) for host in plan.hosts for step in host.steps if step.note}
    for step, note in sorted(notes):
        yield f"note: {step}: {note}"
    for host in plan.hosts:
        if host.error:
            yield f"not planned: {host.host}: {host.error}"
            if host.hint:
                yield f"  hint: {host.hint}"
    for step, reason in plan.unplanned.items():
        yield f"later: step {step}: {reason}"
    for decision in change.decisions:
        if decision.verdict is not Verdict.ALLOW or decision.host:  # what is let pass on a device is told too
            yield f"{decision.verdict.value}: {decision.reason}{f' [{decision.where}]' if decision.where else ''}"
    yield from _batches(plan)
    known = any(not host.error for host in plan.hosts)
    if strictest(change.decisions) is Verdict.ALLOW and known and not plan.changes:
        yield "nothing would change" if not plan.unplanned else "nothing would change, as far as it is known now"


def _batches(plan: Plan) -> Iterator[str]:
    """Yield in which batches a plan would be applied, where there is more than one."""
    if not plan.changes or (len(plan.batches) < 2 and not plan.checks):
        return
    yield ""
    for by, group in groupby(plan.batches, key=lambda batch: batch.by):
        first, *others = group
        yield f"batch {first.number} ({by}): {host_names(first.hosts) if first.hosts else NO_DEVICE}"
        if len(others) > _ALIKE:
            hosts = tuple(host for batch in others for host in batch.hosts)
            yield f"batches {others[0].number} to {others[-1].number} ({by} each): {host_names(hosts)}"
            continue
        for batch in others:
            yield f"batch {batch.number} ({by}): {host_names(batch.hosts)}"
    if plan.checks:
        yield f"checked after each batch: {', '.join(plan.checks)}"


_ALIKE = 5
"""With more batches of one kind than this behind each other, those behind the first are shown together."""
NO_DEVICE = "no device"
"""What is shown of a batch whose expression names nobody who is left."""


def plan_markdown(change: PlannedChange) -> Iterator[str]:
    """Yield a plan as Markdown, for a merge request or a ticket."""
    plan = change.plan
    yield f"## Plan of {code(plan.workflow)} {escaped(plan.version)}"
    yield ""
    yield f"Profile {code(plan.profile)}: {summary(plan)}."
    for group in groups(plan):
        yield ""
        yield f"### {escaped(host_names(group.hosts))}"
        for step, method, diff in group.steps:
            yield ""
            yield f"Step {code(step)} ({method}):"
            yield ""
            yield from _block(diff.splitlines(), "diff")
        for step, lines in group.lines:
            yield ""
            yield f"Step {code(step)} (impossible to predict):"
            yield ""
            yield from _block(lines)
        if group.rollback is not None:
            yield ""
            yield f"Rollback: {group.rollback.method} ({escaped(_gist(group.rollback))})."
        if group.confirm:
            yield ""
            yield f"C{_confirm(plan, group.confirm)[1:]}."
    rows = [(escaped(host.host), host.error) for host in plan.hosts if host.error]
    rows += [(f"step {code(step)}, until it is applied", reason) for step, reason in plan.unplanned.items()]
    if rows:
        yield ""
        yield "| not planned | why |"
        yield "| --- | --- |"
        for name, why in rows:
            yield f"| {name} | {escaped(why)} |"
    for line in _batches(plan):
        yield f"- {escaped(line)}" if line else line
    for decision in change.decisions:
        if decision.verdict is not Verdict.ALLOW or decision.host:
            yield ""
            yield f"**{decision.verdict.value}**: {escaped(decision.reason)}"


def _block(lines: Sequence[str], language: str = "") -> Iterator[str]:
    """Yield lines as a block of code that none of them can end."""
    fence = fence_for("\n".join(lines))
    yield from (f"{fence}{language}", *lines, fence)


def _confirm(plan: Plan, way: str) -> str:
    return f"confirm within {length(plan.within)}: {taken_back_by(way)}"


def summary(plan: Plan) -> str:
    """Return one line that counts what would happen to the devices."""
    if not plan.hosts:
        return "it has no steps on devices"
    changing = sum(host.changes for host in plan.hosts)
    failing = sum(bool(host.error) for host in plan.hosts)
    counts = [added_removed(step.diff) for host in plan.hosts for step in host.steps]
    added, removed = sum(count[0] for count in counts), sum(count[1] for count in counts)
    text = f"{changing} of {len(plan.hosts)} devices would change, +{added} -{removed} lines"
    return f"{text}, {failing} could not be planned" if failing else text


def host_names(hosts: tuple[str, ...]) -> str:
    """Return the names of devices for people: the first ones, and how many there are."""
    shown = ", ".join(hosts[:8])
    return f"{shown} and {len(hosts) - 8} more ({len(hosts)} devices)" if len(hosts) > 8 else shown


def plan_json(change: PlannedChange) -> dict[str, Any]:
    """Return the plan as plain data, with what the gates say of it."""
    shown: dict[str, Any] = plain(change.plan)
    return {**shown, "changes": change.plan.changes, "decisions": plain(change.decisions)}
