"""What every installed step type must keep, ours and anybody's."""

from __future__ import annotations

import copy
import re
from typing import Any, Literal, get_args, get_origin

import pytest
from pydantic import BaseModel

from nornflow import Scope, StepType
from nornflow.model.permission import PERMISSIONS
from nornflow.plugins.host import load_plugins
from nornflow.registration import FunctionStep
from nornflow.workflow.keys import STEP

HOST = load_plugins()
STEP_TYPES = HOST.registries.step_types
COMMON_KEYS = frozenset(STEP.keys)

each_step_type = pytest.mark.parametrize("step_type", STEP_TYPES.values(), ids=list(STEP_TYPES))


def test_every_installed_plugin_loads() -> None:
    assert {info.name: info.problems for info in HOST.plugins if info.problems} == {}
    assert len(STEP_TYPES) >= 9


@each_step_type
def test_it_says_in_a_sentence_what_it_is_for(step_type: StepType) -> None:
    first = (step_type.__doc__ or "").strip().partition("\n\n")[0]
    assert re.fullmatch(r"[A-Z].{10,}\.", " ".join(first.split())), first


@each_step_type
def test_its_name_and_scope_are_ones_that_a_workflow_can_write(step_type: StepType) -> None:
    assert re.fullmatch(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*", step_type.name)
    assert isinstance(step_type.scope, Scope)


@each_step_type
def test_its_keys_are_described_and_none_is_a_common_one(step_type: StepType) -> None:
    model = step_type.Params
    assert issubclass(model, BaseModel)
    for key, field in model.model_fields.items():
        name = field.alias or key
        assert name not in COMMON_KEYS, f"{name} is a key of every step"
        if not isinstance(step_type, FunctionStep):  # a function's docstring describes its parameters
            assert field.description, f"{name} has no description"


@each_step_type
def test_unknown_keys_are_refused(step_type: StepType) -> None:
    assert step_type.Params.model_config.get("extra") == "forbid"


@each_step_type
def test_its_keys_have_a_json_schema(step_type: StepType) -> None:
    schema = step_type.Params.model_json_schema()
    assert schema["type"] == "object"


@each_step_type
def test_the_permissions_it_needs_exist(step_type: StepType) -> None:
    assert set(step_type.permissions) <= set(PERMISSIONS)
    assert set(step_type.needs({})) <= set(PERMISSIONS)
    odd: dict[str, Any] = dict.fromkeys(step_type.Params.model_fields, "{{ inputs.x }}")
    assert set(step_type.needs(odd)) <= set(PERMISSIONS)


@each_step_type
def test_a_template_cannot_hide_what_it_needs(step_type: StepType) -> None:
    """A key that is only known when the step runs must not lower what is asked of the profile beforehand."""
    odd: dict[str, Any] = dict.fromkeys(step_type.Params.model_fields, "{{ inputs.x }}")
    writes = {name for name in PERMISSIONS if not name.endswith(".read")}
    assert step_type.needs(odd) >= step_type.permissions & writes
    for key, field in step_type.Params.model_fields.items():  # each choice of a key, against not knowing the choice
        for choice in get_args(field.annotation) if get_origin(field.annotation) is Literal else ():
            assert step_type.needs(odd) | {"device.read"} >= step_type.needs({key: choice}) & writes, (key, choice)


@each_step_type
def test_it_holds_no_state(step_type: StepType) -> None:
    """One instance serves all runs and threads: nothing of it is a list, a mapping or a set that a step could fill."""
    state = copy.copy(getattr(step_type, "__dict__", {}))
    assert [name for name, value in state.items() if isinstance(value, (list, dict, set))] == []


@each_step_type
def test_its_results_have_names(step_type: StepType) -> None:
    assert isinstance(step_type.result_keys, tuple)
    assert all(re.fullmatch(r"[a-z_][a-z0-9_]*", key) for key in step_type.result_keys)
