"""A lab in two sites: each half of the routers is reached from its worker's network namespace and from nowhere else."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from nornflow.testing.frr import FrrLab
from nornflow.testing.frr.namespace import SWITCH
from nornflow.testing.frr.topology import MANAGEMENT
from nornflow.testing.project import ProjectFolder
from nornflow.testing.routers.network import SITES
from sites import Sites

pytestmark = [pytest.mark.lab, pytest.mark.xdist_group("frr"), pytest.mark.timeout(400)]

HERE, THERE = SITES[:2]
ROUTERS = {HERE: ("r1", "r2"), THERE: ("r3", "r4")}
LINE = "ip prefix-list nowhere seq 5 deny 203.0.113.0/24"
CHANGE = f"""
name: filter
version: 1.0
on_failure: rollback
rollout: {{batches: [1, 100%], soak: 2}}
steps:
  - {{id: configure, type: netmiko.config, lines: [{LINE}], retry: {{attempts: 3, delay: 2}}}}
  - {{id: look, type: netmiko.command, command: show ip prefix-list nowhere, depends_on: configure}}
"""


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


def port(name: str, state: str) -> None:
    """Cut a wire of the management network (`down`), or heal it (`up`)."""
    ip("-n", SWITCH, "link", "set", name, state)


@contextmanager
def split() -> Iterator[dict[str, str]]:
    """Have each half of the management network end in a namespace of its own; yields the namespaces by site."""
    spaces = {site: f"nnsite-{site}" for site in ROUTERS}
    try:
        for number, (site, space) in enumerate(spaces.items()):
            bridge, uplink = f"br-{site}", f"up-{site}"
            ip("netns", "add", space)
            ip("-n", space, "link", "set", "lo", "up")
            ip("-n", SWITCH, "link", "add", bridge, "type", "bridge")
            ip("-n", SWITCH, "link", "set", bridge, "up")
            ip("-n", SWITCH, "link", "add", uplink, "type", "veth", "peer", "name", "lab0", "netns", space)
            ip("-n", SWITCH, "link", "set", uplink, "master", bridge, "up")
            ip("-n", space, "address", "add", f"{MANAGEMENT}.{250 + number}/24", "dev", "lab0")
            ip("-n", space, "link", "set", "lab0", "up")
            for router in ROUTERS[site]:
                ip("-n", SWITCH, "link", "set", f"p{router[1:]}", "master", bridge)
        yield spaces
    finally:
        for site, space in spaces.items():
            for router in ROUTERS[site]:
                ip("-n", SWITCH, "link", "set", f"p{router[1:]}", "master", "br0")
            ip("-n", SWITCH, "link", "delete", f"br-{site}")
            ip("netns", "delete", space)


@pytest.fixture
def sites(tmp_path: Path, frr_lab: FrrLab) -> Iterator[Sites]:
    folder = ProjectFolder.made(tmp_path / "project", {"filter.yaml": CHANGE, "nornflow.yaml": "profile: elevated\n"})
    frr_lab.write_inventory(folder.path / "inventory" / "hosts.yaml")
    made = Sites(folder, frr_lab)
    try:
        yield made
    finally:
        made.end()


def changed(lab: FrrLab) -> list[str]:
    return [name for name in lab.routers if lab[name].running_config.count(LINE) == 1]


def test_a_run_over_two_sites_none_of_which_reaches_the_other(sites: Sites, frr_lab: FrrLab) -> None:
    with split() as spaces:
        refused = sites.project.run("plan", "filter.yaml", "--limit", "r1")
        assert refused.exit_code == 1, refused.stdout
        assert "r1" in refused.stdout + refused.stderr
        sites.worker("--runs")
        for site, space in spaces.items():
            sites.worker("--site", site, within=["ip", "netns", "exec", space])
        run = sites.leave("filter")
        sites.ends(run, seconds=90)
        assert changed(frr_lab) == ["r1", "r2", "r3", "r4"]
        sites.project.run("runs", "logs", run).ok()


def test_the_network_between_a_worker_and_half_of_its_routers_is_cut_and_heals(sites: Sites, frr_lab: FrrLab) -> None:
    with split() as spaces:
        sites.worker("--runs")
        for site, space in spaces.items():
            sites.worker("--site", site, within=["ip", "netns", "exec", space])
        port("p2", "down")
        healing = threading.Timer(6.0, port, ("p2", "up"))
        healing.start()
        try:
            run = sites.leave("filter")
            sites.ends(run, seconds=120)
        finally:
            healing.join()
        assert changed(frr_lab) == ["r1", "r2", "r3", "r4"]
