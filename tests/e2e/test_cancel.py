"""`nornflow runs cancel` from another process: heard within a second, and exactly what each level says is done."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import pytest

from nornflow.testing import Fleet
from nornflow.testing.project import Outcome, ProjectFolder
from patience import soon
from terminals import terminal

pytestmark = pytest.mark.e2e

MakeFleet = Callable[..., Fleet]
MakeProject = Callable[..., ProjectFolder]

CHANGE = """
name: change
version: 1.0
rollout: {batches: [2], soak: SOAK, max_failures: 100%}
on_failure: ON_FAILURE
steps:
  - {id: configure, type: netmiko.config, lines: [ntp server 192.0.2.10, ntp server 192.0.2.11]}
  - {id: verify, type: netmiko.command, depends_on: configure, command: show clock}
"""
LINES = ["ntp server 192.0.2.10", "ntp server 192.0.2.11"]


@pytest.fixture
def network(fleet: MakeFleet) -> Fleet:
    return fleet(count=6)


@pytest.fixture
def site(network: Fleet, project: MakeProject) -> ProjectFolder:
    return project({"change.yaml": change()}, fleet=network)


def change(soak: int = 0, on_failure: str = "stop") -> str:
    return CHANGE.replace("SOAK", str(soak)).replace("ON_FAILURE", on_failure)


@contextmanager
def at_work(site: ProjectFolder, *words: str) -> Iterator[subprocess.Popen[str]]:
    """A run in a process of its own."""
    command = [sys.executable, "-m", "nornflow", "run", "change.yaml", "--yes", *words]
    process = subprocess.Popen(command, cwd=site.path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def newest(site: ProjectFolder) -> str:
    assert soon(lambda: site.run("runs", "list", "--format", "json").json() != [])
    return str(site.run("runs", "list", "--format", "json").json()[0]["id"])


def cancel(site: ProjectFolder, *words: str) -> Outcome:
    return site.run("runs", "cancel", newest(site), *words)


def events(site: ProjectFolder, kind: str) -> list[dict[str, Any]]:
    lines = site.run("runs", "logs", newest(site), "--format", "jsonl").stdout.splitlines()
    return [event for event in map(json.loads, lines) if event["kind"] == kind]


def fates(site: ProjectFolder) -> list[str]:
    return [host["state"] for host in site.record()["hosts"]]


def sent(network: Fleet, name: str) -> list[str]:
    return [line for _, line in network[name].written()]


def test_after_the_batch_its_devices_are_done_and_no_other_is_touched(site: ProjectFolder, network: Fleet) -> None:
    network.timing.latency = 0.1
    network.fault("r2", "slow", after=10)  # a second for each answer: the batch takes a while
    with at_work(site) as run:
        assert soon(lambda: bool(sent(network, "r2")))
        told = cancel(site, "--after-batch").ok()
        assert "after-batch, asked for by" in told.stdout
        assert run.wait(60) == 1
    record = site.record()
    assert (record["state"], fates(site)) == ("cancelled", ["changed", "changed", *["skipped"] * 4])
    assert [sent(network, f"r{number}") for number in range(1, 7)] == [LINES, LINES, [], [], [], []]
    assert "ended the run after the batch at work, at" in record["error"]
    [heard] = events(site, "run.stopping")
    assert heard["data"]["level"] == "after-batch"
    asked = datetime.fromisoformat(heard["data"]["asked"])
    assert (datetime.fromisoformat(heard["time"]) - asked).total_seconds() < 5  # the pulse looks every 0.4 s


def test_after_the_devices_at_work_their_step_is_the_last(site: ProjectFolder, network: Fleet) -> None:
    network.timing.latency = 0.1
    for name in ("r1", "r2"):
        network.fault(name, "slow", after=10)
    with at_work(site) as run:
        assert soon(lambda: bool(sent(network, "r1")))
        cancel(site, "--after-device").ok()
        assert run.wait(60) == 1
    assert fates(site) == ["cancelled", "cancelled", *["skipped"] * 4]  # configured, and never verified
    assert sent(network, "r1") == LINES
    assert "show clock" not in [heard.line for heard in network["r1"].log]


def test_now_takes_back_what_stands_on_every_device_whatever_on_failure_says(
    site: ProjectFolder, network: Fleet
) -> None:
    before = [router.running_config for router in network]
    network.fault("r3", "hang", at="192.0.2.11")
    with at_work(site) as run:
        assert soon(lambda: network["r3"].counters.hangs == 1)
        ended = cancel(site, "--now-and-roll-back", "--wait").ok()
        assert "has ended: cancelled" in ended.stdout
        assert run.wait(20) == 1
    assert fates(site) == [*["rolled_back"] * 3, site.record()["hosts"][3]["state"], "skipped", "skipped"]
    assert [router.running_config for router in network] == before


def test_a_run_that_soaks_ends_at_once(site: ProjectFolder, network: Fleet) -> None:
    site.write("change.yaml", change(soak=3600))
    with at_work(site) as run:
        assert soon(lambda: events(site, "soak.started") != [])
        began = time.monotonic()
        cancel(site, "--after-batch", "--wait").ok()
        assert run.wait(20) == 1
        assert time.monotonic() - began < 10
    assert fates(site) == ["changed", "changed", *["skipped"] * 4]


def test_a_run_that_asks_ends_at_once(site: ProjectFolder, network: Fleet) -> None:
    with terminal(site) as run:
        run.until("apply exactly this plan? [y/N]")
        cancel(site, "--after-batch").ok()
        assert run.end() == 1
        assert "ended the run after the batch at work" in run.seen
    record = site.record()
    assert (record["state"], set(fates(site))) == ("cancelled", {"skipped"})
    assert "nothing had been sent to a device" in record["error"]


def test_a_run_that_waits_for_its_devices_ends_at_once(site: ProjectFolder, network: Fleet) -> None:
    network.fault("r1", "hang", at="192.0.2.11")
    with at_work(site):
        assert soon(lambda: network["r1"].counters.hangs == 1)
        with at_work(site) as second:
            assert soon(lambda: events(site, "queue.waiting") != [])
            cancel(site, "--now-and-roll-back", "--wait").ok()
            assert second.wait(20) == 1
            [run] = [run for run in site.run("runs", "list", "--format", "json").json() if run["state"] == "cancelled"]
            assert "nothing had been sent to a device" in site.run("runs", "show", run["id"]).json()["error"]
    assert len(sent(network, "r1")) == 1  # what the first run had sent


def test_a_wish_goes_up_and_never_down(site: ProjectFolder, network: Fleet) -> None:
    network.fault("r1", "hang", at="192.0.2.11")
    with at_work(site) as run:
        assert soon(lambda: network["r1"].counters.hangs == 1)
        cancel(site, "--after-device").ok()
        assert "ends: after-device" in cancel(site, "--after-batch").stdout
        cancel(site, "--now-and-roll-back", "--wait").ok()
        assert run.wait(20) == 1
    assert [event["data"]["level"] for event in events(site, "run.stopping")] == ["after-device", "now-and-roll-back"]
    assert fates(site)[0] == "rolled_back"


def test_a_run_that_has_ended_cannot_be_cancelled(site: ProjectFolder) -> None:
    site.run("run", "change.yaml", "--yes").ok()
    told = cancel(site, "--after-device")
    assert told.exit_code == 1
    assert "has ended already: it is succeeded" in told.stderr


def test_how_a_run_is_to_end_has_to_be_said(site: ProjectFolder) -> None:
    site.run("run", "change.yaml", "--yes").ok()
    told = cancel(site)
    assert told.exit_code == 2
    assert "--after-batch, --after-device and --now-and-roll-back" in told.stderr


def test_a_dead_run_that_asked_ends_and_one_that_worked_names_the_command_that_settles_it(
    site: ProjectFolder, network: Fleet
) -> None:
    with terminal(site) as run:
        run.until("apply exactly this plan? [y/N]")
    told = cancel(site, "--after-device").ok()
    assert "has ended: cancelled" in told.stdout
    kept = site.run("runs", "show", newest(site)).ok().json()
    assert {host["state"] for host in kept["hosts"]} == {"cancelled"}
    assert "its process was dead" in kept["error"]
    assert site.record() == kept

    network.fault("r3", "hang", at="192.0.2.11")
    before = network["r3"].running_config
    with at_work(site):
        assert soon(lambda: network["r3"].counters.hangs == 1)
    told = cancel(site, "--now-and-roll-back")
    assert told.exit_code == 1
    assert "its process is dead" in told.stderr
    assert "nornflow runs resume" in told.stderr

    network["r3"].heal()
    site.run("runs", "resume", newest(site))
    assert site.record()["state"] == "cancelled"
    assert network["r3"].running_config == before
    assert "rolled_back" in fates(site)
    assert "changed" not in fates(site)
