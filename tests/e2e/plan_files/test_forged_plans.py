"""Plan files that somebody wrote who is no NornFlow: what they say of themselves is not believed, and nothing is half done."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from forging import forged
from nornflow.testing import Fleet
from nornflow.testing.project import ProjectFolder
from sealing import NTP, SETTINGS, TEMPLATE, As, approve, configurations, seal

pytestmark = pytest.mark.e2e

MakeFleet = Callable[..., Fleet]
Content = dict[str, Any]


@pytest.fixture
def network(fleet: MakeFleet) -> Fleet:
    return fleet(count=2)


def untouched(network: Fleet) -> bool:
    return all(router.counters.config_lines == 0 for router in network)


def other_line(content: Content) -> None:
    content["approved"]["plan"]["hosts"][0]["steps"][0]["lines"][0] = "username mallory privilege 15"


class TestWhoMadeIt:
    def test_nobody_approves_his_own_plan_in_the_name_of_another(
        self, site: ProjectFolder, network: Fleet, become: As
    ) -> None:
        become("bin")  # who may approve, and seals a plan that says ann made it
        file = seal(site, "--profile", "named")
        assert site.run("approve", "change.plan").exit_code == 3

        def by_another(content: Content) -> None:
            content |= {"requester": "root", "authors": ["root"]}
            other_line(content)

        forged(file, by_another)
        outcome = site.run("approve", "change.plan")
        assert outcome.exit_code == 3
        assert "nobody can tell who made it" in outcome.stderr
        outcome = site.run("apply", "change.plan", "--yes")
        assert (outcome.exit_code, "no approval counts" in outcome.stderr) == (4, True)
        assert untouched(network)

    def test_anybody_may_still_reject_it(self, site: ProjectFolder, become: As) -> None:
        forged(seal(site, "--profile", "named"), other_line)
        for word in ("show", "verify"):
            assert "it was not sealed in this project's store" in site.run("plan", word, "change.plan").stdout
        become("bin")
        assert "bin rejected it" in site.run("reject", "change.plan").ok().stdout

    def test_a_plan_from_elsewhere_is_known_by_a_trusted_key(
        self, site: ProjectFolder, network: Fleet, become: As, tmp_path: Path
    ) -> None:
        files = {"nornflow.yaml": SETTINGS, "workflows/ntp.yaml": NTP, "workflows/ntp.j2": TEMPLATE}
        other = ProjectFolder.made(tmp_path / "elsewhere", files, network)
        for name in ("ours", "theirs"):
            subprocess.run(
                ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(site.path / name)], check=True, timeout=20
            )
            seal(other, "--profile", "named", "--sign", str(site.path / name))
            (site.path / f"{name}.plan").write_bytes((other.path / "change.plan").read_bytes())
        site.write("nornflow.yaml", "trusted_keys: [ours.pub]\n" + SETTINGS)
        become("bin")
        assert site.run("approve", "theirs.plan").exit_code == 3
        site.run("approve", "ours.plan").ok()
        become("root")
        site.run("apply", "ours.plan").ok()
        assert all("192.0.2.10 prefer" in router.running_config for router in network)

    def test_a_trusted_key_that_is_not_there_is_told(self, site: ProjectFolder) -> None:
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(site.path / "key")], check=True, timeout=20
        )
        forged(seal(site, "--sign", "key"), lambda content: None)  # its signatures are gone: nobody asks for keys
        site.write("nornflow.yaml", "trusted_keys: [gone.pub]\n" + SETTINGS)
        assert site.run("plan", "verify", "change.plan").exit_code == 0
        site.write("workflows/ntp.yaml", NTP + "# another\n")
        seal(site, "--sign", "key")
        (site.path / ".nornflow" / "nornflow.db").unlink()
        outcome = site.run("plan", "verify", "change.plan")
        assert (outcome.exit_code, "gone.pub" in outcome.stderr) == (2, True)


class TestProfile:
    def test_a_file_does_not_choose_a_weaker_one(self, site: ProjectFolder, network: Fleet) -> None:
        site.write("nornflow.yaml", "profile: named\n" + SETTINGS)
        file = seal(site)

        def weaker(content: Content) -> None:
            content["spec"] |= {"profile": "standard", "used": "standard"}
            content["approved"]["plan"]["profile"] = "standard"

        forged(file, weaker)
        outcome = site.run("apply", "change.plan", "--yes")
        assert (outcome.exit_code, "approvals: 0" in outcome.stderr) == (3, True)
        assert untouched(network)

    def test_the_rules_of_the_settings_hold_for_it_too(self, site: ProjectFolder, network: Fleet) -> None:
        file = seal(site)
        forged(file, lambda content: content["spec"].update(profile="standard"))
        site.write("nornflow.yaml", "profile: quiet\n" + SETTINGS)
        outcome = site.run("apply", "change.plan", "--yes")
        assert outcome.exit_code == 3, outcome
        assert untouched(network)

    def test_a_limit_is_not_passed_by_naming_another_profile(self, site: ProjectFolder, network: Fleet) -> None:
        seal(site, "--profile", "standard")
        site.write("nornflow.yaml", "profile: board\nprofile_limit: named\n" + SETTINGS)
        for words in (("apply", "change.plan"), ("run", "workflows/ntp.yaml", "--profile", "elevated")):
            outcome = site.run(*words, "--yes")
            assert (outcome.exit_code, "which `profile_limit` sets" in outcome.stderr) == (3, True)
        assert site.run("plan", "workflows/ntp.yaml", "--profile", "named").exit_code == 0
        assert untouched(network)

    def test_a_step_whose_profile_asks_for_approvals_gets_them(
        self, site: ProjectFolder, network: Fleet, become: As
    ) -> None:
        site.write("workflows/ntp.yaml", NTP.replace("    save: true\n", "    profile: board\n"))
        seal(site)
        assert site.run("apply", "change.plan", "--yes").exit_code == 4
        assert site.run("approve", "change.plan").exit_code == 3  # who made it
        approve(site, become)
        outcome = site.run("apply", "change.plan", "--yes")
        assert (outcome.exit_code, "1 of 2 approvals" in outcome.stderr) == (4, True)
        assert untouched(network)


class TestContent:
    def test_logins_do_not_go_where_a_stranger_says(self, site: ProjectFolder, network: Fleet, tmp_path: Path) -> None:
        trap = tmp_path / "trap"
        trap.mkdir()
        (trap / "hosts.yaml").write_text((site.path / "inventory" / "hosts.yaml").read_text())
        file = seal(site)
        for name in ("inventory", "folder", "file"):
            for path in (str(trap), "../trap"):
                forged(file, lambda content, name=name, path=path: content["spec"].update({name: path}))  # type: ignore[misc]
                before = configurations(network)
                outcome = site.run("apply", "change.plan", "--yes")
                assert (outcome.exit_code, "from outside the project" in outcome.stderr) == (3, True)
                assert configurations(network) == before
                seal(site)

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            (lambda plan: plan["hosts"][0].update(host="r9", steps=[]), "device r9"),
            (lambda plan: plan["hosts"][0]["steps"][0].update(step="other"), "step other"),
            (lambda plan: plan.update(workflow="harmless"), "workflow harmless"),
            (lambda plan: plan.update(inputs={"server": "192.0.2.99"}), "inputs"),
        ],
    )
    def test_what_it_shows_is_of_what_it_does(
        self, site: ProjectFolder, network: Fleet, change: Callable[[Content], None], words: str
    ) -> None:
        forged(seal(site), lambda content: change(content["approved"]["plan"]))
        for command in (("plan", "verify"), ("apply", "--yes")):
            outcome = site.run(*command, "change.plan")
            assert (outcome.exit_code, words in outcome.stderr) == (2, True), outcome
        assert untouched(network)

    def test_lines_are_judged_by_the_rules_whoever_sealed_them(self, site: ProjectFolder, network: Fleet) -> None:
        def reloading(content: Content) -> None:
            for host in content["approved"]["plan"]["hosts"]:
                host["steps"][0]["lines"] = ["exec:reload"]

        def in_one(content: Content) -> None:
            for host in content["approved"]["plan"]["hosts"]:
                host["steps"][0]["lines"] = ["ntp server 192.0.2.10 prefer\nusername mallory privilege 15"]

        for change in (other_line, reloading, in_one):
            forged(seal(site), change)
            assert site.run("apply", "change.plan", "--yes").exit_code in (1, 3, 5)
            assert not any("mallory" in router.running_config for router in network)
            (site.path / "change.plan").unlink()

    def test_claims_of_a_stranger_are_not_believed(self, site: ProjectFolder, network: Fleet) -> None:
        file = seal(site)

        def glorious(content: Content) -> None:
            for host in content["approved"]["plan"]["hosts"]:
                host["rollback"] |= {
                    "method": "proven",
                    "evidence": "trust me",
                    "lines": ["username mallory privilege 15"],
                }
                host["risks"] = []
                host["steps"][0]["diff"] = "+ntp server 192.0.2.10"

        forged(file, glorious)
        outcome = site.run("apply", "change.plan", "--yes").ok()
        assert "is planned once more" in outcome.stderr
        approved = site.run("runs", "show", site.record()["id"], "--format", "json").ok().stdout
        assert "trust me" not in approved
        assert "mallory" not in approved

    def test_lines_that_are_not_planned_here_make_a_device_stale(self, site: ProjectFolder, network: Fleet) -> None:
        forged(seal(site), other_line)
        outcome = site.run("apply", "change.plan", "--yes")
        assert outcome.exit_code == 1
        states = {host["host"]: host["state"] for host in site.record()["hosts"]}
        assert states == {"r1": "stale", "r2": "changed"}
        assert "other lines come of it" in outcome.stdout

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            (
                lambda content: content["spec"].update(
                    text=content["spec"]["text"] + "  - id: more\n    type: shell\n    command: touch evil\n"
                ),
                "workflow is not the one in",
            ),
            (lambda content: content["spec"].update(file="workflows/gone.yaml"), "workflow is not the one in"),
            (lambda content: content["spec"].update(folder="tasks"), "workflow is not the one in"),
            (lambda content: content["spec"].update(variables={"a": 1}), "inputs are not what"),
            (
                lambda content: (
                    content["spec"]["inputs"].update(more=1),
                    content["approved"]["plan"]["inputs"].update(more=1),
                ),
                "more",
            ),
            (
                lambda content: (
                    content["spec"]["inputs"].update(server="a\nb"),
                    content["approved"]["plan"]["inputs"].update(server="a\nb"),
                ),
                "server",
            ),
            (lambda content: content["spec"].update(devices={}), "without its fingerprint"),
        ],
    )
    def test_a_stranger_asks_for_nothing_that_the_project_has_not(
        self, site: ProjectFolder, network: Fleet, change: Callable[[Content], object], words: str
    ) -> None:
        forged(seal(site), change)
        outcome = site.run("apply", "change.plan", "--yes")
        assert outcome.exit_code in (2, 3), outcome
        assert words in outcome.stderr, outcome
        assert untouched(network)
        assert not list(site.path.rglob("evil"))

    def test_a_stranger_adds_no_device_that_the_workflow_does_not_target(
        self, site: ProjectFolder, network: Fleet
    ) -> None:
        site.write("workflows/ntp.yaml", NTP.replace("inputs:", "targets: {hosts: [r1, r2]}\ninputs:"))
        file = seal(site)
        text = NTP.replace("inputs:", "targets: {hosts: [r1]}\ninputs:").lstrip("\n")
        site.write("workflows/ntp.yaml", text)
        forged(file, lambda content: content["spec"].update(text=text))
        outcome = site.run("apply", "change.plan", "--yes")
        assert (outcome.exit_code, "is for r2, which its workflow does not target" in outcome.stderr) == (3, True), (
            outcome
        )
        assert untouched(network)
