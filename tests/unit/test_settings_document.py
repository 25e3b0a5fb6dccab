"""Files of settings as documents: whatever stands in them gives values or problems with their places."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from nornflow.settings import examine_file
from nornflow.settings.document import read_document


def test_a_huge_file_and_bytes_that_are_not_utf8_are_refused(tmp_path: Path) -> None:
    (tmp_path / "huge.yaml").write_bytes(b"#" * 1_048_577)
    (tmp_path / "latin.yaml").write_bytes(b"profile: standard\nusername: \xe9\n")
    assert "at most 1048576 are read" in str(examine_file(tmp_path / "huge.yaml")[1][0])
    assert "latin.yaml:2: byte 28 is not UTF-8" in str(examine_file(tmp_path / "latin.yaml")[1][0])


def test_json_with_tabs_has_places_and_broken_json_is_told_where(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{\n\t"workers": 3,\n\t"profle": "x"\n}\n')
    (tmp_path / "b.json").write_text("{\n  'workers': 3}")
    assert [str(p).removeprefix(f"{tmp_path}/") for p in examine_file(tmp_path / "a.json")[1]] == [
        "a.json:3:2: unknown key profle (did you mean profile?)"
    ]
    assert "b.json:2:3: is not JSON: Expecting property name" in str(examine_file(tmp_path / "b.json")[1][0])


@given(
    st.dictionaries(
        st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1, max_size=8),
        st.recursive(
            st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.text("abc: -#'\"{}[]\\é😀", max_size=12),
            lambda inner: (
                st.lists(inner, max_size=3) | st.dictionaries(st.text("xyz", min_size=1, max_size=3), inner, max_size=3)
            ),
            max_leaves=8,
        ),
        max_size=5,
    )
)
@example({"\u2028": None, "a\u2029b": "\u2028"})
def test_what_was_written_is_what_is_read_as_yaml_and_as_json(
    tmp_path_factory: pytest.TempPathFactory, values: dict[str, Any]
) -> None:
    folder = tmp_path_factory.mktemp("document")
    (folder / "a.yaml").write_text(yaml.safe_dump(values, allow_unicode=True), encoding="utf-8")
    (folder / "a.json").write_text(json.dumps(values, ensure_ascii=False, indent="\t"), encoding="utf-8")
    for name in ("a.yaml", "a.json"):
        document = read_document(folder / name)
        assert document.problems == []
        assert document.values == values
        assert {path[0] for path in document.places} == set(values)


@given(st.binary(max_size=60))
def test_any_bytes_give_values_or_problems_and_never_a_traceback(
    tmp_path_factory: pytest.TempPathFactory, raw: bytes
) -> None:
    path = tmp_path_factory.mktemp("bytes") / "nornflow.yaml"
    path.write_bytes(raw)
    settings, problems = examine_file(path)
    assert settings is not None or problems
