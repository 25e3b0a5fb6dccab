"""The report of a change on simulated routers, and the states before and after it, also when the process is killed."""

from __future__ import annotations

import json
import os
import pwd
import signal
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from killed import CutRouter, Scene
from nornflow.testing import EosFleet, Fleet
from nornflow.testing.project import ProjectFolder

pytestmark = pytest.mark.e2e

WORKFLOW = """
name: drain
version: 1.0
on_failure: rollback
rollout: {batches: [1, 100%]}
snapshot:
  take:
    - {id: bgp, type: textfsm.show, command: show ip bgp summary}
    - id: up
      type: ttp.show
      command: show ip interface brief
      template: ip_interface_brief
      outputs: {interfaces: {from: "[i.interface for i in parsed if i.up]"}}
  unexplained: UNEXPLAINED
steps:
  - id: change
    type: netmiko.config
    lines: LINES
"""
DRAIN = ["router bgp 65001", "neighbor 10.0.0.2 shutdown", "snmp-server contact noc"]
CUT = ["interface GigabitEthernet1", "shutdown"]
FORMS = ("text", "markdown", "html", "json", "junit")


def drain(lines: list[str], unexplained: str = "warn") -> str:
    return WORKFLOW.replace("LINES", json.dumps(lines)).replace("UNEXPLAINED", unexplained)


@pytest.fixture
def site(project: Callable[..., ProjectFolder], fleet: Callable[..., Fleet]) -> ProjectFolder:
    return project({"cut.yaml": drain(CUT, "fail"), "drain.yaml": drain(DRAIN)}, fleet=fleet(count=3))


def differences(record: Any, host: str = "r1") -> dict[str, str]:
    (step,) = [step for step in record["steps"] if step["step_id"] == "state:differences"]
    return {each["path"]: each["class"] for each in step["hosts"][host]["outputs"]["differences"]}


def test_a_board_reads_what_was_approved_what_was_sent_and_what_it_broke(site: ProjectFolder) -> None:
    assert site.run("run", "cut.yaml", "--yes", "--limit", "r1,r2").exit_code == 1
    run = site.record()["id"]
    shown = {form: site.run("runs", "show", run[:18], "--format", form).ok().stdout for form in FORMS}
    for form in ("text", "markdown", "html"):
        for words in ("bgp.10.0.0.2.state_or_prefixes_received", "Active", "It was taken back", "approved", "shutdown"):
            assert words in shown[form], (form, words)
    for form in ("markdown", "html"):
        for words in ("interface GigabitEthernet1 / shutdown", "before:bgp", "running == pre-image"):
            assert words in shown[form], (form, words)
    found = json.loads(shown["json"])
    assert differences(found) == {
        "bgp.10.0.0.2.state_or_prefixes_received": "collateral",
        "bgp.10.0.0.2.up_down": "noise",
        "up.GigabitEthernet1": "intended",
    }
    said = json.loads(site.run("runs", "plan", run, "--format", "json").ok().stdout)["answers"]
    assert found["report"]["plan"] == said[0]["plan"]
    assert found["report"]["sent"] == [
        {"step": "change", "host": "r1", "lines": CUT, "connection": "netmiko", "attempt": 1, "hidden": False}
    ]
    suite = ElementTree.fromstring(shown["junit"])
    (failed,) = [case for case in suite.iter("testcase") if case.find("failure") is not None]
    assert (failed.get("classname"), failed.get("name")) == ("drain.state:differences", "r1")


def test_a_report_is_written_to_a_file_whole_or_not_at_all(site: ProjectFolder) -> None:
    site.run("run", "drain.yaml", "--yes", "--limit", "r1").ok()
    run = site.record()["id"]
    assert site.run("runs", "show", run, "--format", "html", "-o", "change.html").ok().stdout == ""
    assert (site.path / "change.html").read_text().startswith("<!doctype html>")
    refused = site.run("runs", "show", run, "--format", "html", "-o", "nowhere/change.html")
    assert (refused.exit_code, "nowhere/change.html cannot be written" in refused.stderr) == (2, True)
    assert "nowhere" not in "".join(path.name for path in site.path.iterdir())
    assert site.run("runs", "show", run, "-o", "run.json").ok()
    assert json.loads((site.path / "run.json").read_text()) == site.record()


