"""Export writes every document in one canonical way and loses nothing of it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nornflow.workflow.document import Document
from nornflow.workflow.export import export_workflow
from nornflow.workflow.loader import load

SCRAMBLED = """\
steps:
  - command: echo 'Hello {{ inputs.name }}!'   # said once
    rescue: [{type: shell, id: mend, command: "yes"}]
    retry: {delay: 5, attempts: 2}
    type: shell
    id: say-hello
    depends_on: []
outputs: {out: {type: string, from: say-hello.stdout}}
inputs:
  name: {default: "on", type: string}
  body: {default: "a: b\\n  indented\\nend\\n", multiline: true}
version: 1.10
x-unknown: 3
name: hello
"""

CANONICAL = """\
name: hello
version: "1.10"
inputs:
  name:
    type: string
    default: 'on'
  body:
    default: |
      a: b
        indented
      end
    multiline: true
outputs:
  out:
    from: say-hello.stdout
    type: string
steps:
  - id: say-hello
    type: shell
    depends_on: []
    command: echo 'Hello {{ inputs.name }}!'
    retry:
      attempts: 2
      delay: 5
    rescue:
      - id: mend
        type: shell
        command: 'yes'
x-unknown: 3
"""


def again(document: Document) -> dict[str, Any]:
    return load("again.yaml", text=export_workflow(document), max_bytes=10_000_000).data


def test_keys_come_in_canonical_order() -> None:
    assert export_workflow(load("c.yaml", text=SCRAMBLED)) == CANONICAL


def test_the_canonical_form_is_its_own_export() -> None:
    assert export_workflow(load("c.yaml", text=CANONICAL)) == CANONICAL


def test_two_spellings_of_one_workflow_export_alike() -> None:
    one = load(
        "a.yaml", text="name: a\nversion: '1.0'\nretry: &r {delay: 3, attempts: 2}\nsteps: [{id: x, retry: *r}]\n"
    )
    two = load(
        "b.yaml",
        text="version: 1.0\nsteps:\n- retry: {attempts: 2, delay: 3}\n  id: x\nretry: {attempts: 2, delay: 3}\nname: a\n",
    )
    assert export_workflow(one) == export_workflow(two)


@pytest.mark.parametrize(
    "value",
    [
        "yes", "1.0", "1e3", "0o17", "0x1f", "null", "~", "", " a ", "a: b", "- a", "#a", "{{ x }}", "'a'", '"', "\\d+", "a\tb",
        "a\nb", "a\n\n b \n", "\n", "\n\na", " \n ", "é ✓ 🙂", "\x85", "\u2028", "\ufeffa", "\x00\x07\x1b", "a\r\nb", "<<", "=",
        ".nan", "1e999", "9" * 200, "2026-01-01", "12:30", "!tag", "&a", "*a", "%x", "@x", "`x`", "|", ">", "?", "a" * 5000,
        0, -1, 1.0, 1e300, 1.5e-7, 10**50, True, None, [], {}, [[]], {"a": {}}, {"": 1}, {"on": 1}, {"<<": 1}, {"a" * 200: 1},
        {"a\nb": 1}, {"1": {"~": [None]}},
    ],
)  # fmt: skip
def test_every_plain_value_survives(value: object) -> None:
    data = {"name": "a", "version": "1.0", "inputs": {"x": {"default": value}}, "steps": [{"id": "s", "own": value}]}
    found = again(Document("c.yaml", data))
    assert found == data
    assert type(found["inputs"]["x"]["default"]) is type(value)


_TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)
_PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False, allow_infinity=False)
    | _TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXT, inner, max_size=3),
    max_leaves=8,
)


@given(
    st.dictionaries(st.sampled_from(["name", "inputs", "steps", "retry", "x", "targets"]) | _TEXT, _PLAIN, max_size=5)
)
def test_whatever_was_loaded_is_loaded_again_from_its_export(data: dict[str, Any]) -> None:
    document = Document("c.yaml", {**data, "version": "1.0"})
    assert again(document) == document.data


def test_a_variable_keeps_the_text_it_was_written_as() -> None:
    step = "{id: a, type: note, text: x, environment: {B: 1.50}}"
    text = f"name: x\nversion: 1.0\nenvironment: {{A: 1.10, N: 5}}\nsteps: [{step}]\n"
    data = load("x.yaml", text=export_workflow(load("x.yaml", text=text))).data
    assert data["environment"] == {"A": "1.10", "N": 5}
    assert data["steps"][0]["environment"] == {"B": "1.50"}
