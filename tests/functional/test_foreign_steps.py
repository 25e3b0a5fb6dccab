"""Step types as strangers write them, on simulated routers: whatever they do, the plan, the record and the device are right."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree

import pytest

from nornflow.testing import EosFleet, Fleet
from nornflow.testing.project import ProjectFolder

MakeFleet = Callable[..., Fleet]
MakeProject = Callable[..., ProjectFolder]
Site = Callable[..., tuple[ProjectFolder, Fleet]]

PLUGIN = '''
import os, sys, threading, time
from nornir.core.task import Result
from pydantic import BaseModel, field_validator
from nornflow import HostState, Scope, StepResult, StepType, device_step, hookimpl

CONFIGURES = frozenset({"device.read", "device.configure"})
for_ever = threading.Event()


def hang():
    while True:
        try:
            for_ever.wait()
        except BaseException:
            pass


ACTS = {
    "nothing": lambda: None,
    "raise": lambda: 1 / 0,
    "exit": lambda: sys.exit(0),
    "fail": lambda: StepResult(HostState.FAILED),
    "odd": lambda: StepResult(outputs=None),
    "generator": lambda: (n for n in range(3)),
    "nan": lambda: {"rate": float("nan")},
    "half": lambda: "ab\\udc80",
    "hang": hang,
    "changed": lambda: StepResult(HostState.CHANGED, changed=True, diff="+ a file\\n"),
    "print": lambda: print("loud simulated-login") or os.write(1, b"louder\\n") and None,
    "many": lambda: Result(host=None, failed=True, result="bad\\n  r9: look changed"),
    "ask": lambda: input("password: "),
    "thread": lambda: threading.Thread(target=for_ever.wait, daemon=False).start(),
}


class Params(BaseModel):
    planning: str = "nothing"
    applying: str = "nothing"
    lines: list[str] = []

    @field_validator("planning")
    @classmethod
    def known(cls, value):
        if value == "leave":
            sys.exit(4)
        return value


class Lines(StepType):
    """Sends its lines, and then does something odd."""

    name = "acme.lines"
    permissions = CONFIGURES
    Params = Params

    def apply(self, context, params):
        if params.lines:
            context.connection("netmiko").send_config_set(params.lines)
        return ACTS[params.planning if context.mode == "plan" else params.applying]()


class Reads(StepType):
    """Reads, and does something odd."""

    name = "acme.reads"
    permissions = frozenset({"device.read"})
    Params = Params

    def apply(self, context, params):
        return ACTS[params.applying]()


class Once(StepType):
    """Runs once, and plans itself."""

    name = "acme.once"
    scope = Scope.RUN
    Params = Params

    def plan(self, context, params):
        return ACTS[params.planning]()

    def apply(self, context, params):
        return ACTS[params.applying]()


class Shy(Reads):
    """Does not know what it needs."""

    name = "acme.shy"

    def needs(self, params):
        return None


@device_step("acme.location", permissions=CONFIGURES)
def location(task, lines: list[str]):
    """Adds a line of its own to those that it was given."""
    from nornir_netmiko.tasks import netmiko_send_config

    lines.append(f"snmp-server location {task.host.name}")
    return task.run(task=netmiko_send_config, config_commands=lines)


@hookimpl
def nornflow_step_types():
    yield from (Lines(), Reads(), Once(), Shy(), location)
'''
SETTINGS = "plugins: {local: [acme.py]}\n"
NTP = "ntp server 192.0.2.91"


def workflow(*steps: str, head: str = "") -> str:
    return f"name: foreign\nversion: 1.0\n{head}\nsteps:\n" + "".join(f"  - {step}\n" for step in steps)


def lines(applying: str = "nothing", more: str = "") -> str:
    return f"{{id: change, type: acme.lines, applying: {applying}, lines: [{NTP}]{more}}}"


@pytest.fixture
def site(fleet: MakeFleet, project: MakeProject) -> Site:
    """Return the maker of a project with the strangers' plugin and one workflow, and of its routers."""

    def make(text: str, count: int = 1) -> tuple[ProjectFolder, Fleet]:
        routers = fleet(count=count)
        files = {"acme.py": PLUGIN, "w.yaml": text}
        folder = project(files, fleet=routers)
        folder.write("nornflow.yaml", SETTINGS)
        return folder, routers

    return make


