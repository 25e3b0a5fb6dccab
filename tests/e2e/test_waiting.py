"""Runs that wait: answered and gone on with from the command line, also when any of the processes is killed."""

from __future__ import annotations

import os
import pwd
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from nornflow.testing import Fleet
from nornflow.testing.project import ProjectFolder
from waiting_site import LINE, NTP, has, latest, site_of, written

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

SEER = """
    from pathlib import Path

    from nornflow import Observer, hookimpl


    class Seer(Observer):
        name = "seer"

        def observe(self, event):
            if event.kind.value == "wait.reminded":
                with Path("seen").open("a") as seen:
                    seen.write(f"{event.kind} {event.message}\\n")


    @hookimpl
    def nornflow_observers():
        yield Seer()
    """
LOOK = """
    name: look
    version: 1.0
    steps:
      - {id: look, type: netmiko.command, command: show version}
      - {id: go, type: wait, signal: go, depends_on: [look]}
      - {id: again, type: wait, signal: go, depends_on: [go]}
      - {id: as, type: assert, depends_on: [again], condition: "steps.go.data.as == 'simulated-login'"}
      - {id: tell, type: note, depends_on: [as], text: "as {{ steps.go.data.as }}"}
    """
As = Callable[[str], None]


@pytest.fixture
def become(monkeypatch: pytest.MonkeyPatch) -> As:
    """Be another user of the system, as far as this process can tell."""

    def become(name: str) -> None:
        uid = pwd.getpwnam(name).pw_uid
        monkeypatch.setattr(os, "getuid", lambda: uid)

    return become


@pytest.fixture
def network(fleet: Callable[..., Fleet]) -> Fleet:
    return fleet(count=3)


@pytest.fixture
def site(network: Fleet, project: Callable[..., ProjectFolder]) -> ProjectFolder:
    return site_of(project, network)


def kept(site: ProjectFolder, question: str) -> list[str]:
    """Return what stands in a column of the project's store."""
    with closing(sqlite3.connect(site.path / ".nornflow" / "nornflow.db")) as database:
        return [row[0] for row in database.execute(question)]


