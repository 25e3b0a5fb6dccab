"""A run that dies with a candidate on its switches: whoever goes on with it throws that away and begins anew."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from killed import Scene
from nornflow.testing import EosFleet
from nornflow.testing.eos.device import Switch
from nornflow.testing.eos.sessions import Refused, State

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

SWITCHES = ["sw1", "sw2", "sw3"]
WORKFLOW = """
name: ntp
version: 1.0
on_failure: rollback
steps:
  - id: configure
    type: napalm.config
    lines:
      - ntp server 192.0.2.77
      - interface Loopback0
      - "   description changed"
"""


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    with EosFleet(len(SWITCHES)) as fleet:
        yield Scene.made_of(tmp_path / "project", fleet, {"ntp.yaml": WORKFLOW})


class DeadlyCommit:
    """A switch on which a process dies as its commit arrives: the candidate stays where it is, pending."""

    def __init__(self, switch: Switch) -> None:
        self.switch, self.pid = switch, 0
        self._commit = switch.sessions.commit
        switch.sessions.commit = self  # type: ignore[method-assign]

    def __call__(self, name: str) -> None:
        self.switch.sessions.commit = self._commit  # type: ignore[method-assign]
        os.kill(self.pid, signal.SIGKILL)
        raise Refused("nobody waits for the answer")

    def pending(self) -> list[str]:
        return [name for name, session in self.switch.sessions.by_name.items() if session.state is State.PENDING]


def cut_off(scene: Scene, deadly: DeadlyCommit) -> str:
    with scene.start("run", "ntp.yaml", "--yes") as process:
        deadly.pid = process.pid
        process.communicate(timeout=110)
    assert process.returncode == -signal.SIGKILL
    (run,) = scene.ask("runs", "list", "--format", "json")
    return str(run["id"])


def test_a_candidate_that_a_dead_process_left_is_no_lock_for_the_run_itself(scene: Scene) -> None:
    deadly = DeadlyCommit(scene.fleet["sw2"])
    run = cut_off(scene, deadly)
    assert [name.startswith(f"nornflow-{run}-") for name in deadly.pending()] == [True]
    scene.site.run("runs", "resume", run, "--yes").ok()
    record = scene.ask("runs", "show", run)
    assert [(host["host"], host["state"]) for host in record["hosts"]] == [(name, "changed") for name in SWITCHES]
    assert all("ntp server 192.0.2.77" in switch.running_config for switch in scene.fleet)
    assert all(switch.running_config == switch.startup_config for switch in scene.fleet)
    assert deadly.pending() == []


def test_nor_for_its_way_back(scene: Scene) -> None:
    before = {switch.name: switch.running_config for switch in scene.fleet}
    deadly = DeadlyCommit(scene.fleet["sw2"])
    run = cut_off(scene, deadly)
    scene.fleet["sw2"].configure("logging host 192.0.2.99")  # somebody else: what the run did there nobody can tell
    assert scene.resume(run) == 1
    record = scene.ask("runs", "show", run)
    assert record["state"] == "rolled_back"
    assert deadly.pending() == []
    assert {switch.name: switch.running_config for switch in scene.fleet} == before


def test_a_session_of_somebody_else_is_left_alone_and_named_as_the_first_error(scene: Scene) -> None:
    deadly = DeadlyCommit(scene.fleet["sw2"])
    run = cut_off(scene, deadly)
    scene.fleet["sw2"].sessions.enter("maintenance")
    assert scene.resume(run) == 1
    (failed,) = [host for host in scene.ask("runs", "show", run)["hosts"] if host["host"] == "sw2"]
    assert "the configuration of sw2 is locked" in failed["error"]
    assert deadly.pending() == ["maintenance"]


def test_what_the_switch_says_first_is_the_error_not_that_nothing_was_there_to_throw_away(scene: Scene) -> None:
    hosts = scene.site.path / "inventory" / "hosts.yaml"
    inventory = json.loads(hosts.read_text())
    for host in inventory.values():  # without NAPALM's own look at sessions the switch is the one that refuses
        host["connection_options"]["napalm"]["extras"]["optional_args"]["lock_disable"] = True
    hosts.write_text(json.dumps(inventory))
    for number in range(scene.fleet["sw3"].sessions.limit):
        scene.fleet["sw3"].sessions.enter(f"maintenance{number}")
    scene.nornflow("run", "ntp.yaml", "--yes")
    (run,) = scene.ask("runs", "list", "--format", "json")
    (failed,) = [host for host in scene.ask("runs", "show", run["id"])["hosts"] if host["host"] == "sw3"]
    assert "Maximum number of pending sessions" in failed["error"]
    assert "Cannot find session" not in failed["error"]
