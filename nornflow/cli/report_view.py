"""A report of a run in the form that was asked for, as one text."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from nornflow.app.clock import now
from nornflow.app.reports import shown
from nornflow.app.services.report import Report
from nornflow.cli.run_view import record_junit, record_text, wait_lines
from nornflow.model.plain import plain
from nornflow.store.records import record_json


def report_in(form: str, report: Report) -> str:
    """Return a report as `text`, `markdown`, `html`, `json` or `junit`, with a line feed at its end."""
    return _FORMS[form](report).rstrip("\n") + "\n"


def _text(report: Report) -> str:
    return "\n".join(shown.clean(line) for line in _lines(report)).lstrip("\n")


def _lines(report: Report) -> Iterator[str]:
    record = report.record
    yield f"run {record.id} by {record.user} under profile {record.profile}, begun {shown.moment(record.started_at)}"
    if report.approvals and report.plan_hash:  # without devices there is no plan
        yield f"{'sealed plan' if report.sealed else 'plan'} {report.plan_hash}"
    for said in report.approvals:
        comment = f": {said.comment}" if said.comment else ""
        means = f" ({said.via})" if said.via else ""
        about = "" if said.about == "the plan" else f" {said.about}"
        yield f"  {said.answer.value}{about} by {said.user}{means} at {shown.moment(said.at)}{comment}"
    for decided in shown.judged(report):
        about = f" ({shown.names(decided.devices)})" if decided.devices else ""
        yield f"  {decided.verdict}: {decided.reason}{about}"
    for change in shown.changes(report):
        yield ""
        yield f"change {change.number}: {shown.names(change.devices)}: {change.verdict}"
        yield from (f"  {line}" for _, line in shown.body(change.applied or change.approved))
    counts = report.compared
    if counts:
        yield ""
        yield f"state: {counts['collateral']} collateral, {counts['intended']} intended, {counts['noise']} noise"
        for each, hosts in shown.alike(report, "collateral"):
            before = "nothing" if each.change == "new" else shown.value_text(each.before)
            after = "nothing" if each.change == "gone" else shown.value_text(each.after)
            yield f"  collateral: {each.path}: {before} -> {after} on {shown.names(hosts)}"
    if report.ended:
        yield from record_text(record)
    else:
        yield f"{record.workflow} {record.version} has not ended: {record.state.value}"
        yield from wait_lines(record, now())


def _markdown(report: Report) -> str:
    from nornflow.app.reports.markdown import report_markdown

    return "\n".join(report_markdown(report))


def _html(report: Report) -> str:
    from importlib.metadata import version

    from nornflow.app.reports.html import report_html

    return report_html(report, version("nornflow-netops"))


def _json(report: Report) -> str:
    """Return the record, and under `report` what stands beside it."""
    beside = {
        "plan": report.plan_hash,
        "approvals": plain(report.approvals),
        "gates": plain(report.gates),
        "sent": [plain(sent) for device in report.devices for sent in device.sent],
        "states": {device.name: dict(device.counts) for device in report.devices if device.counts},
        "as_approved": {device.name: device.as_approved for device in report.devices if device.approved},
        "course": plain(report.course),
    }
    return json.dumps({**record_json(report.record), "report": beside}, indent=2, ensure_ascii=False, default=str)


def _junit(report: Report) -> str:
    return record_junit(report.record, _properties(report))


def _properties(report: Report) -> Mapping[str, Any]:
    record = report.record
    said = {
        f"approval.{number}": f"{each.answer.value} by {each.user}" for number, each in enumerate(report.approvals, 1)
    }
    found = {"run": record.id, "user": record.user, "profile": record.profile, "plan": report.plan_hash, **said}
    return {name: value for name, value in found.items() if value}


_FORMS: Mapping[str, Callable[[Report], str]] = {
    "text": _text,
    "markdown": _markdown,
    "html": _html,
    "json": _json,
    "junit": _junit,
}
