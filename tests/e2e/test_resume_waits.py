"""Going on with a run that does not get its turn, or that is not allowed any more: it stays as it is until it is."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from killed import Scene
from nornflow.testing import Fleet
from patience import soon

pytestmark = [pytest.mark.faults, pytest.mark.e2e, pytest.mark.timeout(240)]

HOSTS = ["r1", "r2", "r3"]
NTP = """
name: ntp
version: 1.0
rollout: {batches: [1, 100%]}
steps:
  - id: configure
    type: netmiko.config
    lines: [ntp server 192.0.2.10, logging host 192.0.2.11]
    save: true
"""
SLOW = """
name: slow
version: 1.0
steps:
  - {id: linger, type: script, script: "while [ ! -e ../../../../over ]; do sleep 0.05; done"}
  - {id: configure, type: netmiko.config, depends_on: [linger], lines: [snmp-server contact slow]}
"""
SITE = "profile: site\nprofiles:\n  site: {extends: elevated, max_concurrent_workflows: 5}\n"
FROZEN = SITE.replace("5}", '5, rules: [{pattern: "^ntp server", reason: "time servers are frozen until Monday"}]}')
BATCH, INTENT = 2, 3
"""Numbers of the first entries of the journal behind the plan."""


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    with Fleet(len(HOSTS)) as fleet:
        files = {"ntp.yaml": NTP, "slow.yaml": SLOW, "nornflow.yaml": SITE}
        yield Scene.made_of(tmp_path / "project", fleet, files)


@contextmanager
def holding(scene: Scene, router: str) -> Iterator[None]:
    """Have another run hold a router, on which it never comes to do anything; it is killed at the end."""
    with subprocess.Popen(
        [sys.executable, "-m", "nornflow", "run", "slow.yaml", "--yes", "--limit", router],
        cwd=scene.site.path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            held = ("locks", "list", "--format", "json")
            assert soon(lambda: router in [lock["device"] for lock in scene.ask(*held) if lock["holder"]], 60)
            yield
        finally:
            process.kill()


def cut_off(scene: Scene, entry: int, *words: str) -> str:
    scene.nornflow("run", "ntp.yaml", "--yes", *words, entry=entry, after=True)
    return next(run["id"] for run in scene.ask("runs", "list", "--format", "json") if run["workflow"] == "ntp")


def log(scene: Scene, run: str) -> list[dict[str, Any]]:
    lines = scene.site.run("runs", "logs", run, "--format", "jsonl").ok().stdout.splitlines()
    return [json.loads(line) for line in lines]


def state(scene: Scene, run: str) -> str:
    return str(scene.ask("runs", "show", run)["state"])


def fates(scene: Scene, run: str) -> dict[str, str]:
    return {host["host"]: host["state"] for host in scene.ask("runs", "show", run)["hosts"]}


def assert_done_once(scene: Scene, *routers: str) -> None:
    for router in routers:
        assert scene.written(router).count("ntp server 192.0.2.10") == 1
        assert scene.fleet[router].running_config == scene.fleet[router].startup_config


def test_a_run_that_is_refused_its_locks_stays_resumable(scene: Scene) -> None:
    run = cut_off(scene, INTENT)
    scene.site.write("nornflow.yaml", f"locks: {{when_held: fail}}\n{SITE}")
    with holding(scene, "r2"):
        refused = scene.site.run("runs", "resume", run, "--yes")
    assert refused.exit_code == 1
    assert "was not gone on with, and stays as it is" in refused.stderr
    assert "holds r2" in refused.stderr
    assert f"nornflow runs resume {run}" in refused.stderr
    assert state(scene, run) == "running"
    assert "run.left" in [event["kind"] for event in log(scene, run)]
    assert scene.resume(run) == 1
    assert fates(scene, run) == {"r1": "changed", "r2": "stale", "r3": "changed"}, "r2 was the other run's meanwhile"
    assert not scene.written("r2")
    assert_done_once(scene, "r1", "r3")


def test_a_run_that_is_stopped_while_it_waits_is_ended_by_whoever_comes_to_its_devices(scene: Scene) -> None:
    run = cut_off(scene, INTENT)
    with holding(scene, "r2"):
        with scene.start("runs", "resume", run, "--yes") as waiting:
            assert soon(lambda: "queue.waiting" in [event["kind"] for event in log(scene, run)], 60)
            waiting.send_signal(signal.SIGINT)
            out, err = waiting.communicate(timeout=60)
        assert waiting.returncode == 1, out + err
        assert "stays as it is" in err
        assert state(scene, run) == "running"
    assert scene.resume(run) == 1
    assert state(scene, run) == "cancelled"
    assert fates(scene, run) == {"r1": "changed", "r2": "skipped", "r3": "skipped"}
    assert_done_once(scene, "r1")


def test_a_device_at_work_is_not_left_out(scene: Scene) -> None:
    run = cut_off(scene, INTENT)
    scene.site.write("nornflow.yaml", f"locks: {{when_held: skip}}\n{SITE}")
    with holding(scene, "r1"):
        refused = scene.site.run("runs", "resume", run, "--yes")
    assert refused.exit_code == 1
    assert "r1 cannot be left out, it was at work" in refused.stderr
    assert state(scene, run) == "running"
    assert scene.resume(run) == 1
    assert fates(scene, run) == {"r1": "stale", "r2": "skipped", "r3": "skipped"}, "none may fail"
    assert not scene.written("r1")


@pytest.mark.parametrize("entry", [BATCH, INTENT + 1])
def test_a_device_that_was_left_out_stays_left_out(scene: Scene, entry: int) -> None:
    with holding(scene, "r3"):
        run = cut_off(scene, entry, "--locked", "skip")
    scene.site.run("runs", "resume", run, "--yes").ok()
    assert fates(scene, run) == {"r1": "changed", "r2": "changed", "r3": "skipped"}
    (left,) = [host for host in scene.ask("runs", "show", run)["hosts"] if host["host"] == "r3"]
    assert left["reason"] == "locked"
    assert "left out" in left["error"]
    assert not scene.written("r3")
    assert_done_once(scene, "r1", "r2")


@pytest.mark.parametrize("entry", [1, INTENT])
def test_what_is_not_allowed_any_more_is_not_gone_on_with(scene: Scene, entry: int) -> None:
    run = cut_off(scene, entry)
    sent = {router: len(scene.fleet[router].log) for router in HOSTS}
    before = state(scene, run)
    scene.site.write("nornflow.yaml", FROZEN)
    denied = scene.site.run("runs", "resume", run, "--yes")
    assert denied.exit_code == 3
    assert "time servers are frozen until Monday" in denied.stderr
    assert "stays as it is" in denied.stderr
    assert {router: len(scene.fleet[router].log) for router in HOSTS} == sent
    assert state(scene, run) == before
    told = log(scene, run)
    assert {"gate.decided", "security.access_denied", "run.left"} <= {event["kind"] for event in told}
    scene.site.write("nornflow.yaml", SITE)
    scene.site.run("runs", "resume", run, "--yes").ok()
    assert fates(scene, run) == dict.fromkeys(HOSTS, "changed")
    assert_done_once(scene, *HOSTS)
    record = scene.ask("runs", "show", run)
    assert record["resumed_by"] == [record["user"]] * 2
    written = json.loads((scene.site.path / ".nornflow" / "runs" / run / "run.json").read_text())
    assert written["resumed_by"] == record["resumed_by"]
