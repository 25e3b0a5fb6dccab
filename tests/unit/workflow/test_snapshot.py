"""The key `snapshot`: what it makes, and what a step in it may not be, each told with its place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from nornflow.model.step import OnFailure
from nornflow.model.workflow import Workflow
from nornflow.workflow.export import export_workflow
from nornflow.workflow.graph import draw
from nornflow.workflow.loader import load

CHANGE = """
name: change
version: 1.0
inputs:
  vrf: {type: string, default: red}
snapshot:
  take:
    - {id: neighbours, type: ttp.show, command: "show bgp vrf {{ inputs.vrf }}", on_failure: warn}
    - {id: facts, type: nornir.task, task: tasks.facts, when: host.name != 'r1'}
  KEYS
steps:
  - {id: neighbours, type: netmiko.config, lines: [ntp server 192.0.2.1]}
"""
Compiled = Callable[..., Workflow]
Check = Callable[..., Any]


def taking(step: str, **keys: str) -> str:
    head = "".join(f"{key}: {value}\n" for key, value in {"name": "change", "version": "1.0", **keys}.items())
    return f"{head}snapshot:\n  take:\n    - {step}\nsteps: [{{id: a, type: netmiko.config, lines: [x]}}]\n"


def test_each_look_is_done_before_and_after_under_an_id_of_its_own(compiled: Compiled) -> None:
    workflow = compiled(CHANGE.replace("KEYS", "unexplained: fail\n  noise: ['*.uptime']\n  settle: 5"))
    made = workflow.snapshot
    assert made is not None
    assert [step.id for step in workflow.every_step] == [
        *("neighbours", "before:neighbours", "before:facts", "after:neighbours", "after:facts", "state:differences")
    ]
    assert [step.id for step in workflow.steps] == ["neighbours"]
    assert (made.unexplained, made.noise, made.settle, made.learn) == (OnFailure.FAIL, ("*.uptime",), 5.0, ())
    assert made.before[0].on_failure is OnFailure.WARN
    assert made.after[1].when == "host.name != 'r1'"
    assert str(made.before[0].location) == "change.yaml:7:12"


def test_two_first_looks_are_taken_to_learn(compiled: Compiled) -> None:
    made = compiled(CHANGE.replace("KEYS", "learn: 2")).snapshot
    assert made is not None
    assert ([step.id for step in made.learn], made.learning) == (["learn:neighbours", "learn:facts"], 2.0)
    assert made.unexplained is OnFailure.WARN


def test_it_is_written_out_again_as_it_was(compiled: Compiled) -> None:
    text = CHANGE.replace("KEYS", "keys: [peer]")
    written = export_workflow(load("change.yaml", text=text))
    assert compiled(written).snapshot == _elsewhere(compiled(text).snapshot, compiled(written).snapshot)
    assert written.index("take:") < written.index("keys:") < written.index("steps:")


def _elsewhere(one: Any, other: Any) -> Any:
    """Return the first snapshot with the places of the second: a text that is laid out anew has other lines."""
    from dataclasses import replace

    def moved(steps: Any, places: Any) -> Any:
        return tuple(
            replace(step, location=at.location, places=at.places) for step, at in zip(steps, places, strict=True)
        )

    return replace(one, before=moved(one.before, other.before), after=moved(one.after, other.after))


@pytest.mark.parametrize(
    ("text", "code", "place", "words"),
    [
        (taking("{id: x, type: netmiko.config, lines: [y]}"), "NF208", "5:21", "needs device.configure"),
        (taking("{id: x, type: shell, command: ls}"), "NF208", "5:21", "does not run on devices"),
        (taking("{id: x, type: assert, condition: 'true'}"), "NF208", "5:21", "does not run on devices"),
        (
            taking("{id: x, type: ttp.show, command: y, depends_on: [a]}"),
            "NF208",
            "5:43",
            "`depends_on` has no meaning",
        ),
        (taking("{id: x, type: ttp.show, command: y, once: true}"), "NF208", "5:43", "`once` has no meaning"),
        (taking("{id: x, type: ttp.show, command: y, rescue: []}"), "NF208", "5:43", "`rescue` has no meaning"),
        (taking("{id: x, type: ttp.shwo, command: y}"), "NF201", "5:21", "there is no step type"),
        (taking("{id: x, type: ttp.show}"), "NF102", "5:7", "command"),
        (taking("{id: x, type: ttp.show, command: '{{ steps.a.parsed }}'}"), "NF302", "5:44", "no `steps` here"),
        (
            taking("{id: x, type: ttp.show, command: y}\n    - {id: x, type: ttp.show, command: z}"),
            "NF202",
            "6:12",
            "'x'",
        ),
        (taking("{id: x, type: ttp.show, command: y, timeout: 0}"), "NF104", "5:52", "timeout"),
        (
            "name: a\nversion: 1.0\nsnapshot: {unexplained: warn}\nsteps: [{id: a, type: shell, command: x}]",
            "NF102",
            "3:11",
            "take",
        ),
        (
            "name: a\nversion: 1.0\nsnapshot: {take: []}\nsteps: [{id: a, type: shell, command: x}]",
            "NF104",
            "3:18",
            "0 items",
        ),
        ("name: a\nversion: 1.0\nsnapshot: [x]\nsteps: [{id: a, type: shell, command: x}]", "NF103", "3:11", "mapping"),
        (taking("{id: x, type: ttp.show, command: y}\n  unexplained: maybe"), "NF105", "6:16", "maybe"),
        (taking("{id: x, type: ttp.show, command: y}\n  ignore: ['*']"), "NF101", "6:3", "ignore"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(check: Check, text: str, code: str, place: str, words: str) -> None:
    workflow, diagnostics = check(text)
    assert workflow is None
    first = diagnostics[0]
    assert (first.code, f"{first.location.line}:{first.location.column}") == (code, place), first
    assert words in first.message


def test_a_permission_that_the_workflow_does_not_grant_itself_is_told(check: Check) -> None:
    _, diagnostics = check(taking("{id: x, type: ttp.show, command: y}", permissions="[device.configure]"))
    assert [one.code for one in diagnostics] == ["NF403"]


def test_the_drawing_names_the_looks(compiled: Compiled) -> None:
    drawn = draw(compiled(CHANGE.replace("KEYS", "learn: 2")))
    assert "Looked at before each batch and after it, and compared: neighbours, facts." in drawn
