"""Writes diagnostics for people and machines: text with the source line, JSON, SARIF 2.1.0, JUnit and GitHub annotations."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import escape, quoteattr

from nornflow.model.diagnostic import Diagnostic, Severity
from nornflow.model.workflow import Workflow
from nornflow.record import record
from nornflow.workflow.diagnostics import RULES, lines_of
from nornflow.workflow.excerpts import clean, excerpt, plainly, way_out

FORMATS = ("text", "json", "sarif", "junit", "github")
_LEVEL = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}
_NOTICE = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "notice"}


@record
class FileResult:
    """What was found in one file: the workflow when it compiled, every diagnostic, and the text for quoting it."""

    file: str
    workflow: Workflow | None
    diagnostics: tuple[Diagnostic, ...]
    source: str = ""
    about: str = ""
    """What a file is that is no workflow and can be used: `pipeline window, 3 entries`."""

    @property
    def ok(self) -> bool:
        """Tell whether the file can be used."""
        return not any(one.severity is Severity.ERROR for one in self.diagnostics)


def each_once(results: Sequence[FileResult]) -> list[FileResult]:
    """Return the results with what is said of a called file told once: with that file, where it is among them."""
    told = {one for each in results for one in each.diagnostics if one.location.file == each.file}
    found = []
    for each in results:
        new = [
            one
            for one in each.diagnostics
            if one.severity is Severity.ERROR or one.location.file == each.file or one not in told
        ]
        told.update(new)
        found.append(replace(each, diagnostics=tuple(new)))
    return found


def report(results: Sequence[FileResult], form: str = "text") -> str:
    """Return the results in one of the formats text, json, sarif, junit, github; ends with a newline unless empty."""
    writers = {"text": _text, "json": _json, "sarif": _sarif, "junit": _junit, "github": _github}
    return writers[form](results)


def _text(results: Sequence[FileResult]) -> str:
    parts: list[str] = []
    for result in results:
        lines = {result.file: result.source.split("\n")}
        for one in result.diagnostics:
            file = one.location.file
            if file not in lines:  # a workflow that this one calls
                lines[file] = lines_of(file)
            parts.append(excerpt(one, lines[file]))
        parts.append(_summary(result))
    return "\n".join(parts) + "\n" if parts else ""


def _summary(result: FileResult) -> str:
    counted = Counter(one.severity for one in result.diagnostics)
    found = ", ".join(f"{number} {kind.value}{'' if number == 1 else 's'}" for kind, number in sorted(counted.items()))
    about = result.about
    if result.workflow is not None:
        steps = len(result.workflow.steps)
        about = f"{result.workflow.name} {result.workflow.version}, {steps} step{'' if steps == 1 else 's'}"
    if result.ok and about:
        return f"{clean(result.file)}: ok ({about})" + (f", {found}" if found else "")
    return f"{clean(result.file)}: {found}"


def as_data(one: Diagnostic) -> dict[str, Any]:
    """Return a diagnostic as plain data."""
    return {
        "code": one.code,
        "severity": one.severity.value,
        "message": one.message,
        "file": one.location.file,
        "line": one.location.line,
        "column": one.location.column,
        "found": one.found,
        "expected": one.expected,
        "suggestion": one.suggestion,
        "hint": one.hint,
    }


def _json(results: Sequence[FileResult]) -> str:
    files = []
    for result in results:
        workflow = result.workflow
        about = None
        if workflow is not None:
            about = {
                "name": workflow.name,
                "version": workflow.version,
                "steps": [step.id for step in workflow.steps],
                "digest": workflow.digest,
            }
        diagnostics = [as_data(one) for one in result.diagnostics]
        files.append({"file": result.file, "ok": result.ok, "workflow": about, "diagnostics": diagnostics})
    return json.dumps({"ok": all(one.ok for one in results), "files": files}, indent=2, ensure_ascii=False) + "\n"


def _sarif(results: Sequence[FileResult]) -> str:
    from importlib.metadata import version

    found = [one for result in results for one in result.diagnostics]
    rules: dict[str, dict[str, Any]] = {}
    for one in found:
        rule = RULES.get(one.code)
        name = "".join(part.title() for part in (rule.name if rule else one.code).split("-"))
        title = rule.title if rule else one.message
        rules[one.code] = {"id": one.code, "name": name, "shortDescription": {"text": title}}
        if rule:
            rules[one.code]["help"] = {"text": f"{title}. See {rule.page}."}
    index = {code: number for number, code in enumerate(rules)}
    driver = {"name": "nornflow", "version": version("nornflow-netops"), "rules": list(rules.values())}
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_sarif_result(one, index[one.code]) for one in found],
    }
    log = {"$schema": "https://json.schemastore.org/sarif-2.1.0.json", "version": "2.1.0", "runs": [run]}
    return json.dumps(log, indent=2, ensure_ascii=False) + "\n"


def _sarif_result(one: Diagnostic, rule_index: int) -> dict[str, Any]:
    place: dict[str, Any] = {"artifactLocation": {"uri": quote(one.location.file.replace("\\", "/"))}}
    if one.location.line:
        place["region"] = {"startLine": one.location.line, "startColumn": max(one.location.column, 1)}
    return {
        "ruleId": one.code,
        "ruleIndex": rule_index,
        "level": _LEVEL[one.severity],
        "message": {"text": "; ".join([one.message, *way_out(one)])},
        "locations": [{"physicalLocation": place}],
    }


def _junit(results: Sequence[FileResult]) -> str:
    failures = sum(not result.ok for result in results)
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<testsuites name="nornflow validate" tests="{len(results)}" failures="{failures}">',
        f'  <testsuite name="workflows" tests="{len(results)}" failures="{failures}" errors="0" skipped="0">',
    ]
    for result in results:
        name = quoteattr(_xml(result.file))
        lines.append(f'    <testcase classname="workflow" name={name} file={name}>')
        errors = [one for one in result.diagnostics if one.severity is Severity.ERROR]
        others = [one for one in result.diagnostics if one.severity is not Severity.ERROR]
        if errors:
            message = quoteattr(_xml(f"{errors[0].code}: {errors[0].message}"))
            body = "\n".join(plainly(one) for one in errors)
            lines.append(f'      <failure type="{errors[0].code}" message={message}>{escape(_xml(body))}</failure>')
        if others:
            lines.append(f"      <system-out>{escape(_xml(chr(10).join(map(plainly, others))))}</system-out>")
        lines.append("    </testcase>")
    return "\n".join([*lines, "  </testsuite>", "</testsuites>"]) + "\n"


def _xml(text: str) -> str:
    """Return text without the characters that XML cannot hold, even escaped."""
    return "".join(
        char if char in "\t\n\r" or " " <= char <= "\ud7ff" or "\ue000" <= char <= "\ufffd" or char > "\uffff" else "�"
        for char in text
    )


def _github(results: Sequence[FileResult]) -> str:
    lines = []
    for result in results:
        for one in result.diagnostics:
            place = f"file={_property(one.location.file)}"
            if one.location.line:
                place += f",line={one.location.line},col={max(one.location.column, 1)}"
            title = RULES[one.code].title if one.code in RULES else one.code
            text = "\n".join([one.message, *way_out(one)])
            heading = _property(f"{one.code}: {title}")
            lines.append(f"::{_NOTICE[one.severity]} {place},title={heading}::{_command(text)}")
    return "\n".join(lines) + "\n" if lines else ""


def _command(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _command(text).replace(":", "%3A").replace(",", "%2C")
