"""Changes over scrapli from the command line: planned, applied, verified, taken back, killed in the middle, hung."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nornflow.testing import Fleet
from nornflow.testing.project import ProjectFolder

pytestmark = pytest.mark.e2e

MakeFleet = Callable[..., Fleet]
MakeProject = Callable[..., ProjectFolder]

CHANGE = """
name: change
version: 1.0
on_failure: rollback
inputs:
  server: {type: string, default: 192.0.2.50}
  holds: {type: boolean, default: true}
steps:
  - id: change
    type: scrapli.config
    config: |
      interface Loopback7
       description over scrapli
      banner motd ^C
      ! not a comment

        keep out  #
      ^C
      ntp server {{ inputs.server }}
    save: true
  - id: look
    type: scrapli.command
    depends_on: change
    commands: [show running-config, show version]
  - id: holds
    type: assert
    depends_on: look
    condition: "inputs.holds and 'ntp server ' + inputs.server in steps.look.output"
"""

FOREIGN = """
name: foreign
version: 1.0
steps:
  - id: change
    type: nornir.task
    task: nornir_scrapli.tasks.send_configs
    args: {configs: [interface Loopback7, " description foreign", ntp server 192.0.2.51]}
  - id: look
    type: nornir.task
    depends_on: change
    access: read
    task: nornir_scrapli.tasks.send_command
    args: {command: show version}
"""


def configurations(network: Fleet) -> dict[str, str]:
    return {router.name: router.running_config for router in network}


def of_host(record: dict[str, Any], host: str, step: str = "change") -> dict[str, Any]:
    found: dict[str, Any] = next(one for one in record["steps"] if one["step_id"] == step)["hosts"][host]
    return found


@pytest.fixture
def network(fleet: MakeFleet) -> Fleet:
    return fleet(count=2)


@pytest.fixture
def site(network: Fleet, project: MakeProject) -> ProjectFolder:
    return project({"change.yaml": CHANGE, "foreign.yaml": FOREIGN}, fleet=network)


def test_a_change_is_planned_applied_once_and_saved(site: ProjectFolder, network: Fleet) -> None:
    before = configurations(network)
    planned = site.run("plan", "change.yaml").ok()
    assert "+ description over scrapli" in planned.stdout
    assert configurations(network) == before

    site.run("run", "change.yaml", "--yes").ok()
    record = site.record()
    for router in network:
        assert "interface Loopback7\n description over scrapli" in router.running_config
        assert "! not a comment\n\n  keep out  #" in router.running_config
        assert not router.unsaved
        outputs = of_host(record, router.name)["outputs"]
        assert (outputs["config_deployed"], outputs["validation_passed"], outputs["saved"]) == (True, True, True)
        assert before[router.name].strip() in Path(outputs["backup_file"]).read_text()

    counted = [router.counters.config_lines for router in network]
    site.run("run", "change.yaml", "--yes").ok()
    assert [router.counters.config_lines for router in network] == counted


def test_a_change_that_does_not_hold_is_taken_back_and_proven(site: ProjectFolder, network: Fleet) -> None:
    before = configurations(network)
    outcome = site.run("run", "change.yaml", "--yes", "-i", "holds=false")
    assert outcome.exit_code == 1, outcome.stdout
    assert configurations(network) == before
    assert {host["state"] for host in site.record()["hosts"]} == {"rolled_back"}


def test_a_refused_line_is_named_and_what_was_sent_before_it_is_taken_back(site: ProjectFolder, network: Fleet) -> None:
    before = configurations(network)
    network.fault("r2", "reject", at="ntp server 192.0.2.50")
    outcome = site.run("run", "change.yaml", "--yes")
    assert outcome.exit_code == 1
    assert "ntp server 192.0.2.50" in outcome.stdout + outcome.stderr
    assert configurations(network)["r2"] == before["r2"]


def test_a_third_partys_task_is_planned_and_applied_as_it_is(site: ProjectFolder, network: Fleet) -> None:
    before = configurations(network)
    assert "+ntp server 192.0.2.51" in site.run("plan", "foreign.yaml").ok().stdout
    assert configurations(network) == before
    site.run("run", "foreign.yaml", "--yes").ok()
    assert all("ntp server 192.0.2.51" in text for text in configurations(network).values())
    assert "IOS XE" in str(of_host(site.record(), "r1", "look"))


def test_a_device_that_hangs_ends_at_the_time_of_its_step_and_holds_up_nobody(
    fleet: MakeFleet, project: MakeProject
) -> None:
    network = fleet(count=2)
    network.fault("r2", "hang", at="show version")
    look = "name: look\nversion: 1.0\non_failure: continue\nsteps:\n"
    step = "  - {id: look, type: scrapli.command, command: show version, timeout: 2}\n"
    site = project({"look.yaml": look + step}, fleet=network)
    began = time.monotonic()
    site.run("run", "look.yaml", "--yes")
    assert time.monotonic() - began < 20
    assert {host["host"]: host["state"] for host in site.record()["hosts"]} == {"r1": "ok", "r2": "timed_out"}


def test_a_run_that_is_killed_between_its_lines_is_resumed_and_no_line_is_written_twice(
    fleet: MakeFleet, project: MakeProject
) -> None:
    network = fleet(count=1, latency=0.1)
    site = project({"change.yaml": CHANGE}, fleet=network)
    words = [sys.executable, "-m", "nornflow", "run", "change.yaml", "--yes"]
    with subprocess.Popen(words, cwd=site.path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while network["r1"].counters.config_lines < 2:
            assert process.poll() is None
            time.sleep(0.01)
        os.kill(process.pid, signal.SIGKILL)
    (told,) = site.run("runs", "list", "--format", "json").ok().json()
    site.run("runs", "resume", told["id"], "--yes").ok()
    assert "ntp server 192.0.2.50" in network["r1"].running_config
    assert not network["r1"].unsaved
    written = [line.strip() for _, line in network["r1"].written()]
    assert written.count("description over scrapli") == 1
    assert written.count("ntp server 192.0.2.50") == 1
