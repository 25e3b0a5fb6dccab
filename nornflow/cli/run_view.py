"""A run's record as text, Markdown or JUnit."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from nornflow.app.reports.markdown import block, code, escaped, table
from nornflow.app.reports.shown import confirm_lines
from nornflow.app.services.waits.waiting import advice, told
from nornflow.model.plain import plain
from nornflow.model.run import BAD_ENDS, HostRecord, HostState, RunRecord, StepResult
from nornflow.planning.diff import added_removed, group_by_diff

NO_PROPERTIES: Mapping[str, str] = MappingProxyType({})
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def record_text(record: RunRecord) -> Iterator[str]:
    """Yield the summary of a run for a terminal or a pipe: every device that is not simply well has its line."""
    yield ""
    yield f"{record.workflow} {record.version}: {record.state.value} in {record.duration:.1f} s (run {record.id})"
    if record.hosts:
        counts = Counter(host.state.value for host in record.hosts)
        results = [result for step in record.steps for result in (*step.hosts.values(), step.result) if result]
        changed = [added_removed(result.diff) for result in results if result.state is not HostState.PLANNED]
        added, removed = sum(count[0] for count in changed), sum(count[1] for count in changed)
        yield f"devices: {', '.join(f'{n} {state}' for state, n in counts.items())}; +{added} -{removed} lines"
    yield from confirm_lines(record)
    for host in record.hosts:
        if host.error or host.rollback:
            yield from _host_lines(host)
    for name, value in record.outputs.items():
        yield f"output {name}: {_as_yaml(value)}"
    yield from wait_lines(record)
    if record.error:
        yield f"error: {record.error}"
    if record.hint and record.hint not in {host.hint for host in record.hosts}:
        yield f"hint: {record.hint}"


def wait_lines(record: RunRecord, now: datetime | None = None) -> Iterator[str]:
    """Yield what the run waits for, and what goes on with it; as it stands `now`, or did when the record was made."""
    for wait in record.waits:
        yield told(wait, now)
        if wait.asked.text:
            yield f"    {indented(wait.asked.text)}"
    if record.waits:
        yield f"hint: {advice(record.waits, record.id, now=now)}"


def _as_yaml(value: Any) -> str:
    """Return the value of an output in the words of workflows: a text as it is, all else as JSON, which is YAML too."""
    return value if isinstance(value, str) else json.dumps(plain(value), ensure_ascii=False)


def indented(text: str) -> str:
    """Return the text with its further lines further in: what a device or a task says must not look like a line of ours."""
    return text.replace("\n", "\n      ")


def _host_lines(host: HostRecord) -> Iterator[str]:
    step = f" at {host.failed_step}" if host.failed_step else ""
    yield f"  {host.host}: {host.state.value}{step}{f': {indented(host.error)}' if host.error else ''}"
    if host.rollback:
        yield f"    rollback: {indented(host.rollback)}"
    if host.hint:
        yield f"    hint: {indented(host.hint)}"


def record_markdown(record: RunRecord) -> Iterator[str]:
    """Yield a run as Markdown, for a merge request or a ticket."""
    yield f"## {code(record.workflow)} {record.version}: {record.state.value}"
    yield ""
    yield f"Run `{record.id}` by {escaped(record.user)} under profile `{record.profile}`, {record.duration:.1f} s."
    if record.error:
        yield ""
        yield f"**{escaped(record.error)}** {escaped(record.hint)}".rstrip()
    for line in confirm_lines(record):
        yield ""
        yield f"C{escaped(line[1:])}."
    if record.hosts:
        yield ""
        rows = ((host.host, host.state.value, host.failed_step, host.error, host.rollback) for host in record.hosts)
        heads = ("device", "state", "step", "what happened", "rollback")
        yield from table(heads, (map(escaped, row) for row in rows))
        for diff, names in group_by_diff((host.host, host.diff) for host in record.hosts if host.diff):
            yield from ("", f"### {escaped(', '.join(names))}", "")
            yield from block(diff, "diff")
    else:
        yield ""
        steps = ((step.step, step.state.value, step.result.error if step.result else "") for step in record.steps)
        yield from table(("step", "state", "what happened"), (map(escaped, row) for row in steps))
    for wait in record.waits:
        yield from ("", f"It waits: {escaped(told(wait))}. {escaped(wait.asked.text)}".rstrip())


def record_junit(record: RunRecord, properties: Mapping[str, str] = NO_PROPERTIES) -> str:
    """Return a run as JUnit XML: one test case per step and device, and what else is known as properties of the suite."""
    suite = Element("testsuite", name=_xml(record.workflow), time=f"{record.duration:.3f}")
    if record.started_at is not None:
        suite.set("timestamp", f"{record.started_at:%Y-%m-%dT%H:%M:%S}")
    if properties:
        named = SubElement(suite, "properties")
        for name, value in properties.items():
            SubElement(named, "property", name=_xml(name), value=_xml(value))
    counts: Counter[str] = Counter()
    for step in record.steps:
        results = step.hosts.items() if step.result is None else [("", step.result)]
        for host, result in results:
            _case(suite, step.step, host, result, counts)
    for wait in record.waits:  # neither well nor failed, and not to be overlooked
        case = SubElement(suite, "testcase", classname=_xml(record.workflow), name=_xml(wait.about), time="0")
        SubElement(case, "skipped", message=_xml(told(wait)))
        counts["tests"] += 1
        counts["skipped"] += 1
    if record.error and not counts["failures"]:
        case = SubElement(suite, "testcase", classname=_xml(record.workflow), name="run", time="0")
        SubElement(case, "failure", message=_xml(record.error)).text = _xml(record.hint)
        counts["tests"] += 1
        counts["failures"] += 1
    for name in ("tests", "failures", "errors", "skipped"):
        suite.set(name, str(counts[name]))
    indent(suite)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + tostring(suite, encoding="unicode")


def _case(suite: Element, step: str, host: str, result: StepResult, counts: Counter[str]) -> None:
    counts["tests"] += 1
    case = SubElement(
        suite,
        "testcase",
        classname=_xml(f"{suite.get('name')}.{step}"),
        name=_xml(host or step),
        time=f"{result.duration:.3f}",
    )
    if result.state in BAD_ENDS and not result.rescued:
        counts["failures"] += 1
        failure = SubElement(
            case, "failure", message=_xml(result.error), type=_xml(result.reason or result.state.value)
        )
        failure.text = _xml("\n".join(filter(None, (result.error, result.hint, result.stderr))))
    elif result.state in (HostState.SKIPPED, HostState.PENDING):
        counts["skipped"] += 1
        SubElement(case, "skipped", message=_xml(result.warning or result.reason))
    if result.stdout:
        SubElement(case, "system-out").text = _xml(result.stdout)


def _xml(text: str) -> str:
    """Return the text without the control characters that XML 1.0 forbids."""
    return _NOT_XML.sub("", text)
