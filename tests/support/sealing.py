"""A project whose changes are sealed, for the stories of plan files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from nornflow.model.sealed import SealedPlan
from nornflow.planning.seal import opened, sealed, written
from nornflow.testing import Fleet
from nornflow.testing.project import ProjectFolder

As = Callable[[str], None]
"""What makes this process another user of the system, as far as it can tell, by the name."""

SETTINGS = """
profiles:
  board: {extends: standard, approvals: {count: 2, valid_for: 12h}}
  quiet: {extends: standard, rules: ["^ntp server"]}
  named: {extends: standard, approvals: {count: 1, from: [bin, "@mail"]}}
"""
NTP = """
name: ntp
version: 1.0
author: Daemon <daemon@example.com>
inputs:
  server: {type: string, default: 192.0.2.10}
rollout: {batches: [1, 100%], max_failures: 0}
on_failure: rollback
steps:
  - id: configure
    type: netmiko.config
    template: ntp.j2
    save: true
"""
TEMPLATE = "ntp server {{ inputs.server }} prefer\nno ntp server 192.0.2.1\n"
FILES = {"nornflow.yaml": SETTINGS, "workflows/ntp.yaml": NTP, "workflows/ntp.j2": TEMPLATE}


def configurations(network: Fleet) -> list[str]:
    return [router.running_config for router in network]


def seal(site: ProjectFolder, *words: str) -> Path:
    site.run("plan", "workflows/ntp.yaml", "-o", "change.plan", *words).ok()
    return site.path / "change.plan"


def approve(site: ProjectFolder, become: As, plan: str = "change.plan") -> None:
    """Have somebody else approve a plan."""
    become("bin")
    site.run("approve", plan).ok()
    become("root")


def tampered(file: Path, change: Callable[[SealedPlan], None]) -> None:
    """Change a plan and seal it anew, as somebody would who can write to the file."""
    plan = opened(file.read_bytes(), file.name)
    change(plan)
    file.write_bytes(written(sealed(plan)))
