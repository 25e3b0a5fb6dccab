"""Who approves a sealed plan, and who signed it."""

from __future__ import annotations

import os
import pwd
import subprocess
import sys

import pytest

from killed import Scene
from nornflow.model.sealed import SealedPlan
from nornflow.testing import Fleet
from nornflow.testing.project import ProjectFolder
from sealing import SETTINGS, As, approve, configurations, seal, tampered

pytestmark = pytest.mark.e2e


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
        approve(site, become)
        site.run("apply", "change.plan").ok()

    def test_any_change_of_the_plan_voids_its_approvals(self, site: ProjectFolder, network: Fleet, become: As) -> None:
        file = seal(site, "--profile", "named")
        approve(site, become)

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


class TestAfterwards:
    def test_what_is_done_again_is_planned_anew_and_asks_for_approvals_of_its_own(
        self, site: ProjectFolder, network: Fleet, become: As
    ) -> None:
        seal(site, "--profile", "named")
        approve(site, become)
        network["r2"].configure("ntp server 198.51.100.7")
        assert site.run("apply", "change.plan").exit_code == 1
        again = site.run("runs", "resume", site.record()["id"], "--hosts", "failed", "--yes")
        assert again.exit_code == 4, again
        assert "prefer" not in network["r2"].running_config

    def test_who_asked_for_the_change_does_not_approve_what_another_makes_of_it(
        self, site: ProjectFolder, network: Fleet, become: As
    ) -> None:
        seal(site, "--profile", "named")
        become("bin")
        site.run("approve", "change.plan").ok()
        network["r2"].configure("ntp server 198.51.100.7")
        assert site.run("apply", "change.plan", "--replan-stale").exit_code == 1
        become("root")
        outcome = site.run("approve", "change-stale.plan")
        assert (outcome.exit_code, "root wrote the workflow" in outcome.stderr) == (3, True)
        become("bin")  # who made it now
        assert site.run("approve", "change-stale.plan").exit_code == 3

    def test_two_who_apply_it_at_once_change_a_device_once(self, site: ProjectFolder, network: Fleet) -> None:
        seal(site)
        words = [sys.executable, "-m", "nornflow", "apply", "change.plan", "--yes"]
        both = [
            subprocess.Popen(words, cwd=site.path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) for _ in range(2)
        ]
        said = [each.communicate(timeout=90)[0].decode() for each in both]
        assert sorted(each.returncode for each in both) == [0, 5], said
        assert all(router.counters.config_lines == 2 for router in network)


class TestCutOff:
    def test_a_run_that_died_hears_who_took_his_word_back(
        self, site: ProjectFolder, network: Fleet, become: As
    ) -> None:
        scene = Scene(site, network)
        seal(site, "--profile", "named")
        approve(site, become)
        scene.nornflow("apply", "change.plan", "--yes", entry=4, after=True)
        run = scene.ask("runs", "list", "--format", "json")[0]["id"]
        sent = [router.counters.config_lines for router in network]
        become("bin")
        site.run("reject", "change.plan", "-c", "stop").ok()
        become("root")
        outcome = site.run("runs", "resume", run, "--yes")
        assert outcome.exit_code == 4, outcome
        assert "bin rejected it" in outcome.stderr
        assert "stays as it is" in outcome.stderr
        assert [router.counters.config_lines for router in network] == sent
        approve(site, become)
        site.run("runs", "resume", run, "--yes").ok()
        assert all("192.0.2.10 prefer" in router.running_config for router in network)

    def test_a_profile_that_asks_for_more_by_now_gets_it(self, site: ProjectFolder, network: Fleet, become: As) -> None:
        scene = Scene(site, network)
        seal(site, "--profile", "named")
        approve(site, become)
        scene.nornflow("apply", "change.plan", "--yes", entry=4, after=True)
        run = scene.ask("runs", "list", "--format", "json")[0]["id"]
        site.write("nornflow.yaml", SETTINGS.replace("count: 1", "count: 2"))
        outcome = site.run("runs", "resume", run, "--yes")
        assert (outcome.exit_code, "1 of 2 approvals" in outcome.stderr) == (4, True), outcome
        become("mail")
        site.run("approve", "change.plan").ok()
        become("root")
        site.run("runs", "resume", run, "--yes").ok()


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


def test_what_takes_a_run_back_is_approved_and_applied_like_any_plan(
    site: ProjectFolder, network: Fleet, become: As
) -> None:
    before = configurations(network)
    seal(site)
    site.run("apply", "change.plan", "--yes").ok()
    run = site.record()["id"]
    assert site.run("rollback", run, "--profile", "board", "--yes").exit_code == 4  # nobody goes round the approvals
    site.run("rollback", run, "--profile", "named", "-o", "back.plan").ok()
    assert site.run("apply", "back.plan", "--yes").exit_code == 4
    approve(site, become, "back.plan")
    site.run("apply", "back.plan").ok()
    assert configurations(network) == before
    assert site.record()["state"] == "succeeded"
    assert site.run("apply", "back.plan").exit_code == 5  # devices are not as the run left them any more
