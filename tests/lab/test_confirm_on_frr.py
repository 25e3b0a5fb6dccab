"""Changes on trial on real FRR routers: a dead-man on the router takes back what nobody confirmed, also without a controller."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from nornflow.testing.frr import FrrLab
from nornflow.testing.project import ProjectFolder

pytestmark = [pytest.mark.lab, pytest.mark.xdist_group("frr"), pytest.mark.timeout(180)]

BY = "FRR dead-man"
ROUTE = "ip route 198.51.100.0/24 blackhole"
CUT = "[interface mgmt0, no ip address 198.18.0.1/24]"


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


@pytest.fixture
def site(frr_lab: FrrLab, project: Callable[..., ProjectFolder]) -> Iterator[ProjectFolder]:
    """A project with a profile that lets changes close the way in; r1 has its management address from its configuration."""
    folder = project({"nornflow.yaml": "profiles: {daring: {extends: elevated, lockout: allow}}\n"})
    frr_lab.write_inventory(folder.path / "inventory" / "hosts.yaml")
    frr_lab["r1"].vtysh("configure terminal", "interface mgmt0", "ip address 198.18.0.1/24")
    try:
        yield folder
    finally:
        ip("-n", frr_lab["r1"].space, "address", "replace", "198.18.0.1/24", "dev", "mgmt0")
        frr_lab["r1"].restore()
        ip("-n", frr_lab["r1"].space, "address", "replace", "198.18.0.1/24", "dev", "mgmt0")


def change(site: ProjectFolder, lines: str, *, targets: str, within: str, condition: str = "true") -> None:
    site.write(
        "change.yaml",
        f"""
        name: change
        version: 1.0
        targets: "{targets}"
        confirm: {{within: {within}}}
        steps:
          - {{id: configure, type: netmiko.config, lines: {lines}, save: true}}
          - {{id: verify, type: assert, depends_on: configure, condition: "{condition}"}}
        """,
    )


def shown(lab: FrrLab) -> dict[str, tuple[str, str]]:
    """Return what every router runs, and what it would start with."""
    return {
        name: (router.running_config, (router.folders[0] / "frr.conf").read_text())
        for name, router in lab.routers.items()
    }


def left_behind() -> list[str]:
    """Return files and processes of dead-men."""
    processes = subprocess.run(["pgrep", "-f", "/var/tmp/nornflow-"], capture_output=True, text=True, check=False)
    return [*map(str, Path("/var/tmp").glob("nornflow-*")), *processes.stdout.split()]


def test_routers_are_confirmed_and_nothing_is_left_on_them(site: ProjectFolder, frr_lab: FrrLab) -> None:
    change(site, f"[{ROUTE}]", targets="name in ['r1', 'r3']", within="2m")
    assert f"confirm within 2m: native ({BY})" in site.run("plan", "change.yaml").ok().stdout
    site.run("run", "change.yaml", "--yes").ok()
    record = site.record()
    assert {host["confirm"]["by"] for host in record["hosts"]} == {BY}
    assert all(host["confirm"]["confirmed_at"] for host in record["hosts"])
    assert all(ROUTE in running and ROUTE in saved for running, saved in map(shown(frr_lab).get, ("r1", "r3")))
    assert left_behind() == []


def test_one_router_that_is_not_verified_takes_all_back_and_nothing_was_saved(
    site: ProjectFolder, frr_lab: FrrLab
) -> None:
    before = shown(frr_lab)
    change(site, f"[{ROUTE}]", targets="name in ['r1', 'r3']", within="2m", condition="host.name != 'r3'")
    assert site.run("run", "change.yaml", "--yes").exit_code == 1
    assert [host["state"] for host in site.record()["hosts"]] == ["rolled_back"] * 2
    assert shown(frr_lab) == before
    assert left_behind() == []


def test_a_change_that_cuts_its_own_way_is_waited_for_until_the_router_is_back(
    site: ProjectFolder, frr_lab: FrrLab
) -> None:
    before = shown(frr_lab)
    change(site, CUT, targets="name == 'r1'", within="8s")
    outcome = site.run("run", "change.yaml", "--yes", "--profile", "daring")
    assert outcome.exit_code == 1, outcome.stdout
    (host,) = site.record()["hosts"]
    assert (host["state"], host["rollback"]) == ("rolled_back", "running == pre-image"), outcome.stdout
    assert shown(frr_lab) == before
    assert left_behind() == []


def test_a_router_comes_back_by_itself_when_its_way_was_cut_and_the_controller_killed(
    site: ProjectFolder, frr_lab: FrrLab
) -> None:
    before = shown(frr_lab)
    change(site, CUT, targets="name == 'r1'", within="8s")
    words = [sys.executable, "-m", "nornflow", "run", "change.yaml", "--yes", "--profile", "daring"]
    with subprocess.Popen(words, cwd=site.path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        end = time.monotonic() + 60
        while "ip address 198.18.0.1/24" in frr_lab["r1"].running_config:
            assert process.poll() is None, process.communicate()[0]
            assert time.monotonic() < end
            time.sleep(0.1)
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=10)
    assert process.returncode == -signal.SIGKILL
    end = time.monotonic() + 30
    while shown(frr_lab) != before and time.monotonic() < end:
        time.sleep(0.2)
    assert shown(frr_lab) == before  # nobody has touched it since
    outcome = site.run("recover").ok()
    assert "1 rolled_back" in outcome.stdout
    (host,) = site.record()["hosts"]
    assert (host["state"], host["confirm"]["by"]) == ("rolled_back", BY)
    assert host["confirm"]["reverted_at"]
    assert shown(frr_lab) == before
    assert left_behind() == []


def test_a_login_without_a_shell_is_not_armed_and_nothing_is_sent(site: ProjectFolder, frr_lab: FrrLab) -> None:
    before = shown(frr_lab)
    inventory = site.path / "inventory" / "hosts.yaml"
    inventory.write_text(inventory.read_text().replace('"port": 2022', '"port": 22'))  # it lands in vtysh
    change(site, f"[{ROUTE}]", targets="name == 'r1'", within="1m")
    outcome = site.run("run", "change.yaml", "--yes")
    assert outcome.exit_code == 1
    assert "r1 could not be armed" in outcome.stdout
    assert shown(frr_lab) == before
