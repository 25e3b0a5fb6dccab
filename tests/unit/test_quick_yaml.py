"""The quick way through a YAML file makes what PyYAML makes, or takes PyYAML's own way."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from nornflow.devices import quick_yaml
from nornflow.devices.quick_yaml import read_yaml

LOOKS = (
    "",
    "~",
    "null",
    "yes",
    "Off",
    "12",
    "0x1F",
    "017",
    "1_000",
    "1:30",
    "-.inf",
    ".nan",
    "2026-11-22",
    "=",
    "<<",
    "&a",
    "*a",
)
"""Texts that YAML reads as something else where they stand bare."""
scalars = st.one_of(
    st.sampled_from(LOOKS), st.text(max_size=8), st.integers(), st.booleans(), st.none(), st.floats(), st.dates()
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=12,
)
pieces = st.sampled_from(
    [
        *"ab:,-?|>%#'\"[]{}!&* \n",
        "\n  ",
        ": ",
        "- ",
        "a: ",
        "b: ",
        "<<: ",
        "!!str ",
        "!!set ",
        "&x ",
        "*x",
        "---\n",
        "...\n",
        *LOOKS,
    ]
)


def told(text: str, load: Any) -> str:
    """Return what comes of a text, as one that can be compared: a value that is no number equals nothing."""
    try:
        return repr(load(text))
    except (yaml.YAMLError, ValueError, OverflowError):
        return "refused"


@given(values, st.sampled_from([None, True, False]))
def test_what_was_written_is_read(value: Any, flow: bool | None) -> None:
    text = yaml.dump(value, Dumper=yaml.CSafeDumper, default_flow_style=flow, allow_unicode=True)
    assert repr(read_yaml(text)) == repr(yaml.load(text, Loader=yaml.CSafeLoader))


@given(st.lists(pieces, max_size=14).map("".join))
def test_any_text_is_read_or_refused_as_the_long_way_does(text: str) -> None:
    long = told(text, lambda each: yaml.load(each, Loader=quick_yaml._Strict))
    assert told(text, read_yaml) == long


def test_hosts_take_the_quick_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yaml, "load", lambda *given, **options: pytest.fail("it took the long way"))
    found = read_yaml("---\nr1: {groups: [a], data: {rack: 3, since: 2026-11-22, note: 'yes'}}\nr2:\n  groups: [a]\n")
    data = {"rack": 3, "since": date(2026, 11, 22), "note": "yes"}
    assert found == {"r1": {"groups": ["a"], "data": data}, "r2": {"groups": ["a"]}}
    assert found["r1"]["groups"] is not found["r2"]["groups"]  # each host has lists of its own


@pytest.mark.parametrize("text", ["a: &x 1\nb: *x", "a: {<<: {b: 1}, c: 2}", "a: !!str 1", "? [a]\n: 1", "=: 1"])
def test_what_needs_more_takes_the_long_way(text: str) -> None:
    with pytest.raises(quick_yaml._Unusual):
        quick_yaml._Quick(text).document()
