"""Sealed plans over real SSH: what was approved is what is applied, by whom it was approved, and what is refused."""

from __future__ import annotations

import json
import os
import pwd
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from nornflow.model.sealed import SealedPlan
from nornflow.planning.seal import opened, sealed, written
from nornflow.testing import Fleet
from nornflow.testing.project import Outcome, ProjectFolder

pytestmark = pytest.mark.e2e

MakeFleet = Callable[..., Fleet]
MakeProject = Callable[..., ProjectFolder]
As = Callable[[str], None]

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


@pytest.fixture
def network(fleet: MakeFleet) -> Fleet:
    return fleet(count=3)


@pytest.fixture
def site(network: Fleet, project: MakeProject) -> ProjectFolder:
    files = {"nornflow.yaml": SETTINGS, "workflows/ntp.yaml": NTP, "workflows/ntp.j2": TEMPLATE}
    return project(files, fleet=network)


@pytest.fixture
def become(monkeypatch: pytest.MonkeyPatch) -> As:
    """Be another user of the system, as far as this process can tell."""

    def become(name: str) -> None:
        uid = pwd.getpwnam(name).pw_uid
        monkeypatch.setattr(os, "getuid", lambda: uid)

    return become


def configurations(network: Fleet) -> list[str]:
    return [router.running_config for router in network]


def seal(site: ProjectFolder, *words: str) -> Path:
    site.run("plan", "workflows/ntp.yaml", "-o", "change.plan", *words).ok()
    return site.path / "change.plan"


def tampered(file: Path, change: Callable[[SealedPlan], None]) -> None:
    """Change a plan and seal it anew, as somebody would who can write to the file."""
    plan = opened(file.read_bytes(), file.name)
    change(plan)
    file.write_bytes(written(sealed(plan)))


class TestApply:
    def test_sends_what_was_sealed_and_nothing_else(self, site: ProjectFolder, network: Fleet) -> None:
        before = configurations(network)
        seal(site)
        assert configurations(network) == before
        site.run("apply", "change.plan", "--yes").ok()
        assert all("ntp server 192.0.2.10 prefer" in router.running_config for router in network)
        record = site.record()
        assert {host["state"] for host in record["hosts"]} == {"changed"}
        assert site.run("plan", "workflows/ntp.yaml", "--detailed-exitcode").exit_code == 0

    def test_a_plan_is_applied_once(self, site: ProjectFolder, network: Fleet) -> None:
        seal(site)
        site.run("apply", "change.plan", "--yes").ok()
        after, first = configurations(network), site.record()["id"]
        outcome = site.run("apply", "change.plan", "--yes")
        assert outcome.exit_code == 5
        assert f"run {first} of ntp" in outcome.stdout
        assert configurations(network) == after

    def test_a_plan_goes_with_its_project_to_another_folder(
        self, site: ProjectFolder, network: Fleet, project: MakeProject, tmp_path: Path
    ) -> None:
        data = seal(site).read_bytes()
        files = {"nornflow.yaml": SETTINGS, "workflows/ntp.yaml": NTP, "workflows/ntp.j2": TEMPLATE}
        other = ProjectFolder.made(tmp_path / "elsewhere", files, network)
        (other.path / "change.plan").write_bytes(data)
        other.run("apply", "change.plan", "--yes").ok()
        assert all("ntp server 192.0.2.10 prefer" in router.running_config for router in network)


