"""A document becomes a workflow, or every problem in it is told at once, with its place and the way out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nornflow.abc import StepType
from nornflow.model.diagnostic import Diagnostic, InvalidDocument, Location, Severity
from nornflow.model.workflow import Amount, Edge, On, OnFailure, Retry, Scope, Targets, Workflow
from nornflow.registration import Check, TemplateFilter
from nornflow.workflow.compiler import check_workflow, compile_workflow
from nornflow.workflow.document import Document
from nornflow.workflow.loader import load

Compiled = Callable[..., Workflow]
Faults = Callable[..., list[tuple[str, str]]]
Checked = Callable[..., tuple[Workflow | None, tuple[Diagnostic, ...]]]

ROLLOUT = r"""
name: ntp-rollout
version: 1.2
description: Move the access layer to the new NTP servers
inputs:
  servers: {type: array, required: true, description: "NTP servers, first is preferred"}
  prefer:  {type: boolean, default: true}
  ticket:  {type: string, validation: {pattern: "^CHG\\d{7}$"}}
targets: "role == 'access' and site in ['ams', 'fra']"
rollout: {batches: [1, 10%, 100%], max_failures: 2%, soak: 30, pause_after: 1}
on_failure: rollback
steps:
  - id: before
    type: ttp.show
    command: show ntp associations
    template: ntp_associations
  - id: configure
    type: netmiko.config
    depends_on: [before]
    template: templates/ntp.j2
    save: true
  - id: synchronised
    type: assert
    depends_on: [configure]
    condition: "any(a.synced for a in steps.before.parsed)"
    retry: {attempts: 10, delay: 6, backoff: linear}
outputs:
  changed: {type: array, from: steps.configure.changed_hosts}
