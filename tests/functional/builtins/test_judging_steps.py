"""`assert`, `conditional` and `note`."""

from typing import Any

import pytest

from nornflow import HostState, StepError
from nornflow_builtins.checks import AssertStep, ConditionalStep
from nornflow_builtins.note import NoteStep

STEPS = {"before": {"parsed": [{"synced": False}, {"synced": True}]}}


def test_a_true_condition_passes(run_bench: Any) -> None:
    result = run_bench.run(AssertStep(), {"condition": "any(a.synced for a in steps.before.parsed)"}, {"steps": STEPS})
    assert (result.state, result.outputs) == (HostState.OK, {"assertion_result": True})


def test_a_false_condition_fails_with_the_message(run_bench: Any) -> None:
    result = run_bench.run(
        AssertStep(),
        {"condition": "all(a.synced for a in steps.before.parsed)", "message": "{{ inputs.name }} has no time"},
        {"steps": STEPS, "inputs": {"name": "ams-1"}},
    )
    assert result.state is HostState.FAILED
    assert (result.error, result.reason) == ("ams-1 has no time", "assertion")
    assert result.outputs == {"assertion_result": False}
    assert run_bench.run(AssertStep(), {"condition": "1 > 2"}).error == "not true: 1 > 2"


def test_an_error_is_never_taken_for_false(run_bench: Any) -> None:
    with pytest.raises(StepError, match="after"):
        run_bench.run(AssertStep(), {"condition": "steps.after.ok"}, {"steps": STEPS})


def test_a_conditional_names_its_branch(run_bench: Any) -> None:
    for value, branch in ((5, "then"), (1, "else")):
        result = run_bench.run(ConditionalStep(), {"condition": "inputs.n > 2"}, {"inputs": {"n": value}})
        assert result.outputs == {"branch": branch}


def test_a_note_is_told_and_kept(run_bench: Any) -> None:
    result = run_bench.run(NoteStep(), {"text": "one\n{{ inputs.n }}"}, {"inputs": {"n": 2}})
    assert run_bench.lines == ["one", "2"]
    assert result.stdout == "one\n2\n"
