"""Inputs take their declared type, or the run is refused with one clear line for each of them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from answered import answered
from nornflow.errors import UsageError
from nornflow.model.inputs import Input, Validation
from nornflow.workflow.inputs import resolve_inputs


def resolve(declared: Input, given: Any, base: Path = Path(), max_string: int = 1000) -> Any:
    return resolve_inputs({"x": declared}, {"x": given}, max_string=max_string, base=base)["x"]


@pytest.mark.parametrize(
    ("kind", "given", "expected"),
    [
        ("string", "a", "a"),
        ("string", "", ""),
        ("string", "düne ✓", "düne ✓"),
        ("number", 3, 3),
        ("number", "3", 3),
        ("number", " -3.5 ", -3.5),
        ("number", "1e3", 1000.0),
        ("boolean", True, True),
        ("boolean", "true", True),
        ("boolean", "False", False),
        ("array", ["a"], ["a"]),
        ("array", '["a", 1]', ["a", 1]),
        ("object", {"a": 1}, {"a": 1}),
        ("object", '{"a": {"b": null}}', {"a": {"b": None}}),
        ("artifact", "out/report.txt", "out/report.txt"),
    ],
)
def test_a_value_becomes_the_declared_type(kind: str, given: Any, expected: Any) -> None:
    found = resolve(Input("x", kind), given)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("declared", "given", "message"),
    [
        (Input("x", "string"), 3, "'x' must be a text, not the number 3; write it in quotes"),
        (Input("x", "string"), ["a"], "must be a text, not a list of 1"),
        (Input("x", "number"), "three", "must be a number, not the text 'three'"),
        (Input("x", "number"), True, "must be a number, not the boolean true"),
        (Input("x", "number"), "nan", "must be a number"),
        (Input("x", "number"), "1e999", "must be a number"),
        (Input("x", "number"), float("inf"), "must be a number"),
        (Input("x", "number"), "9" * 100, "must be a number"),
        (Input("x", "number"), "1_000", "must be a number"),
        (Input("x", "boolean"), "yes", "must be true or false, not the text 'yes'"),
        (Input("x", "boolean"), 1, "must be true or false"),
        (Input("x", "array"), "a,b", 'must be a list as JSON, like ["a", "b"]'),
        (Input("x", "array"), '{"a": 1}', "must be a list as JSON"),
        (Input("x", "array"), "[NaN]", "not plain JSON"),
        (Input("x", "array"), "[" * 100_000, "must be a list as JSON"),
        (Input("x", "object"), "[]", "must be a mapping as JSON"),
        (Input("x", "object"), {"a": "b\x00"}, "control character U+0000"),
        (Input("x", "object"), {"a\n": 1}, "control character U+000A"),
        (Input("x"), "a\nb", "control character U+000A; declare it with `multiline: true`"),
        (Input("x"), "a\r", "control character U+000D"),
        (Input("x"), "a\x1b[31m", "control character U+001B"),
        (Input("x"), "a\u2028b", "control character U+2028"),
        (Input("x"), "a\u202eb", "control character U+202E"),
        (Input("x"), "a\x85b", "control character U+0085"),
        (Input("x"), "a\ud800", "control character U+D800"),
        (Input("x", multiline=True), "a\x07", "control character U+0007"),
        (Input("x"), "a" * 1001, "has a text of 1,001 characters; the profile takes 1,000"),
        (Input("x", "array"), ["a" * 1001], "the profile takes 1,000"),
        (Input("x", "array"), [0] * 100_001, "more than 100,000 values"),
        (Input("x", validation=Validation(pattern="^CHG\\d{7}$")), "CHG1", "must match the pattern"),
        (Input("x", validation=Validation(pattern="(")), "a", "cannot be checked"),
        (Input("x", validation=Validation(min=2)), "a", "a length of at least 2, not 1"),
        (Input("x", validation=Validation(max=2)), "abc", "a length of at most 2, not 3"),
        (Input("x", "number", validation=Validation(min=1, max=5)), "9", "a value of at most 5, not 9"),
        (Input("x", "number", validation=Validation(min=1, max=5)), 0.5, "a value of at least 1, not 0.5"),
        (Input("x", "array", validation=Validation(min=1)), "[]", "a length of at least 1, not 0"),
        (Input("x", "object", validation=Validation(max=0)), {"a": 1}, "a length of at most 0, not 1"),
        (
            Input("x", validation=Validation(enum=("ams", "fra"))),
            "amz",
            "must be one of ams, fra, not the text 'amz'; did you",
        ),
        (Input("x", "number", validation=Validation(enum=(1, 2))), True, "must be a number"),
        (Input("x", "boolean", validation=Validation(enum=(True,))), "false", "must be one of True"),
        (Input("x", "artifact"), "../out", "must be a path inside of the workspace"),
        (Input("x", "artifact"), "/out", "must be a path inside of the workspace"),
        (Input("x", "artifact"), "a\\..\\b", "must be a path inside of the workspace"),
        (Input("x", "artifact"), "", "must be a path inside of the workspace"),
    ],
)
def test_a_value_that_does_not_fit_is_refused(declared: Input, given: Any, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        resolve(declared, given)
    assert message in caught.value.message


def test_multiline_texts_keep_their_lines() -> None:
    assert resolve(Input("x", multiline=True), "a\n\tb\n") == "a\n\tb\n"


def test_a_pattern_is_searched_for_as_in_json_schema() -> None:
    assert resolve(Input("x", validation=Validation(pattern="b")), "abc") == "abc"


def test_a_catastrophic_pattern_is_harmless() -> None:
    with pytest.raises(UsageError, match="must match"):
        resolve(Input("x", validation=Validation(pattern="^(a+)+$")), "a" * 900 + "!")


def test_defaults_and_optional_inputs_have_values() -> None:
    declared = {"a": Input("a", default="d"), "b": Input("b"), "c": Input("c", "boolean", default=False)}
    assert resolve_inputs(declared, {}, max_string=100, base=Path()) == {"a": "d", "b": None, "c": False}
    assert resolve_inputs(declared, {"a": "x"}, max_string=100, base=Path())["a"] == "x"


def test_every_fault_is_told_at_once_each_in_its_own_line() -> None:
    declared = {
        "ticket": Input("ticket", required=True, description="The change's number\nand more"),
        "count": Input("count", "number"),
        "site": Input("site", validation=Validation(enum=("ams",))),
    }
    with pytest.raises(UsageError) as caught:
        resolve_inputs(declared, {"count": "x", "cuont": 1, "site": "fra", "zz": 1}, max_string=100, base=Path())
    lines = caught.value.message.splitlines()
    assert lines[0] == "the inputs do not fit:"
    assert [line.split("'")[1] for line in lines[1:]] == ["cuont", "zz", "ticket", "count", "site"]
    assert "did you mean 'count'?" in lines[1]
    assert "inputs: ticket, count, site" in lines[2]
    assert "is required (The change's number): a text" in lines[3]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    (folder / "data").mkdir(parents=True)
    (folder / "data" / "lines.txt").write_text("x")
    (tmp_path / "secret.txt").write_text("s")
    os.symlink(tmp_path / "secret.txt", folder / "link.txt")
    os.symlink(folder / "data", folder / "inside")
    return folder


@pytest.mark.parametrize("path", ["data/lines.txt", "./data/lines.txt", "inside/lines.txt"])
def test_a_file_of_the_project_is_taken(project: Path, path: str) -> None:
    assert resolve(Input("x", "file"), path, project) == "data/lines.txt"


def test_an_absolute_path_into_the_project_is_taken(project: Path) -> None:
    assert resolve(Input("x", "file"), str(project / "data" / "lines.txt"), project) == "data/lines.txt"


@pytest.mark.parametrize(
    "path",
    ["../secret.txt", "data/../../secret.txt", "/etc/passwd", "link.txt", "data", "nothing", "", "data\\lines.txt"],
)
def test_a_file_that_is_missing_or_outside_is_refused(project: Path, path: str) -> None:
    with pytest.raises(UsageError):
        resolve(Input("x", "file"), path, project)


KINDS: dict[str, Any] = {
    "string": str,
    "number": int | float,
    "boolean": bool,
    "array": list,
    "object": dict,
    "file": str,
    "artifact": str,
}


@given(st.text(max_size=40), st.sampled_from(tuple(KINDS)))
def test_any_text_is_a_value_or_a_usage_error(text: str, kind: str) -> None:
    found = answered(UsageError, lambda: resolve(Input("x", kind), text))
    assert isinstance(found, KINDS[kind]) or "'x'" in found.message
    assert not isinstance(found, bool) or kind == "boolean"


def test_a_number_is_a_choice_however_it_is_written(tmp_path: Path) -> None:
    wanted = Input("n", "number", validation=Validation(enum=(1, 2.5)))
    assert resolve_inputs({"n": wanted}, {"n": "1.0"}, max_string=100, base=tmp_path) == {"n": 1.0}
