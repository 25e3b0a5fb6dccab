"""The lock-out check on real FRR routers: what it refuses would indeed have cut the way in, and what it lets pass does not."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Callable, Iterator

import pytest
from netmiko import ConnectHandler

from nornflow.planning.normalise import normalise
from nornflow.planning.rollback import rollback_lines
from nornflow.platforms.load import platform_for
from nornflow.testing.frr import FrrLab
from nornflow.testing.project import ProjectFolder

pytestmark = [pytest.mark.lab, pytest.mark.xdist_group("frr"), pytest.mark.timeout(400)]

AFAR = "203.0.113.9"
"""An address of the controller that is not on the management network, so that the router needs a route back to it."""

CUTS = {
    "the route back": f"[no ip route {AFAR}/32 198.18.0.254]",
    "a hole in place of the route": f"[no ip route {AFAR}/32 198.18.0.254, ip route {AFAR}/32 blackhole]",
    "the address": "[interface mgmt0, no ip address 198.18.0.1/24]",
    "the interface": "[int mgmt0, shut]",
}
PASSES = {
    "another interface": "[interface eth1, shutdown]",
    "another route": "[ip route 192.0.2.0/24 blackhole, no ip route 192.0.2.0/24 blackhole]",
    "the same route once more": f"[ip route {AFAR}/32 198.18.0.254, 'interface mgmt0', description management]",
}


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


@pytest.fixture
def site(frr_lab: FrrLab, project: Callable[..., ProjectFolder]) -> Iterator[ProjectFolder]:
    """A project whose controller reaches r1 from another network; r1 has its management address from its configuration."""
    folder = project({"nornflow.yaml": "profiles: {daring: {extends: elevated, lockout: allow}}\n"})
    frr_lab.write_inventory(folder.path / "inventory" / "hosts.yaml")
    frr_lab["r1"].vtysh(
        "configure terminal",
        "interface mgmt0",
        "ip address 198.18.0.1/24",
        "exit",
        f"ip route {AFAR}/32 198.18.0.254",
    )
    ip("address", "add", f"{AFAR}/32", "dev", "nnlab-mgmt")
    ip("route", "add", "198.18.0.1/32", "dev", "nnlab-mgmt", "src", AFAR)
    try:
        yield folder
    finally:
        ip("route", "delete", "198.18.0.1/32")
        ip("address", "delete", f"{AFAR}/32", "dev", "nnlab-mgmt")
        # what a change took away is put back from the machine, as somebody at the console would
        ip("-n", "nnlab-r1", "link", "set", "mgmt0", "up")
        ip("-n", "nnlab-r1", "address", "replace", "198.18.0.1/24", "dev", "mgmt0")
        frr_lab["r1"].restore()
        ip("-n", "nnlab-r1", "link", "set", "mgmt0", "up")
        ip("-n", "nnlab-r1", "address", "replace", "198.18.0.1/24", "dev", "mgmt0")


def change(site: ProjectFolder, lines: str) -> None:
    site.write(
        "change.yaml",
        f"""
        name: change
        version: 1.0
        targets: "name == 'r1'"
        steps:
          - {{id: configure, type: netmiko.config, lines: {lines}}}
        """,
    )


def reached() -> bool:
    """Tell whether the router still answers the controller."""
    try:
        with socket.create_connection(("198.18.0.1", 22), timeout=1.5) as session:
            session.settimeout(1.5)
            return session.recv(4) == b"SSH-"
    except OSError:
        return False


def cut_off() -> bool:
    """Tell whether the router soon answers no more: the kernel hears of a route a moment after vtysh has said it is gone."""
    return any(not reached() for _ in range(20))


@pytest.mark.parametrize("lines", CUTS.values(), ids=CUTS)
def test_a_change_that_cuts_its_own_way_is_refused_and_would_have_cut_it(
    site: ProjectFolder, frr_lab: FrrLab, lines: str
) -> None:
    before = frr_lab["r1"].running_config
    change(site, lines)
    refused = site.run("run", "change.yaml", "--yes")
    assert refused.exit_code == 3, refused.stdout + refused.stderr
    assert "locks the controller out" in refused.stdout
    assert (frr_lab["r1"].running_config, reached()) == (before, True)

    typed = [line.strip().strip("'") for line in lines.strip("[]").split(",")]
    frr_lab["r1"].vtysh("configure terminal", *typed)
    assert cut_off()


@pytest.mark.parametrize("lines", PASSES.values(), ids=PASSES)
def test_what_does_not_cut_the_way_passes_and_does_not_cut_it(site: ProjectFolder, lines: str) -> None:
    change(site, lines)
    site.run("run", "change.yaml", "--yes").ok()
    assert "lock the controller out" not in site.run("plan", "change.yaml").stdout
    assert reached()


def test_a_profile_that_allows_it_lets_the_run_cut_itself_off(site: ProjectFolder) -> None:
    change(site, CUTS["the interface"])
    plan = site.run("plan", "change.yaml", "--profile", "daring").ok()
    assert (
        "allow: r1: step 'configure' plans 'interface mgmt0 / shutdown', which locks the controller out" in plan.stdout
    )
    text = (site.path / "change.yaml").read_text(encoding="utf-8").replace("lines:", "timeout: 8, lines:")
    (site.path / "change.yaml").write_text(text, encoding="utf-8")
    ended = site.run("run", "change.yaml", "--profile", "daring", "--yes")
    assert ended.exit_code == 1
    assert cut_off()


def test_a_way_back_that_changes_the_route_of_its_own_session_comes_to_its_end(
    site: ProjectFolder, frr_lab: FrrLab
) -> None:
    router, frr = frr_lab["r1"], platform_for("frr")
    wanted = router.running_config
    router.vtysh("configure terminal", f"ip route {AFAR}/32 mgmt0", f"no ip route {AFAR}/32 198.18.0.254")
    lines = rollback_lines(router.running_config, wanted, frr)
    assert list(lines) == [f"ip route {AFAR}/32 198.18.0.254", f"no ip route {AFAR}/32 mgmt0"]
    with ConnectHandler(**frr_lab.login("r1")) as session:
        session.send_config_set(list(lines), error_pattern=r"^% ")
        assert session.find_prompt()
    assert normalise(router.running_config, frr) == normalise(wanted, frr)


def test_the_address_that_the_machine_gave_is_found_by_the_interface_that_the_inventory_names(
    frr_lab: FrrLab, project: Callable[..., ProjectFolder]
) -> None:
    site = project()
    frr_lab.write_inventory(site.path / "inventory" / "hosts.yaml")
    change(site, CUTS["the interface"])
    assert site.run("plan", "change.yaml").exit_code == 3
