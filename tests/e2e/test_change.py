"""A change from the command line, over real SSH to simulated routers: plan, run, repeat, verify, take back."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from xml.etree import ElementTree

import pytest

from nornflow.testing import Fleet
from nornflow.testing.project import ProjectFolder

pytestmark = pytest.mark.e2e

MakeFleet = Callable[..., Fleet]
MakeProject = Callable[..., ProjectFolder]

NTP = """
name: ntp
version: 1.0
inputs:
  server: {type: string, default: 192.0.2.10}
rollout: {batches: [1, 100%], max_failures: 0}
on_failure: rollback
steps:
  - id: configure
    type: netmiko.config
    lines: ["ntp server {{ inputs.server }} prefer", "no ntp server 192.0.2.1"]
    save: true
  - id: associations
    type: ttp.show
    depends_on: configure
    command: show ntp associations
    template: ntp_associations
  - id: synchronised
    type: assert
    depends_on: associations
    condition: "any(a.synced for a in steps.associations.parsed)"
"""


@pytest.fixture
def network(fleet: MakeFleet) -> Fleet:
    return fleet(count=3, ntp_reachable=("192.0.2.1", "192.0.2.10"))


@pytest.fixture
def site(network: Fleet, project: MakeProject) -> ProjectFolder:
    return project({"workflows/ntp.yaml": NTP}, fleet=network)


def configurations(network: Fleet) -> list[str]:
    return [router.running_config for router in network]


class TestPlan:
    def test_shows_one_diff_for_devices_that_share_it_and_writes_nothing(
        self, site: ProjectFolder, network: Fleet
    ) -> None:
        before = configurations(network)
        outcome = site.run("plan", "workflows/ntp.yaml").ok()
        assert "r1, r2, r3:" in outcome.stdout
        assert "configure (model)" in outcome.stdout
        assert outcome.stdout.count("+ntp server 192.0.2.10 prefer") == 1
        assert "3 of 3 devices would change, +3 -3 lines" in outcome.stdout
        assert configurations(network) == before
        assert all(router.counters.config_lines == 0 for router in network)

    def test_detailed_exitcode_tells_changes_from_none(self, site: ProjectFolder) -> None:
        assert site.run("plan", "workflows/ntp.yaml", "--detailed-exitcode").exit_code == 10
        site.run("run", "workflows/ntp.yaml", "--yes").ok()
        outcome = site.run("plan", "workflows/ntp.yaml", "--detailed-exitcode")
        assert outcome.exit_code == 0
        assert "nothing would change" in outcome.stdout

    def test_json_is_nothing_but_json(self, site: ProjectFolder) -> None:
        plan = site.run("plan", "workflows/ntp.yaml", "--format", "json", "--limit", "r2").ok().json()
        assert [host["host"] for host in plan["hosts"]] == ["r2"]
        step = plan["hosts"][0]["steps"][0]
        assert step["method"] == "model"
        assert step["lines"][0] == "ntp server 192.0.2.10 prefer"
        assert step["rollback"] != []
        assert len(step["pre_hash"]) == 64

    def test_markdown_for_a_merge_request(self, site: ProjectFolder) -> None:
        text = site.run("plan", "workflows/ntp.yaml", "--format", "markdown").ok().stdout
        assert text.startswith("## Plan of `ntp` 1.0")
        assert "```diff" in text

    def test_limit_takes_names_patterns_and_expressions(self, site: ProjectFolder) -> None:
        def planned(limit: str) -> list[str]:
            outcome = site.run("plan", "workflows/ntp.yaml", "--format", "json", "--limit", limit).ok()
            return [host["host"] for host in outcome.json()["hosts"]]

        assert planned("r1,r3") == ["r1", "r3"]
        assert planned("r[12]") == ["r1", "r2"]
        assert planned("role == 'access'") == ["r2", "r3"]
        wrong = site.run("plan", "workflows/ntp.yaml", "--limit", "rol == 'access'")
        assert wrong.exit_code == 2
        assert "did you mean 'role'" in wrong.stderr


class TestRun:
    def test_changes_verifies_saves_and_records(self, site: ProjectFolder, network: Fleet) -> None:
        outcome = site.run("run", "workflows/ntp.yaml", "--yes").ok()
        assert "batch 1 of 2: r1" in outcome.stdout
        assert "devices: 3 changed; +3 -3 lines" in outcome.stdout
        for router in network:
            assert "ntp server 192.0.2.10 prefer" in router.running_config
            assert "ntp server 192.0.2.10 prefer" in (router.startup_config or "")
        record = site.record()
        assert record["state"] == "succeeded"
        configure = next(step for step in record["steps"] if step["step_id"] == "configure")
        assert configure["hosts"]["r2"]["status"] == "changed"
        assert "+ntp server 192.0.2.10 prefer" in configure["hosts"]["r2"]["diff"]
        assert configure["hosts"]["r2"]["attempts"] == 1

    def test_a_second_run_changes_nothing(self, site: ProjectFolder, network: Fleet) -> None:
        site.run("run", "workflows/ntp.yaml", "--yes").ok()
        lines = [router.counters.config_lines for router in network]
        outcome = site.run("run", "workflows/ntp.yaml", "--yes").ok()
        assert "devices: 3 ok; +0 -0 lines" in outcome.stdout
        assert [router.counters.config_lines for router in network] == lines

    def test_without_a_terminal_it_waits_for_an_approval(self, site: ProjectFolder, network: Fleet) -> None:
        before = configurations(network)
        outcome = site.run("run", "workflows/ntp.yaml")
        assert outcome.exit_code == 4
        assert "--yes" in outcome.stdout
        assert configurations(network) == before

    def test_a_failed_verification_is_taken_back_and_proved(self, site: ProjectFolder, network: Fleet) -> None:
        before = configurations(network)
        outcome = site.run("run", "workflows/ntp.yaml", "--yes", "-i", "server=203.0.113.99")
        assert outcome.exit_code == 1
        assert "r1: rolled_back: running == pre-image" in outcome.stdout
        assert configurations(network) == before
        assert network["r2"].counters.config_lines == 0
        assert "203.0.113.99" not in (network["r1"].startup_config or "")

    @pytest.mark.parametrize("form", ["json", "junit", "markdown"])
    def test_each_format_stands_alone_on_standard_output(self, site: ProjectFolder, form: str) -> None:
        out = site.run("run", "workflows/ntp.yaml", "--yes", "--format", form).ok().stdout
        if form == "json":
            assert json.loads(out)["state"] == "succeeded"
        elif form == "junit":
            suite = ElementTree.fromstring(out)
            assert (suite.get("tests"), suite.get("failures")) == ("9", "0")
        else:
            assert out.startswith("## `ntp` 1.0: succeeded")

    def test_junit_names_the_failed_device_and_step(self, site: ProjectFolder) -> None:
        out = site.run("run", "workflows/ntp.yaml", "--yes", "-i", "server=203.0.113.99", "--format", "junit").stdout
        failure = ElementTree.fromstring(out).find(".//failure/..")
        assert failure is not None
        assert (failure.get("classname"), failure.get("name")) == ("ntp.synchronised", "r1")

    def test_plan_only_never_runs(self, site: ProjectFolder, network: Fleet) -> None:
        outcome = site.run("run", "workflows/ntp.yaml", "--yes", "--profile", "plan_only")
        assert outcome.exit_code == 3
        assert all(router.counters.connections == 0 for router in network)

    def test_restricted_begins_with_one_device(self, site: ProjectFolder) -> None:
        site.run("plan", "workflows/ntp.yaml", "--profile", "restricted", "-o", "ntp.plan").ok()
        site.write("workflows/all.yaml", NTP.replace("rollout: {batches: [1, 100%], max_failures: 0}\n", ""))
        outcome = site.run("run", "workflows/all.yaml", "--yes", "--profile", "restricted")
        assert outcome.exit_code == 3
        assert "starts with one" in outcome.stdout + outcome.stderr

    def test_runs_are_listed_and_shown(self, site: ProjectFolder) -> None:
        site.run("run", "workflows/ntp.yaml", "--yes").ok()
        run_id = site.record()["id"]
        assert run_id in site.run("runs", "list").ok().stdout
        assert site.run("runs", "show", run_id).ok().json()["id"] == run_id
        assert site.run("runs", "show", "nonsense").exit_code == 2


FAULTS = [
    ("auth", {}, "authentication-failed"),
    ("refuse", {}, "unreachable"),
    ("drop", {"at": "show ntp"}, "connection-lost"),
    ("reject", {"at": "ntp server", "text": "% Invalid input detected at '^' marker."}, "line-rejected"),
]


class TestTrouble:
    @pytest.mark.parametrize(("kind", "how", "reason"), FAULTS, ids=[fault[0] for fault in FAULTS])
    def test_each_trouble_ends_in_a_named_state_with_a_hint(
        self, site: ProjectFolder, network: Fleet, kind: str, how: dict[str, str], reason: str
    ) -> None:
        network.fault("r2", kind, **how)
        site.write("workflows/bear.yaml", NTP.replace("max_failures: 0", "max_failures: 1"))
        site.run("run", "workflows/bear.yaml", "--yes").ok()
        hosts = {host["host"]: host for host in site.record()["hosts"]}
        assert (hosts["r1"]["state"], hosts["r3"]["state"]) == ("changed", "changed")
        assert hosts["r2"]["reason"] == reason
        assert hosts["r2"]["hint"]
        assert hosts["r2"]["state"] in ("failed", "rolled_back", "unknown")

    def test_a_rejected_line_is_named_and_the_rest_is_not_sent(self, site: ProjectFolder, network: Fleet) -> None:
        network.fault("r1", "reject", at="ntp server 192.0.2.10", text="% Invalid input detected at '^' marker.")
        before = network["r1"].running_config
        outcome = site.run("run", "workflows/ntp.yaml", "--yes")
        assert outcome.exit_code == 1
        assert "ntp server 192.0.2.10 prefer" in outcome.stdout
        assert network["r1"].running_config == before

    def test_a_device_that_hangs_is_cut_off_in_time(self, site: ProjectFolder, network: Fleet) -> None:
        network.fault("r1", "hang", at="show ntp")
        site.write(
            "workflows/slow.yaml",
            NTP.replace("    command: show ntp", "    timeout: 2\n    command: show ntp").replace(
                "[1, 100%]", "[100%]"
            ),
        )
        outcome = site.run("run", "workflows/slow.yaml", "--yes")
        assert outcome.exit_code == 1
        hosts = {host["host"]: host for host in site.record()["hosts"]}
        assert hosts["r1"]["reason"] == "timeout"
        assert hosts["r1"]["state"] == "rolled_back"  # the session was new, the device was well again

    def test_a_device_that_never_answers_is_unreachable(self, site: ProjectFolder, network: Fleet) -> None:
        network.fault("r3", "noanswer")
        site.write("workflows/bear.yaml", NTP.replace("max_failures: 0", "max_failures: 1"))
        site.write(
            "workflows/bear.yaml", (site.path / "workflows/bear.yaml").read_text().replace("save: true", "timeout: 5")
        )
        site.run("run", "workflows/bear.yaml", "--yes").ok()
        hosts = {host["host"]: host for host in site.record()["hosts"]}
        assert hosts["r3"]["state"] in ("failed", "timed_out")
        assert hosts["r3"]["reason"] in ("unreachable", "timeout")
        assert (hosts["r1"]["state"], hosts["r2"]["state"]) == ("changed", "changed")

    def test_a_strange_prompt_is_named(self, site: ProjectFolder, network: Fleet) -> None:
        network.fault("r2", "prompt", text="-- maintenance --")
        site.write("workflows/read.yaml", READ)
        outcome = site.run("run", "workflows/read.yaml")
        assert outcome.exit_code == 1
        hosts = {host["host"]: host for host in site.record()["hosts"]}
        assert hosts["r2"]["reason"] == "unexpected-prompt"
        assert hosts["r1"]["state"] == "ok"


READ = """
name: read
version: 1.0
steps:
  - {id: version, type: netmiko.command, command: show version}
