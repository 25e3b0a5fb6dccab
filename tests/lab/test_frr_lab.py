"""Real FRR routers speak BGP to each other, are driven over SSH, and go without leaving anything behind."""

from __future__ import annotations

import json
import os
import pwd
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from netmiko import ConnectHandler
from netmiko.exceptions import ConfigInvalidException, NetmikoAuthenticationException

from nornflow.testing import FrrLab, LabError
from nornflow.testing.frr import namespace
from nornflow.testing.frr.system import INSTALL

pytestmark = [pytest.mark.lab, pytest.mark.xdist_group("frr"), pytest.mark.timeout(400)]

NETWORK = ["router bgp 65001", "address-family ipv4 unicast", "network 203.0.113.0/24"]


def eventually(holds: Callable[[], bool], seconds: float = 20.0) -> bool:
    """BGP takes its time: ask until it holds or the time is over."""
    until = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > until:
            return False
        time.sleep(0.1)
    return True


def knows(lab: FrrLab, router: str, prefix: str) -> bool:
    return "bgp" in lab[router].vtysh(f"show ip route {prefix}")


def test_every_router_knows_every_loopback(frr_lab: FrrLab) -> None:
    assert all(router.converged for router in frr_lab.routers.values())
    for name in frr_lab.routers:
        others = [router.plan.loopback for router in frr_lab.routers.values() if router.plan.name != name]
        assert all(eventually(lambda o=other, n=name: knows(frr_lab, n, f"{o}/32")) for other in others)  # type: ignore[misc]


def test_a_network_pushed_over_ssh_arrives_at_the_neighbours_and_is_saved(frr_lab: FrrLab) -> None:
    with ConnectHandler(**frr_lab.login("r1")) as session:
        assert "% " not in session.send_config_set(NETWORK, error_pattern=r"% ")
        assert "saved to" in session.save_config()
    assert eventually(lambda: knows(frr_lab, "r3", "203.0.113.0/24"))
    assert "network 203.0.113.0/24" in (frr_lab["r1"].folders[0] / "frr.conf").read_text()


def test_what_a_failed_verification_leaves_is_taken_back_exactly(frr_lab: FrrLab) -> None:
    before = frr_lab["r1"].running_config
    with ConnectHandler(**frr_lab.login("r1")) as session:
        session.send_config_set([*NETWORK, "exit-address-family", "neighbor 10.0.1.2 shutdown"])
        assert eventually(lambda: frr_lab["r1"].peers()["10.0.1.2"]["state"] != "Established")
        assert not frr_lab["r1"].converged
        undo = [NETWORK[0], "no neighbor 10.0.1.2 shutdown", NETWORK[1], f"no {NETWORK[2]}"]
        session.send_config_set(undo)
    assert frr_lab["r1"].running_config == before
    assert eventually(lambda: frr_lab["r1"].converged)
    assert eventually(lambda: not knows(frr_lab, "r2", "203.0.113.0/24"))


def test_a_bad_line_is_refused_by_the_router(frr_lab: FrrLab) -> None:
    before = frr_lab["r2"].running_config
    session = ConnectHandler(**frr_lab.login("r2"))
    with pytest.raises(ConfigInvalidException, match="netwrk"):
        session.send_config_set(["router bgp 65002", "netwrk 203.0.113.0/24"], error_pattern=r"% Unknown command")
    session.exit_config_mode()
    session.disconnect()
    assert frr_lab["r2"].running_config == before


def test_routers_return_to_their_first_configuration(frr_lab: FrrLab) -> None:
    first = frr_lab["r4"].running_config
    frr_lab["r4"].vtysh("configure terminal", "no router bgp 65004", "interface eth0", "shutdown", "description gone")
    assert frr_lab["r4"].running_config != first
    frr_lab.restore()
    assert frr_lab["r4"].running_config == first
    assert eventually(lambda: frr_lab["r4"].converged)


def test_a_wrong_password_is_refused(frr_lab: FrrLab) -> None:
    with pytest.raises(NetmikoAuthenticationException):
        ConnectHandler(**{**frr_lab.login("r1"), "password": "wrong"})