def run(folder: ProjectFolder, expect: int, *words: str) -> dict[str, Any]:
    outcome = folder.run("run", "w.yaml", "--yes", *words)
    assert outcome.exit_code == expect, f"{outcome.stdout}\n{outcome.stderr}"
    assert "Traceback" not in outcome.stderr
    return folder.record()


class TestPlans:
    def test_a_plan_that_says_it_failed_is_not_a_plan_without_a_change(self, site: Site) -> None:
        folder, _ = site(workflow("{id: change, type: acme.lines, planning: fail}"))
        outcome = folder.run("plan", "w.yaml", "--format", "json")
        assert outcome.exit_code == 1
        assert outcome.json()["hosts"][0]["error"] == "change: acme.lines says that it failed, and not why"
        host = run(folder, 1)["hosts"][0]
        assert (host["state"], host["failed_step"]) == ("failed", "change")

    def test_a_step_of_the_run_may_raise_while_it_is_planned(self, site: Site) -> None:
        once = "{id: once, type: acme.once, planning: raise}"
        folder, _ = site(workflow(once, lines(more=", depends_on: once")))
        outcome = folder.run("plan", "w.yaml", "--format", "json")
        assert "Traceback" not in outcome.stderr
        assert "internal error" not in outcome.stderr

    def test_what_one_device_was_given_is_not_what_another_made_of_it(self, site: Site) -> None:
        folder, _ = site(workflow(f"{{id: change, type: acme.location, lines: [{NTP}]}}"), count=3)
        for host in folder.run("plan", "w.yaml", "--format", "json").json()["hosts"]:
            assert host["steps"][0]["lines"] == [NTP, f"snmp-server location {host['host']}"]

    @pytest.mark.parametrize("step", ["{id: a, type: acme.shy}", "{id: a, type: acme.reads, planning: leave}"])
    def test_a_step_type_that_breaks_on_its_keys_is_a_diagnostic(self, site: Site, step: str) -> None:
        folder, _ = site(workflow(step))
        outcome = folder.run("plan", "w.yaml")
        assert outcome.exit_code == 2
        assert "NF206" in outcome.stderr


class TestChanges:
    @pytest.mark.parametrize("applying", ["raise", "exit", "fail", "odd", "generator"])
    def test_a_step_that_goes_wrong_behind_its_lines_is_read_back(self, site: Site, applying: str) -> None:
        folder, _ = site(workflow(lines(applying)))
        record = run(folder, 1)
        host = record["hosts"][0]
        assert (host["state"], host["failed_step"]) == ("failed", "change")
        assert host["error"]
        assert f"+{NTP}" in host["diff"]
        assert host["error"].splitlines()[0] in record["error"]

    @pytest.mark.parametrize("applying", ["raise", "fail"])
    def test_and_taken_back_where_that_is_wanted(self, site: Site, applying: str) -> None:
        folder, routers = site(workflow(lines(applying), head="on_failure: rollback"))
        before = routers["r1"].running_config
        assert run(folder, 1)["hosts"][0]["rollback"] == "running == pre-image"
        assert routers["r1"].running_config == before

    def test_a_rollback_does_not_wait_for_a_thread_that_never_ends(self, site: Site) -> None:
        folder, routers = site(workflow(lines("hang", ", timeout: 1"), head="on_failure: rollback"))
        before = routers["r1"].running_config
        host = run(folder, 1)["hosts"][0]
        assert (host["state"], host["reason"]) == ("rolled_back", "timeout")
        assert routers["r1"].running_config == before

    def test_a_step_that_may_only_read_changes_no_device(self, site: Site) -> None:
        folder, _ = site(workflow("{id: look, type: acme.reads, applying: changed}"))
        record = run(folder, 0)
        assert (record["hosts"][0]["state"], record["hosts"][0]["diff"]) == ("ok", "")
        assert record["steps"][0]["hosts"]["r1"]["outputs"]["diff"] == "+ a file\n"


