"""Projects whose change is on trial, and what their devices show of it."""

from __future__ import annotations

import os
import signal
from typing import Any

from killed import Scene
from nornflow.testing.eos.device import Switch
from nornflow.testing.eos.sessions import State

WORKFLOW = """
name: ntp
version: 1.0
confirm: {within: WITHIN}
steps:
  - id: configure
    type: napalm.config
    lines:
      - ntp server 192.0.2.77
      - interface Loopback0
      - "   description changed"
  - id: verify
    type: assert
    depends_on: configure
    condition: "host.name != 'BAD'"
"""


def workflow(within: str = "5m", bad: str = "") -> dict[str, str]:
    return {"ntp.yaml": WORKFLOW.replace("WITHIN", within).replace("BAD", bad)}


def configs(scene: Scene) -> dict[str, tuple[str, str]]:
    return {switch.name: (switch.running_config, switch.startup_config) for switch in scene.fleet}


def timed(scene: Scene) -> list[str]:
    sessions = [session for switch in scene.fleet for session in switch.sessions.by_name.values()]
    return [session.name for session in sessions if session.state is State.TIMED]


def of(record: Any, name: str) -> list[Any]:
    return [host[name] for host in record["hosts"]]


class DeadlyTimer:
    """A switch on which a process dies once its commit stands under the timer."""

    def __init__(self, switch: Switch) -> None:
        self.pid = 0
        commit = switch.sessions.commit_timed

        def deadly(name: str, seconds: float) -> None:
            commit(name, seconds)
            os.kill(self.pid, signal.SIGKILL)

        switch.sessions.commit_timed = deadly  # type: ignore[method-assign]
        self.disarm = lambda: setattr(switch.sessions, "commit_timed", commit)


def cut_off(scene: Scene, *words: str) -> str:
    """Run the change in a process that dies when one of the switches has it, and return the run's id."""
    deadly = DeadlyTimer(scene.fleet["sw2"])
    with scene.start(*(words or ("run", "ntp.yaml", "--yes"))) as process:
        deadly.pid = process.pid
        process.communicate(timeout=110)
    assert process.returncode == -signal.SIGKILL
    deadly.disarm()
    (run,) = scene.ask("runs", "list", "--format", "json")
    return str(run["id"])