"""

HEAD = "name: change\nversion: 1.0\n"


def steps(*lines: str) -> str:
    return HEAD + "steps:\n" + "".join(f"  - {line}\n" for line in lines)


def test_the_example_of_the_design_compiles(compiled: Compiled) -> None:
    workflow = compiled(ROLLOUT)
    assert (workflow.name, workflow.version, workflow.on_failure) == ("ntp-rollout", "1.2", OnFailure.ROLLBACK)
    assert workflow.targets.expression == "role == 'access' and site in ['ams', 'fra']"
    assert workflow.rollout.batches == (Amount(1), Amount(10, True), Amount(100, True))
    assert (workflow.rollout.max_failures, workflow.rollout.soak, workflow.rollout.pause_after) == (
        Amount(2, True),
        30,
        1,
    )
    assert workflow.inputs["servers"].required
    assert workflow.inputs["prefer"].default is True
    before, configure, synchronised = workflow.steps
    assert (before.scope, before.permissions, before.params["template"]) == (
        Scope.DEVICE,
        {"device.read"},
        "ntp_associations",
    )
    assert configure.after == (Edge("before"),)
    assert configure.configures
    assert synchronised.retry == Retry(10, 6.0, "linear")
    assert synchronised.params == {"condition": "any(a.synced for a in steps.before.parsed)"}
    assert workflow.outputs["changed"].source == "steps.configure.changed_hosts"
    assert configure.location == Location("change.yaml", 16, 9)
    assert configure.places["save"] == Location("change.yaml", 20, 11)


def test_the_five_line_workflow_compiles(compiled: Compiled) -> None:
    workflow = compiled("""
        name: hello
        version: 1.0
        inputs: {name: {type: string, default: "Developer"}}
        steps:
          - {id: say, type: shell, command: "echo 'Hello {{ inputs.name }}!'"}
        """)
    assert workflow.version == "1.0"
    assert not workflow.needs_devices
    assert workflow.timeout is None


@pytest.mark.parametrize("version", ["1.0", "1.10", "'1.0'", "1.0.2", "12.34.56"])
def test_a_version_is_kept_as_it_was_written(compiled: Compiled, version: str) -> None:
    text = steps("{id: a, type: shell, command: x}").replace("version: 1.0", f"version: {version}")
    assert compiled(text).version == version.strip("'")


def test_two_texts_that_say_the_same_have_one_digest_and_others_do_not(compiled: Compiled) -> None:
    one = compiled(steps("{id: a, type: shell, command: x}"))
    same = compiled(steps("{type: shell,   command: 'x', id: a}"))
    other = compiled(steps("{id: a, type: shell, command: y}"))
    version = compiled(steps("{id: a, type: shell, command: x}").replace("1.0", "1.00"))
    assert one.digest == same.digest
    assert len({one.digest, other.digest, version.digest}) == 3


def test_every_common_key_finds_its_place(compiled: Compiled) -> None:
    workflow = compiled("""
        name: change
        version: 1.0
        author: Ann
        tags: [ntp, 2026]
        environment: {LEVEL: 3}
        profile: standard
        permissions: [device.*, shell.execute]
        timeout: 600
        retry: {attempts: 2, delay: 5}
        cache: {ttl: 120}
        targets: {hosts: r1, groups: [core], filter: {site: ams}}
        steps:
          - id: one
            name: The first
            description: It does it
            type: netmiko.config
            lines: ["ntp server {{ item }} {{ inputs.a }}"]
            when: "host.name != 'r9'"
            for_each: [1, 2]
            until: "steps.one.changed"
            timeout: 30
            retry: {attempts: 4, exponential_backoff: true, on_failure: fail}
            on_failure: warn
            environment: {A_B: "{{ host.name }}"}
            profile: restricted
            once: true
            rollback: [no ntp server 10.0.0.1]
            inputs: {a: 1}
            outputs: {n: {from: stdout, type: number}}
          - {id: two, type: shell, command: x, cache: false, when: false}
          - {id: three, type: shell, command: x, cache: {key: "{{ hash(inputs) }}", version: 2}}
        """)
    one, two, three = workflow.steps
    assert workflow.tags == ("ntp", "2026")
    assert workflow.environment == {"LEVEL": "3"}
    assert workflow.permissions == {"device.*", "shell.execute"}
    assert workflow.targets == Targets("", ("r1",), ("core",), {"site": "ams"}, workflow.targets.location)
    assert one.retry == Retry(4, 5.0, "exponential", on_failure="fail")
    assert two.retry == Retry(2, 5.0)
    assert (three.cache and three.cache.ttl, three.cache and three.cache.version) == (120, "2")
    assert two.cache is not None
    assert not two.cache.enabled
    assert (one.on_failure, one.once, one.rollback) == (OnFailure.WARN, True, ("no ntp server 10.0.0.1",))
    assert (one.for_each, one.timeout, one.profile, one.name) == ([1, 2], 30.0, "restricted", "The first")
    assert one.outputs[0].source == "stdout"
    assert two.when == "false"


def test_until_tries_again_even_without_a_retry(compiled: Compiled) -> None:
    assert compiled(steps("{id: a, type: shell, command: x, until: steps.a.exit_code == 0}")).steps[0].retry == Retry()


def test_steps_are_sorted_so_that_each_stands_after_what_it_needs(compiled: Compiled) -> None:
    workflow = compiled(
        steps(
            "{id: c, type: shell, command: x, depends_on: [a, b]}",
            "{id: b, type: shell, command: x, depends_on: a}",
            "{id: a, type: shell, command: x}",
            "{id: d, type: shell, command: x}",
        )
    )
    assert [step.id for step in workflow.steps] == ["a", "b", "c", "d"]


def edges(workflow: Workflow, step: str) -> list[tuple[str, str]]:
    return [(edge.step, edge.on.value) for edge in workflow.step(step).after]


def test_blocks_become_edges(compiled: Compiled) -> None:
    workflow = compiled("""
        name: change
        version: 1.0
        steps:
          - id: change
            type: netmiko.config
            profile: restricted
            rescue:
              - {id: collect, type: ttp.show, command: show log}
              - {id: mend, type: netmiko.config, lines: [a], profile: plan_only}
            always:
              - {id: tidy, type: shell, command: x}
              - {id: bye, type: shell, command: x, depends_on: change}
          - id: decide
            type: conditional
            depends_on: change
            condition: "steps.change.changed"
            then_steps:
              - {id: yes, type: shell, command: x}
              - {id: more, type: shell, command: x}
            else_steps:
              - {id: no, type: shell, command: x}
          - {id: last, type: shell, command: x, depends_on: decide}
        """)
    assert edges(workflow, "collect") == [("change", "failed")]
    assert edges(workflow, "mend") == [("change", "failed"), ("collect", "ok")]
    assert edges(workflow, "tidy") == [("change", "finished"), ("collect", "finished"), ("mend", "finished")]
    assert edges(workflow, "bye") == [("change", "finished"), ("collect", "finished"), ("mend", "finished")]
    assert edges(workflow, "decide") == [(step, "ok") for step in ("change", "collect", "mend", "tidy", "bye")]
    assert edges(workflow, "yes") == [("decide", "then")]
    assert edges(workflow, "more") == [("decide", "then"), ("yes", "ok")]
    assert edges(workflow, "no") == [("decide", "else")]
    assert edges(workflow, "last") == [("decide", "ok"), ("yes", "ok"), ("more", "ok"), ("no", "ok")]
    assert workflow.step("collect").profile == "restricted"
    assert workflow.step("mend").profile == "plan_only"


def test_blocks_stand_in_blocks(compiled: Compiled) -> None:
    workflow = compiled("""
        name: change
        version: 1.0
        steps:
          - id: outer
            type: conditional
            condition: true
            then_steps:
              - id: inner
                type: shell
                command: x
                rescue:
                  - {id: mend, type: shell, command: "echo {{ steps.outer.status }}"}
          - {id: last, type: shell, command: x, depends_on: [outer]}
        """)
    assert edges(workflow, "mend") == [("inner", "failed")]
    assert edges(workflow, "last") == [("outer", "ok"), ("inner", "ok"), ("mend", "ok")]
    assert On.THEN in {edge.on for edge in workflow.step("inner").after}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("build.exit_code == 0", "steps.build.exit_code == 0"),
        ("step.build.stdout", "steps.build.stdout"),
        ("steps.build.stdout", "steps.build.stdout"),
        ("build-it.outputs.x", "steps.build-it.outputs.x"),
        ("inputs.n", "inputs.n"),
        ("1 + 1", "1 + 1"),
    ],
)
def test_outputs_may_name_a_step_without_steps(compiled: Compiled, source: str, expected: str) -> None:
    text = steps("{id: build, type: shell, command: x}", "{id: build-it, type: shell, command: x}")
    workflow = compiled(f'{text}inputs: {{n: {{}}}}\noutputs: {{x: {{from: "{source}"}}}}\n')
    assert workflow.outputs["x"].source == expected


def test_expressions_with_hyphenated_ids_compile(compiled: Compiled) -> None:
    compiled(
        steps(
            "{id: run-tests, type: shell, command: x}",
            "{id: deploy, type: shell, depends_on: run-tests, when: steps.run-tests.exit_code == 0, "
            "command: 'echo {{ steps.run-tests.stdout }}'}",
        )
    )


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
        (steps(A) + "rollout: {max_failures: -1}\n", [("NF104", "5:25")]),
        (steps(A) + "rollout: {soak: 86401}\n", [("NF104", "5:17")]),
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


_WORDS = st.sampled_from(
    [*"abc", "a-b", "shell", "assert", "conditional", "netmiko.config", "{{ inputs.x }}", "{{", "steps.a.x", "10%", ""]
)
_PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 400) | st.floats(allow_nan=False, allow_infinity=False) | _WORDS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["id", "type", "command", "when", "x", "attempts", "delay", "from", "default", "validation", "hosts"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)
_STEP_KEYS = [
    "id",
    "type",
    "command",
    "condition",
    "lines",
    "when",
    "until",
    "for_each",
    "retry",
    "cache",
    "depends_on",
    "rescue",
]
_STEPS = st.dictionaries(
    st.sampled_from([*_STEP_KEYS, "always", "then_steps", "outputs", "inputs", "rollback"]), _PLAIN, max_size=6
)
_TOP_KEYS = [
    "name",
    "version",
    "inputs",
    "outputs",
    "targets",
    "retry",
    "cache",
    "rollout",
    "environment",
    "permissions",
    "tags",
]


@given(st.dictionaries(st.sampled_from(_TOP_KEYS), _PLAIN, max_size=5), st.lists(_STEPS | _PLAIN, max_size=3))
def test_any_plain_data_compiles_or_is_told_why_not(
    step_types: Mapping[str, StepType], top: dict[str, Any], some: list[Any]
) -> None:
    document = Document("any.yaml", {"name": "a", "version": "1.0", **top, "steps": some})
    workflow, diagnostics = check_workflow(document, step_types)
    assert (workflow is None) == any(one.severity is Severity.ERROR for one in diagnostics)
