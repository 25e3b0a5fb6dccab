"""The main job on real FRR routers that speak eBGP: change, verify at the neighbours, repeat, take back."""

from __future__ import annotations

from collections.abc import Callable
from importlib.resources import files

import pytest

from nornflow.testing.frr import FrrLab
from nornflow.testing.project import ProjectFolder

pytestmark = [pytest.mark.lab, pytest.mark.xdist_group("frr"), pytest.mark.timeout(400)]

NETWORK = "203.0.113.0/24"
ANNOUNCE = ("workflows/bgp-network.yaml", "-i", "router=r1", "-i", f"network={NETWORK}")
FILTER = ("workflows/bgp-filter.yaml", "-i", "router=r1", "-i", f"hidden={NETWORK}", "-i", f"network={NETWORK}")


@pytest.fixture
def site(frr_lab: FrrLab, project: Callable[..., ProjectFolder]) -> ProjectFolder:
    workflows = files("nornflow.testing.demo") / "project" / "workflows"
    names = ("bgp-network.yaml", "bgp-filter.yaml")
    folder = project({f"workflows/{name}": (workflows / name).read_text(encoding="utf-8") for name in names})
    frr_lab.write_inventory(folder.path / "inventory" / "hosts.yaml")
    return folder


def configurations(lab: FrrLab) -> dict[str, str]:
    return {name: lab[name].running_config for name in lab.routers}


def test_a_network_is_announced_seen_at_every_neighbour_and_announced_only_once(
    site: ProjectFolder, frr_lab: FrrLab
) -> None:
    planned = site.run("plan", *ANNOUNCE, "--detailed-exitcode")
    assert planned.exit_code == 10, planned.stderr
    assert NETWORK not in frr_lab["r1"].running_config

    site.run("run", *ANNOUNCE, "--yes").ok()
    assert f"network {NETWORK}" in frr_lab["r1"].running_config
    assert '"protocol":"bgp"' in "".join(frr_lab["r3"].vtysh(f"show ip route {NETWORK} json").split())
    record = site.record()
    announce = next(step for step in record["steps"] if step["step_id"] == "announce")["hosts"]
    assert {host: result["changed"] for host, result in announce.items()} == {
        "r1": True, "r2": False, "r3": False, "r4": False
    }  # fmt: skip

    again = site.run("run", *ANNOUNCE, "--yes").ok()
    assert "devices: 4 ok; +0 -0 lines" in again.stdout


def test_what_was_predicted_is_what_the_router_shows(site: ProjectFolder) -> None:
    plan = site.run("plan", *ANNOUNCE, "--format", "json").ok().json()
    predicted = next(host for host in plan["hosts"] if host["host"] == "r1")["steps"][0]["diff"]
    site.run("run", *ANNOUNCE, "--yes").ok()
    shown = next(host for host in site.record()["hosts"] if host["host"] == "r1")["diff"]
    assert shown == predicted


def test_a_filter_that_hides_a_network_is_taken_back(site: ProjectFolder, frr_lab: FrrLab) -> None:
    site.run("run", *ANNOUNCE, "--yes").ok()
    before = configurations(frr_lab)
    outcome = site.run("run", *FILTER, "--yes")
    assert outcome.exit_code == 1
    assert "r1: rolled_back: running == pre-image" in outcome.stdout
    assert configurations(frr_lab) == before
    hosts = {host["host"]: host["state"] for host in site.record()["hosts"]}
    assert hosts == {"r1": "rolled_back", "r2": "failed", "r3": "failed", "r4": "failed"}


def test_a_line_that_frr_does_not_know_is_named_and_leaves_nothing_behind(site: ProjectFolder, frr_lab: FrrLab) -> None:
    site.write(
        "workflows/wrong.yaml",
        """
        name: wrong
        version: 1.0
        targets: "name == 'r1'"
        on_failure: rollback
        steps:
          - id: configure
            type: netmiko.config
            lines: ["ip route 198.51.100.0/24 blackhole", "router bgp banana", "ip route 198.51.100.128/25 blackhole"]
        """,
    )
    before = configurations(frr_lab)
    outcome = site.run("run", "workflows/wrong.yaml", "--yes")
    assert outcome.exit_code == 1
    host = site.record()["hosts"][0]
    assert (host["reason"], host["state"]) == ("line-rejected", "rolled_back")
    assert "router bgp banana" in host["error"]
    assert configurations(frr_lab) == before
