"""Calls of other workflows: how they are found, what is said of those that are not in order, and what they come to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from nornflow.abc import StepType
from nornflow.model.diagnostic import Diagnostic
from nornflow.model.step import Edge, On, Scope
from nornflow.model.workflow import Workflow
from nornflow.workflow.compiler import check_workflow
from nornflow.workflow.export import export_workflow
from nornflow.workflow.graph import draw
from nornflow.workflow.library import Library
from nornflow.workflow.loader import load
from nornflow.workflow.schema import language_schema

PART = """name: part
version: 1.0
inputs: {line: {type: string, required: true}, count: {type: number, default: 1}}
steps:
  - {id: change, type: netmiko.config, lines: ["{{ inputs.line }}"]}
  - {id: shown, type: ttp.show, depends_on: change, command: show}
outputs: {seen: {from: steps.change.changed_hosts}}
"""
SHOWN = "{id: shown, type: ttp.show, depends_on: change, command: show}"
HEAD = "name: main\nversion: 1.0\nsteps:\n"
CALL = "  - {id: part, type: workflow, file: part.yaml, inputs: {line: hostname x}}\n"
NOT_OF_CALLS = (
    *("retry: {attempts: 2}", "until: 'true'", "once: true", "rollback: false", "cache: true"),
    *("read_only: true", "outputs: {x: {from: stdout}}"),
)
Made = tuple[Workflow | None, tuple[Diagnostic, ...]]
Make = Callable[..., Made]


@pytest.fixture
def make(tmp_path: Path, step_types: Mapping[str, StepType], monkeypatch: pytest.MonkeyPatch) -> Make:
    """Write files into a project, the first as main.yaml, and compile that one."""
    monkeypatch.chdir(tmp_path)

    def made(main: str, files: Mapping[str, str] | None = None, **library: Any) -> Made:
        for name, text in {"main.yaml": main, "part.yaml": PART, **(files or {})}.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text)
        return check_workflow(load("main.yaml"), step_types, library=Library(tmp_path, **library))

    return made


def good(made: Made) -> Workflow:
    workflow, diagnostics = made
    assert diagnostics == ()
    assert workflow is not None
    return workflow


def fault(made: Made) -> Diagnostic:
    (found,) = made[1]
    assert made[0] is None
    return found


class TestGraph:
    def test_steps_of_the_called_workflow_stand_before_the_step_that_calls(self, make: Make) -> None:
        tail = "  - {id: last, type: assert, depends_on: part, condition: steps.part.changed and steps.part.seen}\n"
        workflow = good(
            make(
                HEAD
                + "  - {id: first, type: shell, command: x}\n"
                + CALL.replace("file:", "depends_on: first, file:")
                + tail
            )
        )
        assert [(step.id, step.scope, step.frame) for step in workflow.steps] == [
            ("first", Scope.RUN, ""),
            ("part.change", Scope.DEVICE, "part"),
            ("part.shown", Scope.DEVICE, "part"),
            ("part", Scope.DEVICE, ""),
            ("last", Scope.DEVICE, ""),
        ]
        assert workflow.step("part.change").after == (Edge("first"),)
        assert workflow.step("part").after == (Edge("first"), Edge("part.change"), Edge("part.shown"))
        assert str(workflow.step("part.change").location) == "part.yaml:5:10"

    def test_a_call_in_a_block_has_its_steps_in_the_block(self, make: Make) -> None:
        nested = (
            "  - {id: size, type: conditional, condition: 'true', then_steps: ["
            + CALL.strip().removeprefix("- ")
            + "]}\n"
        )
        workflow = good(make(HEAD + nested))
        assert all(Edge("size", On.THEN) in workflow.step(one).after for one in ("part.change", "part.shown", "part"))

    def test_what_is_told_of_a_device_runs_on_devices(self, make: Make) -> None:
        check = "name: part\nversion: 1.0\ninputs: {x: {type: string}}\nsteps:\n  - {id: a, type: assert, condition: inputs.x}\n"
        for given, scope in (("'{{ host.name }}'", Scope.DEVICE), ("'{{ run.id }}'", Scope.RUN)):
            workflow = good(make(HEAD + CALL.replace("line: hostname x", f"x: {given}"), {"part.yaml": check}))
            assert {step.scope for step in workflow.steps} == {scope}

    def test_a_step_that_runs_once_cannot_be_told_of_a_device(self, make: Make) -> None:
        once = PART.replace(
            f"  - {SHOWN}",
            "  - {id: tell, type: shell, command: x}",
        )
        found = fault(make(HEAD + CALL.replace("hostname x", "'{{ host.name }}'"), {"part.yaml": once}))
        assert (found.code, str(found.location)) == ("NF302", "main.yaml:4:68")

    def test_it_is_drawn_exported_and_in_the_schema(self, make: Make, step_types: Mapping[str, StepType]) -> None:
        drawn = draw(good(make(HEAD + CALL.replace("file:", "when: 'true', for_each: [1, 2], file:"))))
        assert "part.shown" in drawn
        assert "after part.shown  when true  for each of 2 items\n" in drawn
        make(HEAD + CALL)
        assert "type: workflow\n    file: part.yaml\n" in export_workflow(load("main.yaml"))
        assert set(language_schema(step_types)["definitions"]["step.workflow"]["properties"]) >= {
            "file",
            "workflow",
            "inputs",
        }

    def test_a_digest_is_another_when_a_called_file_is(self, make: Make) -> None:
        one = good(make(HEAD + CALL))
        assert good(make(HEAD + CALL)).digest == one.digest
        other = good(make(HEAD + CALL, {"part.yaml": PART.replace("show}", "show clock}")}))
        assert (other.digest != one.digest, list(other.called.values())) == (
            True,
            [(PART.replace("show}", "show clock}"))],
        )


class TestFound:
    @pytest.mark.parametrize("place", ["part.yaml", "workflows/part.yaml"])
    def test_a_name_is_looked_for_beside_it_and_among_the_workflows(
        self, make: Make, place: str, tmp_path: Path
    ) -> None:
        made = make(HEAD + CALL.replace("file: part.yaml", "workflow: part2"), {place.replace("part", "part2"): PART})
        assert [Path(path).relative_to(tmp_path) for path in good(made).called] == [
            Path(place.replace("part", "part2"))
        ]

    def test_a_path_begins_at_the_file_that_calls(self, make: Make) -> None:
        middle = PART.replace(
            SHOWN,
            "{id: more, type: workflow, file: ../deep.yaml, inputs: {line: x}}",
        )
        workflow = good(
            make(HEAD + CALL.replace("part.yaml", "sub/part.yaml"), {"sub/part.yaml": middle, "deep.yaml": PART})
        )
        assert [step.id for step in workflow.steps if step.type == "netmiko.config"] == [
            "part.change",
            "part.more.change",
        ]
        assert str(workflow.step("part.more.change").location) == "deep.yaml:5:10"

    @pytest.mark.parametrize(
        "written", ["nothing.yaml", "../outside.yaml", "link.yaml", "/etc/passwd", "''", '"x\\0y"']
    )
    def test_what_is_not_there_or_lies_outside_is_refused(self, make: Make, written: str, tmp_path: Path) -> None:
        (tmp_path.parent / "outside.yaml").write_text(PART)
        (tmp_path / "link.yaml").symlink_to(tmp_path.parent / "outside.yaml")
        found = fault(make(HEAD + CALL.replace("part.yaml", written)))
        assert found.code in ("NF221", "NF206")
        assert str(found.location).startswith("main.yaml:4:")

    def test_a_circle_is_told_with_every_call_of_it(self, make: Make) -> None:
        def calling(name: str, other: str) -> str:
            return f"name: {name}\nversion: 1.0\nsteps:\n  - {{id: on, type: workflow, file: {other}}}\n"

        files = {"a.yaml": calling("a", "b.yaml"), "b.yaml": calling("b", "a.yaml")}
        found = fault(make(calling("main", "a.yaml"), files))
        told = "workflows call each other in a circle: a.yaml:4:36 calls b.yaml, b.yaml:4:36 calls a.yaml"
        assert (found.code, found.message, str(found.location)) == ("NF222", told, "main.yaml:4:36")
        assert "main.yaml:4:36 calls main.yaml" in fault(make(calling("main", "main.yaml"))).message

    def test_a_chain_is_as_long_as_the_setting_says(self, make: Make) -> None:
        files = {
            f"a{n}.yaml": PART.replace(
                SHOWN,
                f"{{id: on, type: workflow, file: a{n + 1}.yaml, inputs: {{line: x}}}}",
            )
            for n in range(1, 3)
        } | {"a3.yaml": PART}
        main = HEAD + CALL.replace("part.yaml", "a1.yaml")
        assert len([step for step in good(make(main, files, depth=3)).steps if step.type == "netmiko.config"]) == 3
        found = fault(make(main, files, depth=2))
        assert (found.code, found.expected) == ("NF223", "at most 2 (setting `workflow_depth`)")
        assert "main.yaml -> a1.yaml -> a2.yaml -> a3.yaml" in found.message
        assert fault(make(main, files, depth=0)).code == "NF223"

    def test_many_calls_are_no_more_steps_than_one_workflow_may_have(self, make: Make) -> None:
        steps = "".join(f"  - {{id: s{n}, type: shell, command: x}}\n" for n in range(400))
        calls = "".join(f"  - {{id: c{n}, type: workflow, file: part.yaml}}\n" for n in range(3))
        found = fault(make(HEAD + calls, {"part.yaml": HEAD + steps}))
        assert (found.code, found.found) == ("NF104", "1,203")


class TestCalled:
    @pytest.mark.parametrize(
        ("given", "told"),
        [
            ("{lin: x}", "part has no input 'lin'"),
            ("{}", "part needs the input 'line'"),
            ("{line: x, count: many}", "input 'count' of part must be a number, not the text 'many'"),
        ],
    )
    def test_inputs_have_to_fit(self, make: Make, given: str, told: str) -> None:
        workflow, diagnostics = make(HEAD + CALL.replace("{line: hostname x}", given))
        assert workflow is None
        assert {one.code for one in diagnostics} == {"NF226"}
        assert told in [one.message for one in diagnostics]

    @pytest.mark.parametrize("key", NOT_OF_CALLS)
    def test_keys_of_steps_that_do_something_have_no_meaning(self, make: Make, key: str) -> None:
        _, diagnostics = make(HEAD + CALL.replace("file:", f"{key}, file:"))
        assert [one.code for one in diagnostics] == ["NF225"]

    @pytest.mark.parametrize(
        "key",
        [
            "rollout: {batches: [1]}",
            "on_failure: rollback",
            "timeout: 60",
            "confirm: {within: 60}",
            "priority: 5",
            "resources: {cpu: 1}",
        ],
    )
    def test_there_is_one_run(self, make: Make, key: str) -> None:
        files = {"part.yaml": PART.replace("inputs:", f"{key}\ninputs:")}
        found = fault(make(HEAD + CALL, files))
        assert (found.code, "part.yaml:3:" in found.message) == ("NF227", True)
        good(make(HEAD.replace("steps", f"{key}\nsteps") + CALL, files))
        good(make(HEAD + CALL, {"part.yaml": PART.replace("inputs:", "on_failure: stop\ninputs:")}))

    def test_what_a_caller_does_not_grant_is_told(self, make: Make) -> None:
        _, diagnostics = make(HEAD.replace("steps", "permissions: [device.read]\nsteps") + CALL)
        assert [(one.code, one.found) for one in diagnostics] == [("NF403", "device.configure")]

    def test_results_of_earlier_runs_are_not_taken_where_the_caller_changes_devices(self, make: Make) -> None:
        reads = "name: part\nversion: 1.0\nsteps:\n  - {id: shown, type: ttp.show, command: x, cache: true, read_only: true}\n"
        call = CALL.replace(", inputs: {line: hostname x}", "")
        assert good(make(HEAD + call, {"part.yaml": reads})).step("part.shown").cache is not None
        change = "  - {id: change, type: netmiko.config, lines: [x]}\n"
        assert good(make(HEAD + call + change, {"part.yaml": reads})).step("part.shown").cache is None

    def test_how_often_it_is_called_is_known_before_the_run(self, make: Make) -> None:
        for each in ("steps.first.items", "host.parts"):
            _, diagnostics = make(HEAD + CALL.replace("file:", f"for_each: {each}, file:"))
            assert [one.code for one in diagnostics] == ["NF302"]

    def test_a_workflow_with_errors_is_told_once_with_its_first(self, make: Make) -> None:
        broken = PART.replace("ttp.show", "ttp.shwo").replace("netmiko.config", "netmiko.confg")
        found = fault(make(HEAD + CALL, {"part.yaml": broken}))
        assert (found.code, str(found.location)) == ("NF224", "main.yaml:4:38")
        assert found.message.startswith(
            "part.yaml has errors: part.yaml:5:24: there is no step type 'netmiko.confg' (and 2 more)"
        )
        assert fault(make(HEAD + CALL, {"part.yaml": "a: [\n"})).code == "NF224"
