"""Every problem of a document is told at once, with its place and the way out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import pytest

from nornflow.abc import StepType
from nornflow.model.diagnostic import Diagnostic, InvalidDocument, Location, Severity
from nornflow.model.step import Scope
from nornflow.model.workflow import Workflow
from nornflow.registration import Check, TemplateFilter
from nornflow.workflow.compiler import check_workflow, compile_workflow
from nornflow.workflow.loader import load

Compiled = Callable[..., Workflow]
Faults = Callable[..., list[tuple[str, str]]]
Checked = Callable[..., tuple[Workflow | None, tuple[Diagnostic, ...]]]

HEAD = "name: change\nversion: 1.0\n"


def steps(*lines: str) -> str:
    return HEAD + "steps:\n" + "".join(f"  - {line}\n" for line in lines)


A = "{id: a, type: shell, command: x}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("version: 1.0\nsteps:\n  - " + A, [("NF102", "1:1")]),
        ("name: a\nsteps:\n  - " + A, [("NF102", "1:1")]),
        ("name: a\nversion: 1.0\n", [("NF102", "1:1")]),
        ("name: Bad\nversion: 1.0\nsteps:\n  - " + A, [("NF106", "1:7")]),
        ("name: 12\nversion: 1.0\nsteps:\n  - " + A, [("NF103", "1:7")]),
        ("name: a\nversion: 1\nsteps:\n  - " + A, [("NF106", "2:10")]),
        ("name: a\nversion: v1\nsteps:\n  - " + A, [("NF106", "2:10")]),
        (HEAD + "steps: []\n", [("NF104", "3:8")]),
        (HEAD + "steps: {}\n", [("NF103", "3:8")]),
        (HEAD + "steps: [3]\n", [("NF103", "3:9")]),
        (steps(A) + "timeoout: 3\n", [("NF101", "5:1")]),
        (steps(A) + "timeout: 0\n", [("NF104", "5:10")]),
        (steps(A) + "timeout: 86401\n", [("NF104", "5:10")]),
        (steps(A) + "timeout: soon\n", [("NF103", "5:10")]),
        (steps(A) + "timeout: true\n", [("NF103", "5:10")]),
        (steps(A) + "tags: ntp\n", [("NF103", "5:7")]),
        (steps(A) + "retry: 3\n", [("NF103", "5:8")]),
        (steps(A) + "retry: {attempts: 11}\n", [("NF104", "5:19")]),
        (steps(A) + "retry: {attempts: 0}\n", [("NF104", "5:19")]),
        (steps(A) + "retry: {attempts: 1.5}\n", [("NF103", "5:19")]),
        (steps(A) + "retry: {delay: 301}\n", [("NF104", "5:16")]),
        (steps(A) + "retry: {delay: 0}\n", [("NF104", "5:16")]),
        (steps(A) + "retry: {backoff: log}\n", [("NF105", "5:18")]),
        (steps(A) + "retry: {max_attempts: 3}\n", [("NF101", "5:9")]),
        (steps(A) + "cache: {ttl: 59}\n", [("NF104", "5:14")]),
        (steps(A) + "cache: {ttl: 2592001}\n", [("NF104", "5:14")]),
        (steps(A) + "cache: {enabled: yes}\n", [("NF103", "5:18")]),
        (steps(A) + "environment: {lower: x}\n", [("NF106", "5:15")]),
        (steps(A) + "environment: {A: [1]}\n", [("NF103", "5:18")]),
        (steps(A) + "permissions: [shell.execute, device.raed]\n", [("NF401", "5:30")]),
        (steps(A) + "permissions: [shell.*, '*']\n", []),
        (steps(A) + "rollout: {batches: []}\n", [("NF104", "5:20")]),
        (steps(A) + "rollout: {batches: [0]}\n", [("NF104", "5:21")]),
        (steps(A) + "rollout: {batches: [101%]}\n", [("NF106", "5:21")]),
        (steps(A) + "rollout: {batches: [1.5]}\n", [("NF103", "5:21")]),
        (steps(A) + "rollout: {batches: ['10']}\n", [("NF106", "5:21")]),
        (steps(A) + "rollout: {batches: ['10 %']}\n", [("NF106", "5:21")]),
        (steps(A) + "rollout: {batches: [1, \"site == 'lab'\", 100%]}\n", []),
        (steps(A) + "rollout: {batches: [1, 'site =']}\n", [("NF301", "5:30")]),
        (steps(A) + "rollout: {batches: ['lowr(site)']}\n", [("NF310", "5:21")]),
        (steps(A) + "rollout: {batches: ['site %']}\n", [("NF301", "5:28")]),
        (steps(A) + "rollout: {batches: [true]}\n", [("NF103", "5:21")]),
        (steps(A) + "inputs: {site: {}}\nrollout: {batches: [site == inputs.site]}\n", []),
        (steps(A) + "inputs: {site: {}}\nrollout: {batches: [site == inputs.sit]}\n", [("NF305", "6:29")]),
        (steps(A) + "rollout: {batches: [1, 100%, 10%, 1]}\n", [("NF407", "5:30")]),
        (steps(A) + "rollout: {pause_after: [1, 3], batches: [1, 2, 3, 100%]}\n", []),
        (steps(A) + "rollout: {pause_after: [1, x], batches: [1, 100%]}\n", [("NF103", "5:28")]),
        (steps(A) + "rollout: {max_failures: {total: 2%, per_group: {core: 0}, in_each: {site: 10%}}}\n", []),
        (steps(A) + "rollout: {max_failures: {per_group: {core: 0}}}\n", [("NF102", "5:25")]),
        (steps(A) + "rollout: {max_failures: {total: 1, per_group: {core: all}}}\n", [("NF106", "5:54")]),
        (steps(A) + "rollout: {max_failures: {total: 1, each: {site: 0}}}\n", [("NF101", "5:36")]),
        (steps(A) + "rollout: {max_failures: 200%}\n", [("NF106", "5:25")]),
        (steps(A) + "rollout: {max_failures: -1}\n", [("NF104", "5:25")]),
        (steps(A) + "rollout: {soak: 86401}\n", [("NF104", "5:17")]),
        (steps(A) + "rollout: {soak: 25h}\n", [("NF104", "5:17")]),
        (steps(A) + "rollout: {soak: soon}\n", [("NF103", "5:17")]),
        (steps(A) + "rollout: {soak: 90s}\n", []),
        (steps(A) + "rollout: {serial: 3}\n", [("NF101", "5:11")]),
        (steps(A) + "on_failure: fail\n", [("NF105", "5:13")]),
        (steps(A) + "targets: {host: r1}\n", [("NF101", "5:11")]),
        (steps(A) + "targets: [r1]\n", [("NF103", "5:10")]),
        (steps(A) + 'targets: "role =="\n', [("NF301", "5:18")]),
        (steps(A) + "inputs: {n: string}\n", [("NF103", "5:13")]),
        (steps(A) + "inputs: {n: {type: text}}\n", [("NF105", "5:20")]),
        (steps(A) + "inputs: {2n: {}}\n", [("NF106", "5:10")]),
        (steps(A) + "inputs: {n: {default: 3}}\n", [("NF404", "5:23")]),
        (steps(A) + "inputs: {n: {type: number, default: 3, validation: {max: 2}}}\n", [("NF404", "5:37")]),
        (steps(A) + "inputs: {n: {validation: {pattern: '('}}}\n", [("NF107", "5:36")]),
        (steps(A) + "inputs: {n: {type: number, validation: {pattern: x}}}\n", [("NF405", "5:41")]),
        (steps(A) + "inputs: {n: {type: boolean, validation: {min: 1}}}\n", [("NF405", "5:41")]),
        (steps(A) + "inputs: {n: {validation: {min: 3, max: 2}}}\n", [("NF405", "5:26")]),
        (steps(A) + "inputs: {n: {validation: {enum: [a, 3]}}}\n", [("NF405", "5:37")]),
        (steps(A) + "outputs: {x: steps.a.stdout}\n", [("NF103", "5:14")]),
        (steps("{id: a, type: shell, command: x, outputs: {n: {from: 'regex: (\\d+)'}}}"), []),
        (steps("{id: a, type: shell, command: x, outputs: {n: {from: 'regex: ('}}}"), [("NF107", "4:58")]),
        (steps("{id: a, type: shell, command: x, outputs: {n: {from: 'json: $.a[0]'}, o: {from: .}}}"), []),
        (steps("{id: a, type: shell, command: x, outputs: {n: {from: int(stdout) + 1}}}"), []),
        (steps("{id: a, type: shell, command: x, outputs: {n: {from: int(stdout) +}}}"), [("NF301", "4:71")]),
        (steps(A) + "outputs: {x: {from: steps.b.stdout}}\n", [("NF306", "5:21")]),
        (steps(A) + "outputs: {x: {type: string}}\n", [("NF102", "5:14")]),
        (steps("{id: a, type: shel, command: x}"), [("NF201", "4:19")]),
        (steps("{id: a, command: x}"), [("NF102", "4:5")]),
        (steps("{type: shell, command: x}"), [("NF102", "4:5")]),
        (steps("{id: 3a, type: shell, command: x}"), [("NF106", "4:10")]),
        (steps("{id: a-, type: shell, command: x}"), [("NF106", "4:10")]),
        (steps("{id: a, type: shell, comand: x}"), [("NF102", "4:5"), ("NF101", "4:26")]),
        (steps("{id: a, type: shell, command: x, unless: y}"), [("NF101", "4:38")]),
        (steps('{id: a, type: shell, command: "x \'y"}'), [("NF206", "4:35")]),
        (steps("{id: a, type: netmiko.config, level: 9}"), [("NF206", "4:42")]),
        (steps("{id: a, type: netmiko.config, save: perhaps}"), [("NF206", "4:41")]),
        (steps("{id: a, type: netmiko.config, lines: [a, {b: 1}]}"), [("NF206", "4:46")]),
        (steps("{id: a, type: netmiko.config, mode: merg}"), [("NF206", "4:41")]),
        (steps("{id: a, type: netmiko.config, level: '{{ inputs.n }}'}") + "inputs: {n: {}}\n", []),
        (steps("{id: a, type: nornir.task, task: t, anything: [1]}"), []),
        (steps("{id: a, type: shell, command: x, for_each: 3}"), [("NF103", "4:48")]),
        (steps("{id: a, type: shell, command: x, timeout: 0}"), [("NF104", "4:47")]),
        (steps("{id: a, type: shell, command: x, on_failure: stop}"), [("NF105", "4:50")]),
        (steps("{id: a, type: shell, command: x, rescue: []}"), [("NF104", "4:46")]),
        (
            steps("{id: a, type: shell, command: x, then_steps: [{id: b, type: shell, command: x}]}"),
            [("NF207", "4:38")],
        ),
        (steps("{id: a, type: conditional, condition: true}"), [("NF207", "4:5")]),
        (steps(A, A), [("NF202", "5:10")]),
        (steps("{id: a-b, type: shell, command: x}", "{id: a_b, type: shell, command: x}"), [("NF203", "5:10")]),
        (steps("{id: a, type: shell, command: x, depends_on: b}"), [("NF204", "4:50")]),
        (steps("{id: a, type: shell, command: x, depends_on: [b, a]}"), [("NF205", "4:50"), ("NF204", "4:51")]),
        (
            steps(
                "{id: a, type: shell, command: x, depends_on: c}",
                "{id: b, type: shell, command: x, depends_on: a}",
                "{id: c, type: shell, command: x, depends_on: b}",
                "{id: d, type: shell, command: x, depends_on: c}",
            ),
            [("NF205", "4:50")],
        ),
        (steps("{id: a, type: shell, command: x, when: '{{ true }}'}"), [("NF301", "4:44")]),
        (steps("{id: a, type: shell, command: x, when: input.n > 1}"), [("NF302", "4:44")]),
        (steps("{id: a, type: shell, command: x, when: host.name == 'r1'}"), [("NF302", "4:44")]),
        (steps("{id: a, type: shell, command: x, when: item > 1}"), [("NF302", "4:44")]),
        (steps("{id: a, type: shell, command: x, when: item > 1, for_each: [1]}"), [("NF302", "4:44")]),
        (steps("{id: a, type: shell, command: '{{ item }}{{ index }}', for_each: [1]}"), []),
        (steps("{id: a, type: shell, command: '{{ inputs.own }}', inputs: {own: 1}}"), []),
        (
            steps("{id: a, type: shell, command: '{{ inputs.own }}', when: inputs.own, inputs: {own: 1}}"),
            [("NF305", "4:61")],
        ),
        (
            steps(
                "{id: a, type: ttp.show, command: x}",
                "{id: b, type: ttp.show, command: x, depends_on: a, when: steps.a.parsed}",
                "{id: c, type: shell, command: x, depends_on: a, when: steps.a.parsed}",
                "{id: d, type: shell, command: x, depends_on: a, when: steps.a.changed_hosts}",
            )
            + "outputs: {x: {from: steps.a.text}}\n",
            [("NF311", "6:59"), ("NF311", "8:21")],
        ),
        (steps("{id: a, type: shell, command: x, for_each: inputs.n}"), [("NF305", "4:48")]),
        (steps("{id: a, type: shell, command: x, when: inputs.n.x()}"), [("NF303", "4:44")]),
        (steps("{id: a, type: shell, command: x, when: '" + "(" * 60 + "'}"), [("NF304", "4:85")]),
        (steps("{id: a, type: shell, command: x, when: lenn(inputs) > 1}"), [("NF310", "4:44")]),
        (steps("{id: a, type: assert, condition: \"'x' matches '('\"}"), [("NF107", "4:51")]),
        (steps("{id: a, type: shell, command: 'echo {{ inputs.n }}'}"), [("NF305", "4:44")]),
        (steps("{id: a, type: shell, command: 'echo {{ x'}"), [("NF308", "4:41")]),
        (steps("{id: a, type: shell, command: 'a {% if true %}b c{% endif %}'}"), [("NF308", "4:38")]),
        (steps("{id: a, type: netmiko.config, lines: ['a', '{{ 1 | nope }}']}"), [("NF310", "4:48")]),
        (steps("{id: a, type: netmiko.config, lines: ['{% include 1 %}']}"), [("NF309", "4:43")]),
        (steps("{id: a, type: ttp.show, command: x, template: '{{ not jinja }} {{'}"), []),
        (steps("{id: a, type: shell, command: x, environment: {A: '{{ nope }}'}}"), [("NF302", "4:59")]),
        (steps(A, "{id: b, type: shell, command: x, when: steps.a.exit_code == 0}"), [("NF307", "5:44")]),
        (steps(A, "{id: b, type: shell, command: x, depends_on: a, when: steps.a.exitcode == 0}"), [("NF311", "5:59")]),
        (steps(A, "{id: b, type: shell, command: x, when: 'default(steps.a.exitcode, 0) == 0'}"), []),
        (steps("{id: a, type: shell, command: x, when: steps.run-test.exit_code == 0}"), [("NF306", "4:44")]),
        (steps(A) + "permissions: [device.read]\n", [("NF403", "4:10")]),
    ],
)
def test_a_fault_is_told_with_its_place(faults: Faults, text: str, expected: list[tuple[str, str]]) -> None:
    assert faults(text) == expected


def test_profiles_are_checked_when_they_are_known(faults: Faults) -> None:
    text = steps("{id: a, type: shell, command: x, profile: standrd}") + "profile: nobody\n"
    assert faults(text) == []
    assert faults(text, profiles=("standard", "elevated")) == [("NF402", "4:47"), ("NF402", "5:10")]


def test_circles_are_named_step_by_step(check: Checked) -> None:
    _, diagnostics = check(
        steps(
            "{id: z, type: shell, command: x, depends_on: a}",
            "{id: a, type: shell, command: x, depends_on: c}",
            "{id: b, type: shell, command: x, depends_on: a}",
            "{id: c, type: shell, command: x, depends_on: b}",
            "{id: p, type: shell, command: x, depends_on: q}",
            "{id: q, type: shell, command: x, depends_on: p}",
        )
    )
    assert [one.found for one in diagnostics] == ["a -> c -> b -> a", "p -> q -> p"]


def test_a_block_cannot_wait_for_what_waits_for_it(check: Checked) -> None:
    _, diagnostics = check("""
        name: change
        version: 1.0
        steps:
          - id: a
            type: shell
            command: x
            rescue: [{id: r, type: shell, command: x, depends_on: b}]
          - {id: b, type: shell, command: x, depends_on: a}
        """)
    assert [(one.code, one.found) for one in diagnostics] == [("NF205", "r -> b -> r")]


@pytest.mark.parametrize(
    ("text", "suggestion"),
    [
        (steps(A) + "timeoout: 3\n", "timeout"),
        (steps("{id: a, type: shel, command: x}"), "shell"),
        (steps("{id: a, type: shell, command: x, comand: y}"), "command"),
        (steps("{id: a, type: shell, command: x, depend_on: y}"), "depends_on"),
        (steps(A, "{id: b, type: shell, command: x, depends_on: A}"), "a"),
        (steps("{id: a, type: shell, command: x, when: inputs.cuont}") + "inputs: {count: {}}\n", "count"),
        (steps("{id: a, type: shell, command: x, when: cuont}") + "inputs: {count: {}}\n", ""),
        (steps("{id: a, type: shell, command: x, when: count}") + "inputs: {count: {}}\n", "inputs.count"),
        (
            steps(
                "{id: run-tests, type: shell, command: x}", "{id: b, type: shell, command: '{{ steps.run_tests.x }}'}"
            ),
            "run-tests",
        ),
        (steps(A) + "permissions: [shell.execute, device.raed]\n", "device.read"),
        (steps(A) + "inputs: {n: {type: strng}}\n", "string"),
    ],
)
def test_what_was_meant_is_suggested(check: Checked, text: str, suggestion: str) -> None:
    _, diagnostics = check(text)
    assert diagnostics[0].suggestion == suggestion


@pytest.mark.parametrize(
    ("key", "hint"),
    [
        ("unless", "when: not"),
        ("loop", "for_each"),
        ("with_items", "for_each"),
        ("ignore_errors", "on_failure: continue"),
        ("needs", "depends_on"),
        ("if", "when"),
    ],
)
def test_keys_of_other_tools_are_translated(check: Checked, key: str, hint: str) -> None:
    _, diagnostics = check(steps(f"{{id: a, type: shell, command: x, {key}: y}}"))
    assert hint in diagnostics[0].hint


def test_all_problems_are_told_at_once_in_the_order_of_the_document(check: Checked) -> None:
    workflow, diagnostics = check("""
        name: Bad Name
        version: 1.0
        inpts: {}
        timeout: -1
        steps:
          - {id: a, type: shel}
          - {id: b, type: shell, command: "echo {{ input.x }}", retry: {attempts: 99}}
          - {id: c, type: assert, condition: "steps.b.exit_cod"}
        """)
    assert workflow is None
    assert [one.code for one in diagnostics] == ["NF106", "NF101", "NF104", "NF201", "NF302", "NF104", "NF307", "NF311"]
    assert [one.location.line for one in diagnostics] == sorted(one.location.line for one in diagnostics)


def test_compiling_raises_all_of_them(step_types: Mapping[str, StepType]) -> None:
    document = load("change.yaml", text="name: A\nversion: 1.0\nsteps:\n  - {id: a, type: shel}\n")
    with pytest.raises(InvalidDocument, match=r"change.yaml:1:7: .* \(and 1 more\)") as caught:
        compile_workflow(document, step_types)
    assert [one.code for one in caught.value.diagnostics] == ["NF106", "NF201"]
    assert caught.value.exit_code == 2


def test_a_warning_does_not_stop_a_workflow(check: Checked) -> None:
    workflow, diagnostics = check(steps(A, "{id: b, type: shell, command: x, when: steps.a.exit_code == 0}"))
    assert workflow is not None
    assert [one.severity for one in diagnostics] == [Severity.WARNING]


def test_checks_of_plugins_are_asked_and_a_broken_one_is_told(check: Checked) -> None:
    def needs_ticket(workflow: Workflow) -> Iterable[Diagnostic]:
        if "ticket" not in workflow.inputs:
            yield Diagnostic("ACME001", "a change names its ticket", Location(workflow.file, 1, 1))

    def breaks(workflow: Workflow) -> Iterable[Diagnostic]:
        raise KeyError("oh")

    checks = (Check("ACME001", "a change names its ticket", needs_ticket), Check("ACME002", "never works", breaks))
    workflow, diagnostics = check(steps(A), checks=checks)
    assert workflow is None
    assert {(one.code, one.location.line) for one in diagnostics} == {("NF501", 1), ("ACME001", 1)}


def test_filters_of_plugins_are_known(faults: Faults) -> None:
    text = steps("{id: a, type: netmiko.config, lines: ['{{ 1 | twice }}']}")
    assert faults(text) == [("NF310", "4:43")]
    assert faults(text, filters=(TemplateFilter("twice", lambda x: x),)) == []


def test_a_step_type_whose_own_code_breaks_is_told_and_not_raised(step_types: Mapping[str, StepType]) -> None:
    class Broken(type(step_types["shell"])):  # type: ignore[misc]
        def needs(self, params: Mapping[str, Any]) -> frozenset[str]:
            raise RuntimeError("oh")

    shell: Any = step_types["shell"]
    broken = Broken("shell", shell.Params, Scope.RUN, set())
    _, diagnostics = check_workflow(load("c.yaml", text=steps(A)), {"shell": broken})
    assert [one.code for one in diagnostics] == ["NF206"]
    assert "permissions" in diagnostics[0].message
