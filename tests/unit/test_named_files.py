"""Which files a run needs: those that its steps name, however much of the name is rendered, and what lies beside a task."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nornflow.app.build import load_project
from nornflow.app.services.own_plugins import own_plugin_files
from nornflow.app.services.spec import named_files, rendered_with
from nornflow.model.device import HostView
from nornflow.model.rollout import Targets
from nornflow.model.step import Scope, Step
from nornflow.model.workflow import Workflow
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


PLUGIN = """
from nornir.core.task import Result, Task

from nornflow import device_step, hookimpl


@device_step("acme.{name}")
def look(task: Task) -> Result:
    'It looks.'
    return Result(host=task.host)


@hookimpl
def nornflow_step_types():
    yield look
"""


def test_a_plugin_of_the_project_is_what_its_files_are(project: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """It has no version: another process must not do with other code what was planned, or left to it."""
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "far.py"
    elsewhere.write_text(PLUGIN.replace("{name}", "far"))
    for name in ("one.py", "other.py"):
        (project / name).write_text(PLUGIN.replace("{name}", Path(name).stem))
    (project / "pack").mkdir()
    (project / "pack" / "__init__.py").write_text(PLUGIN.replace("{name}", "pack"))
    (project / "pack" / "helper.py").write_text("")
    (project / "nornflow.yaml").write_text(f"plugins: {{local: [one.py, other.py, pack, {elsewhere}]}}")
    steps = [Step(name, f"acme.{name}", Scope.DEVICE, frozenset()) for name in ("one", "pack", "far")]
    steps.append(Step("own", "no.plugin", Scope.DEVICE, frozenset()))
    found = own_plugin_files(load_project(project), Workflow("test", "1.0", tuple(steps), targets=Targets()))
    names = {str(Path(name).relative_to(project.resolve())): steps for name, (_, steps) in found.items()}
    assert names == {"one.py": ("one",), "pack/__init__.py": ("pack",), "pack/helper.py": ("pack",)}
    before = dict(found)
    (project / "pack" / "helper.py").write_text("CHANGED = True\n")
    after = own_plugin_files(load_project(project), Workflow("test", "1.0", tuple(steps), targets=Targets()))
    assert [Path(name).name for name in after if after[name] != before[name]] == ["helper.py"]
