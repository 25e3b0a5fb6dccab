"""Real drivers behind a shut fence: whatever way a task takes to write to a device, nothing of it arrives."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from nornflow.abc import Devices, DeviceSession, Fence
from nornflow.devices.fleet import NornirDevices
from nornflow.errors import LockLost
from nornflow.model.permission import Grant, Mode
from nornflow.redaction import Redactor
from nornflow.testing import EosFleet, Fleet
from nornflow_napalm.guard import NapalmGuard
from nornflow_netmiko.guard import NetmikoGuard
from nornflow_netmiko.paramiko_guard import ParamikoGuard

ALL = frozenset({"device.read", "device.configure", "device.command"})
LINE = "ntp server 192.0.2.77"


class Gate(Fence):
    """Open for so many questions, and shut from then on; nothing is covered, so that a lease itself asks nothing."""

    def __init__(self, opens: int) -> None:
        self.opens = opens

    def covers(self, device: str) -> bool:
        return False

    def check(self, device: str) -> None:
        self.begin(device)

    def begin(self, device: str) -> None:
        self.opens -= 1
        if self.opens < 0:
            raise LockLost(f"{device} is somebody else's")


@pytest.fixture
def behind(tmp_path: Path) -> Iterator[Callable[..., Devices]]:
    made: list[Devices] = []

    def make(fleet: Any, fence: Fence) -> Devices:
        inventory = fleet.write_inventory(tmp_path / "hosts.yaml")
        guards = {guard.connection: guard for guard in (NetmikoGuard(), NapalmGuard(), ParamikoGuard())}
        made.append(NornirDevices(inventory, guards, workers=2, redactor=Redactor(), tasks=tmp_path))
        made[-1].put_behind(fence)
        return made[-1]

    yield make
    for devices in made:
        devices.close()


def answer(devices: Devices, host: str, task: Callable[[Any], object], connection: str) -> object:
    """Run a task on a connection of the device under a lease to apply, without a plan; return what came of it."""

    def work(session: DeviceSession) -> object:
        with session.lease(Grant(host, "write", Mode.APPLY, ALL)):
            return task(session.task.host.get_connection(connection, session.task.nornir.config))

    return devices.run("write", [host], work)[host]


def merged(driver: Any) -> str:
    driver.load_merge_candidate(config=LINE)
    diff: str = driver.compare_config()
    driver.commit_config()
    return diff


def replaced(driver: Any) -> None:
    driver.load_replace_candidate(config=driver.get_config()["running"].replace("192.0.2.1\n", "192.0.2.77\n"))
    driver.commit_config()


ON_SSH = {
    "netmiko lines": ("netmiko", lambda conn: conn.send_config_set([LINE])),
    "netmiko by hand": ("netmiko", lambda conn: (conn.config_mode(), conn.write_channel(LINE + "\n"))),
    "netmiko save": ("netmiko", lambda conn: conn.save_config()),
    "netmiko command": ("netmiko", lambda conn: conn.send_command("clear counters")),
    "napalm without a native candidate": ("napalm", merged),
}


@pytest.mark.parametrize("way", ON_SSH)
def test_over_ssh(way: str, fleet: Callable[..., Fleet], behind: Callable[..., Devices]) -> None:
    connection, task = ON_SSH[way]
    running = fleet(count=1)
    router = running["r1"]
    found = answer(behind(running, Gate(0)), "r1", task, connection)
    assert isinstance(found, LockLost), found
    said = [heard.line for heard in router.log]
    assert not [line for line in said if line.startswith(("configure", "write", "copy", "clear", "ntp"))]


def test_in_the_middle_of_a_block(fleet: Callable[..., Fleet], behind: Callable[..., Devices]) -> None:
    running = fleet(count=1)
    lines = [f"ntp server 192.0.2.{number}" for number in range(70, 80)]
    gate = Gate(1 + len(lines) + 4)  # configure terminal, the rehearsal of the block, and four lines of it
    found = answer(behind(running, gate), "r1", lambda conn: conn.send_config_set(lines), "netmiko")
    assert isinstance(found, LockLost), found
    arrived = [line for _, line in running["r1"].written() if line.startswith("ntp server 192.0.2.7")]
    assert 0 < len(arrived) < len(lines)
    assert arrived == lines[: len(arrived)]


@pytest.mark.parametrize("task", [merged, replaced], ids=["merge", "replace"])
def test_over_an_api_with_a_candidate_on_the_device(
    task: Callable[[Any], object], eos_fleet: Callable[..., EosFleet], behind: Callable[..., Devices]
) -> None:
    running = eos_fleet(count=1)
    switch = running["sw1"]
    before = switch.running_config
    found = answer(behind(running, Gate(0)), "sw1", task, "napalm")
    assert isinstance(found, LockLost), found
    assert switch.running_config == before
    open_gate = answer(behind(running, Gate(100)), "sw1", task, "napalm")
    assert not isinstance(open_gate, Exception), "the same task does write when the fence is open"
    assert "192.0.2.77" in switch.running_config
