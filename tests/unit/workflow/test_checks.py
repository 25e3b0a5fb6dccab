"""The key `rollout: checks:`: what may be a check, what it can speak of, and how it comes through schema and export."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from nornflow.model.step import Edge, Scope
from nornflow.model.workflow import Workflow
from nornflow.workflow.export import export_workflow
from nornflow.workflow.loader import load

Compiled = Callable[..., Workflow]
Faults = Callable[..., list[tuple[str, str]]]
HEAD = "name: change\nversion: 1.0\n"
STEPS = """steps:
  - {id: configure, type: netmiko.config, lines: [ntp server 192.0.2.9]}
  - {id: report, type: shell, command: echo done, depends_on: configure}
"""


def with_checks(*checks: str, steps: str = STEPS) -> str:
    return HEAD + "rollout:\n  checks:\n" + "".join(f"    - {check}\n" for check in checks) + steps


LOOK = "{id: look, type: ttp.show, command: show ntp associations, template: ntp_associations}"


def test_checks_are_the_last_steps_and_keep_their_own_order(compiled: Compiled) -> None:
    workflow = compiled(
        with_checks(
            LOOK, "{id: well, type: assert, depends_on: look, condition: 'any(a.synced for a in steps.look.parsed)'}"
        )
    )
    assert [(step.id, step.check) for step in workflow.steps] == [
        ("configure", False),
        ("report", False),
        ("look", True),
        ("well", True),
    ]
    assert [step.id for step in workflow.checks] == ["look", "well"]
    assert (workflow.step("well").scope, workflow.step("well").after) == (Scope.DEVICE, (Edge("look"),))


def test_the_steps_in_the_blocks_of_a_check_are_checks(compiled: Compiled) -> None:
    workflow = compiled(
        with_checks("{id: ask, type: shell, command: a, rescue: [{id: again, type: shell, command: b}]}")
    )
    assert [step.id for step in workflow.checks] == ["ask", "again"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (with_checks("{id: a, type: netmiko.config, lines: [x]}"), [("NF209", "5:21")]),
        (with_checks("{id: a, type: shell, command: x, depends_on: configure}"), [("NF209", "5:52")]),
        (with_checks(LOOK, steps=STEPS.replace("on: configure", "on: [configure, look]")), [("NF209", "8:63")]),
        (with_checks("{id: configure, type: shell, command: x}"), [("NF202", "5:12")]),
        (with_checks("{id: a, type: shel, command: x}"), [("NF201", "5:21")]),
        (with_checks("{id: a, type: shell, comand: x}"), [("NF102", "5:7"), ("NF101", "5:28")]),
        (with_checks("{id: a, type: shell, command: x, when: steps.configure.changed}"), []),
        (with_checks("{id: a, type: shell, command: x, when: steps.report.exit_code == 0}"), [("NF307", "5:46")]),
        (with_checks("{id: a, type: shell, command: x, when: steps.nothing.ok}"), [("NF306", "5:46")]),
        (with_checks(LOOK, steps=STEPS.replace("echo done", "'{{ steps.look.status }}'")), [("NF307", "8:44")]),
        (with_checks(LOOK, steps="steps:\n  - {id: a, type: shell, command: x}\n"), [("NF209", "4:3")]),
        (HEAD + "rollout: {checks: []}\n" + STEPS, [("NF104", "3:19")]),
        (HEAD + "rollout: {checks: look}\n" + STEPS, [("NF103", "3:19")]),
        (HEAD + "checks: []\n" + STEPS, [("NF101", "3:1")]),
    ],
)
def test_what_is_no_check_is_told_with_its_place(faults: Faults, text: str, expected: list[tuple[str, str]]) -> None:
    assert faults(text) == expected


def test_the_export_keeps_them_and_puts_their_keys_in_order() -> None:
    text = with_checks("{type: ttp.show, template: ntp, id: look, command: show ntp}")
    made = export_workflow(load("change.yaml", text=text))
    assert "  checks:\n    - id: look\n      type: ttp.show\n" in made
    assert load("change.yaml", text=made).data["rollout"] == load("change.yaml", text=text).data["rollout"]