class TestPeople:
    def test_two_of_them_approve_each_batch_and_others_than_the_one_before(
        self, site: ProjectFolder, network: Fleet, become: As
    ) -> None:
        file = site.write("ntp.yaml", NTP.replace("APPROVERS", "1"))
        if os.geteuid() == 0:
            os.chown(file, pwd.getpwnam("daemon").pw_uid, -1)
        asked = site.run("run", "ntp.yaml", "--yes")
        assert asked.exit_code == 4
        assert "step board of batch 1 waits for 0 of 1 approvals, 1 missing from anybody but root" in asked.stdout
        assert "batch of root is changed" in asked.stdout
        assert has(network) == [True, False, False]
        run = latest(site)
        assert (run["state"], run["cut_off"]) == ("waiting", False)
        assert "step board of batch 1 waits for 0 of 1 approvals" in run["waits"][0]
        shown = site.run("runs", "show", run["id"]).ok().json()
        assert [host["state"] for host in shown["hosts"]] == ["pending", "pending", "pending"]
        assert f"+{LINE}" in shown["hosts"][0]["diff"]
        assert [wait["step"] for wait in shown["waits"]] == ["board"]
        assert shown["exit_code"] == 4
        text = site.run("runs", "show", run["id"], "--format", "text").ok().stdout
        assert "    batch of root is changed\nhint: nornflow approve" in text
        assert (
            "It waits: step board of batch 1" in site.run("runs", "show", run["id"], "--format", "markdown").ok().stdout
        )
        assert site.run("locks", "list").ok().stdout == "no device is locked\n"
        early = site.run("runs", "resume", run["id"], "--yes")
        assert (early.exit_code, "1 missing from anybody but root" in early.stderr) == (4, True)
        refused = site.run("approve", run["id"])
        assert (refused.exit_code, "root made the plan" in refused.stderr) == (3, True)
        become("bin")
        plan = site.run("runs", "plan", run["id"]).ok().stdout.split()[1]
        other = site.run("approve", run["id"], "--plan", "0123")
        assert (other.exit_code, f"applies plan {plan[:12]}, not 0123" in other.stderr) == (5, True)
        yes = site.run("approve", run["id"], "--step", "board", "--batch", "1", "--plan", plan, "-c", "fine").ok()
        assert f"nornflow runs resume {run['id']}" in yes.stdout
        again = site.run("approve", run["id"])
        assert (again.exit_code, "is decided: approved" in again.stderr) == (1, True)
        become("root")
        file.unlink()  # whoever wrote it is known all the same
        assert site.run("runs", "resume", run["id"], "--yes").exit_code == 4
        assert has(network) == [True, True, True]
        if os.geteuid() == 0:
            become("daemon")
            wrote = site.run("approve", run["id"])
            assert (wrote.exit_code, "daemon wrote the workflow" in wrote.stderr) == (3, True)
        become("bin")
        same = site.run("approve", run["id"])
        assert (same.exit_code, "each batch needs somebody else" in same.stderr) == (3, True)
        become("nobody")
        site.run("approve", run["id"]).ok()
        become("root")
        site.run("runs", "resume", run["id"], "--yes").ok()
        assert written(network) == [1, 1, 1]
        record = site.record()
        assert [(each["user"], each["step"], each["batch"], each["comment"]) for each in record["approvals"][1:]] == [
            ("bin", "board", 1, "fine"),
            ("nobody", "board", 2, ""),
        ]
        assert {each["plan"] for each in record["approvals"]} == {plan}

    def test_an_approval_in_a_sealed_plan_is_bound_to_the_plan_file(
        self, site: ProjectFolder, network: Fleet, become: As
    ) -> None:
        site.write("nornflow.yaml", "runner: {processes: 2}\n")
        site.write("ntp.yaml", NTP.replace("APPROVERS", "1"))
        become("bin")
        sealed = site.run("plan", "ntp.yaml", "-o", "ntp.plan").ok()
        become("root")
        assert site.run("apply", "ntp.plan", "--yes").exit_code == 4
        run = latest(site)["id"]
        become("bin")
        refused = site.run("approve", run)
        assert (refused.exit_code, "bin wrote the workflow" in refused.stderr) == (3, True)
        become("nobody")
        digest = site.run("plan", "show", "ntp.plan", "--format", "json").ok().json()["hash"]
        assert digest in sealed.stdout + sealed.stderr
        site.run("approve", run, "--plan", digest).ok()
        become("root")
        assert site.run("runs", "resume", run, "--yes").exit_code == 4  # the next batch wants somebody else
        assert written(network) == [1, 1, 1]

    def test_a_no_takes_back_what_was_changed(self, site: ProjectFolder, network: Fleet, become: As) -> None:
        assert site.run("run", "ntp.yaml", "--yes").exit_code == 4
        become("bin")
        assert "rejected step board of batch 1" in site.run("reject", latest(site)["id"], "-c", "no window").ok().stdout
        become("root")
        ended = site.run("runs", "resume", latest(site)["id"], "--yes")
        assert (ended.exit_code, latest(site)["state"]) == (1, "rolled_back")
        assert "bin rejected it: no window" in ended.stdout
        assert has(network) == [False, False, False]

    def test_a_pause_without_a_terminal_is_answered_later_and_observers_hear_each_reminder_once(
        self, site: ProjectFolder, network: Fleet
    ) -> None:
        pausing = f"""
            name: ntp
            version: 1.0
            rollout:
              batches: [1, 100%]
              pause_after: {{batches: 1, approvers: 0, text: "look at {{{{ steps.configure.changed_hosts[0] }}}}", remind: 1h}}
            steps: [{{id: configure, type: netmiko.config, lines: [{LINE}]}}]
        """
        site.write("ntp.yaml", pausing)
        site.write("seer.py", SEER)
        site.write("nornflow.yaml", "plugins: {local: [seer.py]}\n")
        asked = site.run("run", "ntp.yaml", "--yes")
        assert (asked.exit_code, "the pause after batch 1 waits for a yes of anybody" in asked.stdout) == (4, True)
        with closing(sqlite3.connect(site.path / ".nornflow" / "nornflow.db")) as database, database:
            database.execute("UPDATE waits SET remind = remind - 3600000000")
        for _ in range(2):
            assert site.run("runs", "resume", latest(site)["id"]).exit_code == 4
        assert (site.path / "seen").read_text() == "wait.reminded look at r1\n"
        site.run("approve", latest(site)["id"], "--comment", "root has simulated-login").ok()
        site.run("runs", "resume", latest(site)["id"], "--yes").ok()
        assert written(network) == [1, 1, 1]
        assert kept(site, "SELECT comment FROM wait_answers") == ["root has ********"]

    def test_what_holds_a_login_is_kept_masked_or_sealed_and_comes_as_it_was(
        self, site: ProjectFolder, network: Fleet
    ) -> None:
        site.write("look.yaml", LOOK)
        site.run("plan", "ntp.yaml", "-o", "ntp.plan").ok()
        site.run("reject", "ntp.plan", "--comment", "simulated-login is wrong").ok()
        assert site.run("run", "look.yaml").exit_code == 4
        run = latest(site)["id"]
        site.run("runs", "signal", run, "go", "--data", '{"as": "simulated-login"}').ok()
        assert "simulated-login" not in "".join(
            kept(site, "SELECT comment FROM plan_answers") + kept(site, "SELECT data FROM signals")
        )
        (site.path / "inventory" / "hosts.yaml").rename(site.path / "hosts.yaml")
        assert (
            "logins of its devices are not masked" in site.run("runs", "signal", run, "go", "--data", "1").ok().stderr
        )
        (site.path / "hosts.yaml").rename(site.path / "inventory" / "hosts.yaml")
        assert "as ********" in site.run("runs", "resume", run).ok().stdout

    def test_a_called_workflow_asks_others_than_its_author_and_each_step_somebody_else(
        self, site: ProjectFolder, become: As
    ) -> None:
        part = """
            name: part
            version: 1.0
            author: bin
            steps:
              - {id: board, type: approval}
              - {id: noc, type: approval, different_from: [board]}
        """
        site.write("parts/part.yaml", part)
        site.write(
            "caller.yaml",
            "name: caller\nversion: 1.0\nsteps: [{id: call, type: workflow, file: parts/part.yaml}]\n",
        )
        assert site.run("run", "caller.yaml", "--yes").exit_code == 4
        run = latest(site)["id"]
        both = site.run("approve", run)
        assert (both.exit_code, "--step call.board, --step call.noc" in both.stderr) == (2, True)
        for user, step, why in (
            ("bin", "call.board", "bin wrote the workflow"),
            ("nobody", "call.board", ""),
            ("nobody", "call.noc", "nobody approved step call.board, and somebody else"),
            ("daemon", "call.noc", ""),
        ):
            become(user)
            said = site.run("approve", run, "--step", step)
            assert (said.exit_code, why in said.stderr) == (3 if why else 0, True), said
        become("root")
        site.run("runs", "resume", run).ok()

    def test_without_a_store_nobody_can_be_asked_behind_a_batch(self, site: ProjectFolder, network: Fleet) -> None:
        pausing = f"""
            name: ntp
            version: 1.0
            rollout: {{batches: [1, 100%], pause_after: {{batches: [1]}}}}
            steps: [{{id: configure, type: netmiko.config, lines: [{LINE}]}}]
        """
        site.write("ntp.yaml", pausing)
        site.write("nornflow.yaml", "store: {url: none}\n")
        refused = site.run("run", "ntp.yaml", "--yes")
        assert (refused.exit_code, "nothing is remembered here" in refused.stderr) == (2, True)
        assert has(network) == [False, False, False]

    @pytest.mark.parametrize(
        ("form", "told"),
        [
            ("markdown", "It waits: step ci waits for the signal ci-done, until "),
            ("junit", '<testcase classname="pipeline" name="step ci" time="0">'),
        ],
    )
    def test_a_form_for_machines_says_what_is_waited_for(self, site: ProjectFolder, form: str, told: str) -> None:
        asked = site.run("run", "pipeline.yaml", "--format", form)
        assert (asked.exit_code, told in asked.stdout) == (4, True)

    def test_what_is_no_file_and_no_run_is_told_as_such(self, site: ProjectFolder) -> None:
        nothing = site.run("approve", "20261122")
        assert (nothing.exit_code, "neither a plan file '20261122' nor a run" in nothing.stderr) == (2, True)
        assert site.run("reject", "20261122", "--step", "board").exit_code == 2
        site.run("run", "pipeline.yaml", "--yes")
        wrong = site.run("approve", latest(site)["id"])
        assert (wrong.exit_code, "waits for no approval" in wrong.stderr) == (2, True)


