"""Two plans for one network over real SSH: where they are in each other's way, and how the second one is made anew."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from nornflow.testing import Fleet
from nornflow.testing.project import ProjectFolder

pytestmark = pytest.mark.e2e

MakeFleet = Callable[..., Fleet]
MakeProject = Callable[..., ProjectFolder]

CHANGE = """
name: {name}
version: 1.0
steps:
  - id: configure
    type: netmiko.config
    lines: {lines}
"""


class Site:
    """A project with two routers in which people make plans."""

    def __init__(self, folder: ProjectFolder, fleet: Fleet) -> None:
        self.folder = folder
        self.fleet = fleet
        self.run = folder.run

    def plan(self, name: str, *lines: str, words: tuple[str, ...] = ()) -> str:
        """Seal a plan of these lines into a file and return its hash."""
        self.folder.write(f"{name}.yaml", CHANGE.format(name=name, lines=json.dumps(lines)))
        self.run("plan", f"{name}.yaml", "-o", f"{name}.plan", *words).ok()
        return self.hash(name)

    def hash(self, name: str) -> str:
        shown = self.run("plan", "show", f"{name}.plan", "--format", "json").ok().json()
        return str(shown["hash"])

    def states(self) -> dict[str, str]:
        return {host["host"]: host["state"] for host in self.folder.record()["hosts"]}


@pytest.fixture
def site(fleet: MakeFleet, project: MakeProject) -> Site:
    routers = fleet(count=2)
    return Site(project({}, fleet=routers), routers)


class TestConflicts:
    def test_of_one_setting_are_told_with_the_lines_of_both(self, site: Site) -> None:
        a = site.plan("ours", "interface Loopback0", "description ours")
        b = site.plan("theirs", "int lo0", "desc theirs", words=("--limit", "r1"))
        outcome = site.run("plan", "conflicts", "ours.plan", "theirs.plan")
        assert outcome.exit_code == 1
        assert f"A  plan {a[:12]} of ours 1.0, made by root at " in outcome.stdout
        assert f"B  plan {b[:12]} of theirs 1.0, made by root at " in outcome.stdout
        assert "r1:\n  overlap: both change `description` of `interface Loopback0`" in outcome.stdout
        assert "    A  interface Loopback0 / description ours\n" in outcome.stdout
        assert "    B, then A  interface Loopback0 / description ours\n" in outcome.stdout
        assert "rollback: taking A back would undo B" in outcome.stdout
        assert "conflict: on 1 of the 1 devices that both change" in outcome.stdout

    def test_none_are_there_when_both_only_change_the_same_devices(self, site: Site) -> None:
        site.plan("ours", "ntp server 192.0.2.77")
        site.plan("theirs", "ntp server 192.0.2.77", "logging host 192.0.2.9")
        found = site.run("plan", "conflicts", "ours.plan", "theirs.plan", "--format", "json").ok().json()
        assert found["conflict"] is False
        assert [device["host"] for device in found["devices"]] == ["r1", "r2"]
        assert [each["kind"] for each in found["devices"][0]["findings"]] == ["same", "stale"]
        assert found["devices"][0]["compared_on"] == "configuration"
        assert (
            "once one is applied, the other has to be planned anew"
            in site.run("plan", "conflicts", "ours.plan", "theirs.plan").ok().stdout
        )

    def test_none_are_there_between_plans_of_different_devices(self, site: Site) -> None:
        site.plan("ours", "ntp server 192.0.2.77", words=("--limit", "r1"))
        site.plan("theirs", "no ntp server 192.0.2.77", "hostname x", words=("--limit", "r2"))
        told = site.run("plan", "conflicts", "ours.plan", "theirs.plan").ok().stdout
        assert "no conflict: no device is changed by both" in told

    def test_are_found_where_the_configurations_are_not_kept(self, site: Site, project: MakeProject) -> None:
        site.plan("ours", "interface Loopback0", "description ours")
        site.plan("theirs", "interface Loopback0", "description theirs")
        for file in (site.folder.path / ".nornflow").rglob("*.db*"):
            file.unlink()
        outcome = site.run("plan", "conflicts", "ours.plan", "theirs.plan")
        assert outcome.exit_code == 1
        assert "looked at by the plans' own lines alone" in outcome.stdout
        assert "r1, r2:" in outcome.stdout

    def test_need_two_plans_that_are_what_was_sealed(self, site: Site) -> None:
        site.plan("ours", "ntp server 192.0.2.77")
        same = site.run("plan", "conflicts", "ours.plan", "ours.plan")
        assert (same.exit_code, "both files hold plan" in same.stderr) == (2, True)
        missing = site.run("plan", "conflicts", "ours.plan", "gone.plan")
        assert (missing.exit_code, "cannot be read" in missing.stderr) == (2, True)
        data = (site.folder.path / "ours.plan").read_bytes()
        (site.folder.path / "other.plan").write_bytes(data.replace(b"192.0.2.77", b"192.0.2.78"))
        assert "changed after it was sealed" in site.run("plan", "conflicts", "ours.plan", "other.plan").stderr
