"""Workflow files are read with the place of everything in them, and what could harm is refused with its place."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from answered import answered
from nornflow.model.diagnostic import InvalidDocument, Location
from nornflow.workflow.document import Document
from nornflow.workflow.loader import load


def refused(text: str) -> list[tuple[str, str]]:
    with pytest.raises(InvalidDocument) as caught:
        load("change.yaml", text=text)
    return [(one.code, str(one.location).removeprefix("change.yaml:")) for one in caught.value.diagnostics]


def read(text: str) -> Document:
    return load("change.yaml", text=text)


def test_keys_and_values_know_their_line_and_column() -> None:
    document = read("name: a\nsteps:\n  - id: one\n    type: shell\n")
    assert document.data == {"name": "a", "steps": [{"id": "one", "type": "shell"}]}
    assert document.at(("name",)) == Location("change.yaml", 1, 7)
    assert document.key_at(("steps", 0, "type")) == Location("change.yaml", 4, 5)
    assert document.at(("steps", 0, "type")) == Location("change.yaml", 4, 11)
    assert document.at(("steps", 0)) == Location("change.yaml", 3, 5)


def test_a_path_that_is_not_there_is_placed_at_its_nearest_parent() -> None:
    document = read("name: a\nsteps: []\n")
    assert document.at(("steps", 3, "id")) == Location("change.yaml", 2, 8)


def test_a_character_inside_of_a_text_is_placed_where_it_stands() -> None:
    document = read("a: one two\nb: 'one two'\nc: |\n  one two\n")
    assert document.inside(("a",), 4) == Location("change.yaml", 1, 8)
    assert document.inside(("b",), 4) == Location("change.yaml", 2, 9)
    assert document.inside(("c",), 4) == Location("change.yaml", 3, 4)


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("1.0", 1.0),
        ("12", 12),
        ("-3", -3),
        ("0x1f", 31),
        ("0o17", 15),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("true", True),
        ("FALSE", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("yes", "yes"),
        ("on", "on"),
        ("NO", "NO"),
        ("010", "010"),
        ("1_000", "1_000"),
        ("12:30:45", "12:30:45"),
        ("2026-01-31", "2026-01-31"),
        ("00:1b:21:aa:bb:cc", "00:1b:21:aa:bb:cc"),
        ("1.2.3", "1.2.3"),
        ("'12'", "12"),
        ("!!str 12", "12"),
        ('"caf\\u00e9"', "café"),
    ],
)
def test_unquoted_words_mean_what_yaml_1_2_says(written: str, value: object) -> None:
    found = read(f"a: {written}\n").data["a"]
    assert found == value
    assert type(found) is type(value)


def test_on_is_an_ordinary_key() -> None:
    assert read("on: 1\nyes: 2\n3: 4\n").data == {"on": 1, "yes": 2, "3": 4}


def test_the_version_is_known_as_it_was_written() -> None:
    assert read("version: 1.10\n").text_of(("version",)) == "1.10"


def test_json_is_read_too() -> None:
    assert read('{\n\t"name": "a", "steps": [1, true, null]\n}').data == {"name": "a", "steps": [1, True, None]}


def test_aliases_stand_for_what_they_name() -> None:
    document = read("retry: &often {attempts: 9}\nother: *often\n")
    assert document.data["other"] == {"attempts": 9}
    assert document.at(("other", "attempts")) == Location("change.yaml", 1, 26)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a:\n\tb: 1\n", [("NF005", "2:1")]),
        ("a: 1\nb: 2\na: 3\n", [("NF006", "3:1")]),
        ("a: {x: 1, x: 2}\nb: 1\nb: 2\n", [("NF006", "1:11"), ("NF006", "3:1")]),
        ("a: 'x\n", [("NF004", "1:4")]),
        ("a: 1\n b: 2\n", [("NF004", "2:3")]),
        ("a: *nobody\n", [("NF004", "1:4")]),
        ("a: &a [1, *a]\n", [("NF011", "1:11")]),
        ("a: \x07\n", [("NF004", "1:4")]),
        ("a: 1\n---\nb: 1\n", [("NF009", "2:1")]),
        ("- a\n", [("NF010", "1:1")]),
        ("just words\n", [("NF010", "1:1")]),
        ("", [("NF010", "change.yaml")]),
        ("# a comment\n", [("NF010", "1:1")]),
        ("a: !!python/object/apply:os.system [x]\n", [("NF011", "1:4")]),
        ("a: !vault x\n", [("NF011", "1:4")]),
        ("a: !!binary aGVsbG8=\n", [("NF011", "1:4")]),
        ("<<: {b: 1}\na: 1\n", [("NF011", "1:1")]),
        ("? [a]\n: 1\n", [("NF011", "1:3")]),
        ("? {a: b}\n: 1\n", [("NF011", "1:3")]),
        ("a: .nan\n", [("NF012", "1:4")]),
        ("a: -.inf\n", [("NF012", "1:4")]),
        ("a: 1e999\n", [("NF012", "1:4")]),
        ("a: " + "9" * 5000, [("NF012", "1:4")]),
        ("a: \ud800\n", [("NF003", "1:4")]),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_place(text: str, expected: list[tuple[str, str]]) -> None:
    assert refused(text) == expected


@pytest.mark.parametrize("text", ["[" * 60, "{a: " * 60, "\n".join(" " * i + "a:" for i in range(60))])
def test_deep_nesting_is_refused(text: str) -> None:
    assert [code for code, _ in refused(text)] == ["NF007"]


def test_nesting_hidden_behind_aliases_is_refused() -> None:
    text = "a0: &a0 [1]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}]\n" for i in range(1, 60))
    assert [code for code, _ in refused(text)] == ["NF007"]


def test_an_alias_bomb_is_refused_before_it_is_expanded() -> None:
    bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n"
    bomb += "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 30))
    started = time.process_time()
    assert [code for code, _ in refused(bomb)] == ["NF008"]
    assert time.process_time() - started < 1


def test_a_large_file_is_refused_by_its_size_without_being_read(tmp_path: Path) -> None:
    path = tmp_path / "large.yaml"
    with path.open("wb") as file:
        file.truncate(50 * 1024 * 1024)
    started = time.process_time()
    with pytest.raises(InvalidDocument, match="too large") as caught:
        load(path)
    assert [one.code for one in caught.value.diagnostics] == ["NF002"]
    assert time.process_time() - started < 1


def test_a_text_may_be_given_more_room() -> None:
    text = "a: " + "x" * 1_100_000
    assert [code for code, _ in refused(text)] == ["NF002"]
    assert len(load("data.yaml", text=text, max_bytes=2_000_000).data["a"]) == 1_100_000


@pytest.mark.parametrize(
    ("raw", "place"),
    [(b"name: a\nauthor: caf\xe9\n", "2:12"), ("name: a".encode("utf-16"), "1:1"), (b"a: \xc3", "1:4")],
)
def test_bytes_that_are_not_utf_8_are_refused_with_their_place(raw: bytes, place: str, tmp_path: Path) -> None:
    path = tmp_path / "change.yaml"
    path.write_bytes(raw)
    with pytest.raises(InvalidDocument) as caught:
        load(path)
    assert [one.code for one in caught.value.diagnostics] == ["NF003"]
    assert str(caught.value.diagnostics[0].location) == f"{path}:{place}"


def test_a_byte_order_mark_and_windows_line_ends_are_taken(tmp_path: Path) -> None:
    path = tmp_path / "change.yaml"
    path.write_bytes(b"\xef\xbb\xbfname: a\r\nauthor: b\r\n")
    document = load(path)
    assert document.data == {"name": "a", "author": "b"}
    assert document.at(("author",)).line == 2


def test_a_missing_file_a_folder_and_a_strange_name_are_clean_errors(tmp_path: Path) -> None:
    for path in (tmp_path / "nothing.yaml", tmp_path, tmp_path / ("x" * 300), Path("a\0b")):
        with pytest.raises(InvalidDocument) as caught:
            load(path)
        assert [one.code for one in caught.value.diagnostics] == ["NF001"]


def test_the_error_names_the_first_place_and_counts_the_rest() -> None:
    with pytest.raises(InvalidDocument, match=r"change.yaml:2:1: .* \(and 1 more\)"):
        read("a: 1\na: 2\na: 3\n")


def test_a_document_of_the_largest_size_is_read_in_reasonable_time() -> None:
    text = "steps:\n" + "- {id: a, type: shell}\n" * 30_000
    started = time.process_time()
    assert len(read(text).data["steps"]) == 30_000
    assert time.process_time() - started < 5


@given(st.binary(max_size=300))
def test_any_bytes_load_or_are_refused(tmp_path_factory: pytest.TempPathFactory, raw: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_bytes(raw)
    found = answered(InvalidDocument, lambda: load(path))
    assert isinstance(found, InvalidDocument) or isinstance(found.data, dict)


@given(st.text(alphabet="ab:{}[]&*!|>'\"-?#,%@` \n\t0.~<", max_size=60))
def test_any_yaml_like_text_loads_or_is_refused(text: str) -> None:
    found = answered(InvalidDocument, lambda: read(text))
    assert isinstance(found, InvalidDocument) or set(found.places) >= {(key,) for key in found.data}


def test_json_may_escape_a_character_as_two_halves() -> None:
    data = {"name": "x", "text": "\U0001f600 \\ud83d", "slashes": "\\\\"}
    assert read(json.dumps(data)).data == data
