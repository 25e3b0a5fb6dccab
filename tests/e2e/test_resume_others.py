"""A run is cut off, another one comes to its devices and ends, and then somebody resumes the first: what becomes of them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from killed import CutRouter, Scene
from nornflow.testing import Fleet

pytestmark = [pytest.mark.faults, pytest.mark.e2e, pytest.mark.timeout(240)]

HOSTS = ["r1", "r2", "r3"]
NTP = """
name: ntp
version: 1.0
rollout: {batches: [1, 100%], max_failures: MAX}
on_failure: rollback
steps:
  - {id: configure, type: netmiko.config, lines: [ntp server 192.0.2.10, logging host 192.0.2.11], save: true}
  - {id: check, type: assert, depends_on: [configure], condition: "host.name != 'BAD'"}
"""
HOTFIX = """
name: hotfix
version: 1.0
steps:
  - {id: configure, type: netmiko.config, lines: [LINE], save: true}
"""
SECOND = 8
"""The number of the first intent of the second batch: approved, batch, intent, two outcomes, batch done, batch, intent."""


def project(folder: Path, fleet: Fleet, *, bad: str, most: int, line: str) -> Scene:
    files = {
        "ntp.yaml": NTP.replace("MAX", str(most)).replace("BAD", bad),
        "hotfix.yaml": HOTFIX.replace("LINE", line),
        "nornflow.yaml": "profile: elevated\n",
    }
    return Scene.made_of(folder / "project", fleet, files)


@pytest.fixture
def fleet() -> Iterator[Fleet]:
    with Fleet(len(HOSTS)) as fleet:
        yield fleet


def the_run(scene: Scene, workflow: str) -> str:
    return next(run["id"] for run in scene.ask("runs", "list", "--format", "json") if run["workflow"] == workflow)


def hosts(scene: Scene, run: str) -> dict[str, dict[str, Any]]:
    return {host["host"]: host for host in scene.ask("runs", "show", run)["hosts"]}


def test_a_device_at_work_belongs_to_the_run_that_has_changed_it_since(tmp_path: Path, fleet: Fleet) -> None:
    scene = project(tmp_path, fleet, bad="none", most=1, line="snmp-server contact hotfix")
    cut = CutRouter(fleet["r1"], 1)
    with scene.start("run", "ntp.yaml", "--yes") as process:
        cut.pid = process.pid
        process.communicate(timeout=110)
    assert cut.cut.is_set()
    scene.site.run("run", "hotfix.yaml", "--yes", "--limit", "r1").ok()
    before, written = fleet["r1"].running_config, scene.written("r1")
    run, other = the_run(scene, "ntp"), the_run(scene, "hotfix")
    assert scene.resume(run) == 1
    assert scene.ask("runs", "show", run)["state"] == "rollback_failed", "r1 should have been taken back and was not"
    found = hosts(scene, run)
    assert {name: host["state"] for name, host in found.items()} == {"r1": "stale", "r2": "changed", "r3": "changed"}
    user = scene.ask("runs", "show", other)["user"]
    assert f"run {other} of hotfix ({user}) held r1 at 2" in found["r1"]["error"]
    assert f"nornflow runs show {other}" in found["r1"]["hint"]
    assert (fleet["r1"].running_config, scene.written("r1")) == (before, written)
    assert "snmp-server contact hotfix" in before
    told = scene.site.run("runs", "logs", run).ok().stdout
    assert "lock.lost" in told
    again = scene.site.run("run", "ntp.yaml", "--yes", "--limit", "r1").ok()
    assert "1 changed" in again.stdout, "as the hint says"


@pytest.mark.parametrize("resumes", [1, 2])
def test_what_another_run_has_found_in_order_is_not_taken_from_under_it(
    tmp_path: Path, fleet: Fleet, resumes: int
) -> None:
    scene = project(tmp_path, fleet, bad="r3", most=0, line="ntp server 192.0.2.10")
    scene.nornflow("run", "ntp.yaml", "--yes", entry=SECOND, after=True)
    run = the_run(scene, "ntp")
    assert "ntp server 192.0.2.10" in fleet["r1"].running_config
    hotfix = scene.site.run("run", "hotfix.yaml", "--yes", "--limit", "r1").ok()
    assert "1 ok" in hotfix.stdout
    before = fleet["r1"].running_config
    if resumes == 2:  # whoever goes on is killed as well, as soon as it knows
        scene.nornflow("runs", "resume", run, "--yes", entry=1, after=True)
    assert scene.resume(run) == 1
    record = scene.ask("runs", "show", run)
    found = hosts(scene, run)
    assert (record["state"], record["error"]) == ("rollback_failed", "not back at their pre-image: r1")
    assert {name: host["state"] for name, host in found.items()} == {
        "r1": "rollback_failed",
        "r2": "rolled_back",
        "r3": "rolled_back",
    }
    assert f"run {the_run(scene, 'hotfix')} of hotfix" in found["r1"]["rollback"]
    assert "found nothing to do on r1" in found["r1"]["rollback"]
    assert fleet["r1"].running_config == fleet["r1"].startup_config == before


def test_a_run_that_was_resumed_before_is_not_somebody_else(tmp_path: Path, fleet: Fleet) -> None:
    scene = project(tmp_path, fleet, bad="none", most=0, line="snmp-server contact hotfix")
    scene.nornflow("run", "ntp.yaml", "--yes", entry=3, after=True)
    run = the_run(scene, "ntp")
    scene.nornflow("runs", "resume", run, "--yes", entry=3, after=True)
    assert scene.resume(run) == 0
    assert {host["state"] for host in hosts(scene, run).values()} == {"changed"}


def test_a_lock_that_was_broken_stays_broken_for_who_resumes_the_run(tmp_path: Path, fleet: Fleet) -> None:
    scene = project(tmp_path, fleet, bad="none", most=1, line="snmp-server contact hotfix")
    cut = CutRouter(fleet["r1"], 1)
    hear = fleet["r1"].hear

    def broken(*words: Any, **how: Any) -> Any:
        """Break the lock of the second device while the first one is being changed, just before the process dies."""
        if how["configuring"] and not cut.cut.is_set():
            words_ = [sys.executable, "-m", "nornflow", "locks", "break", "r2", "--yes"]
            assert subprocess.run(words_, cwd=scene.site.path, check=False, capture_output=True).returncode == 0
        return hear(*words, **how)

    fleet["r1"].hear = broken  # type: ignore[method-assign]
    with scene.start("run", "ntp.yaml", "--yes") as process:
        cut.pid = process.pid
        process.communicate(timeout=110)
    run = the_run(scene, "ntp")
    assert scene.resume(run) == 0
    found = hosts(scene, run)
    assert {name: host["state"] for name, host in found.items()} == {"r1": "changed", "r2": "stale", "r3": "changed"}
    assert "the lock of r2 was broken by" in found["r2"]["error"]
    assert not scene.written("r2")