class TestDrift:
    def test_a_device_that_drifted_is_left_alone_by_name_with_the_diff(
        self, site: ProjectFolder, network: Fleet
    ) -> None:
        seal(site)
        network["r2"].configure("ntp server 198.51.100.7")
        outcome = site.run("apply", "change.plan", "--yes")
        assert outcome.exit_code == 1
        states = {host["host"]: host["state"] for host in site.record()["hosts"]}
        assert states == {"r1": "changed", "r2": "stale", "r3": "changed"}
        assert "r2: stale" in outcome.stdout
        assert "+ntp server 198.51.100.7" in outcome.stdout
        assert "prefer" not in network["r2"].running_config

    def test_strict_changes_none_when_one_drifted(self, site: ProjectFolder, network: Fleet) -> None:
        seal(site)
        network["r2"].configure("ntp server 198.51.100.7")
        outcome = site.run("apply", "change.plan", "--yes", "--strict")
        assert outcome.exit_code == 5
        assert not any("prefer" in router.running_config for router in network)

    def test_stale_devices_get_a_plan_of_their_own_that_needs_its_own_approval(
        self, site: ProjectFolder, network: Fleet, become: As
    ) -> None:
        seal(site, "--profile", "named")
        become("bin")
        site.run("approve", "change.plan").ok()
        become("root")
        network["r2"].configure("ntp server 198.51.100.7")
        assert site.run("apply", "change.plan", "--yes", "--replan-stale").exit_code == 1
        shown = site.run("plan", "show", "change-stale.plan", "--format", "json").ok().json()
        assert shown["targets"] == ["r2"]
        assert site.run("apply", "change-stale.plan", "--yes").exit_code == 4
        become("bin")
        site.run("approve", "change-stale.plan").ok()
        become("root")
        site.run("apply", "change-stale.plan").ok()
        assert "ntp server 192.0.2.10 prefer" in network["r2"].running_config

    def test_a_device_that_is_another_one_now_is_left_alone(self, site: ProjectFolder, network: Fleet) -> None:
        seal(site)
        hosts = site.path / "inventory" / "hosts.yaml"
        hosts.write_text(hosts.read_text().replace("r3", "r9"))
        network["r1"].configure("hostname replaced")
        outcome = site.run("apply", "change.plan", "--yes")
        assert outcome.exit_code == 1
        states = {host["host"]: host["state"] for host in site.record()["hosts"]}
        assert states == {"r1": "stale", "r2": "changed", "r3": "stale"}
        assert "no such device any more" in outcome.stdout
        assert "+hostname replaced" in outcome.stdout

    def test_another_address_in_the_inventory_is_another_device(self, site: ProjectFolder, network: Fleet) -> None:
        seal(site)
        hosts = site.path / "inventory" / "hosts.yaml"
        first, second = (str(network.port(name)) for name in ("r1", "r2"))
        swapped = hosts.read_text().replace(first, "@").replace(second, first).replace("@", second)
        hosts.write_text(swapped)
        outcome = site.run("apply", "change.plan", "--yes")
        states = {host["host"]: host["state"] for host in site.record()["hosts"]}
        assert (outcome.exit_code, states) == (1, {"r1": "stale", "r2": "stale", "r3": "changed"})

    def test_a_device_that_answers_garbage_fails_alone(self, site: ProjectFolder, network: Fleet) -> None:
        seal(site)
        network.fault("r2", "drop", at="show running-config")
        outcome = site.run("apply", "change.plan", "--yes")
        assert outcome.exit_code == 1
        assert not any(
            "prefer" in router.running_config for router in network
        )  # max_failures: 0, before the first batch
        assert {host["host"]: host["state"] for host in site.record()["hosts"]}["r2"] == "failed"


