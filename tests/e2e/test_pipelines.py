"""Pipelines from the command line, over simulated routers: each entry a run of its own, whatever dies on the way."""

from __future__ import annotations

import os
import signal
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from nornflow.testing import Fleet
from nornflow.testing.project import ProjectFolder
from patience import soon
from running import SAY, SITE, ended, over, running, runs

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

MakeFleet = Callable[..., Fleet]
MakeProject = Callable[..., ProjectFolder]
EXAMPLE = Path(__file__).parents[2] / "pipelines" / "change-window.yaml"
CHANGE = """
name: change
version: 1.0
on_failure: rollback
inputs: {server: {type: string, required: true}}
steps:
  - {id: configure, type: netmiko.config, lines: ["ntp server {{ inputs.server }}"]}
  - {id: linger, type: script, depends_on: [configure], script: "WAIT"}
""".replace("WAIT", "echo > ../../../../lingering; while [ ! -e ../../../../over ]; do sleep 0.05; done")
EDIT = """
name: edit
version: 1.0
steps: [{id: edit, type: script, script: "echo 'description: another one' >> ../../../../say.yaml"}]
"""
WINDOW = """
name: window
entries:
  - {id: change, workflow: change.yaml, inputs: {server: 192.0.2.10}}
  - {id: last, workflow: say.yaml, inputs: {text: "after {{ runs.change.state }}"}, after: change}
"""
SEER = """
    from pathlib import Path

    from nornflow import Observer, hookimpl


    class Seer(Observer):
        name = "seer"

        def observe(self, event):
            if event.kind.value.startswith("pipeline."):
                with Path("seen").open("a") as seen:
                    seen.write(f"{event.kind} {event.data.get('entry') or event.data['name']} {event.data['state']}\\n")


    @hookimpl
    def nornflow_observers():
        yield Seer()
    """
FILES = {**SITE, "say.yaml": SAY, "change.yaml": CHANGE, "window.yaml": WINDOW}
LINE = "ntp server 192.0.2.10"


def shown(site: ProjectFolder) -> dict[str, Any]:
    """The newest pipeline."""
    found: list[dict[str, Any]] = site.run("pipeline", "list", "--format", "json").ok().json()
    return found[0]


def states(site: ProjectFolder) -> dict[str, str]:
    return {entry["id"]: entry["state"] for entry in shown(site)["entries"]}


