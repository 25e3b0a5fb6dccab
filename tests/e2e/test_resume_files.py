"""Going on with a run whose files were edited meanwhile: what is still needed has to be what it was, the rest does not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from killed import Scene
from nornflow.testing import Fleet

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

HOSTS = ["r1", "r2", "r3"]
WORKFLOW = """
name: ntp
version: 1.0
steps:
  - {id: configure, type: netmiko.config, template: "templates/{{ host.kind }}.j2"}
  - {id: logging, type: netmiko.config, template: templates/logging.j2, depends_on: configure}
  - {id: contact, type: nornir.task, task: tasks.own.contact, depends_on: logging}
  - {id: named, type: netmiko.config, template: "{{ inputs.file }}", depends_on: contact}
  - {id: own, type: netmiko.config, template: "{{ host.extra }}", depends_on: named}
inputs:
  file: {type: string, default: more/named.j2}
"""
TASKS = """
from nornir.core.task import Result
from nornir_netmiko.tasks import netmiko_send_config


def contact(task):
    task.run(netmiko_send_config, config_commands=["snmp-server contact noc"])
    return Result(host=task.host, changed=True)
"""
FILES = {
    "templates/old.j2": "ntp server {{ host.ntp }}\n",
    "templates/new.j2": "ntp server {{ host.ntp }} prefer\n",
    "templates/logging.j2": "logging host 192.0.2.11\n",
    "tasks/own.py": TASKS,
    "more/named.j2": "logging host 192.0.2.12\n",
    "more/r3.j2": "logging host 192.0.2.13\n",
}
INTENT = 3
"""The first device is about to be changed by the first step."""


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    data = {
        host: {
            "ntp": "192.0.2.10",
            "kind": "old" if host == "r1" else "new",
            "extra": f"more/{'r3' if host == 'r3' else 'named'}.j2",
        }
        for host in HOSTS
    }
    with Fleet(len(HOSTS), data=data) as fleet:
        yield Scene.made_of(tmp_path / "project", fleet, {"ntp.yaml": WORKFLOW, **FILES})


def cut_off(scene: Scene, entry: int) -> str:
    scene.nornflow("run", "ntp.yaml", "--yes", entry=entry, after=True)
    (run,) = scene.ask("runs", "list", "--format", "json")
    return str(run["id"])


def assert_done(scene: Scene, run: str) -> None:
    hosts = scene.ask("runs", "show", run)["hosts"]
    assert {host["host"]: host["state"] for host in hosts} == dict.fromkeys(HOSTS, "changed")
    for router in HOSTS:
        prefers = "" if router == "r1" else " prefer"
        lines = [
            f"ntp server 192.0.2.10{prefers}",
            "logging host 192.0.2.11",
            "snmp-server contact noc",
            "logging host 192.0.2.12",
        ]
        lines += ["logging host 192.0.2.13"] if router == "r3" else []
        assert scene.written(router) == lines


@pytest.mark.parametrize(
    ("name", "step"),
    [
        ("templates/old.j2", "configure"),
        ("templates/new.j2", "configure"),
        ("templates/logging.j2", "configure, logging"),  # before it is rendered the first one's name may be any
        ("tasks/own.py", "contact"),
        ("more/r3.j2", "own"),
    ],
)
def test_a_file_that_is_still_needed_and_is_another_now_is_named_and_nothing_is_sent(
    scene: Scene, name: str, step: str
) -> None:
    run = cut_off(scene, INTENT)
    sent = {router.name: len(router.log) for router in scene.fleet}
    scene.site.write(name, FILES[name] + "# edited\n")
    refused = scene.site.run("runs", "resume", run, "--yes")
    assert refused.exit_code == 2
    assert f"the file {scene.site.path.resolve() / name}, of step {step}" in refused.stderr
    assert {router.name: len(router.log) for router in scene.fleet} == sent
    (scene.site.path / name).unlink()
    assert scene.site.run("runs", "resume", run, "--yes").exit_code == 2
    scene.site.write(name, FILES[name])
    scene.site.run("runs", "resume", run, "--yes").ok()
    assert_done(scene, run)


def test_a_file_of_a_step_that_is_done_everywhere_may_be_edited(scene: Scene) -> None:
    outcomes_of_the_first_step = 2 + 2 * len(HOSTS)  # behind the plan and the batch
    run = cut_off(scene, outcomes_of_the_first_step)
    for name in ("templates/old.j2", "templates/new.j2"):
        scene.site.write(name, "ntp server 203.0.113.1\n")
    scene.site.write("templates/another.j2", "nobody asked for it\n")
    scene.site.run("runs", "resume", run, "--yes").ok()
    assert_done(scene, run)