class TestApproval:
    def test_says_who_is_missing_until_the_quorum_is_there(
        self, site: ProjectFolder, network: Fleet, become: As
    ) -> None:
        seal(site, "--profile", "board")
        outcome = site.run("apply", "change.plan", "--yes")
        assert outcome.exit_code == 4
        assert "0 of 2 approvals, 2 missing from anybody but root, Daemon, daemon" in outcome.stderr
        become("bin")
        assert (
            "1 of 2 approvals (bin), 1 missing" in site.run("approve", "change.plan", "-c", "looks right").ok().stdout
        )
        assert site.run("apply", "change.plan", "--yes").exit_code == 4
        become("nobody")
        site.run("approve", "change.plan").ok()
        become("root")
        site.run("apply", "change.plan").ok()  # nobody is asked: it was approved
        assert all("prefer" in router.running_config for router in network)

    @pytest.mark.parametrize(
        ("name", "profile", "why"),
        [
            ("root", "board", "root made the plan"),
            ("daemon", "board", "daemon wrote the workflow"),
            ("nobody", "named", "nobody is not among bin, @mail"),
        ],
    )
    def test_who_cannot_approve_is_told_so(
        self, site: ProjectFolder, become: As, name: str, profile: str, why: str
    ) -> None:
        seal(site, "--profile", profile)
        become(name)
        outcome = site.run("approve", "change.plan")
        assert outcome.exit_code == 3
        assert why in outcome.stderr

    def test_members_of_a_group_may_approve(self, site: ProjectFolder, become: As) -> None:
        seal(site, "--profile", "named")
        become("mail")
        assert "1 of 1 approvals (mail)" in site.run("approve", "change.plan").ok().stdout

    def test_a_rejection_stands_until_it_is_taken_back(self, site: ProjectFolder, network: Fleet, become: As) -> None:
        seal(site)
        become("bin")
        site.run("reject", "change.plan", "--comment", "not on a Friday").ok()
        become("root")
        outcome = site.run("apply", "change.plan", "--yes")
        assert (outcome.exit_code, "not on a Friday" in outcome.stderr) == (4, True)
        become("bin")
        site.run("approve", "change.plan").ok()
        become("root")
        site.run("apply", "change.plan").ok()

    def test_any_change_of_the_plan_voids_its_approvals(self, site: ProjectFolder, network: Fleet, become: As) -> None:
        file = seal(site, "--profile", "named")
        become("bin")
        site.run("approve", "change.plan").ok()
        become("root")

        def other_line(plan: SealedPlan) -> None:
            step = plan.approved["plan"]["hosts"][0]["steps"][0]
            step["lines"] = ["ntp server 203.0.113.66", *step["lines"][1:]]

        tampered(file, other_line)
        assert site.run("apply", "change.plan", "--yes").exit_code == 4
        assert not any("203.0.113.66" in router.running_config for router in network)

    def test_run_does_not_go_round_the_approval(self, site: ProjectFolder, network: Fleet) -> None:
        outcome = site.run("run", "workflows/ntp.yaml", "--yes", "--profile", "board")
        assert outcome.exit_code == 4
        assert "nornflow approve FILE" in outcome.stdout + outcome.stderr
        assert not any("prefer" in router.running_config for router in network)

    def test_log_names_do_not_make_somebody_else(self, site: ProjectFolder, monkeypatch: pytest.MonkeyPatch) -> None:
        seal(site, "--profile", "board")
        for name in ("LOGNAME", "USER", "LNAME", "USERNAME", "SUDO_USER"):
            monkeypatch.setenv(name, "bin")
        assert site.run("approve", "change.plan").exit_code == 3

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user of the system")
    def test_another_user_of_the_system_approves_in_a_process_of_its_own(self, site: ProjectFolder) -> None:
        seal(site, "--profile", "named")
        uid = pwd.getpwnam("bin").pw_uid
        done = subprocess.run(
            [sys.executable, "-m", "nornflow", "approve", "change.plan"],
            cwd=site.path, preexec_fn=lambda: os.setreuid(uid, 0), capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        assert "1 of 1 approvals (bin)" in done.stdout, done.stderr


class TestRefused:
    def test_a_template_that_was_changed_since(self, site: ProjectFolder, network: Fleet) -> None:
        seal(site)
        site.write("workflows/ntp.j2", TEMPLATE + "no logging on\n")
        outcome = site.run("apply", "change.plan", "--yes")
        assert outcome.exit_code == 5
        assert "ntp.j2, of step configure" in outcome.stderr
        assert all(router.counters.config_lines == 0 for router in network)

    def test_another_workflow_file_does_not_matter_the_sealed_text_does(
        self, site: ProjectFolder, network: Fleet
    ) -> None:
        seal(site)
        site.write("workflows/ntp.yaml", NTP.replace("ntp.j2", "gone.j2"))
        site.run("apply", "change.plan", "--yes").ok()

    def test_other_versions(self, site: ProjectFolder) -> None:
        file = seal(site)
        tampered(file, lambda plan: plan.versions.update({"nornflow-netmiko": "9.9"}))  # type: ignore[attr-defined]
        outcome = site.run("apply", "change.plan", "--yes")
        assert (outcome.exit_code, "nornflow-netmiko was 9.9" in outcome.stderr) == (5, True)

    def test_a_plan_from_the_future(self, site: ProjectFolder) -> None:
        file = seal(site)
        plan = opened(file.read_bytes(), "change.plan")
        later = plan.created_at.replace(year=plan.created_at.year + 1)
        file.write_bytes(written(sealed(SealedPlan(**{**vars_of(plan), "created_at": later}))))
        outcome = site.run("apply", "change.plan", "--yes")
        assert (outcome.exit_code, "a clock was set back" in outcome.stderr) == (5, True)

    def test_a_plan_that_a_gate_denies_is_not_sealed(self, site: ProjectFolder) -> None:
        outcome = site.run("plan", "workflows/ntp.yaml", "-o", "change.plan", "--profile", "quiet")
        assert outcome.exit_code == 3
        assert not (site.path / "change.plan").exists()

    def test_a_full_disk_leaves_what_was_there(self, site: ProjectFolder) -> None:
        outcome = site.run("plan", "workflows/ntp.yaml", "-o", "/dev/full/change.plan")
        assert (outcome.exit_code, "could not be written" in outcome.stderr) == (2, True)

    def test_a_task_that_sends_something_else_than_was_sealed(
        self, site: ProjectFolder, network: Fleet, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        site.write("tasks/sly.py", SLY)
        steps = "steps:\n  - id: sly\n    type: nornir.task\n    task: sly.sly\n"
        site.write("workflows/ntp.yaml", NTP.partition("steps:")[0] + steps)
        seal(site)
        monkeypatch.setenv("SLY", "username mallory privilege 15")
        outcome = site.run("apply", "change.plan", "--yes")
        assert outcome.exit_code == 3 or outcome.exit_code == 1
        assert not any("mallory" in router.running_config for router in network)
        assert site.record()["hosts"][0]["reason"] == "guard-denied"


SLY = """
import os

from nornir.core.task import Result, Task


def sly(task: Task) -> Result:
    connection = task.host.get_connection("netmiko", task.nornir.config)
    connection.send_config_set([os.environ.get("SLY", "ntp server 192.0.2.10")])
    return Result(host=task.host)
"""


def vars_of(plan: SealedPlan) -> dict[str, object]:
    return {name: value for name, value in vars(plan).items() if name in SealedPlan.__dataclass_fields__}


class TestSigned:
    @pytest.fixture
    def keys(self, site: ProjectFolder) -> tuple[str, str]:
        for name in ("ours", "theirs"):
            subprocess.run(
                ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(site.path / name)], check=True, timeout=20
            )
        return "ours", "theirs"

    def test_a_signed_plan_is_taken_and_a_foreign_one_is_not(
        self, site: ProjectFolder, network: Fleet, keys: tuple[str, str]
    ) -> None:
        ours, theirs = keys
        seal(site, "--sign", ours)
        assert site.run("plan", "verify", "change.plan", "--verify", f"{ours}.pub").exit_code == 0
        outcome = site.run("apply", "change.plan", "--yes", "--verify", f"{theirs}.pub")
        assert (outcome.exit_code, "not signed with the key in theirs.pub" in outcome.stderr) == (3, True)
        assert all(router.counters.config_lines == 0 for router in network)
        site.run("apply", "change.plan", "--yes", "--verify", f"{ours}.pub").ok()

    def test_a_signature_does_not_survive_a_change(self, site: ProjectFolder, keys: tuple[str, str]) -> None:
        file = seal(site, "--sign", keys[0])
        tampered(file, lambda plan: plan.spec["inputs"].update(server="203.0.113.66"))
        outcome = site.run("apply", "change.plan", "--yes")
        assert (outcome.exit_code, "not one of this plan" in outcome.stderr) == (3, True)

    def test_an_unsigned_plan_is_not_taken_for_a_signed_one(self, site: ProjectFolder, keys: tuple[str, str]) -> None:
        seal(site)
        assert site.run("apply", "change.plan", "--yes", "--verify", f"{keys[0]}.pub").exit_code == 3


class TestSecrets:
    def test_a_secret_in_a_line_is_not_in_the_file_and_is_sent(self, site: ProjectFolder, network: Fleet) -> None:
        site.write("workflows/ntp.j2", f"username second password {network.credentials.password}\n")
        file = seal(site)
        password = network.credentials.password
        assert password not in file.read_text()
        assert "digests" in file.read_text()
        site.run("apply", "change.plan", "--yes").ok()
        assert all(f"password {password}" in router.running_config for router in network)

    def test_a_secret_that_is_another_one_now_is_not_sent(self, site: ProjectFolder, network: Fleet) -> None:
        site.write("workflows/ntp.j2", f"username second password {network.credentials.password}\n")
        file = seal(site)
        key = site.path / ".nornflow" / "journal.key"
        key.unlink()  # as in another workspace: nobody can tell there what was approved
        outcome = site.run("apply", "change.plan", "--yes")
        assert outcome.exit_code == 1
        assert "would send another secret" in outcome.stdout
        assert all(router.counters.config_lines == 0 for router in network), file


def test_diff_tells_what_another_plan_would_do_otherwise(site: ProjectFolder) -> None:
    seal(site)
    site.run("plan", "workflows/ntp.yaml", "-o", "other.plan", "-i", "server=192.0.2.20", "--limit", "r1,r2").ok()
    outcome = site.run("plan", "diff", "change.plan", "other.plan")
    assert outcome.exit_code == 1
    assert "r3: only in the first plan" in outcome.stdout
    assert "+configure: ntp server 192.0.2.20 prefer" in outcome.stdout
    same: Outcome = site.run("plan", "diff", "change.plan", "change.plan")
    assert (same.exit_code, same.stdout) == (0, "the same would be done\n")


def test_a_plan_is_shown_for_people_and_machines(site: ProjectFolder) -> None:
    file = seal(site, "--profile", "board")
    text = site.run("plan", "show", "change.plan").ok().stdout
    assert f"sha256 {json.loads(file.read_text())['hash']}" in text
    assert "0 of 2 approvals" in text
    assert "+ntp server 192.0.2.10 prefer" in text
    shown = site.run("plan", "show", "change.plan", "--format", "json").ok().json()
    assert (shown["requester"], shown["approvals"]["missing"]) == (pwd.getpwuid(os.getuid()).pw_name, 2)
    assert "Step `configure`" in site.run("plan", "show", "change.plan", "--format", "markdown").ok().stdout
