"""Two plans for one network over real SSH: where they are in each other's way, and how the second one is made anew."""

from __future__ import annotations

import json
import os
import pwd
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from nornflow.testing import Fleet
from nornflow.testing.project import ProjectFolder
from patience import soon

pytestmark = pytest.mark.e2e

MakeFleet = Callable[..., Fleet]
MakeProject = Callable[..., ProjectFolder]

SETTINGS = """
profiles:
  careful: {extends: standard, approvals: {count: 1}}
"""
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

    @contextmanager
    def running(self, *words: str) -> Iterator[subprocess.Popen[str]]:
        """Run a command in a process of its own; it does not outlive the `with`."""
        pipe = subprocess.PIPE
        with subprocess.Popen(
            [sys.executable, "-m", "nornflow", *words], cwd=self.folder.path, stdout=pipe, stderr=pipe, text=True
        ) as process:
            try:
                yield process
            finally:
                process.kill()

    def queued(self, workflow: str) -> bool:
        runs = self.run("runs", "list", "--format", "json").ok().json()
        return any((run["workflow"], run["state"]) == (workflow, "queued") for run in runs)

    def states(self) -> dict[str, str]:
        return {host["host"]: host["state"] for host in self.folder.record()["hosts"]}


@pytest.fixture
def site(fleet: MakeFleet, project: MakeProject) -> Site:
    routers = fleet(count=2)
    return Site(project({"nornflow.yaml": SETTINGS}, fleet=routers), routers)