def entry(site: ProjectFolder, name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(one for one in shown(site)["entries"] if one["id"] == name)
    return found


def worker_of(site: ProjectFolder, run: str) -> int:
    """The process that carries out a run."""
    locks = site.run("locks", "list", "--format", "json").ok().json()
    return next(int(lock["holder"]["pid"]) for lock in locks if lock["holder"] and lock["holder"]["run"] == run)


@pytest.fixture
def network(fleet: MakeFleet) -> Fleet:
    return fleet(count=2)


@pytest.fixture
def site(network: Fleet, project: MakeProject) -> ProjectFolder:
    return project(FILES, fleet=network)


def at_change(site: ProjectFolder) -> bool:
    return (site.path / "lingering").exists()


def test_the_example_backs_up_changes_looks_and_tells(fleet: MakeFleet, project: MakeProject) -> None:
    network = fleet(count=2)
    site = project({}, fleet=network)
    site.run("pipeline", "validate", str(EXAMPLE)).ok()
    words = (str(EXAMPLE), "-i", 'servers=["192.0.2.10"]')
    planned = site.run("pipeline", "plan", *words, "--detailed-exitcode")
    assert planned.exit_code == 10
    assert "+ntp server 192.0.2.10" in planned.stdout
    assert "tell (hello.yaml): not planned: its inputs come from runs that have not been" in planned.stdout
    assert LINE not in network["r2"].running_config
    record = site.run("pipeline", "run", *words, "--yes", "--format", "json").ok().json()
    assert [one["state"] for one in record["entries"]] == ["succeeded"] * 4, record
    assert LINE in network["r2"].running_config
    last = site.run("runs", "show", record["entries"][-1]["run"]).ok().json()
    assert last["inputs"]["name"] == "r2"
    assert "change-window" in site.run("pipeline", "list", "--status", "succeeded").ok().stdout
    assert site.run("pipeline", "list", "--status", "failed").ok().stdout == "no pipelines\n"


def test_a_run_without_a_yes_ends_with_4_and_a_workflow_that_was_changed_meanwhile_is_not_run(
    site: ProjectFolder, network: Fleet
) -> None:
    site.write("edit.yaml", EDIT)
    site.write("say.yaml", SAY)
    site.write(
        "window.yaml",
        """
        name: window
        mode: sequential
        on_failure: continue
        entries:
          - {id: edit, workflow: edit.yaml, after: []}
          - {id: change, workflow: change.yaml, inputs: {server: 192.0.2.10}}
          - {id: last, workflow: say.yaml, inputs: {text: hello}}
        """,
    )
    done = site.run("pipeline", "run", "window.yaml", "--format", "json")
    assert done.exit_code == 1
    edit, change, last = done.json()["entries"]
    assert edit["state"] == "succeeded", edit
    assert (change["state"], change["exit_code"]) == ("cancelled", 4)
    assert "there is no terminal to ask on" in change["error"]
    assert LINE not in network["r1"].running_config
    assert (last["state"], last["run"], last["exit_code"]) == ("failed", "", 2)
    assert "is not what it was when the pipeline was begun" in last["error"]
    log = site.path / ".nornflow" / "pipelines" / shown(site)["id"] / "last-1.log"
    assert log.stat().st_mode & 0o077 == 0
    with closing(sqlite3.connect(site.path / ".nornflow" / "nornflow.db")) as database, database:
        for table in ("runs", "pipelines"):
            database.execute(f"UPDATE {table} SET completed_at = completed_at - 91 * 86400000000")
    site.run("db", "purge", "--older-than", "90d", "--files").ok()
    assert site.run("pipeline", "list").ok().stdout == "no pipelines\n"
    assert not log.exists()


@pytest.mark.faults
def test_whatever_dies_each_run_is_done_once_and_the_pipeline_goes_on(site: ProjectFolder, network: Fleet) -> None:
    with running(site, "pipeline", "run", "window.yaml", "--yes") as process:
        assert soon(lambda: at_change(site), 60)
        process.send_signal(signal.SIGKILL)
        process.wait(10)
        assert "cut off" in site.run("pipeline", "list").ok().stdout
        run = entry(site, "change")["run"]
        assert "goes on" in site.run("pipeline", "resume", "--all", "--yes").ok().stdout
        assert soon(lambda: shown(site)["fence"] == 2, 60, every=0.2)
        held = site.run("pipeline", "resume", shown(site)["id"])
        assert (held.exit_code, "is led by" in held.stderr) == (1, True)
        os.kill(worker_of(site, run), signal.SIGKILL)
        assert soon(lambda: entry(site, "change")["deaths"] == 1, 60, every=0.2)
        over(site)
        assert soon(lambda: bool(shown(site)["completed_at"]), 60, every=0.2)
    assert entry(site, "change")["run"] == run, "the run lived on, and then it was gone on with"
    assert [workflow for workflow, _ in runs(site)].count("change") == 1
    assert [[heard.line for heard in network[name].log].count(LINE) for name in ("r1", "r2")] == [1, 1]
    assert shown(site)["completed_at"]
    assert site.run("pipeline", "resume", shown(site)["id"]).exit_code == 2


def test_a_pipeline_is_ended_from_elsewhere_and_by_ctrl_c_further_each_time(
    site: ProjectFolder, network: Fleet
) -> None:
    with running(site, "pipeline", "run", "window.yaml", "--yes") as process:
        assert soon(lambda: at_change(site), 60)
        assert site.run("pipeline", "cancel", shown(site)["id"]).exit_code == 2
        site.run("pipeline", "cancel", shown(site)["id"], "--after-entries").ok()
        assert soon(lambda: states(site) == {"change": "running", "last": "cancelled"}, 60, every=0.2)
        for level in ("after-device", "now-and-roll-back"):
            process.send_signal(signal.SIGINT)
            assert soon(lambda level=level: (shown(site)["wish"] or {})["level"] == level, 60, every=0.2)
        code, said = ended(process)
    assert code == 1
    assert states(site) == {"change": "cancelled", "last": "cancelled"}, said
    assert LINE not in network["r1"].running_config
    assert site.run("pipeline", "cancel", shown(site)["id"], "--after-entries").exit_code == 1


def test_a_pipeline_that_nobody_leads_is_ended_by_who_cancels_it(site: ProjectFolder, network: Fleet) -> None:
    with running(site, "pipeline", "run", "window.yaml", "--yes") as process:
        assert soon(lambda: at_change(site), 60)
        process.send_signal(signal.SIGKILL)
        process.wait(10)
        told = site.run("pipeline", "cancel", shown(site)["id"], "--now-and-roll-back").ok()
    assert "has ended: cancelled" in told.stdout
    assert LINE not in network["r1"].running_config


def test_an_entry_whose_time_is_over_is_taken_back(site: ProjectFolder, network: Fleet) -> None:
    slow = "{id: change, workflow: change.yaml, inputs: {server: 192.0.2.10}, timeout: 4s}"
    site.write(
        "slow.yaml", f"name: slow\nentries:\n  - {slow}\n  - {{id: last, workflow: say.yaml, inputs: {{text: x}}}}\n"
    )
    done = site.run("pipeline", "run", "slow.yaml", "--yes")
    assert done.exit_code == 1
    assert entry(site, "change")["state"] == "timed_out"
    assert "its time was over" in done.stdout
    assert LINE not in network["r1"].running_config


def test_a_file_with_faults_begins_nothing_and_says_all_of_them(project: MakeProject) -> None:
    site = project({"say.yaml": SAY, "bad.yaml": "name: x\nsteps: []\n"})
    site.write(
        "p.yaml", "name: p\nentries:\n  - {id: a, workflow: bad.yaml, after: a}\n  - {id: b, workflow: say.yaml}\n"
    )
    done = site.run("pipeline", "run", "p.yaml")
    assert done.exit_code == 2
    assert all(code in done.stderr for code in ("NF601", "NF603", "NF607", "NF102"))
    assert site.run("pipeline", "list").ok().stdout == "no pipelines\n"


def test_a_pipeline_waits_without_a_process_for_an_answer_to_one_of_its_runs(project: MakeProject) -> None:
    files = {
        "ask.yaml": """
            name: ask
            version: 1.0
            steps:
              - {id: ci, type: wait, signal: ci-done, expires: 2h}
              - id: say
                type: shell
                depends_on: ci
                command: "echo {{ steps.ci.data.build }}"
                outputs: {built: {from: stdout}}
            outputs: {built: {from: steps.say.outputs.built}}
            """,
        "window.yaml": """
            name: window
            entries:
              - {id: ask, workflow: ask.yaml}
              - {id: last, workflow: say.yaml, inputs: {text: "build {{ runs.ask.outputs.built }}"}, after: ask}
            """,
    }
    settings = {"nornflow.yaml": "profile: elevated\nplugins: {local: [seer.py]}\n", "seer.py": SEER}
    site = project({"say.yaml": SAY, **settings, **files})
    waits = site.run("pipeline", "run", "window.yaml")
    assert waits.exit_code == 4, waits
    assert "ci-done" in waits.stdout
    assert shown(site)["state"] == "waiting"
    assert site.run("pipeline", "resume", shown(site)["id"]).exit_code == 4
    assert site.run("pipeline", "resume", "--all").ok().stdout == "no pipeline is to be gone on with\n"
    assert site.run("pipeline", "resume").exit_code == 2
    run = entry(site, "ask")["run"]
    site.run("runs", "signal", run, "ci-done", "--data", '{"build": 42}').ok()
    site.run("pipeline", "resume", shown(site)["id"]).ok()
    assert states(site) == {"ask": "succeeded", "last": "succeeded"}
    seen = (site.path / "seen").read_text().split("\n")
    assert "pipeline.state window waiting" in seen
    assert [line for line in seen if line.startswith("pipeline.entry last")] == [
        "pipeline.entry last running",
        "pipeline.entry last succeeded",
    ]
    assert site.run("runs", "show", entry(site, "last")["run"]).ok().json()["inputs"]["text"] == "build 42"


def test_a_plan_of_a_pipeline_ends_as_the_worst_plan_of_its_entries(project: MakeProject) -> None:
    look = "name: look\nversion: 1.0\nsteps:\n  - {id: it, type: netmiko.config, lines: [ntp server 192.0.2.1]}\n"
    entries = {
        "say": "{id: a, workflow: say.yaml, inputs: {text: hi}}",
        "look": "{id: b, workflow: look.yaml}",
        "denied": "{id: c, workflow: say.yaml, inputs: {text: hi}, profile: blind}",
    }
    settings = "profiles: {blind: {extends: standard, deny: [workflow.plan]}}\n"
    inventory = "r1: {hostname: 127.0.0.1, port: 1, platform: cisco_ios, username: x, password: y}\n"
    files = {"say.yaml": SAY, "look.yaml": look, "nornflow.yaml": settings, "inventory/hosts.yaml": inventory}
    site = project(files)
    for names, code in ((["say"], 0), (["look", "say"], 1), (["look", "denied"], 3)):
        site.write("p.yaml", "name: p\nentries:\n" + "".join(f"  - {entries[name]}\n" for name in names))
        done = site.run("pipeline", "plan", "p.yaml", "--format", "json", "--detailed-exitcode")
        assert done.exit_code == code, done
        if code != 3:
            assert [one["plan"]["workflow"] for one in done.json()] == names
