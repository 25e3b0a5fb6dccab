"""Which files a run needs: those that its steps name, however much of the name is rendered, and what lies beside a task."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nornflow.app.services.spec import named_files, rendered_with
from nornflow.model.device import HostView
from nornflow.model.workflow import Scope, Step, Targets, Workflow
from nornflow.workflow.templating import Renderer

HOSTS = [HostView(name, name, "cisco_ios", data={"site": site}) for name, site in (("r1", "ams"), ("r2", "fra"))]
FILES = ("ams.j2", "fra.j2", "oslo.j2", "tasks/own.py", "tasks/beside.py", "tasks/deep/__init__.py", "tasks/notes.txt")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name in FILES:
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(name)
    return tmp_path


def needed(project: Path, **params: Any) -> set[str]:
    """Return the files, from the project's folder, of a step with these parameters."""
    step = Step("it", "x", Scope.DEVICE, frozenset(), params=params)
    workflow = Workflow("test", "1.0", (step,), targets=Targets(), environment={"SITE": "oslo"})
    rendered = rendered_with(Renderer(step_ids=["it"]), {"file": "oslo.j2"}, {"site": "fra"}, workflow, HOSTS)
    found = named_files(workflow, [project], project / "tasks", rendered)
    assert all(steps == ("it",) for _, steps in found.values())
    return {str(Path(name).relative_to(project.resolve())) for name in found}


MODULES = {"tasks/own.py", "tasks/beside.py", "tasks/deep/__init__.py"}


@pytest.mark.parametrize(
    ("text", "files"),
    [
        ("ams.j2", {"ams.j2"}),
        ("none.j2", set()),
        ("{{ host.site }}.j2", {"ams.j2", "fra.j2", "oslo.j2"}),
        ("{{ inputs.file }}", {"oslo.j2"}),
        ("{{ vars.site ~ '.j2' }}", {"fra.j2"}),
        ("{{ env.SITE }}{{ '.j2' }}", {"oslo.j2"}),
        ("{{ host.site ~ '.j2' }}", {"ams.j2", "fra.j2"}),
        ("{{ host.site if host.name == 'r1' else 'oslo' }}{{ '.j2' }}", {"ams.j2", "oslo.j2"}),
        ("{{ host.nothing }}", set()),
        ("{{ steps.before.file }}", set()),
        ("{{ item }}", set()),
        ("{{ broken", set()),
        ("own.check", MODULES),
        ("tasks.own.check", MODULES),
        ("deep.check", MODULES),
        ("{{ 'own' ~ '.check' }}", MODULES),
        ("nornir_netmiko.tasks.netmiko_send_command", set()),
    ],
)
def test_what_a_text_names(project: Path, text: str, files: set[str]) -> None:
    assert needed(project, template=text) == files
    assert needed(project, deep={"list": [1, text]}) == files