@pytest.fixture
def become(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Be another user of the system, as far as this process can tell."""

    def become(name: str) -> None:
        uid = pwd.getpwnam(name).pw_uid
        monkeypatch.setattr(os, "getuid", lambda: uid)

    return become


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
            "nornflow plan rebase B --after A" in site.run("plan", "conflicts", "ours.plan", "theirs.plan").ok().stdout
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


class TestRebase:
    def test_of_the_second_plan_goes_on_where_the_first_one_was_applied(
        self, site: Site, become: Callable[[str], None]
    ) -> None:
        def approved(file: str) -> None:
            become("bin")
            site.run("approve", file).ok()
            become("root")

        a = site.plan("ours", "interface Loopback0", "description ours", "ntp server 192.0.2.77")
        lines = ("interface Loopback0", "description theirs", "logging host 192.0.2.9")
        b = site.plan("theirs", *lines, words=("--profile", "careful"))
        approved("theirs.plan")
        site.run("apply", "ours.plan", "--yes").ok()
        run = site.folder.record()["id"]
        stale = site.run("apply", "theirs.plan", "--yes")
        assert stale.exit_code == 5
        assert f"run {run} of ours, by root, which applied plan {a[:12]}, changed it since" in stale.stdout
        made = site.run("plan", "rebase", "theirs.plan", "--after", "ours.plan", "-o", "next.plan").ok()
        assert "- description ours\n" in made.stdout
        met = site.run("plan", "conflicts", "ours.plan", "next.plan")
        assert "after: B is planned on what A leaves: A has to be applied first" in met.stdout
        assert (met.exit_code, "rollback: taking A back would undo B" in met.stdout) == (1, True)
        shown = site.run("plan", "show", "next.plan", "--format", "json").ok().json()
        assert (shown["follows"], shown["after"]) == (b, {"plan": a, "awaited": []})
        assert site.run("apply", "next.plan", "--yes").exit_code == 4  # that of the plan before does not count
        approved("next.plan")
        site.run("apply", "next.plan", "--yes").ok()
        for router in site.fleet:
            assert "description theirs" in router.running_config
            assert "ntp server 192.0.2.77" in router.running_config
            assert "logging host 192.0.2.9" in router.running_config

    def test_taking_the_first_plan_back_does_not_take_the_second_one_with_it(self, site: Site) -> None:
        site.plan("ours", "ntp server 192.0.2.77")
        site.plan("theirs", "logging host 192.0.2.9")
        site.run("plan", "rebase", "theirs.plan", "--after", "ours.plan", "-o", "next.plan").ok()
        site.run("apply", "ours.plan", "--yes").ok()
        run = site.folder.record()["id"]
        site.run("apply", "next.plan", "--yes").ok()
        both = [router.running_config for router in site.fleet]
        assert site.run("plan", "conflicts", "ours.plan", "next.plan").exit_code == 0
        assert site.run("rollback", run, "--yes").exit_code == 5  # somebody changed them since, and it says so
        assert [router.running_config for router in site.fleet] == both
        site.run("rollback", run, "--merge", "--yes").ok()
        for router in site.fleet:
            assert "ntp server 192.0.2.77" not in router.running_config
            assert "logging host 192.0.2.9" in router.running_config

    def test_before_the_first_is_applied_is_made_on_what_that_will_leave(self, site: Site) -> None:
        a = site.plan("ours", "interface Loopback0", "description ours")
        site.plan("theirs", "interface Loopback0", "description theirs")
        before = [router.running_config for router in site.fleet]
        site.run("plan", "rebase", "theirs.plan", "--after", "ours.plan", "-o", "next.plan").ok()
        assert [router.running_config for router in site.fleet] == before
        shown = site.run("plan", "show", "next.plan").ok().stdout
        assert f"comes after  plan {a}, which has to be applied first to r1, r2" in shown
        assert "- description ours\n" in shown
        assert f"note: configure: planned on what plan {a[:12]} will have left" in shown
        early = site.run("apply", "next.plan", "--yes")
        assert early.exit_code == 5
        assert f"r1: plan {a[:12]} has to be applied first" in early.stdout
        assert f"nothing was applied: plan {a} has to be applied first, to r1, r2" in early.stdout + early.stderr
        assert [router.running_config for router in site.fleet] == before
        site.run("apply", "ours.plan", "--yes").ok()
        site.run("apply", "next.plan", "--yes").ok()
        assert all("description theirs" in router.running_config for router in site.fleet)

    def test_plans_one_device_before_and_one_after_the_first_is_applied(self, site: Site) -> None:
        a = site.plan("ours", "ntp server 192.0.2.77")
        site.plan("half", "ntp server 192.0.2.77", words=("--limit", "r1"))
        site.plan("theirs", "logging host 192.0.2.9")
        site.run("apply", "half.plan", "--yes").ok()  # what it leaves is what the first plan leaves, too
        site.run("plan", "rebase", "theirs.plan", "--after", "ours.plan", "-o", "next.plan").ok()
        shown = site.run("plan", "show", "next.plan", "--format", "json").ok().json()
        assert shown["after"] == {"plan": a, "awaited": ["r2"]}
        outcome = site.run("apply", "next.plan", "--yes")
        assert (outcome.exit_code, site.states()) == (1, {"r1": "changed", "r2": "stale"})

    def test_refuses_by_name_what_is_neither_before_nor_after_the_first(self, site: Site) -> None:
        a = site.plan("ours", "ntp server 192.0.2.77")
        site.plan("theirs", "logging host 192.0.2.9")
        site.fleet["r2"].configure("ntp server 198.51.100.7")
        made = site.run("plan", "rebase", "theirs.plan", "--after", "ours.plan", "-o", "next.plan")
        assert made.exit_code == 1
        assert (
            f"not planned: r2: configure: r2 is neither as plan {a[:12]} found it nor as that leaves it" in made.stdout
        )
        site.fleet["r1"].configure("ntp server 198.51.100.7")
        none = site.run("plan", "rebase", "theirs.plan", "--after", "ours.plan", "-o", "none.plan")
        assert none.exit_code == 5
        assert not (site.folder.path / "none.plan").exists()

    def test_needs_a_device_that_both_are_about(self, site: Site) -> None:
        site.plan("ours", "ntp server 192.0.2.77", words=("--limit", "r1"))
        site.plan("theirs", "logging host 192.0.2.9", words=("--limit", "r2"))
        apart = site.run("plan", "rebase", "theirs.plan", "--after", "ours.plan", "-o", "next.plan")
        assert (apart.exit_code, "either can come first" in apart.stderr) == (2, True)
        itself = site.run("plan", "rebase", "ours.plan", "--after", "ours.plan", "-o", "next.plan")
        assert (itself.exit_code, "both files hold plan" in itself.stderr) == (2, True)


class TestLeases:
    def test_a_plan_holds_its_devices_from_the_look_for_drift_to_the_verification(self, site: Site) -> None:
        wait = "while [ ! -e ../../../../{} ]; do sleep 0.05; done"
        for name, lines in (("ours", "description ours"), ("theirs", "description theirs")):
            steps = CHANGE.format(name=name, lines=json.dumps(["interface Loopback0", lines]))
            checks = (
                f"  - {{id: look, type: script, depends_on: [configure], script: {json.dumps(wait.format(name))}}}\n"
            )
            site.folder.write(f"{name}.yaml", steps + checks)
            site.run("plan", f"{name}.yaml", "-o", f"{name}.plan", "--profile", "elevated").ok()
        a = site.hash("ours")
        (site.folder.path / "theirs").touch()
        with site.running("apply", "ours.plan", "--yes") as first:
            assert soon(lambda: "description ours" in site.fleet["r2"].running_config, 60)
            told = site.run("apply", "theirs.plan", "--yes", "--locked", "fail")
            assert (told.exit_code, "others are in the way" in told.stdout + told.stderr) == (1, True)
            with site.running("apply", "theirs.plan", "--yes") as second:
                assert soon(lambda: site.queued("theirs"), 60)
                assert "description ours" in site.fleet["r1"].running_config
                (site.folder.path / "ours").touch()
                out, _ = second.communicate(timeout=60)
            first.communicate(timeout=60)
        assert (first.returncode, second.returncode) == (0, 5)
        assert f"of ours, by root, which applied plan {a[:12]}, changed it since" in out
        assert all("description ours" in router.running_config for router in site.fleet)


class TestPending:
    def test_plans_are_told_when_another_is_sealed_and_approved(
        self, site: Site, become: Callable[[str], None]
    ) -> None:
        self.of_ours(site)
        site.plan("apart", "logging host 192.0.2.9")
        told = site.run("plan", "theirs.yaml", "-o", "theirs.plan")
        assert told.exit_code == 0
        become("bin")
        said = site.run("approve", "theirs.plan").ok()
        for outcome in (told, said):
            assert (
                "of ours, made by root, waits for r1, r2 too, and they are in conflict on r1, r2 (overlap"
                in outcome.stderr
            )
            assert (
                "of apart, made by root, waits for r1, r2 too: they are not in conflict, but the one" in outcome.stderr
            )

    def of_ours(self, site: Site) -> str:
        lines = json.dumps(["interface Loopback0", "description theirs"])
        site.folder.write("theirs.yaml", CHANGE.format(name="theirs", lines=lines))
        return site.plan("ours", "interface Loopback0", "description ours")

    def test_plans_that_were_applied_rejected_or_made_anew_are_not_in_the_way(
        self, site: Site, become: Callable[[str], None]
    ) -> None:
        def waiting() -> bool:
            told = site.run("plan", "theirs.yaml", "-o", "theirs.plan")
            assert told.exit_code == 0
            site.run("reject", "theirs.plan").ok()
            return "of ours, made by root" in told.stderr

        self.of_ours(site)
        assert waiting()
        site.run("reject", "ours.plan").ok()
        assert not waiting()
        become("bin")
        site.run("approve", "ours.plan").ok()
        become("root")
        site.run("reject", "ours.plan").ok()
        assert not waiting()
        site.plan("ours", "interface Loopback0", "description ours again")
        assert waiting()
        site.run("apply", "ours.plan", "--yes").ok()
        assert not waiting()
