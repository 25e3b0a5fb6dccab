"""Sealed plans over real SSH: what was sealed is what is applied, where nothing drifted, with secrets the file does not tell."""

from __future__ import annotations

import base64
import json
import os
import pwd
from collections.abc import Callable
from pathlib import Path

import pytest

from nornflow.redaction import MASK
from nornflow.testing import Fleet
from nornflow.testing.project import Outcome, ProjectFolder
from sealing import NTP, SETTINGS, TEMPLATE, As, approve, configurations, seal

pytestmark = pytest.mark.e2e

MakeProject = Callable[..., ProjectFolder]


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
        approve(site, become)
        network["r2"].configure("ntp server 198.51.100.7")
        assert site.run("apply", "change.plan", "--yes", "--replan-stale").exit_code == 1
        shown = site.run("plan", "show", "change-stale.plan", "--format", "json").ok().json()
        assert shown["targets"] == ["r2"]
        assert site.run("apply", "change-stale.plan", "--yes").exit_code == 4
        approve(site, become, "change-stale.plan")
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


class TestSecrets:
    def test_a_secret_in_a_line_is_not_in_the_file_and_is_sent(self, site: ProjectFolder, network: Fleet) -> None:
        site.write("workflows/ntp.j2", f"username second password {network.credentials.password}\n")
        file = seal(site)
        password = network.credentials.password
        assert password not in file.read_text()
        assert "digests" in file.read_text()
        assert "username second password <password of r1>" in file.read_text()
        site.run("apply", "change.plan", "--yes").ok()
        assert all(f"password {password}" in router.running_config for router in network)

    def test_neither_gates_nor_fingerprints_tell_a_secret(self, site: ProjectFolder, network: Fleet) -> None:
        login, password = network.credentials.username, network.credentials.password
        site.write("nornflow.yaml", SETTINGS + "  holding: {extends: elevated, lockout: hold}\n")
        spelled = base64.b64encode(password.encode()).decode()
        site.write("workflows/ntp.j2", f"username {login} password {password}\nsnmp-server location {spelled}\n")
        hosts = site.path / "inventory" / "hosts.yaml"
        plain_hosts = hosts.read_text()
        told = []
        for word in (password, MASK):  # what the inventory says besides the login may hold it, too
            hosts.write_text(plain_hosts.replace('"role"', f'"also": "{word}", "role"'))
            content = json.loads(seal(site, "--profile", "holding").read_text())["content"]
            assert any("the controller uses, is changed" in each["reason"] for each in content["decisions"])
            assert not any(form in json.dumps(content) for form in (password, spelled.rstrip("=")))
            told.append(content["spec"]["devices"])
        assert told[0] == told[1]  # so nobody can try out what the secret is

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
