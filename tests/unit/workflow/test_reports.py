"""Diagnostics are written for people and for machines, and no text of a document can break out of a format."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nornflow.model.diagnostic import Diagnostic, Location, Severity
from nornflow.workflow.diagnostics import RULES, did_you_mean, listing, render_text, shown
from nornflow.workflow.reports import FORMATS, FileResult, report

SOURCE = "name: change\nversion: 1.0\ntimeoout: 3\n"
FAULT = Diagnostic(
    "NF101", "unknown key 'timeoout'", Location("a b.yaml", 3, 1), found="timeoout", suggestion="timeout", hint="look"
)
NOTE = Diagnostic("NF307", "step 'a' need not have run", Location("a b.yaml", 2, 4), Severity.WARNING)
NASTY = Diagnostic(
    "ACME1",
    "bad \x1b[31m ::error::x%\n<b>&\"'\x00\ud800",
    Location("we,ird:\n.yaml", 1, 1),
    expected="]]>",
    hint="100%",
)
RESULTS = (FileResult("a b.yaml", None, (NOTE, FAULT), SOURCE), FileResult("bad.yaml", None, (NASTY,), "x\x1b[2Jy\n"))


def test_text_shows_the_line_a_caret_and_the_way_out() -> None:
    assert report(RESULTS[:1]) == (
        "warning[NF307]: step 'a' need not have run\n"
        "  --> a b.yaml:2:4\n"
        "   |\n"
        " 2 | version: 1.0\n"
        "   |    ^\n"
        "\n"
        "error[NF101]: unknown key 'timeoout'\n"
        "  --> a b.yaml:3:1\n"
        "   |\n"
        " 3 | timeoout: 3\n"
        "   | ^\n"
        "   = did you mean `timeout`?\n"
        "   = hint: look\n"
        "\n"
        "a b.yaml: 1 error, 1 warning\n"
    )


def test_text_of_a_good_file_says_what_it_is(compiled: Callable[..., Any]) -> None:
    workflow = compiled("name: change\nversion: 1.0\nsteps:\n  - {id: a, type: shell, command: x}\n")
    assert report([FileResult("c.yaml", workflow, ())]) == "c.yaml: ok (change 1.0, 1 step)\n"


def test_text_never_steers_the_terminal() -> None:
    text = report(RESULTS)
    assert all(char.isprintable() or char == "\n" for char in text)


def test_a_place_far_out_in_a_long_line_is_still_shown() -> None:
    source = "x" * 5000 + "HERE" + "y" * 5000
    text = report([FileResult("l.yaml", None, (Diagnostic("NF004", "m", Location("l.yaml", 1, 5001)),), source)])
    shown_line, caret = text.splitlines()[3:5]
    assert shown_line[caret.index("^") :].startswith("HERE")
    assert len(shown_line) < 200


def test_json_holds_everything() -> None:
    data = json.loads(report(RESULTS, "json"))
    assert data["ok"] is False
    first = data["files"][0]["diagnostics"][1]
    assert first == {
        "code": "NF101",
        "severity": "error",
        "message": "unknown key 'timeoout'",
        "file": "a b.yaml",
        "line": 3,
        "column": 1,
        "found": "timeoout",
        "expected": "",
        "suggestion": "timeout",
        "hint": "look",
    }


def test_sarif_has_rules_levels_and_places() -> None:
    data = json.loads(report(RESULTS, "sarif"))
    assert data["version"] == "2.1.0"
    run = data["runs"][0]
    rules = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == ["NF307", "NF101", "ACME1"]
    assert rules[1]["shortDescription"]["text"] == RULES["NF101"].title
    warning, error, _ = run["results"]
    assert (warning["level"], error["level"], rules[error["ruleIndex"]]["id"]) == ("warning", "error", "NF101")
    place = error["locations"][0]["physicalLocation"]
    assert place == {"artifactLocation": {"uri": "a%20b.yaml"}, "region": {"startLine": 3, "startColumn": 1}}
    assert "did you mean `timeout`?" in error["message"]["text"]


def test_sarif_of_a_whole_file_has_no_region() -> None:
    data = json.loads(report([FileResult("f", None, (Diagnostic("NF001", "gone", Location("f")),))], "sarif"))
    assert "region" not in data["runs"][0]["results"][0]["locations"][0]["physicalLocation"]


def test_junit_has_a_case_per_file_and_fails_only_for_errors() -> None:
    good = FileResult("good.yaml", None, (NOTE,))
    root = ElementTree.fromstring(report((*RESULTS, good), "junit"))
    suite = root[0]
    assert (root.get("tests"), root.get("failures"), suite.get("failures")) == ("3", "2", "2")
    cases = {case.get("name"): case for case in suite}
    failure = cases["a b.yaml"].find("failure")
    assert failure is not None
    assert failure.get("message") == "NF101: unknown key 'timeoout'"
    assert cases["good.yaml"].find("failure") is None
    assert "NF307" in (cases["good.yaml"].findtext("system-out") or "")


def test_github_annotations_stay_in_one_line_each() -> None:
    lines = report(RESULTS, "github").splitlines()
    assert (
        lines[0]
        == "::warning file=a b.yaml,line=2,col=4,title=NF307%3A "
        + RULES["NF307"].title.replace(",", "%2C")
        + "::step 'a' need not have run"
    )
    assert lines[1].startswith("::error file=a b.yaml,line=3,col=1,title=NF101")
    assert lines[2].startswith("::error file=we%2Cird%3A%0A.yaml,")
    assert len(lines) == 3


@pytest.mark.parametrize("form", FORMATS)
def test_nothing_to_say_is_said_in_every_format(form: str) -> None:
    assert isinstance(report([], form), str)


def test_diagnostics_alone_quote_their_file_when_it_can_be_read(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(SOURCE)
    here = Diagnostic("NF101", "unknown key", Location(str(path), 3, 1))
    gone = Diagnostic("NF001", "no file", Location(str(tmp_path / "gone.yaml"), 3, 1))
    text = render_text([here, gone])
    assert " 3 | timeoout: 3\n" in text
    assert text.endswith(f"error[NF001]: no file\n  --> {tmp_path}/gone.yaml:3:1\n")


@pytest.mark.parametrize(
    ("name", "known", "meant"),
    [
        ("timeoout", ["timeout", "retry"], "timeout"),
        ("DependsOn", ["depends_on"], "depends_on"),
        ("depends-on", ["depends_on"], "depends_on"),
        ("zzz", ["timeout"], ""),
        ("a", ["a"], ""),
        ("x" * 10_000, ["timeout"], ""),
    ],
)
def test_what_was_meant_is_guessed(name: str, known: list[str], meant: str) -> None:
    assert did_you_mean(name, known) == meant


def test_values_are_named_in_the_words_of_workflows() -> None:
    values = [None, True, 3, 1.5, "x", [1], {}, {"a": 1}]
    assert [shown(value) for value in values] == [
        "nothing", "the boolean true", "the number 3", "the number 1.5", "the text 'x'", "a list of 1", "an empty mapping",
        "a mapping with a",
    ]  # fmt: skip
    assert listing(map(str, range(20)), 3) == "0, 1, 2 … (20 in all)"
