"""Workflow files of strangers, without a line of Python of their own: nothing on this machine is theirs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from nornflow.devices.tasks import import_task
from nornflow.errors import PolicyDenied
from nornflow.testing import Fleet
from nornflow.testing.project import Outcome, ProjectFolder

SECRET = "the-line-of-another-file"


@pytest.fixture(scope="module")
def routers() -> Iterator[Fleet]:
    with Fleet(1, prefix="r") as fleet:
        yield fleet


@pytest.fixture
def project(tmp_path: Path, routers: Fleet) -> ProjectFolder:
    return ProjectFolder.made(tmp_path / "project", {}, routers)


def _told(outcome: Outcome) -> str:
    return f"{outcome.stdout}\n{outcome.stderr}"


def _task(project: ProjectFolder, task: str, access: str = "configure", /, **args: Any) -> None:
    step = {"id": "it", "type": "nornir.task", "task": task, "access": access, "args": args}
    project.write("change.yaml", json.dumps({"name": "change", "version": "1.0", "steps": [step]}))


TTP_PROGRAMS = {
    "macro": "<macro>\nopen({mark!r}, 'w').close()\n</macro>\n<group>\nIOS\n</group>",
    "vars": "<vars>\na = open({mark!r}, 'w').close()\n</vars>\n<group>\nIOS\n</group>",
    "output": '<group>\nIOS\n</group>\n<output returner="file" url="{folder}" filename="pwned"/>',
}


@pytest.mark.parametrize("profile", ["plan_only", "restricted", "elevated"])
@pytest.mark.parametrize("kind", TTP_PROGRAMS)
def test_a_ttp_template_that_is_a_program_does_not_run(
    kind: str, profile: str, project: ProjectFolder, tmp_path: Path
) -> None:
    mark = tmp_path / "pwned"
    template = TTP_PROGRAMS[kind].format(mark=str(mark), folder=str(tmp_path))
    task = "nornir_netmiko.tasks.netmiko_send_command"
    _task(project, task, command_string="show version", use_ttp=True, ttp_template=template)

    outcome = project.run("plan", "change.yaml", "--profile", profile)

    assert not mark.exists()
    assert outcome.exit_code == 1
    assert "it would run code that comes as data" in _told(outcome)


FILE_TASKS: dict[str, tuple[str, str]] = {
    "netmiko": ("nornir_netmiko.tasks.netmiko_send_config", "config_file"),
    "napalm": ("nornir_napalm.plugins.tasks.napalm_configure", "filename"),
}


@pytest.mark.parametrize("disguise", ["", "..", "link"])
@pytest.mark.parametrize("kind", FILE_TASKS)
def test_no_file_of_this_machine_is_shown_in_a_plan_or_sent_to_a_device(
    kind: str, disguise: str, project: ProjectFolder, tmp_path: Path, routers: Fleet
) -> None:
    outside = tmp_path / "outside.cfg"
    outside.write_text(f"ip domain name {SECRET}\n")
    named = {"": outside, "..": project.path / ".." / "outside.cfg", "link": project.path / "inside.cfg"}
    if disguise == "link":
        named["link"].symlink_to(outside)
    task, parameter = FILE_TASKS[kind]
    args: Mapping[str, Any] = {parameter: str(named[disguise]), **({"dry_run": True} if kind == "napalm" else {})}
    _task(project, task, **args)
    before = routers["r1"].running_config

    for words in (("plan", "change.yaml", "--format", "json"), ("run", "change.yaml", "--yes", "--format", "json")):
        outcome = project.run(*words)
        assert outcome.exit_code == 1, outcome
        assert SECRET not in _told(outcome)
        assert "lies outside the folders that a step may read" in _told(outcome)
    assert routers["r1"].running_config == before


def test_a_file_of_the_project_is_read_as_ever(project: ProjectFolder) -> None:
    project.write("lines.cfg", "ip domain name example.net\n")
    _task(project, "nornir_netmiko.tasks.netmiko_send_config", config_file=str(project.path / "lines.cfg"))

    outcome = project.run("plan", "change.yaml")

    assert outcome.exit_code == 0, outcome
    assert "+ip domain name example.net" in _told(outcome)


def test_a_task_that_acts_on_this_machine_is_no_task_on_devices(project: ProjectFolder, tmp_path: Path) -> None:
    mark = tmp_path / "pwned"
    _task(project, "nornir_utils.plugins.tasks.files.write_file", "read", filename=str(mark), content="pwned")

    for profile in ("restricted", "standard"):
        assert project.run("plan", "change.yaml", "--profile", profile).exit_code == 0  # a read is not planned
        outcome = project.run("run", "change.yaml", "--yes", "--profile", profile)
        assert outcome.exit_code == 1
        assert "writes files of this machine" in _told(outcome)
    assert not mark.exists()


@pytest.mark.parametrize("shape", ["module", "package", "namespace", "a folder called site-packages"])
def test_a_folder_on_the_way_is_no_installed_package(
    shape: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / ("site-packages" if "called" in shape else "lib")
    name = f"nornir_{shape.split()[-1].replace('-', '_')}_planted"
    file = {"module": f"{name}.py", "namespace": f"{name}/inner.py"}.get(shape, f"{name}/__init__.py")
    (folder / file).parent.mkdir(parents=True)
    (folder / file).write_text("raise SystemExit\n")
    monkeypatch.syspath_prepend(str(folder))
    path = f"{name}.inner.run" if shape == "namespace" else f"{name}.run"

    with pytest.raises(PolicyDenied, match="which no installed distribution brought"):
        import_task(path, anywhere=False, tasks=tmp_path / "project" / "tasks")


SITE = """
profile: site
profiles:
  site:
    extends: standard
    rules:
      - {pattern: "^ntp server 192\\\\.0\\\\.2\\\\.66$", reason: "that one tells the wrong time"}
    limits: {max_step_duration: 60, max_workflow_duration: 90}
"""


def _lowering(project: ProjectFolder, **step: Any) -> None:
    document = {
        "name": "change",
        "version": "1.0",
        "profile": "standard",  # no more than the site's own, but without its rule
        "steps": [{"id": "it", "type": "netmiko.config", "lines": ["ntp server 192.0.2.66"], **step}],
    }
    project.write("change.yaml", json.dumps(document))
    settings = project.path / "nornflow.yaml"
    settings.write_text(settings.read_text() + SITE)


def test_the_rules_of_the_site_stand_in_the_plan_of_a_workflow_that_names_another_profile(
    project: ProjectFolder, routers: Fleet
) -> None:
    _lowering(project)

    planned = project.run("plan", "change.yaml", "--format", "json")
    ran = project.run("run", "change.yaml", "--yes")

    denials = [decision for decision in planned.json()["decisions"] if decision["verdict"] == "deny"]
    assert ["that one tells the wrong time" in decision["reason"] for decision in denials] == [True]
    assert ran.exit_code == 3
    assert "that one tells the wrong time" in _told(ran)
    assert "192.0.2.66" not in routers["r1"].running_config


def test_the_limits_of_the_site_hold_for_a_workflow_that_names_another_profile(project: ProjectFolder) -> None:
    _lowering(project, timeout=600)

    for words in (("run", "change.yaml", "--yes"), ("policy", "explain", "change.yaml")):
        outcome = project.run(*words)
        assert outcome.exit_code == 3, outcome
        assert "allows 60 s" in _told(outcome)
