"""What the language promises about ends, repetition, caches and outputs of steps, seen from the command line."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from nornflow.testing.project import ProjectFolder

MakeProject = Callable[..., ProjectFolder]
HEAD = "name: rules\nversion: 1.0\ninputs: {x: {type: string, default: a}, n: {type: number, default: 7}}\n"


class Site:
    """A project with one workflow that is written anew for each run."""

    def __init__(self, folder: ProjectFolder) -> None:
        self.folder = folder
        self.said = ""

    def run(self, body: str, *words: str) -> dict[str, Any]:
        """Run the workflow and return its record, with the steps by id; the exit code must fit the state."""
        (self.folder.path / "rules.yaml").write_text(HEAD + body)
        outcome = self.folder.run("run", "rules.yaml", "--yes", "--profile", "elevated", *words)
        self.said = outcome.stdout + outcome.stderr
        record = self.folder.record()
        assert (outcome.exit_code == 0) is (record["state"] == "succeeded"), self.said
        record["by"] = {step["step_id"]: {**step["result"], "status": step["status"]} for step in record["steps"]}
        return record


@pytest.fixture
def site(project: MakeProject) -> Site:
    return Site(project({}))


class TestEnds:
    def test_retry_is_told_what_a_failed_attempt_does(self, site: Site) -> None:
        steps = """
        steps:
          - {id: at-once, type: shell, command: 'false', retry: {attempts: 3, delay: 1, on_failure: fail}}
          - {id: borne, type: shell, command: 'false', retry: {attempts: 3, delay: 1, on_failure: continue}}
          - {id: after, type: note, depends_on: borne, text: went on}
        """
        record = site.run(steps.replace("\n        ", "\n"))["by"]
        assert (record["at-once"]["status"], record["at-once"]["attempts"]) == ("failed", 1)
        assert (record["borne"]["status"], record["borne"]["attempts"]) == ("skipped", 1)
        assert record["after"]["stdout"] == "went on\n"

    def test_a_timeout_that_is_borne_does_not_hold_up_what_follows(self, site: Site) -> None:
        record = site.run(
            "steps:\n"
            "  - {id: slow, type: shell, command: sleep 30, timeout: 1, on_failure: warn}\n"
            "  - {id: after, type: note, depends_on: slow, text: went on}\n"
        )
        assert record["state"] == "succeeded"
        assert record["by"]["slow"]["reason"] == "timeout"
        assert record["by"]["after"]["status"] == "ok"

    def test_a_timeout_is_for_all_items_together(self, site: Site) -> None:
        begin = time.monotonic()
        record = site.run(
            "steps: [{id: many, type: shell, command: 'sleep 0.7', for_each: 'range(30)', timeout: 1, on_failure: fail}]\n"
        )
        assert record["by"]["many"]["status"] == "timed_out"
        assert time.monotonic() - begin < 8


class TestEnvironment:
    def test_it_is_rendered_and_when_sees_it(self, site: Site) -> None:
        record = site.run(
            'environment: {TOP: "{{ inputs.x }}-top"}\n'
            "steps:\n"
            "  - {id: show, type: shell, command: printenv TOP OWN FLAG, when: \"env.OWN == 'a-top!'\",\n"
            '     environment: {OWN: "{{ env.TOP }}!", FLAG: "{{ inputs.n == null }}"}}\n'
        )
        assert record["by"]["show"]["stdout"] == "a-top\na-top!\nfalse\n"

    def test_null_does_not_become_the_word_none(self, site: Site) -> None:
        record = site.run('steps: [{id: show, type: shell, command: printenv, environment: {A: "{{ null }}"}}]\n')
        assert "A of its environment is null" in record["by"]["show"]["error"]


def test_a_number_is_a_text_where_the_step_takes_only_texts(site: Site) -> None:
    record = site.run('steps: [{id: tell, type: note, text: "{{ inputs.n }}"}]\n')
    assert record["by"]["tell"]["stdout"] == "7\n"


class TestCache:
    def again(self, site: Site, before: str, after: str, *words: str) -> str:
        site.run(before)
        found = site.run(after, *words)["by"]["it"]
        assert found["status"] in ("ok", "cached"), found["error"]
        return str(found["status"])

    @pytest.mark.parametrize(
        "step",
        [
            "{id: it, type: shell, command: echo one, read_only: true, cache: {key: k}}",
            "{id: it, type: script, script: 'echo \"{{ $HOME\"', read_only: true, cache: true}",
            '{id: it, type: note, text: "{{ inputs.own }}", inputs: {own: "{{ inputs.x }}"}, cache: true}',
            '{id: it, type: note, text: "{{ item }}", for_each: [1, 2], cache: true}',
        ],
    )
    def test_the_same_step_is_cached(self, site: Site, step: str) -> None:
        assert self.again(site, f"steps: [{step}]\n", f"steps: [{step}]\n") == "cached"

    @pytest.mark.parametrize(
        ("before", "after"),
        [
            ("command: echo one, cache: {key: k}", "command: echo two, cache: {key: k}"),
            ("command: echo one, cache: true", "command: echo one, cache: true, outputs: {v: {from: stdout}}"),
            ("command: echo one, cache: true", "command: echo one, cache: true, environment: {A: b}"),
            ("command: echo one, cache: true", "command: echo one, cache: {version: '2'}"),
            ("command: echo one, cache: {key: a}", "command: echo one, cache: {key: b}"),
            (
                "command: echo one, cache: true, outputs: {v: {from: inputs.x}}",
                "command: echo one, cache: true, outputs: {v: {from: inputs.n}}",
            ),
        ],
    )
    def test_an_edited_step_is_not_stale(self, site: Site, before: str, after: str) -> None:
        steps = "steps: [{{id: it, type: shell, read_only: true, {}}}]\n"
        assert self.again(site, steps.format(before), steps.format(after)) == "ok"

    def test_a_workflow_variable_is_part_of_it(self, site: Site) -> None:
        steps = "environment: {{A: {}}}\nsteps: [{{id: it, type: shell, command: printenv A, cache: true, read_only: true}}]\n"
        assert self.again(site, steps.format("b"), steps.format("c")) == "ok"

    def test_a_judgement_is_never_taken_from_an_earlier_run(self, site: Site) -> None:
        steps = "cache: true\nsteps: [{id: it, type: assert, condition: \"inputs.x == 'a'\"}]\n"
        site.run(steps)
        assert site.run(steps, "-i", "x=b")["by"]["it"]["status"] == "failed"

    def test_what_an_output_is_worked_out_from_is_part_of_it(self, site: Site) -> None:
        steps = "steps: [{id: it, type: note, text: same, cache: true, outputs: {v: {from: inputs.x}}}]\n"
        site.run(steps)
        other = site.run(steps, "-i", "x=b")["by"]["it"]
        assert (other["status"], other["outputs"]["v"]) == ("ok", "b")
        assert site.run(steps, "-i", "x=b")["by"]["it"]["status"] == "cached"

    def test_a_file_of_the_workspace_is_written_in_every_run(self, site: Site) -> None:
        steps = (
            "cache: true\n"
            "steps:\n"
            "  - {id: it, type: template, text: hello, output: o.txt}\n"
            "  - {id: use, type: shell, depends_on: it, command: cat o.txt}\n"
        )
        assert self.again(site, steps, steps) == "ok"
        assert site.folder.record()["state"] == "succeeded"


class TestOutputs:
    def out(self, site: Site, declaration: str) -> dict[str, Any]:
        step = "steps: [{id: a, type: note, text: '42 '}]\n"
        return site.run(f"{step}outputs: {{good: {{from: inputs.x}}, o: {declaration}}}\n")

    @pytest.mark.parametrize(
        ("declaration", "value"),
        [
            ("{type: number, from: a.stdout}", 42),
            ("{type: number, from: \"'007'\"}", 7),
            ("{type: boolean, from: \"'True'\"}", True),
            ("{type: boolean, from: a.ok}", True),
            ("{type: array, from: \"'[1]'\"}", [1]),
            ("{type: string, from: '[1]'}", "[1]"),
            ("{type: any, from: '[1]'}", [1]),
        ],
    )
    def test_a_value_becomes_the_declared_type(self, site: Site, declaration: str, value: Any) -> None:
        assert self.out(site, declaration)["outputs"]["o"] == value

    @pytest.mark.parametrize(
        "declaration",
        [
            "{type: number, from: inputs.x}",
            "{type: number, from: \"'nan'\"}",
            "{type: number, from: a.ok}",
            "{type: number, from: '[1]'}",
            "{type: boolean, from: inputs.x}",
            "{type: boolean, from: '1'}",
            "{type: array, from: \"'{}'\"}",
            "{type: object, from: '[1]'}",
            "{from: a.nothing}",
        ],
    )
    def test_one_that_cannot_be_given_fails_the_run_and_keeps_the_others(self, site: Site, declaration: str) -> None:
        record = self.out(site, declaration)
        assert record["state"] == "failed"
        assert record["outputs"] == {"good": "a", "o": None}
        assert "output o" in record["error"]


LOUD = """
from nornflow import hookimpl, run_step

