"""Ctrl-C while the run asks, connects, configures or rolls back: the process ends, and every device has its fate."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest

from nornflow.testing import Fleet
from nornflow.testing.project import ProjectFolder
from terminals import terminal

pytestmark = pytest.mark.e2e

MakeFleet = Callable[..., Fleet]
MakeProject = Callable[..., ProjectFolder]

CHANGE = """
name: change
version: 1.0
rollout: {batches: [1]}
on_failure: rollback
steps:
  - {id: configure, type: netmiko.config, lines: [ntp server 192.0.2.10, ntp server 192.0.2.11]}
  - {id: verify, type: assert, depends_on: configure, condition: "not inputs.wrong"}
inputs:
  wrong: {type: boolean, default: false}
"""


@pytest.fixture
def network(fleet: MakeFleet) -> Fleet:
    return fleet(count=2)


@pytest.fixture
def site(network: Fleet, project: MakeProject) -> ProjectFolder:
    return project({"change.yaml": CHANGE}, fleet=network)


def fates(site: ProjectFolder) -> dict[str, str]:
    return {host["host"]: host["state"] for host in site.record()["hosts"]}


def test_a_question_ends_with_the_run(site: ProjectFolder, network: Fleet) -> None:
    with terminal(site) as run:
        run.until("apply exactly this plan? [y/N]")
        run.interrupt()
        assert run.end() == 1
    assert site.record()["state"] == "cancelled"
    assert "(SIGINT); nothing had been sent to a device" in site.record()["error"]
    assert fates(site) == {"r1": "skipped", "r2": "skipped"}
    assert all(router.counters.config_lines == 0 for router in network)


def test_a_question_can_be_answered(site: ProjectFolder, network: Fleet) -> None:
    with terminal(site) as run:
        run.until("apply exactly this plan? [y/N]")
        os.write(run.terminal, b"y\n")
        assert run.end(30) == 0
    assert fates(site) == {"r1": "changed", "r2": "changed"}
    (said,) = approvals(site)
    assert (said["answer"], said["user"], said["via"]) == ("approved", site.record()["user"], "terminal")


def approvals(site: ProjectFolder) -> list[dict[str, Any]]:
    shown = site.run("runs", "show", site.record()["id"]).ok().json()
    assert site.record() == shown
    return list(shown["approvals"])


def test_the_record_tells_when_nobody_was_asked(site: ProjectFolder) -> None:
    site.run("run", "change.yaml", "--yes", "--limit", "r1").ok()
    assert [(said["answer"], said["via"]) for said in approvals(site)] == [("approved", "--yes")]
    plan = site.run("runs", "plan", site.record()["id"]).ok().stdout
    assert re.search(r"^approved by \S+ at .* UTC \(--yes\)$", plan, re.MULTILINE)


def test_a_terminal_that_goes_away_stops_the_run_and_leaves_a_record(site: ProjectFolder, network: Fleet) -> None:
    network.timing.latency = 0.02
    network.fault("r1", "slow", after=50, at="192.0.2.11")  # a second, in which the signal is heard
    with terminal(site, "--yes") as run:
        run.until("batch 1 of 2")
        run.process.send_signal(signal.SIGHUP)
        assert run.end(30) == 1
    assert site.record()["state"] == "cancelled"
    assert fates(site)["r2"] == "skipped"


def test_a_run_goes_on_when_nobody_reads_what_it_prints(site: ProjectFolder, network: Fleet) -> None:
    words = [sys.executable, "-m", "nornflow", "run", "change.yaml", "--yes"]
    process = subprocess.Popen(words, cwd=site.path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    process.stdout.close()
    _, told = process.communicate(timeout=60)
    assert (process.returncode, told) == (0, "")
    assert fates(site) == {"r1": "changed", "r2": "changed"}


def test_a_device_that_is_cut_off_between_two_lines_is_taken_back(site: ProjectFolder, network: Fleet) -> None:
    before = network["r1"].running_config
    network.fault("r1", "hang", at="192.0.2.11")
    with terminal(site, "--yes") as run:
        run.until("batch 1 of 2")
        while "192.0.2.10" not in network["r1"].running_config:
            time.sleep(0.05)
        run.interrupt()
        run.until("stopping after")
        run.interrupt()
        assert run.end() == 1
    assert network["r1"].running_config == before
    assert fates(site) == {"r1": "rolled_back", "r2": "skipped"}


def test_a_device_that_never_answers_does_not_hold_up_the_end(site: ProjectFolder, network: Fleet) -> None:
    network.fault("r2", "noanswer")
    with terminal(site, "--yes") as run:
        while not network["r2"].counters.connections:
            time.sleep(0.05)
        run.interrupt()
        run.until("stopping after")
        run.interrupt()
        assert run.end(12) == 1  # paramiko alone waits 15 s for the banner
        assert "Traceback" not in run.seen
    assert fates(site) in ({"r1": end, "r2": "cancelled"} for end in ("skipped", "cancelled"))


def test_a_rollback_that_hangs_is_given_up_by_a_third_one(site: ProjectFolder, network: Fleet) -> None:
    network.fault("r1", "hang", at="no ntp server")
    with terminal(site, "--yes", "-i", "wrong=true") as run:
        run.until("rolling back r1")
        for word in ("stopping after", "stopping now", "giving up"):
            run.interrupt()
            run.until(word)
        assert run.end() == 1
    record = site.record()
    assert record["state"] == "rollback_failed"
    assert fates(site) == {"r1": "rollback_failed", "r2": "skipped"}
    assert "by hand" in record["hosts"][0]["hint"]
