"""A report as Markdown (GitHub's and GitLab's), for a merge request or a ticket; no text of a device becomes markup."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from nornflow.app.reports import shown
from nornflow.app.services.report import DeviceReport, Report, StateDifference
from nornflow.app.services.waits.waiting import told
from nornflow.model.run import StepRecord

MOST_ROWS = 200
"""Rows of differences that are shown; the devices' own lists have the others."""
_MARKUP = re.compile(r"([\\`*\[\]~|#])")
_UNDERSCORE = re.compile(r"(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")
_ENTITIES = {ord("&"): "&amp;", ord("<"): "&lt;", ord(">"): "&gt;"}


def escaped(text: str) -> str:
    """Return a text on one line in which Markdown and HTML find nothing to work on; fit for the cell of a table."""
    line = _MARKUP.sub(r"\\\1", " ".join(shown.clean(text).split())).translate(_ENTITIES)
    return _UNDERSCORE.sub(r"\\_", line)


def in_html(text: str) -> str:
    """Return a text on one line, fit for a line of HTML, where Markdown's own marks are text."""
    return " ".join(shown.clean(text).split()).translate(_ENTITIES)


def code(text: str) -> str:
    """Return a text as code on one line, fit for the cell of a table; an empty text is nothing."""
    line = " ".join(shown.clean(text).split())
    if not line:
        return ""
    ticks = max((len(run) for run in re.findall("`+", line)), default=0)
    fence, pad = "`" * (ticks + 1), " " if line[0] == "`" or line[-1] == "`" else ""
    return f"{fence}{pad}{line}{pad}{fence}".replace("|", "\\|")


def fence_for(text: str) -> str:
    """Return a fence that the text does not hold: a banner may be drawn with back quotes."""
    return max(["```", *(f"{run}`" for run in re.findall("`{3,}", text))], key=len)


def table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    """Yield a table of cells that are Markdown already."""
    names = list(heads)
    yield f"| {' | '.join(names)} |"
    yield f"|{' --- |' * len(names)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"


def block(text: str, language: str = "") -> Iterator[str]:
    """Yield a text as a block of code."""
    clean = shown.cut(shown.clean(text))
    fence = fence_for(clean)
    yield from (f"{fence}{language}", *clean.splitlines(), fence)


def report_markdown(report: Report) -> Iterator[str]:
    """Yield the lines of a report: the summary first, each device folded behind its name."""
    yield from _head(report)
    yield from _approval(report)
    if report.record.inputs or report.record.outputs:
        yield from ("", "## Inputs and outputs", "")
        given = [("input", name, value) for name, value in report.record.inputs.items()]
        given += [("output", name, value) for name, value in report.record.outputs.items()]
        yield from table(
            ("", "name", "value"), ((kind, code(name), code(shown.value_text(value))) for kind, name, value in given)
        )
    yield from _changes(report)
    yield from _states(report)
    yield from _devices(report)
    batches = shown.of_batches(report.record)
    if batches:
        yield from ("", "## Batches", "")
        yield from table(("batch", "by", "devices", "it was", "checks"), (map(escaped, row) for row in batches))
    yield from _steps(report)
    if report.record.security_events:
        yield from ("", "## Security events", "")
        keys = ("kind", "step", "host", "message")
        yield from table(
            keys, ((escaped(str(event.get(key, ""))) for key in keys) for event in report.record.security_events)
        )


def _head(report: Report) -> Iterator[str]:
    record = report.record
    yield f"# {escaped(record.workflow)} {escaped(record.version)}: {escaped(record.state.value)}"
    yield ""
    took = f"took {shown.seconds(record.duration)}" if report.ended else "has not ended"
    again = f", gone on with by {escaped(', '.join(record.resumed_by))}" if record.resumed_by else ""
    yield (
        f"Run {code(record.id)} by {escaped(record.user)}{again} under profile {code(record.profile)}, begun "
        f"{shown.moment(record.started_at)}, {took}."
    )
    for wait in record.waits:
        yield from ("", f"It waits: {escaped(told(wait))}. {escaped(wait.asked.text)}".rstrip())
    if record.error:
        yield from ("", f"**{escaped(record.error)}** {escaped(record.hint)}".rstrip())
    if report.devices:
        counts = ", ".join(f"{count} {escaped(state)}" for state, count in report.states.items())
        added, removed = report.lines
        yield from ("", f"Devices: {counts}; +{added} -{removed} lines.")

    for line in shown.confirm_lines(record):
        yield from ("", f"C{escaped(line[1:])}.")


def _approval(report: Report) -> Iterator[str]:
    yield from ("", "## What was approved, and by whom", "")
    if not report.approvals:
        yield "This run asked about no plan."
    else:
        if report.plan_hash:
            yield f"{'Sealed plan' if report.sealed else 'Plan'} `sha256 {report.plan_hash}`"
            yield ""
        rows = (
            (
                each.answer.value,
                escaped(each.about),
                *(escaped(word) for word in (each.user, each.via)),
                shown.moment(each.at),
                code(report.plan_of(each)[:12]),
                escaped(each.comment),
            )
            for each in report.approvals
        )
        yield from table(("answer", "about", "by", "by means of", "when", "plan", "comment"), rows)
    risks = [(risk.line, risk.step, risk.why, shown.names(hosts, 4)) for risk, hosts in shown.risky(report)]
    if risks:
        yield from ("", "Lines that could lock the controller out:", "")
        yield from table(("line", "step", "why", "on"), (map(escaped, row) for row in risks[:MOST_ROWS]))
    for step, why in report.plan.unplanned.items() if report.plan else ():
        yield from ("", f"Not planned: step {code(step)}: {escaped(why)}")
    gates = [
        (each.verdict, each.gate, each.step, each.reason, shown.names(each.devices, 4)) for each in shown.judged(report)
    ]
    if gates:
        yield from ("", "Decisions of gates:", "")
        yield from table(("verdict", "gate", "step", "why", "on"), (map(escaped, row) for row in gates[:MOST_ROWS]))