@run_step("loud.say")
def say(context, how: str):
    "Break in many ways."
    if how == "circle":
        circle = []
        circle.append(circle)
        return {"circle": circle}
    raise {"value": ValueError, "exit": SystemExit, "stop": KeyboardInterrupt}[how]("it broke")

@hookimpl
def nornflow_step_types():
    yield say
"""


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ("value", "ValueError: it broke"),
        ("exit", "SystemExit: it broke"),
        ("stop", "KeyboardInterrupt: it broke"),
        ("circle", "not plain data"),
    ],
)
def test_a_plugin_that_breaks_fails_its_step_and_leaves_a_record(project: MakeProject, how: str, told: str) -> None:
    site = Site(project({"loud.py": LOUD, "nornflow.yaml": "plugins: {local: [loud.py]}\n"}))
    record = site.run(f"steps: [{{id: it, type: loud.say, how: {how}}}, {{id: other, type: note, text: fine}}]\n")
    assert record["by"]["it"]["status"] == "failed"
    assert told in record["by"]["it"]["error"]
    assert record["by"]["other"]["status"] == "ok"


def test_a_broken_plugin_is_told_beside_the_answer(project: MakeProject) -> None:
    site = Site(project({"no.py": "import nothing_there", "nornflow.yaml": "plugins: {local: [no.py]}\n"}))
    assert site.run("steps: [{id: it, type: note, text: fine}]\n")["state"] == "succeeded"
    assert "warning: plugin no is broken: its import failed" in site.said


def test_a_file_is_not_given_the_word_none(site: Site) -> None:
    record = site.run('steps: [{id: it, type: template, text: "{{ null }}", output: o.txt}]\n')
    assert "a null would become text" in record["by"]["it"]["error"]


def test_a_request_keeps_its_own_framing(site: Site) -> None:
    step = "{id: it, type: webhook, url: 'http://127.0.0.1:9/', headers: {Host: elsewhere.example}}"
    record = site.run(f"steps: [{step}]\n")
    assert "the header Host is not a step's to set" in record["by"]["it"]["error"]


def test_a_task_that_ends_its_thread_fails_its_device_at_once(project: MakeProject, fleet: Callable[..., Any]) -> None:
    tasks = "def leave(task):\n    raise SystemExit(3)\n"
    workflow = "name: leave\nversion: 1.0\nsteps: [{id: it, type: nornir.task, task: tasks.mine.leave, access: read}]\n"
    folder = project({"tasks/mine.py": tasks, "leave.yaml": workflow}, fleet=fleet(count=1))
    begin = time.monotonic()
    assert folder.run("run", "leave.yaml", "--yes").exit_code == 1
    assert time.monotonic() - begin < 20
    assert "SystemExit: 3" in folder.record()["hosts"][0]["error"]
