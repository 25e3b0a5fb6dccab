"""The README is done as it is written: the demo's output, the first workflow, the first plugin."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

from nornflow.plugins.host import check_plugin


@pytest.fixture
def transcripts(root: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(root / "docs"))
    return import_module("generate_transcripts")


def test_every_command_of_the_readme_prints_what_is_shown(transcripts: ModuleType, root: Path, tmp_path: Path) -> None:
    done = list(transcripts.play((root / "README.md").read_text(), tmp_path))
    assert {command.words for command, _ in done} >= {"make demo", "nornflow run workflows/hello.yaml -i name=World"}
    for command, output in done:
        assert transcripts.same(command.output, output), f"$ {command.words}\n{output}"


def test_the_first_plugin_of_the_readme_is_in_order(transcripts: ModuleType, root: Path, tmp_path: Path) -> None:
    files = dict(part for part in transcripts.parts((root / "README.md").read_text()) if isinstance(part, tuple))
    (tmp_path / "location.py").write_text(files["plugins/location.py"])
    assert check_plugin("location.py", tmp_path).problems == ()


def test_the_targets_that_the_readme_names_exist(root: Path) -> None:
    named = set(re.findall(r"\bmake ([a-z]+)\b", (root / "README.md").read_text()))
    targets = set(re.findall(r"^([a-z]+):", (root / "Makefile").read_text(), re.MULTILINE))
    assert {"demo", "lab", "install"} <= named <= targets