def test_nornir_reaches_the_routers_through_the_inventory(frr_lab: FrrLab, tmp_path: Path) -> None:
    from nornir import InitNornir
    from nornir_netmiko.tasks import netmiko_send_command

    hosts = frr_lab.write_inventory(tmp_path / "hosts.yaml")
    options = {"plugin": "SimpleInventory", "options": {"host_file": str(hosts)}}
    nornir = InitNornir(logging={"enabled": False}, inventory=options)
    try:
        result: Any = nornir.run(netmiko_send_command, command_string="show ip bgp summary")
        assert not result.failed, {name: str(multi.exception) for name, multi in result.failed_hosts.items()}
        assert all("Total number of neighbors 2" in multi[0].result for multi in result.values())
    finally:
        nornir.close_connections()


def test_the_status_tells_how_each_router_is(frr_lab: FrrLab) -> None:
    current = FrrLab.current()
    assert current is not None
    rows = current.status()
    assert [row["name"] for row in rows] == ["r1", "r2", "r3", "r4"]
    assert all(row["up"] and set(row["bgp"].values()) == {"Established"} for row in rows)


def test_a_second_lab_is_refused_and_says_where_the_first_one_is(frr_lab: FrrLab) -> None:
    with pytest.raises(LabError, match="already up, started from") as caught:
        FrrLab(2).up()
    assert "nornflow lab down" in caught.value.hint
    assert len(namespace.existing()) == 5


def test_down_leaves_nothing_and_up_again_works(frr_lab: FrrLab) -> None:
    files = set(Path("/etc/frr").glob("nnlab-*")) | set(Path("/var/run/frr").glob("nnlab-*"))
    assert len(files) == 8
    frr_lab.down()
    assert namespace.existing() == []
    assert not any(path.exists() for path in files)
    assert not frr_lab.state.exists()
    assert not Path(f"/sys/class/net/{namespace.GATEWAY}").exists()
    with pytest.raises(KeyError):
        pwd.getpwnam("nornflow-lab")
    assert FrrLab.current() is None
    frr_lab.down()
    frr_lab.up()
    assert all(router.converged for router in frr_lab.routers.values())


def test_the_command_line_brings_a_lab_up_and_down(frr_lab: FrrLab, tmp_path: Path) -> None:
    def lab(*words: str) -> str:
        command = [sys.executable, "-m", "nornflow", "lab", *words]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
        return f"{done.returncode} {done.stdout}{done.stderr}"

    assert lab("up", "--kind", "frr").startswith("1 ")
    frr_lab.down()
    try:
        assert lab("up", "--kind", "frr", "--count", "2", "--topology", "chain").startswith("0 2 devices are up")
        hosts = json.loads((tmp_path / ".nornflow" / "lab" / "hosts.yaml").read_text())
        host = hosts["r2"]
        access = {"host": host["hostname"], "username": host["username"], "password": host["password"]}
        with ConnectHandler(device_type="cisco_ios", **access) as session:
            assert "Established" in str(session.send_command("show ip bgp neighbors 10.0.1.1"))
        assert lab("status").startswith("0 frr lab: running")
        assert lab("down").startswith("0 the frr lab is down")
        assert list(tmp_path.iterdir()) == []
        assert namespace.existing() == []
    finally:
        frr_lab.down()
        frr_lab.up()


def test_the_how_to_says_what_works(frr_lab: FrrLab) -> None:
    text = (Path(__file__).parents[2] / "docs" / "how-to" / "frr-lab.md").read_text()
    block = re.search(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert block is not None
    names: dict[str, Any] = {"ConnectHandler": ConnectHandler}
    exec(block[1], names)
    names["test_my_change_reaches_the_neighbour"](frr_lab)
    assert INSTALL.split()[2:] == re.findall(r"# apt-get install (.*)", text)[0].split()


def test_without_root_the_lab_says_so(monkeypatch: pytest.MonkeyPatch, frr_lab: FrrLab) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(LabError, match="needs root"):
        FrrLab(2).up()
    with pytest.raises(LabError, match="needs root"):
        frr_lab.down()