"""

SLOW = """
name: slow
version: 1.0
rollout: {batches: [1]}
steps:
  - {id: configure, type: netmiko.config, lines: ["ntp server 192.0.2.10"]}
  - {id: version, type: netmiko.command, depends_on: configure, command: show version}
"""


class TestInterrupt:
    """Ctrl-C on the real process: once stops after the devices at work, twice stops now and takes everything back."""

    def start(self, site: ProjectFolder) -> subprocess.Popen[str]:
        site.write("workflows/slow.yaml", SLOW)
        words = [sys.executable, "-u", "-m", "nornflow", "run", "workflows/slow.yaml", "--yes"]
        return subprocess.Popen(words, cwd=site.path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def lines_until(self, process: subprocess.Popen[str], word: str) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            if word in line:
                return
        raise AssertionError(f"{word!r} was never printed")

    def test_once_finishes_the_devices_at_work(self, site: ProjectFolder, network: Fleet) -> None:
        process = self.start(site)
        self.lines_until(process, "batch 1 of 3")
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=60)
        assert process.returncode == 1
        assert "stopping after the devices at work" in rest
        record = site.record()
        states = {host["host"]: host["state"] for host in record["hosts"]}
        assert record["state"] == "cancelled"
        assert states["r3"] == "skipped"
        assert "ntp server 192.0.2.10" not in network["r3"].running_config

    def test_twice_ends_the_work_now_and_takes_back_what_was_changed(self, site: ProjectFolder, network: Fleet) -> None:
        before = network["r1"].running_config
        network.fault("r1", "hang", at="show version")
        process = self.start(site)
        self.lines_until(process, "r1: configure changed")
        process.send_signal(signal.SIGINT)
        self.lines_until(process, "stopping after the devices at work")
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)  # netmiko alone would wait for its read timeout
        record = site.record()
        states = {host["host"]: host["state"] for host in record["hosts"]}
        assert record["state"] == "cancelled"
        assert states == {"r1": "rolled_back", "r2": "skipped", "r3": "skipped"}
        assert network["r1"].running_config == before


class TestRefusedLines:
    """A line that the profile refuses is told by the plan, and never reaches a device by a run."""

    CHANGE = """
    name: reach
    version: 1.0
    steps:
      - {id: configure, type: netmiko.config, lines: ["ntp server 192.0.2.10", "no ip route 0.0.0.0 0.0.0.0"]}
    """

    @pytest.mark.parametrize("words", [("plan",), ("run", "--yes")])
    def test_the_plan_says_so_and_the_run_sends_nothing(
        self, site: ProjectFolder, network: Fleet, words: tuple[str, ...]
    ) -> None:
        site.write("workflows/reach.yaml", self.CHANGE)
        outcome = site.run(*words, "workflows/reach.yaml")
        assert outcome.exit_code == 3
        assert "no ip route 0.0.0.0" in outcome.stdout + outcome.stderr
        assert all(router.counters.config_lines == 0 for router in network)

    def test_a_profile_that_only_plans_shows_the_diff_of_any_line(self, site: ProjectFolder) -> None:
        site.write("workflows/reach.yaml", self.CHANGE)
        outcome = site.run("plan", "workflows/reach.yaml", "--profile", "plan_only").ok()
        assert "+ntp server 192.0.2.10" in outcome.stdout
