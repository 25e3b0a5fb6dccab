"""The JSON Schema says what the compiler says: valid draft-07, true to the table of keys, step types included."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from textwrap import dedent
from typing import Any

import jsonschema
import pytest
from pydantic import BaseModel, ConfigDict

from nornflow.abc import StepType
from nornflow.model.step import Scope
from nornflow.workflow.forms import Form
from nornflow.workflow.keys import STEP, WORKFLOW
from nornflow.workflow.loader import load
from nornflow.workflow.schema import language_schema


@pytest.fixture(scope="session")
def validator(step_types: Mapping[str, StepType]) -> jsonschema.Draft7Validator:
    schema = language_schema(step_types)
    jsonschema.Draft7Validator.check_schema(schema)
    return jsonschema.Draft7Validator(schema)


HEAD = "name: change\nversion: 1.0\nsteps:\n"
GOOD = [
    HEAD + "  - {id: a, type: shell, command: 'echo x'}\n",
    HEAD + "  - {id: a, type: shell, command: [echo, x], timeout: 3}\n",
    HEAD + "  - {id: a, type: assert, condition: true}\n",
    HEAD
    + "  - {id: a, type: netmiko.config, level: '{{ inputs.n }}', lines: '{{ inputs.l }}'}\ninputs: {n: {}, l: {}}\n",
    HEAD + "  - {id: a, type: nornir.task, task: t, anything: [1]}\n",
    HEAD + "  - {id: a, type: shell, command: x, depends_on: b, cache: false}\n  - {id: b, type: shell, command: x}\n",
    "snapshot: {take: [{id: n, type: ttp.show, command: show x, timeout: 9}], noise: ['*.up'], learn: 0.5}\n"
    + HEAD
    + "  - {id: a, type: netmiko.config, lines: [x]}\n",
    dedent("""
        name: change
        version: 1.0.2
        targets: {hosts: r1, groups: [a]}
        rollout: {batches: [1, 10%], max_failures: 2%}
        inputs: {n: {type: number, validation: {min: 1, enum: [1, 2]}}}
        steps:
          - id: a
            type: conditional
            condition: "inputs.n == 1"
            then_steps:
              - {id: b, type: shell, command: x, retry: {attempts: 2}, rescue: [{id: c, type: shell, command: x}]}
        outputs: {x: {from: steps.b.stdout}}
        """),
]
BAD = [
    "name: change\nversion: 1.0\n",
    "name: Change\nversion: 1.0\nsteps: [{id: a, type: shell, command: x}]\n",
    HEAD + "  - {id: a, type: shel, command: x}\n",
    "snapshot: {take: []}\n" + HEAD + "  - {id: a, type: shell, command: x}\n",
    "snapshot: {take: [{id: n, type: ttp.show}]}\n" + HEAD + "  - {id: a, type: shell, command: x}\n",
    "snapshot: {unexplained: fail}\n" + HEAD + "  - {id: a, type: shell, command: x}\n",
    HEAD + "  - {id: a, type: shell}\n",
    HEAD + "  - {id: a, type: shell, command: x, comand: y}\n",
    HEAD + "  - {id: a, type: shell, command: x, retry: {attempts: 11}}\n",
    HEAD + "  - {id: a, type: netmiko.config, level: 9}\n",
    HEAD + "  - {id: a, type: netmiko.config, mode: merg}\n",
    HEAD + "  - {id: a, type: shell, command: x, then_steps: [{id: b, type: shell, command: x}]}\n",
    HEAD + "  - {id: a, type: shell, command: x, rescue: [{id: b, type: shell}]}\n",
    HEAD + "  - {id: a, type: shell, command: x}\ntimeoout: 3\n",
    HEAD + "  - {id: a, type: shell, command: x}\ntimeout: 0\n",
    HEAD + "  - {id: a, type: shell, command: x}\ninputs: {n: string}\n",
    HEAD + "  - {id: a, type: shell, command: x}\nenvironment: {lower: x}\n",
]


@pytest.mark.parametrize("text", GOOD)
def test_what_compiles_fits_the_schema(
    validator: jsonschema.Draft7Validator, compiled: Callable[..., Any], text: str
) -> None:
    compiled(text)
    assert [error.message for error in validator.iter_errors(load("c.yaml", text=text.lstrip()).data)] == []


@pytest.mark.parametrize("text", BAD)
def test_what_does_not_fit_the_schema_does_not_compile(
    validator: jsonschema.Draft7Validator, check: Callable[..., Any], text: str
) -> None:
    assert not validator.is_valid(load("c.yaml", text=text).data)
    assert check(text)[0] is None


def test_every_key_of_the_language_is_described(validator: jsonschema.Draft7Validator) -> None:
    schema: Any = validator.schema
    assert set(schema["properties"]) == set(WORKFLOW.keys)
    step = schema["definitions"]["step.conditional"]["properties"]
    assert set(step) == {*STEP.keys, "condition"}
    assert all(part["description"] for part in (*schema["properties"].values(), *step.values()) if "anyOf" not in part)


def test_bounds_are_those_of_the_compiler(validator: jsonschema.Draft7Validator) -> None:
    schema: Any = validator.schema
    attempts = schema["properties"]["retry"]["properties"]["attempts"]
    assert (attempts["type"], attempts["minimum"], attempts["maximum"], attempts["default"]) == ("integer", 1, 10, 3)


def test_models_inside_of_parameters_are_described_too(step_types: Mapping[str, StepType]) -> None:
    class Check(BaseModel):
        model_config = ConfigDict(extra="forbid")
        command: str
        pair: tuple[int, str] = (1, "a")

    class Params(BaseModel):
        checks: list[Check]
        either: Check | int = 3

    fake: Any = type(step_types["shell"])
    schema = language_schema({"validate": fake("validate", Params, Scope.DEVICE, set())})
    validator = jsonschema.Draft7Validator(schema)
    validator.check_schema(schema)
    document = {"name": "a", "version": "1.0", "steps": [{"id": "a", "type": "validate", "checks": [{"command": "x"}]}]}
    assert validator.is_valid(document)
    document["steps"][0]["checks"][0]["comand"] = "y"  # type: ignore[index]
    assert not validator.is_valid(document)


def test_a_type_whose_keys_cannot_be_described_takes_any(step_types: Mapping[str, StepType]) -> None:
    class Opaque:
        pass

    class Params(BaseModel):
        model_config = ConfigDict(arbitrary_types_allowed=True)
        thing: Opaque

    fake: Any = type(step_types["shell"])
    schema = language_schema({"odd": fake("odd", Params, Scope.RUN, set())})
    document = {"name": "a", "version": "1.0", "steps": [{"id": "a", "type": "odd", "thing": 1}]}
    assert jsonschema.Draft7Validator(schema).is_valid(document)


def test_without_step_types_there_is_still_a_schema() -> None:
    schema = language_schema({})
    jsonschema.Draft7Validator.check_schema(schema)
    assert not jsonschema.Draft7Validator(schema).is_valid(
        {"name": "a", "version": "1.0", "steps": [{"id": "a", "type": "x"}]}
    )


def test_every_form_of_the_table_has_a_schema() -> None:
    for key in (*WORKFLOW.keys.values(), *STEP.keys.values()):
        assert isinstance(key.form, Form)
        jsonschema.Draft7Validator.check_schema(key.form.schema())