@pytest.mark.parametrize("planned", [True, False])
def test_a_secret_in_the_lines_stands_in_no_form_of_the_report(site: ProjectFolder, planned: bool) -> None:
    password = Fleet(1).credentials.password
    site.write("secret.yaml", drain([f"snmp-server location {password}"]))
    site.run("run", "secret.yaml", "--yes", "--limit", "r1").ok()
    run = site.record()["id"]
    if not planned:  # as if the step had been planned only when it was applied
        database = site.path / ".nornflow" / "nornflow.db"
        with closing(sqlite3.connect(database)) as connection, connection:
            connection.execute("DELETE FROM approvals")
    for form in FORMS:
        text = site.run("runs", "show", run, "--format", form).ok().stdout
        assert password not in text, form
    sent = site.run("runs", "show", run, "--format", "json").ok().json()["report"]["sent"]
    assert [each["hidden"] for each in sent] == [not planned]
    assert [bool(each["lines"]) for each in sent] == [planned]


def test_who_approved_a_sealed_plan_stands_in_the_report_of_the_run_that_applied_it(
    site: ProjectFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.write("nornflow.yaml", "profiles: {board: {extends: standard, approvals: {count: 1}}}")
    site.run("plan", "drain.yaml", "-o", "change.plan", "--limit", "r1", "--profile", "board").ok()
    digest = json.loads((site.path / "change.plan").read_text())["hash"]
    with monkeypatch.context() as other:
        other.setattr(os, "getuid", lambda: pwd.getpwnam("daemon").pw_uid)
        site.run("approve", "change.plan", "--comment", "seen | by <b>two</b>").ok()
    site.run("apply", "change.plan", "--yes").ok()
    run = site.record()["id"]
    for form in ("text", "markdown", "html"):
        text = site.run("runs", "show", run, "--format", form).ok().stdout
        assert digest in text, form
        assert "daemon" in text, form
        assert "nornflow approve" in text, form
        assert "Applied exactly as it was approved." in text, form
    assert "seen \\| by &lt;b&gt;two&lt;/b&gt;" in site.run("runs", "show", run, "--format", "markdown").ok().stdout


def test_what_getters_of_napalm_give_is_compared(
    eos_fleet: Callable[..., EosFleet], project: Callable[..., ProjectFolder]
) -> None:
    text = """
        name: names
        version: 1.0
        snapshot:
          take:
            - {id: interfaces, type: napalm.get, getters: [interfaces]}
            - {id: facts, type: napalm.get, getters: [facts]}
          intended: [facts.fqdn]
          unexplained: fail
        steps:
          - id: change
            type: napalm.config
            lines: [interface Ethernet2, description new words, no shutdown, hostname renamed]
        """
    site = project({"names.yaml": text}, fleet=eos_fleet(count=1))
    site.run("run", "names.yaml", "--yes").ok()
    assert differences(site.record(), "sw1") == {
        "interfaces.Ethernet2.is_up": "intended",
        "interfaces.Ethernet2.is_enabled": "intended",
        "interfaces.Ethernet2.description": "intended",
        "facts.hostname": "intended",
        "facts.fqdn": "intended",
        "facts.uptime": "noise",
    }


def test_a_run_that_is_killed_in_its_change_compares_with_what_was_there_before_it(tmp_path: Path) -> None:
    def scene(name: str, fleet: Fleet) -> Scene:
        return Scene.made_of(tmp_path / name, fleet, {"ntp.yaml": drain(DRAIN)})

    words = ("run", "ntp.yaml", "--yes", "--limit", "r1")
    found = []
    for name in ("calm", "killed"):
        with Fleet(3) as fleet:
            made = scene(name, fleet)
            if name == "calm":
                made.nornflow(*words)
            else:
                cut = CutRouter(fleet["r1"], 2)  # the session is shut, the rest is not sent
                with made.start(*words) as process:
                    cut.pid = process.pid
                    assert process.wait(60) == -signal.SIGKILL
            (run,) = made.ask("runs", "list", "--format", "json")
            if name == "killed":
                assert "shutdown" in fleet["r1"].running_config.partition("router bgp")[2]
                assert made.resume(run["id"]) == 0
            found.append(differences(made.ask("runs", "show", run["id"])))
    assert found[0] == found[1]
    assert found[0]["bgp.10.0.0.2.state_or_prefixes_received"] == "intended"