def _changes(report: Report) -> Iterator[str]:
    found = shown.changes(report)
    if found:
        yield from ("", "## What changed in the configuration")
    for change in found:
        how = f", planned as {', '.join(change.methods)}" if change.methods else ""
        yield from ("", f"### Change {change.number}: {escaped(shown.names(change.devices))}", "")
        yield f"+{change.lines[0]} -{change.lines[1]} lines on each{how}. {change.verdict}"
        same = change.as_approved or not (change.approved and change.applied)
        for title, diff in (
            (("", change.applied or change.approved),)
            if same
            else (
                ("Approved:", change.approved),
                ("Applied:", change.applied),
            )
        ):
            yield ""
            if title:
                yield from (title, "")
            yield from block(diff, "diff")
        method, evidence, lines = change.rollback
        if method:
            yield from ("", f"The way back: {escaped(method)}{', ' + escaped(evidence) if evidence else ''}", "")
            yield from block("\n".join(lines))


def _states(report: Report) -> Iterator[str]:
    counts = report.compared
    if not counts:
        return
    yield from ("", "## What changed in the state", "")
    yield f"{counts['collateral']} collateral, which nothing explains; {counts['intended']} intended; {counts['noise']} noise."
    for kind in ("collateral", "intended"):
        found = shown.alike(report, kind)
        if found:
            yield ""
            rows = ((*_cells(each), escaped(shown.names(hosts, 4))) for each, hosts in found[:MOST_ROWS])
            yield from table((kind, "before", "after", "because", "on"), rows)
        if len(found) > MOST_ROWS:
            yield from ("", f"and {len(found) - MOST_ROWS} more, with the devices")


def _cells(each: StateDifference) -> tuple[str, str, str, str]:
    before = "*new*" if each.change == "new" else code(shown.value_text(each.before))
    after = "*gone*" if each.change == "gone" else code(shown.value_text(each.after))
    return code(each.path), before, after, code(each.because)


def _devices(report: Report) -> Iterator[str]:
    if not report.devices:
        return
    yield from ("", "## Devices", "")
    change_of = {name: change.number for change in shown.changes(report) for name in change.devices}
    rows = (
        (
            escaped(device.name),
            escaped(device.record.state.value),
            str(device.record.batch or ""),
            str(change_of.get(device.name, "")),
            shown.seconds(device.seconds),
            escaped(
                f"{device.record.failed_step}: {device.record.error}"
                if device.record.failed_step
                else device.record.error
            ),
            escaped(device.record.rollback),
        )
        for device in report.devices
    )
    yield from table(("device", "state", "batch", "change", "time", "what happened", "rollback"), rows)
    states = shown.with_states(report)
    for device in report.devices:
        if device.steps or device.sent:
            yield from _device(device, device.name in states)


def _device(device: DeviceReport, with_states: bool) -> Iterator[str]:
    yield from ("", f"<details><summary>{in_html(device.name)}: {device.record.state.value}</summary>", "")
    rows = (
        (
            escaped(step.step),
            escaped(result.state.value),
            shown.moment(result.started_at),
            shown.seconds(result.duration),
            escaped(shown.remark(result)),
        )
        for step, result in device.steps
    )
    yield from table(("step", "state", "begun", "took", ""), rows)
    for sent in device.sent:
        yield from ("", f"Sent by {code(sent.step)}: {shown.amount(sent)}")
        if sent.lines:
            yield ""
            yield from block("\n".join(sent.lines))
    if device.differences:
        yield ""
        rows_ = ((*_cells(each), each.explanation) for each in device.differences[:MOST_ROWS])
        yield from table(("state", "before", "after", "because", "class"), rows_)
    for look in device.looks if with_states else ():
        yield from ("", f"<details><summary>{in_html(look.name)} before and after</summary>")
        for when, seen in (("Before:", look.before), ("After:", look.after)):
            yield from ("", when, "")
            yield from block("not seen" if seen is None else shown.state_text(seen))
        yield from ("", "</details>")
    yield from ("", "</details>")


def _steps(report: Report) -> Iterator[str]:
    if not report.steps:
        return
    yield from ("", "## Steps", "")
    rows = (
        (
            *(escaped(word) for word in (step.step, step.type, step.state.value)),
            str(len(step.hosts) or ""),
            _took(step),
            escaped(shown.remark(step.result) if step.result else ""),
        )
        for step in report.steps
    )
    yield from table(("step", "type", "state", "devices", "took", ""), rows)


def _took(step: StepRecord) -> str:
    if step.started_at is None or step.completed_at is None:
        return ""
    return shown.seconds(max(0.0, (step.completed_at - step.started_at).total_seconds()))
