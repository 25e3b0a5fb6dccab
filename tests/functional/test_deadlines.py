"""Devices that hang: their time ends for real (thread, socket, fate), and they hold up nobody else."""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from collections.abc import Callable

import pytest

from nornflow.app.build import load_project
from nornflow.app.services.change import Request, Voices, run_change
from nornflow.model.run import RunRecord, RunState
from nornflow.testing import Fleet
from nornflow.testing.project import ProjectFolder
from patience import soon

MakeFleet = Callable[..., Fleet]
MakeProject = Callable[..., ProjectFolder]

HUNG, HEALTHY = (200, 300) if os.environ.get("MANY_HUNG") else (40, 60)

LOOK = """
name: look
version: 1.0
on_failure: continue
steps:
  - {id: look, type: netmiko.command, command: show version, timeout: 6}
  - {id: again, type: netmiko.command, depends_on: look, command: show clock, timeout: 6}
"""


def run(site: ProjectFolder, name: str = "look.yaml") -> RunRecord:
    voices = Voices(approve=lambda plan, held: True)
    return run_change(load_project(site.path), Request(site.path / name), voices)


def fates(record: RunRecord) -> Counter[str]:
    return Counter(host.state.value for host in record.hosts)


def threads() -> set[str]:
    """The threads of devices and of their sessions, by name."""
    return {each.name for each in threading.enumerate() if each.name.startswith(("host-", "Thread-"))}


@pytest.mark.parametrize("how", ["hang", "noanswer"])
def test_hung_devices_do_not_stop_the_healthy_ones(how: str, fleet: MakeFleet, project: MakeProject) -> None:
    """In a command, or in the middle of the login: paramiko alone waits 15 s for a banner."""
    network = fleet(count=HUNG + HEALTHY, interfaces=2)
    for number in range(1, HUNG + 1):
        network.fault(f"r{number}", how, **({"at": "show version"} if how == "hang" else {}))
    before = threads()
    began = time.monotonic()
    record = run(project({"look.yaml": LOOK}, fleet=network))
    took = time.monotonic() - began
    assert fates(record) == {"timed_out": HUNG, "ok": HEALTHY}
    assert [host.state.value for host in record.hosts[:HUNG]] == ["timed_out"] * HUNG
    assert took < 30 + 6 * HUNG / 50  # waves of 6 s with 50 workers, and the healthy ones
    assert soon(lambda: not threads() - before, 10.0), threads() - before
    assert soon(lambda: not network.open_sessions(), 10.0), network.open_sessions()


@pytest.mark.parametrize("over", ["host_timeout", "step all, which calls a workflow"])
def test_a_device_that_takes_too_long_over_many_steps_ends_when_their_time_is_over(
    fleet: MakeFleet, project: MakeProject, over: str
) -> None:
    network = fleet(count=3, latency=0.01)
    network.fault("r2", "slow", after=60)  # 0.6 s for each answer: no step is over its own time
    steps = "".join(
        f"  - {{id: look{n}, type: netmiko.command, command: show version"
        f"{f', depends_on: look{n - 1}' if n else ''}}}\n"
        for n in range(8)
    )
    head = "name: look\nversion: 1.0\non_failure: continue\n"
    files = {"look.yaml": f"{head}rollout: {{host_timeout: 4}}\nsteps:\n{steps}"}
    if over != "host_timeout":
        call = "steps: [{id: all, type: workflow, file: part.yaml, timeout: 3}]\n"
        files = {"look.yaml": head + call, "part.yaml": f"name: part\nversion: 1.0\nsteps:\n{steps}"}
    record = run(project(files, fleet=network))
    states = {host.host: host.state.value for host in record.hosts}
    assert states == {"r1": "ok", "r2": "timed_out", "r3": "ok"}
    assert over in record.hosts[1].error
    assert "its sessions were closed" in record.hosts[1].error
    assert soon(lambda: not network.open_sessions(), 10.0)


def test_the_time_of_the_whole_run_ends_a_session_that_hangs(fleet: MakeFleet, project: MakeProject) -> None:
    network = fleet(count=3)
    network.fault("r2", "hang", at="show version")
    before = threads()
    site = project({"look.yaml": LOOK.replace("version: 1.0", "version: 1.0\ntimeout: 3")}, fleet=network)
    record = run(site)
    assert record.state is RunState.TIMED_OUT
    assert {host.host: host.state.value for host in record.hosts}["r2"] == "cancelled"
    assert record.error == "the time of the whole run was over"
    assert soon(lambda: not threads() - before, 10.0)
    assert soon(lambda: not network.open_sessions(), 10.0)


def test_a_device_that_hangs_while_it_is_planned_is_timed_out_and_the_others_are_changed(
    fleet: MakeFleet, project: MakeProject
) -> None:
    network = fleet(count=3)
    network.fault("r2", "hang", at="show running-config")
    change = """
    name: change
    version: 1.0
    rollout: {max_failures: 1}
    steps:
      - {id: configure, type: netmiko.config, lines: [ntp server 192.0.2.10], timeout: 6}
    """
    record = run(project({"change.yaml": change}, fleet=network), "change.yaml")
    assert record.state is RunState.SUCCEEDED
    assert [host.state.value for host in record.hosts] == ["changed", "timed_out", "changed"]
