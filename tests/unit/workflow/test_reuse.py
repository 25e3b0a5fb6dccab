"""Which steps may take results of earlier runs: those that say they only read, and by which no change is made or judged."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from nornflow.abc import StepType
from nornflow.model.workflow import Workflow
from nornflow.plugins.host import load_plugins

Compiled = Callable[..., Workflow]
HEAD = "name: look\nversion: 1.0\n"
LOOK = "type: netmiko.command, command: show version"
SETS = "{id: set, type: netmiko.config, config: ntp server 192.0.2.1"


def steps(*lines: str, top: str = "") -> str:
    return f"{HEAD}{top}steps:\n" + "".join(f"  - {line}\n" for line in lines)


@pytest.fixture(scope="module")
def step_types() -> Mapping[str, StepType]:
    return load_plugins().registries.step_types


@pytest.mark.parametrize(
    "step",
    [
        "{id: a, type: webhook, url: 'https://cmdb.example/x', method: GET, cache: true}",
        "{id: a, type: note, text: x, cache: {ttl: 60}}",
        "{id: a, type: shell, command: date, read_only: true, cache: true}",
        f"{{id: a, {LOOK}, cache: true}}",
        "{id: a, type: scrapli.command, command: show version, cache: true}",
        "{id: a, type: napalm.get, getters: [facts], cache: true}",
        "{id: a, type: regex.show, command: show version, pattern: '(?P<v>x)', cache: true}",
        "{id: a, type: nornir.task, task: nornir_napalm.plugins.tasks.napalm_get, access: read, read_only: true, cache: true}",
    ],
)
def test_what_only_reads_may(compiled: Compiled, step: str) -> None:
    (found,) = compiled(steps(step)).steps
    assert found.cache is not None


@pytest.mark.parametrize(
    ("step", "key", "why"),
    [
        ("{id: a, type: shell, command: date, cache: true}", "cache", "does not declare itself read-only"),
        ("{id: a, type: shell, command: date, read_only: false, cache: true}", "cache", "read_only: true"),
        ("{id: a, type: webhook, url: 'https://x.example', cache: true}", "cache", "does not declare itself"),
        ("{id: a, type: webhook, url: 'https://x.example', method: POST, cache: {}}", "cache", "does not declare"),
        ("{id: a, type: template, text: x, output: x.txt, cache: true}", "cache", "file.write"),
        ("{id: a, type: assert, condition: 'true', cache: true}", "cache", "it judges"),
        ("{id: a, type: note, text: x, until: 'true', cache: true}", "cache", "it waits"),
        (f"{{id: a, {LOOK}, changes: true, cache: true}}", "cache", "device.command"),
        (f"{SETS}, cache: true}}", "cache", "device.configure"),
        (f"{SETS}, read_only: true}}", "read_only", "device.configure"),
        ("{id: a, type: nornir.task, task: nornir_x.y, access: read, cache: true}", "cache", "declare itself"),
        ("{id: a, type: nornir.task, task: nornir_x.y, read_only: true}", "read_only", "device.configure"),
    ],
)
def test_what_may_do_more_is_refused_with_its_place(check: Any, step: str, key: str, why: str) -> None:
    workflow, found = check(steps(step))
    assert workflow is None
    (problem,) = [one for one in found if one.code == "NF406"]
    assert why in f"{problem.message} {problem.hint}"
    line = steps(step).splitlines()[problem.location.line - 1]
    assert line[: problem.location.column - 1].rstrip().endswith((f"{key}:", ","))


def test_a_look_behind_a_change_is_refused(check: Any) -> None:
    after = f"{{id: a, {LOOK}, depends_on: set, cache: true}}"
    _, found = check(steps(f"{SETS}}}", after))
    assert [(one.code, "after step 'set'" in one.message) for one in found] == [("NF406", True)]


def test_what_a_change_builds_on_is_refused(check: Any) -> None:
    before = f"{{id: a, {LOOK}, cache: true}}"
    _, found = check(steps(before, f"{SETS}, depends_on: a}}"))
    assert [(one.code, "builds on it" in one.message) for one in found] == [("NF406", True)]


def test_what_the_top_says_is_for_what_may_and_runs_once(compiled: Compiled) -> None:
    found = compiled(
        steps(
            "{id: tell, type: note, text: x}",
            "{id: do, type: shell, command: date}",
            f"{{id: ask, {LOOK}}}",
            f"{{id: own, {LOOK}, cache: {{ttl: 120}}}}",
            f"{SETS}}}",
            top="cache: {ttl: 60, key: k}\n",
        )
    ).steps
    said = {step.id: step.cache and (step.cache.ttl, step.cache.key) for step in found}
    assert said == {"tell": (60, "k"), "do": None, "ask": None, "own": (120, "k"), "set": None}


def test_what_the_top_says_is_not_for_pictures_of_a_device(compiled: Compiled) -> None:
    snapshot = "snapshot: {take: [{id: facts, type: napalm.get, getters: [facts]}]}\n"
    found = compiled(steps(f"{SETS}}}", top=f"cache: true\n{snapshot}"))
    assert found.snapshot is not None
    assert [step.cache for step in found.every_step] == [None] * len(found.every_step)
