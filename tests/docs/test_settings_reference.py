"""Every setting stands on its page with its default and meaning, and is read by somebody."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest

from nornflow.settings.template import plain_text, setting_rows

ROWS = dict(setting_rows())


def test_the_page_of_settings_is_what_the_model_says(reference: Path, generate: ModuleType) -> None:
    assert (reference / "settings.md").read_text() == generate.settings_page(), "run: make docs"


@pytest.mark.parametrize("key", ROWS)
def test_every_key_stands_on_the_page_with_default_and_meaning(key: str, reference: Path) -> None:
    rows = [line for line in (reference / "settings.md").read_text().splitlines() if line.startswith(f"| `{key}` |")]
    assert len(rows) == 1
    cells = [cell.strip() for cell in rows[0].strip("|").split(" | ")]
    default = ROWS[key].default
    assert cells[2] == ("none" if default is None else f"`{plain_text(default)}`")
    assert cells[3] == f"`NORNFLOW_{key.upper().replace('.', '__')}`"
    assert len(cells[4].split()) > 2


@pytest.mark.parametrize("key", sorted(ROWS.keys() - {"environment"}))
def test_every_key_is_read_by_somebody(key: str, attributes: set[tuple[str, str, str]]) -> None:
    """`environment` is the exception: the settings themselves read it, for its preset."""
    holders = {"settings", "plugins", "credentials", "store", "locks", "runner", "sites"}
    readers = [
        package
        for package, value, name in attributes
        if name == key.rpartition(".")[2] and value.rpartition(".")[2] in holders and package != "settings"
    ]
    assert readers, f"nothing reads the setting {key}"