def napalm(more: str = "") -> str:
    args = '{configuration: "ntp server 192.0.2.98\\n", revert_in: 60}'
    return f"{{id: change, type: nornir.task, task: nornir_napalm.plugins.tasks.napalm_configure, args: {args}{more}}}"


class TestTasksOfNapalm:
    def test_a_commit_under_a_timer_that_nobody_confirms_is_refused(self, project: MakeProject) -> None:
        outcome = project({"w.yaml": workflow(napalm())}).run("validate", "w.yaml")
        assert outcome.exit_code == 2
        assert "NAPALM001" in outcome.stdout + outcome.stderr

    @pytest.mark.parametrize(
        "step",
        [
            napalm(),
            "{id: change, type: napalm.config, lines: [ntp server 192.0.2.98], revert_in: 60}",
            "{id: confirm, type: napalm.confirm}",
        ],
    )
    def test_a_timer_of_a_step_and_one_of_the_run_do_not_go_together(self, project: MakeProject, step: str) -> None:
        text = workflow("{id: first, type: napalm.config, lines: [ntp server 192.0.2.97]}", step)
        held = text.replace("version: 1.0", "version: 1.0\nconfirm: {within: 5m}")
        assert "NAPALM002" not in project({"w.yaml": text}).run("validate", "w.yaml").stdout
        outcome = project({"w.yaml": held}).run("validate", "w.yaml")
        assert (outcome.exit_code, "NAPALM002" in outcome.stdout + outcome.stderr) == (2, True)

    def test_a_task_that_commits_does_so_under_the_timer_of_the_run(
        self, eos_fleet: Callable[..., EosFleet], project: MakeProject
    ) -> None:
        switches = eos_fleet(count=2)
        before = {switch.name: switch.startup_config for switch in switches}
        look = "{id: look, type: assert, depends_on: change, condition: host.name == 'sw1'}"
        text = workflow(napalm().replace(", revert_in: 60", ""), look).replace(
            "version: 1.0", "version: 1.0\nconfirm: {within: 5m}"
        )
        record = run(project({"w.yaml": text}, fleet=switches), 1)
        assert [host["confirm"]["by"] for host in record["hosts"]] == ["EOS commit timer"] * 2
        assert [host["state"] for host in record["hosts"]] == ["rolled_back"] * 2
        assert {switch.name: switch.running_config for switch in switches} == before
        assert {switch.name: switch.startup_config for switch in switches} == before

    def test_one_that_is_confirmed_stays(self, eos_fleet: Callable[..., EosFleet], project: MakeProject) -> None:
        switches = eos_fleet(count=1)
        confirm = "{id: confirm, type: napalm.confirm, depends_on: change, when: steps.change.changed}"
        folder = project({"w.yaml": workflow(napalm(), confirm)}, fleet=switches)
        assert run(folder, 0)["hosts"][0]["state"] == "changed"
        assert run(folder, 0)["hosts"][0]["state"] == "ok"