class TestSignals:
    def test_a_signal_brings_its_data(self, site: ProjectFolder, tmp_path: Path) -> None:
        asked = site.run("run", "pipeline.yaml", "--yes")
        assert (asked.exit_code, "waits for the signal ci-done, until" in asked.stdout) == (4, True)
        run = latest(site)["id"]
        for words in (("runs", "signal", run, "ci-done", "--data", "\udcff"), ("approve", "\udcff")):
            bytes_ = site.run(*words)
            assert (bytes_.exit_code, "no UTF-8 text: '\\udcff'" in bytes_.stderr) == (2, True)
        unknown = site.run("runs", "signal", run, "ci-don")
        assert (unknown.exit_code, "did you mean 'ci-done'" in unknown.stderr) == (2, True)
        (tmp_path / "large.json").write_text('"' + "x" * 70_000 + '"')
        for data, why in (("{", "is no JSON"), ("@no-file", "cannot be read"), (f"@{tmp_path}/large.json", "at most")):
            wrong = site.run("runs", "signal", run, "ci-done", "--data", data)
            assert (wrong.exit_code, why in wrong.stderr) == (2, True), wrong
        (tmp_path / "built.json").write_text('{"build": 42}')
        site.run("runs", "signal", run, "ci-done", "--data", f"@{tmp_path}/built.json").ok()
        assert "build 42" in site.run("runs", "resume", run).ok().stdout
        late = site.run("runs", "signal", run, "ci-done")
        assert (late.exit_code, "has ended" in late.stderr) == (1, True)


