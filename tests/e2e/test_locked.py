"""Two people at one network: the second run waits, fails or leaves devices out, and everybody sees who holds what."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from nornflow.testing import Fleet
from nornflow.testing.project import ProjectFolder
from patience import soon

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

SLOW = """
name: slow
version: 1.0
steps:
  - {id: configure, type: netmiko.config, lines: [ntp server 192.0.2.10]}
  - {id: linger, type: script, depends_on: [configure], script: "WAIT"}
""".replace("WAIT", "echo > ../../../../lingering; while [ ! -e ../../../../over ]; do sleep 0.05; done")
QUICK = """
name: quick
version: 1.0
inputs: {server: {type: string, default: 192.0.2.20}}
steps:
  - {id: configure, type: netmiko.config, lines: ["logging host {{ inputs.server }}"]}
"""
SETTINGS = """
profile: site
profiles:
  site: {extends: elevated, max_concurrent_workflows: 5}
  narrow: {extends: elevated, max_concurrent_workflows: 1}
"""


@dataclass
class Network:
    """A project with routers, and `nornflow` in processes of its own."""

    folder: ProjectFolder
    fleet: Fleet

    @contextmanager
    def running(self, *words: str) -> Iterator[subprocess.Popen[str]]:
        pipe = subprocess.PIPE
        with subprocess.Popen(
            [sys.executable, "-m", "nornflow", *words], cwd=self.folder.path, stdout=pipe, stderr=pipe, text=True
        ) as process:
            try:
                yield process
            finally:
                process.kill()

    def ended(self, process: subprocess.Popen[str], code: int = 0) -> str:
        out, errors = process.communicate(timeout=100)
        assert "Traceback" not in errors
        assert "internal error" not in errors, errors
        out, errors = process.communicate(timeout=100)
        assert process.returncode == code, f"{out}\n{errors}"
        return out

    def locks(self) -> dict[str, dict]:
        return {lock["device"]: lock for lock in self.folder.run("locks", "list", "--format", "json").ok().json()}

    def runs(self) -> dict[str, dict]:
        return {run["workflow"]: run for run in self.folder.run("runs", "list", "--format", "json").ok().json()}

    def linger(self) -> None:
        """Let slow runs end."""
        (self.folder.path / "over").touch()


@pytest.fixture
def network(fleet: Callable[..., Fleet], project: Callable[..., ProjectFolder]) -> Network:
    routers = fleet(count=3)
    files = {"slow.yaml": SLOW, "quick.yaml": QUICK, "nornflow.yaml": SETTINGS}
    return Network(project(files, fleet=routers), routers)


@contextmanager
def slow_run(network: Network, *words: str) -> Iterator[subprocess.Popen[str]]:
    with network.running("run", "slow.yaml", "--yes", *words) as process:
        assert soon(lambda: "ntp server 192.0.2.10" in network.fleet["r1"].running_config, 60)
        assert soon(lambda: (network.folder.path / "lingering").exists(), 60)
        yield process


def test_a_run_waits_says_for_whom_and_goes_on_when_the_other_has_ended(network):
    with slow_run(network, "--limit", "r1,r2") as slow:
        held = network.locks()
        assert set(held) == {"r1", "r2"}
        assert held["r1"]["holder"]["pid"] == slow.pid
        with network.running("run", "quick.yaml", "--yes") as quick:
            assert soon(lambda: network.runs().get("quick", {}).get("state") == "queued", 60)
            assert network.runs()["quick"]["queue"] == {"place": 1, "of": "r1, r2, r3"}
            shown = network.folder.run("runs", "list").ok().stdout
            assert "place 1 in the queue for r1, r2, r3" in shown
            assert [claim["pid"] for claim in network.locks()["r1"]["waiting"]] == [quick.pid]
            text = network.folder.run("locks", "list").ok().stdout
            assert f"r1  held by run {network.runs()['slow']['id']} (" in text
            assert f"1. run {network.runs()['quick']['id']} (" in text
            network.linger()
            out = network.ended(quick)
            assert f"waiting, place 1 in the queue: run {network.runs()['slow']['id']} (" in out
            assert "holds r1, r2 since" in out
        network.ended(slow)
    assert network.locks() == {}


def test_what_the_other_run_changed_meanwhile_makes_the_plan_of_the_one_that_waited_stale(network):
    configure, linger = SLOW.splitlines(keepends=True)[-2:]
    network.folder.write("slow.yaml", SLOW.replace(configure + linger, linger.replace("depends_on: [configure], ", "")
                                                   + configure.replace("lines:", "depends_on: [linger], lines:")))  # fmt: skip
    with network.running("run", "slow.yaml", "--yes", "--limit", "r1") as slow:
        assert soon(lambda: "r1" in network.locks(), 60)
        with network.running("run", "quick.yaml", "--yes", "--format", "json") as quick:
            assert soon(lambda: network.runs().get("quick", {}).get("state") == "queued", 60)
            network.linger()
            record = json.loads(network.ended(quick, code=1))
        network.ended(slow)
    assert {host["host"]: host["state"] for host in record["hosts"]}["r1"] == "stale"
    assert "logging host 192.0.2.20" not in network.fleet["r1"].running_config


def test_fail_does_not_wait_and_skip_leaves_out(network):
    with slow_run(network, "--limit", "r1") as slow:
        with network.running("run", "quick.yaml", "--yes", "--locked", "fail") as quick:
            out = network.ended(quick, code=1)
            assert f"others are in the way: run {network.runs()['slow']['id']} (" in out
        assert network.runs()["quick"]["state"] == "failed"
        assert "logging host 192.0.2.20" not in network.fleet["r2"].running_config
        with network.running("run", "quick.yaml", "--yes", "--locked", "skip", "--format", "json") as quick:
            record = json.loads(network.ended(quick))
        fates = {host["host"]: (host["state"], host["reason"]) for host in record["hosts"]}
        assert fates == {"r1": ("skipped", "locked"), "r2": ("changed", ""), "r3": ("changed", "")}
        assert "logging host 192.0.2.20" not in network.fleet["r1"].running_config
        network.linger()
        network.ended(slow)


def test_a_run_whose_holder_is_killed_goes_on_at_once(network):
    with slow_run(network, "--limit", "r1") as slow, network.running("run", "quick.yaml", "--yes") as quick:
        assert soon(lambda: network.runs().get("quick", {}).get("state") == "queued", 60)
        os.kill(slow.pid, signal.SIGKILL)
        network.ended(quick)  # it had planned behind the other's change, and finds just that
    assert "logging host 192.0.2.20" in network.fleet["r1"].running_config


def test_a_waiting_run_can_be_stopped(network):
    with slow_run(network, "--limit", "r1") as slow:
        with network.running("run", "quick.yaml", "--yes") as quick:
            assert soon(lambda: network.runs().get("quick", {}).get("state") == "queued", 60)
            quick.send_signal(signal.SIGINT)
            network.ended(quick, code=1)
        assert network.runs()["quick"]["state"] == "cancelled"
        assert [lock["waiting"] for lock in network.locks().values()] == [[]]
        network.linger()
        network.ended(slow)


def test_breaking_a_lock_needs_a_yes_and_is_told_in_the_events_of_the_run(network):
    with slow_run(network, "--limit", "r1") as slow:
        refused = network.folder.run("locks", "break", "r1")
        assert refused.exit_code == 2
        assert "add --yes" in refused.stderr
        assert network.locks()["r1"]["holder"] is not None
        done = network.folder.run("locks", "break", "r1", "--yes").ok()
        assert f"taken from run {network.runs()['slow']['id']} (" in done.stdout
        network.linger()
        network.ended(slow)
    lost = [event for event in _log(network, "slow") if event["kind"] == "lock.lost"]
    assert [event["host"] for event in lost] == ["r1"]
    assert "its lock was broken by " in lost[0]["message"]


def test_who_broke_a_lock_is_told_also_when_the_run_that_held_it_dies_at_once(network):
    with slow_run(network, "--limit", "r1") as slow:
        network.folder.run("locks", "break", "r1", "--yes").ok()
        slow.kill()  # it lingers, and would find out at its next line only
        slow.wait()
    told = [event for event in _log(network, "slow") if event["kind"].startswith("lock.")]
    assert [(event["kind"], event["host"]) for event in told] == [("lock.taken", ""), ("lock.broken", "r1")]
    assert "its lock was broken by " in told[1]["message"]
    assert told[1]["data"]["user"] in told[1]["message"]
    network.linger()
    network.folder.run("runs", "resume", network.runs()["slow"]["id"], "--from", "linger", "--yes").ok()
    kinds = [event["kind"] for event in _log(network, "slow")]
    assert kinds.index("lock.broken") < kinds.index("run.resumed")
    assert kinds[-1] == "run.finished"


def test_a_profile_without_a_place_queues_the_run_visibly(network):
    with slow_run(network, "--limit", "r1", "--profile", "narrow") as slow:
        with network.running("run", "quick.yaml", "--yes", "--limit", "r3", "--profile", "narrow") as quick:
            assert soon(lambda: network.runs().get("quick", {}).get("state") == "queued", 60)
            assert network.runs()["quick"]["queue"] == {"place": 1, "of": "profile narrow"}
            with network.running("run", "quick.yaml", "--yes", "--limit", "r2") as other:
                network.ended(other)  # another profile has places of its own
            network.linger()
            out = network.ended(quick)
            assert "profile narrow lets 1 work at once" in out
        network.ended(slow)
    assert "logging host 192.0.2.20" in network.fleet["r3"].running_config


def test_a_run_that_changes_nothing_waits_for_nobody(network):
    with slow_run(network, "--limit", "r1") as slow:
        network.folder.write("same.yaml", SLOW.replace("slow", "same").split("  - {id: linger")[0])
        with network.running("run", "same.yaml", "--yes", "--limit", "r1") as same:
            told = network.ended(same)
        assert "1 ok" in told, "it found the device in order"
        assert (network.runs()["same"]["state"], network.runs()["slow"]["state"]) == ("succeeded", "running")
        assert network.locks()["r1"]["holder"]["run"] == network.runs()["slow"]["id"]
        network.linger()
        network.ended(slow)


def _log(network: Network, workflow: str) -> list[dict]:
    run = network.runs()[workflow]["id"]
    logs = network.folder.run("runs", "logs", run, "--format", "jsonl").ok()
    return [json.loads(line) for line in logs.stdout.splitlines()]


def test_without_a_store_there_is_nothing_to_list(project, tmp_path: Path):
    folder = project({"nornflow.yaml": "store: {url: none}\n"})
    assert "without a store there are no locks" in folder.run("locks", "list").stderr
