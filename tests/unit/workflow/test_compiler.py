"""A document becomes a workflow: every key finds its place, blocks become edges, steps stand in their order."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from nornflow.model.diagnostic import Diagnostic, Location
from nornflow.model.rollout import Amount, Targets
from nornflow.model.step import Edge, On, OnFailure, Retry, Scope
from nornflow.model.workflow import Workflow

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
        frozenset({1}),
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
          - {id: three, type: shell, command: x, read_only: true, cache: {key: "{{ hash(inputs) }}", version: 2}}
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
    workflow = compiled(
        steps(
            "{id: run-tests, type: shell, command: x}",
            "{id: deploy, type: shell, depends_on: run-tests, when: steps.run-tests.exit_code == 0, "
            "command: 'echo {{ steps.run-tests.stdout }}'}",
        )
    )
    deploy = workflow.step("deploy")
    assert (deploy.when, deploy.params["command"]) == (
        "steps.run-tests.exit_code == 0",
        "echo {{ steps.run-tests.stdout }}",
    )
