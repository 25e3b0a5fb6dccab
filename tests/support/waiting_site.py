"""A project whose runs wait for people and for signals, on three simulated routers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nornflow.testing import Fleet
from nornflow.testing.project import ProjectFolder

LINE = "ntp server 192.0.2.10"
NTP = f"""
name: ntp
version: 1.0
rollout: {{batches: [1, 100%]}}
on_failure: rollback
steps:
  - id: configure
    type: netmiko.config
    lines: [{LINE}]
  - id: board
    type: approval
    depends_on: [configure]
    text: batch of {{{{ run.user }}}} is changed
    approvers: APPROVERS
    different_each_batch: true
    expires: 24h
  - id: look
    type: assert
    depends_on: [configure, board]
    condition: "steps.configure.changed"
"""
PIPELINE = """
name: pipeline
version: 1.0
steps:
  - {id: ci, type: wait, signal: ci-done, expires: 2h}
  - {id: tell, type: note, depends_on: [ci], text: "build {{ steps.ci.data.build }}"}
"""


def site_of(project: Callable[..., ProjectFolder], network: Fleet) -> ProjectFolder:
    """Return the project on these routers; no approval is needed but the question's own."""
    return project({"ntp.yaml": NTP.replace("APPROVERS", "0"), "pipeline.yaml": PIPELINE}, fleet=network)


def latest(site: ProjectFolder) -> dict[str, Any]:
    run: dict[str, Any] = site.run("runs", "list", "--format", "json").ok().json()[0]
    return run


def written(network: Fleet) -> list[int]:
    """Return how often each router was sent the line."""
    return [[line for _, line in router.written()].count(LINE) for router in network]


def has(network: Fleet) -> list[bool]:
    """Return which routers have the line."""
    return [LINE in router.running_config for router in network]
