"""A rollout by names with health checks, on routers over real SSH: one that is not well behind its batch takes it back."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from killed import Scene
from nornflow.testing import Fleet
from nornflow.testing.project import ProjectFolder

pytestmark = pytest.mark.e2e

MakeFleet = Callable[..., Fleet]
MakeProject = Callable[..., ProjectFolder]

CHANGE = """
name: move-ntp
version: 1.0
rollout:
  batches: ["role == 'core'", "site == 'oslo'", 1, 100%]
  max_failures: {total: 50%, in_each: {role: 0}}
  checks:
    - id: sessions
      type: textfsm.show
      command: show ip bgp summary
    - id: established
      type: assert
      depends_on: sessions
      condition: "all(n.state_or_prefixes_received matches '^[0-9]+$' for n in steps.sessions.parsed)"
      message: a BGP session is down
    - id: all-sessions
      type: assert
      depends_on: established
      condition: steps.established.ok
on_failure: rollback
steps:
  - {id: configure, type: netmiko.config, lines: [ntp server 192.0.2.10], save: true}
  - id: cut
    type: netmiko.config
    depends_on: configure
    when: host.name == 'CUT'
    lines: [router bgp 65002, neighbor 10.0.0.1 shutdown]
"""


@pytest.fixture
def network(fleet: MakeFleet) -> Fleet:
    return fleet(count=4)


def test_a_session_that_is_down_behind_the_second_batch_takes_both_back(network: Fleet, project: MakeProject) -> None:
    site = project({"change.yaml": CHANGE.replace("CUT", "r2")}, fleet=network)
    before = {router.name: router.running_config for router in network}
    planned = site.run("plan", "change.yaml").ok().stdout
    assert "batch 1 (role == 'core'): r1\nbatch 2 (site == 'oslo'): no device\nbatch 3 (1): r2\n" in planned
    assert "batch 4 (100%): r3, r4\n" in planned
    assert "checked after each batch: sessions, established, all-sessions\n" in planned
    outcome = site.run("run", "change.yaml", "--yes")
    assert outcome.exit_code == 1
    assert "batch 2 of 4: no device is left for site == 'oslo'" in outcome.stdout
    assert "checking batch 3: sessions, established, all-sessions" in outcome.stdout
    (run,) = site.run("runs", "list", "--format", "json").ok().json()
    record = site.run("runs", "show", run["id"]).ok().json()
    assert record["state"] == "rolled_back"
    assert [host["state"] for host in record["hosts"]] == ["rolled_back", "rolled_back", "skipped", "skipped"]
    assert record["error"].startswith("1 of 3 devices with role access failed, none may; r2 at established: ")
    assert [(batch["number"], batch["good"], batch["failed"]) for batch in record["batches"]] == [
        (1, True, []),
        (2, True, []),
        (3, False, ["r2"]),
    ]
    kept = json.loads(next(Path(site.path).glob("**/run.json")).read_text())
    assert kept["batches"] == record["batches"]
    assert {router.name: router.running_config for router in network} == before
    assert not any("192.0.2.10" in router.startup_config for router in network)
    assert network["r3"].counters.config_lines == network["r4"].counters.config_lines == 0


def test_a_run_that_is_killed_in_a_check_looks_again_and_goes_on(tmp_path: Path) -> None:
    with Fleet(4) as fleet:
        scene = Scene.made_of(tmp_path / "project", fleet, {"ntp.yaml": CHANGE.replace("CUT", "nobody")})
        run = scene.killed_run(6, after=True)  # the first check of the first batch has looked
        steps = ["intent", "outcome", "outcome"]
        assert scene.counts.read_text().split() == ["approved", "batch", *steps, "outcome"]
        assert scene.ask("runs", "show", run)["state"] == "running"
        assert scene.resume(run) == 0
        record = scene.ask("runs", "show", run)
        assert (record["state"], {host["state"] for host in record["hosts"]}) == ("succeeded", {"changed"})
        assert [batch["good"] for batch in record["batches"]] == [True] * 4
        assert all(len(scene.written(router.name)) == 1 for router in fleet)