class TestMeanwhile:
    def test_a_waiting_run_that_is_cancelled_takes_back_what_is_half_done(
        self, site: ProjectFolder, network: Fleet
    ) -> None:
        site.run("run", "ntp.yaml", "--yes")
        run = latest(site)["id"]
        ended = site.run("runs", "cancel", run, "--after-device").ok()
        assert ended.stdout == f"run {run} has ended: cancelled\n"
        assert has(network) == [False, False, False]
        assert "root ended the run after the devices at work" in site.record()["error"]
        assert site.run("approve", run).exit_code == 1

    def test_others_may_change_a_device_meanwhile_and_the_run_leaves_it_to_them(
        self, site: ProjectFolder, network: Fleet
    ) -> None:
        other = """
            name: other
            version: 1.0
            steps: [{id: configure, type: netmiko.config, lines: [logging host 192.0.2.9]}]
        """
        site.write("other.yaml", other)
        site.run("run", "ntp.yaml", "--yes")
        run = latest(site)["id"]
        site.run("run", "other.yaml", "--yes", "--limit", "r1,r2").ok()
        site.run("approve", run).ok()
        assert site.run("runs", "resume", run, "--yes").exit_code in (1, 4)
        assert network["r1"].running_config.count("logging host 192.0.2.9") == 1
        assert written(network) == [1, 0, 0]
