"""A change that calls another workflow, from the command line: its files are part of what was approved and begun."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from forging import forged
from nornflow.testing import Fleet
from nornflow.testing.project import ProjectFolder

pytestmark = pytest.mark.e2e

MAIN = """
name: syslog
version: 1.0
on_failure: rollback
steps:
  - id: hosts
    type: workflow
    workflow: lines
    inputs: {server: 192.0.2.60}
  - {id: after, type: shell, depends_on: hosts, command: "test -f go-on"}
"""
LINES = """
name: lines
version: 1.0
inputs: {server: {type: string, required: true}}
steps:
  - {id: change, type: netmiko.config, template: syslog.j2}
"""
FILES = {
    "syslog.yaml": MAIN,
    "workflows/lines.yaml": LINES,
    "workflows/syslog.j2": "logging host {{ inputs.server }}\n",
}


@pytest.fixture
def network(fleet: Callable[..., Fleet]) -> Fleet:
    return fleet(count=2)


@pytest.fixture
def site(network: Fleet, project: Callable[..., ProjectFolder]) -> ProjectFolder:
    return project(FILES, fleet=network)


def test_a_sealed_plan_has_what_is_called_and_is_refused_when_a_file_of_it_was_edited(
    site: ProjectFolder, network: Fleet
) -> None:
    site.run("plan", "syslog.yaml", "-o", "change.plan").ok()
    assert "hosts.change" in site.run("plan", "show", "change.plan").ok().stdout
    for name in ("workflows/lines.yaml", "workflows/syslog.j2"):
        site.write(name, FILES[name] + "# edited\n")
        refused = site.run("apply", "change.plan", "--yes")
        assert (refused.exit_code, f"{name}, of step hosts.change" in refused.stderr) == (5, True)
        site.write(name, FILES[name])
    assert all(router.counters.config_lines == 0 for router in network)
    site.run("apply", "change.plan", "--yes")
    assert {host["host"]: host["state"] for host in site.record()["hosts"]}.keys() == {"r1", "r2"}
    steps = {step["step_id"]: step for step in site.record()["steps"]}
    assert {result["status"] for result in steps["hosts.change"]["hosts"].values()} == {"changed"}
    assert {result["status"] for result in steps["hosts"]["hosts"].values()} == {"changed"}


def test_a_stranger_brings_no_steps_in_what_is_called(site: ProjectFolder, network: Fleet, tmp_path: Path) -> None:
    site.run("plan", "syslog.yaml", "-o", "change.plan").ok()
    sealed = (site.path / "change.plan").read_bytes()
    more = "  - {id: more, type: shell, command: touch /tmp/harm}\n"

    def harmful(content: dict[str, Any]) -> None:
        (name,) = content["spec"]["called"]
        text, steps = content["spec"]["called"][name]
        content["spec"]["called"][name] = [text + more, steps]

    def elsewhere(content: dict[str, Any]) -> None:
        (name,) = content["spec"]["called"]
        content["spec"]["called"] = {"../lines.yaml": content["spec"]["called"][name]}

    (site.path.parent / "lines.yaml").write_text(LINES + more)
    for change, code in ((harmful, 3), (elsewhere, 3)):
        (site.path / "change.plan").write_bytes(sealed)
        forged(site.path / "change.plan", change)
        outcome = site.run("apply", "change.plan", "--yes")
        assert (outcome.exit_code, "Traceback" in outcome.stderr) == (code, False), outcome.stderr
    assert all(router.counters.config_lines == 0 for router in network)


def test_who_wrote_what_is_called_does_not_approve_it(site: ProjectFolder) -> None:
    site.write("workflows/lines.yaml", LINES.replace("version: 1.0", "version: 1.0\nauthor: nobody"))
    site.write("nornflow.yaml", "profiles: {board: {extends: standard, approvals: {count: 1}}}\n")
    site.run("plan", "syslog.yaml", "--profile", "board", "-o", "change.plan").ok()
    shown = site.run("plan", "show", "change.plan").ok().stdout
    assert "written by   nobody, root" in shown or "written by   root, nobody" in shown
    refused = site.run("apply", "change.plan", "--yes")
    assert (refused.exit_code, "anybody but" in refused.stderr and "nobody" in refused.stderr) == (4, True)


def test_two_processes_share_the_devices_of_what_is_called(site: ProjectFolder, network: Fleet) -> None:
    site.write("syslog.yaml", MAIN.partition("  - {id: after")[0])
    site.write("nornflow.yaml", "runner: {processes: 2}\n")
    site.run("run", "syslog.yaml", "--yes").ok()
    assert all("logging host 192.0.2.60\n" in router.running_config for router in network)
    assert site.run("plan", "syslog.yaml", "--detailed-exitcode").exit_code == 0
