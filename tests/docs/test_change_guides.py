"""The workflows in the guides about changes compile with the step types that are installed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from nornflow.app.build import load_project
from nornflow.workflow.compiler import compile_workflow
from nornflow.workflow.loader import load

GUIDES = ("write-a-change", "roll-out", "push-configuration", "parse-output", "use-napalm", "use-scrapli")
_WORKFLOW = re.compile(r"^```yaml\n(name: .*?)^```", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("guide", GUIDES)
def test_every_workflow_of_a_guide_compiles(
    guide: str, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    project = load_project()
    found = _WORKFLOW.findall((root / "docs" / "how-to" / f"{guide}.md").read_text())
    assert found
    for number, text in enumerate(found):
        file = tmp_path / f"{number}.yaml"
        file.write_text(text)
        workflow = compile_workflow(load(file), project.step_types, checks=project.checks)
        assert workflow.steps