class TestRecords:
    def test_what_a_task_says_in_many_lines_looks_like_no_line_of_ours(self, site: Site) -> None:
        folder, _ = site(workflow("{id: look, type: acme.reads, applying: many}"))
        shown = folder.run("run", "w.yaml").stdout.splitlines()
        assert "  r1: look failed: bad" in shown
        assert "  r9: look changed" not in shown

    @pytest.mark.parametrize(("applying", "value"), [("nan", {"rate": "nan"}), ("half", "ab\\udc80")])
    def test_values_that_json_cannot_say_are_said_in_words(self, site: Site, applying: str, value: Any) -> None:
        folder, _ = site(workflow(f"{{id: look, type: acme.reads, applying: {applying}}}"))
        for form in ("json", "junit", "markdown", "text"):
            run(folder, 0, "--format", form)
        file = next((folder.path / ".nornflow" / "runs").glob("*/run.json"))
        strict = json.loads(file.read_text("utf-8"), parse_constant=pytest.fail)
        assert strict["steps"][0]["hosts"]["r1"]["outputs"]["result"] == value

    def test_a_run_that_could_not_be_planned_fails_in_junit_at_its_device(self, site: Site) -> None:
        folder, _ = site(workflow("{id: change, type: acme.lines, planning: raise}"))
        suite = ElementTree.fromstring(folder.run("run", "w.yaml", "--yes", "--format", "junit").stdout)
        assert suite.get("failures") == "1"
        case = suite.find("testcase")
        assert case is not None
        assert (case.get("name"), case.get("classname")) == ("r1", "foreign.change")

    def test_outputs_are_shown_in_the_words_of_workflows(self, site: Site) -> None:
        outputs = "outputs: {yes: {type: any, from: 'True'}, no: {type: any, from: 'None'}, all: {type: any, from: \"['a']\"}}"
        folder, _ = site(workflow("{id: once, type: acme.once}", head=outputs))
        shown = folder.run("run", "w.yaml").ok().stdout
        assert 'output yes: true\noutput no: null\noutput all: ["a"]\n' in shown


class TestTheCommandLine:
    def nornflow(self, folder: ProjectFolder, *words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "nornflow", *words]
        return subprocess.run(command, cwd=folder.path, capture_output=True, text=True, timeout=60, check=False)

    def test_what_a_step_prints_is_masked_and_no_part_of_the_answer(self, site: Site) -> None:
        folder, _ = site(workflow("{id: look, type: acme.reads, applying: print}"))
        done = self.nornflow(folder, "run", "w.yaml", "--yes", "--format", "json")
        assert json.loads(done.stdout)["state"] == "succeeded"
        assert "loud ********\n" in done.stderr
        assert "louder\n" in done.stderr

    def test_a_step_that_asks_for_input_fails_at_once(self, site: Site) -> None:
        folder, _ = site(workflow("{id: look, type: acme.reads, applying: ask}"))
        done = self.nornflow(folder, "run", "w.yaml")
        assert done.returncode == 1
        assert "EOFError" in done.stdout

    def test_a_thread_that_a_step_leaves_does_not_hold_the_process(self, site: Site) -> None:
        folder, _ = site(workflow("{id: look, type: acme.reads, applying: thread}"))
        assert self.nornflow(folder, "run", "w.yaml").returncode == 0

    def test_a_step_type_of_a_refused_plugin_says_why_it_is_not_there(self, project: MakeProject) -> None:
        plugin = (
            'from nornflow import hookimpl, run_step\n\n@run_step("shell")\ndef mine(context):\n    """Mine."""\n\n'
        )
        plugin += "@hookimpl\ndef nornflow_step_types():\n    yield mine\n"
        folder = project({"acme.py": plugin, "w.yaml": workflow("{id: a, type: shell, command: echo hi}")})
        folder.write("nornflow.yaml", SETTINGS)
        outcome = folder.run("validate", "w.yaml")
        assert outcome.exit_code == 2
        told = outcome.stdout + outcome.stderr
        assert "there is no step type 'shell': the plugin" in told
        assert "is supplied by plugin builtins" in told

    def test_a_file_of_other_inputs_is_told_in_a_few_lines(self, project: MakeProject) -> None:
        folder = project({"w.yaml": workflow("{id: a, type: shell, command: echo hi}")})
        folder.write("other.yaml", "".join(f"key{number}: 1\n" for number in range(300)))
        outcome = folder.run("run", "w.yaml", "-i", "@other.yaml")
        assert outcome.exit_code == 2
        assert "295 more names are no inputs of this workflow" in outcome.stderr
        assert len(outcome.stderr.splitlines()) < 12

    def test_the_help_tells_of_every_ctrl_c(self, project: MakeProject) -> None:
        told = " ".join(project({}).run("run", "--help").ok().stdout.split())
        assert "a second one now" in told
        assert "a third one gives that up too" in told
