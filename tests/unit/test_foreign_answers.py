"""What step types of others raise and answer, as the engine takes it: told in its words, never half believed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nornir.core.task import MultiResult, Result

from nornflow.engine.strangers import answered, asked, told
from nornflow.errors import NornFlowError, StepError
from nornflow.model.plain import plain
from nornflow.model.run import HostState, StepResult


class Dumb(Exception):
    def __str__(self) -> str:
        raise ValueError("no words")


class Nameless(StepError):
    def __init__(self) -> None:
        """Forget the message that every error of ours has."""


def raises(error: BaseException) -> Any:
    raise error


class TestWhatIsRaised:
    @pytest.mark.parametrize(
        ("error", "text"),
        [
            (RuntimeError("first\nsecond"), "RuntimeError: first"),
            (KeyError(), "KeyError"),
            (SystemExit(3), "SystemExit: 3"),
            (KeyboardInterrupt(), "KeyboardInterrupt"),
            (Dumb(), "Dumb: (its text raised ValueError)"),
            (StepError(ValueError("x")), "StepError: (its text raised TypeError)"),  # type: ignore[arg-type]
        ],
    )
    def test_it_becomes_an_error_of_one_line_that_says_where(self, error: BaseException, text: str) -> None:
        with pytest.raises(StepError) as caught:
            asked(raises, error, who="the step type acme.x")
        assert caught.value.message == text
        assert caught.value.hint.startswith("the step type acme.x raised it at ")
        assert caught.value.hint.endswith("in raises")

    def test_an_error_of_ours_is_left_as_it_is(self) -> None:
        error = StepError("own words", hint="own hint")
        with pytest.raises(StepError) as caught:
            asked(raises, error, who="it")
        assert caught.value is error

    def test_an_error_of_ours_without_a_message_gets_one(self) -> None:
        with pytest.raises(NornFlowError) as caught:
            asked(raises, Nameless(), who="it")
        assert caught.value.message == "Nameless: (its text raised AttributeError)"

    def test_an_error_that_was_never_raised_has_no_place(self) -> None:
        assert told(ValueError("x"), "it").hint == "it raised it"


def ring() -> Any:
    held: list[Any] = []
    held.append(held)
    return held


@dataclass
class Node:
    next: Any = None


def node() -> Node:
    made = Node()
    made.next = made
    return made


class Wordless:
    def __str__(self) -> str:
        raise RuntimeError("none")


ANSWERS = ("ok", "changed", "failed", "skipped", "timed_out", "unknown")


class TestWhatIsAnswered:
    @pytest.mark.parametrize("value", ["text", 42, [1, 2], b"\xff", {1, 2}, object(), float("nan")])
    def test_any_value_is_the_result(self, value: Any) -> None:
        assert answered(value, "acme.x").outputs["result"] == value or value != value

    def test_nothing_is_a_step_that_went_well(self) -> None:
        assert answered(None, "acme.x") == StepResult()

    def test_a_generator_is_work_that_nobody_did(self) -> None:
        with pytest.raises(StepError, match="generator, which nobody runs"):
            answered((number for number in range(3)), "acme.x")

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("state", None),
            ("changed", "yes"),
            ("outputs", None),
            ("outputs", [1]),
            ("stdout", b"x"),
            ("diff", {}),
            ("exit_code", "3"),
            ("error", ValueError()),
            ("usage", None),
        ],
    )
    def test_a_field_of_a_wrong_type_is_named(self, field: str, value: Any) -> None:
        with pytest.raises(StepError, match=f"acme.x answers with `{field}` of type {type(value).__name__}"):
            answered(StepResult(**{field: value}), "acme.x")

    @pytest.mark.parametrize(
        "value", [ring(), node(), {"x": Wordless()}, {"x": [[ring()]]}, [-(10**4300)], {"x": 10**5000}]
    )
    def test_what_no_record_could_hold_is_refused(self, value: Any) -> None:
        with pytest.raises(StepError, match=r"acme\.x gives a result that is not plain data"):
            answered(StepResult(outputs={"x": value}), "acme.x")

    @pytest.mark.parametrize("state", [state for state in HostState if state not in ANSWERS])
    def test_states_that_the_engine_gives_are_not_taken(self, state: HostState) -> None:
        with pytest.raises(StepError, match="the engine's to give"):
            answered(StepResult(state), "acme.x")

    def test_only_a_plan_answers_planned(self) -> None:
        assert answered(StepResult(HostState.PLANNED), "acme.x", planning=True).state is HostState.PLANNED

    def test_a_state_that_does_not_exist_is_told(self) -> None:
        with pytest.raises(StepError, match="'great', which does not exist"):
            answered(StepResult("great"), "acme.x")  # type: ignore[arg-type]

    @pytest.mark.parametrize(
        "given",
        [
            StepResult("changed"),
            StepResult(changed=True),
            StepResult(HostState.CHANGED),
            StepResult(HostState.SKIPPED, True),
        ],
    )
    def test_a_change_is_a_change_however_it_is_said(self, given: StepResult) -> None:
        result = answered(given, "acme.x")
        assert (result.state, result.changed) == (HostState.CHANGED, True)

    def test_a_failure_says_something_and_cannot_forgive_itself(self) -> None:
        result = answered(StepResult(HostState.FAILED, rescued=True, attempts=9, reason="dependency"), "acme.x")
        assert result.failed
        assert (result.error, result.reason, result.attempts) == (
            "acme.x says that it failed, and not why",
            "step-failed",
            1,
        )

    def test_a_failed_nornir_result_without_a_word_is_a_failure(self) -> None:
        with pytest.raises(StepError, match="failed, and not why"):
            answered(Result(host=None, failed=True), "acme.x")

    def test_what_task_run_gives_counts_with_its_subtasks(self) -> None:
        parts = MultiResult("outer")
        parts += [Result(host=None, result="outer"), Result(host=None, result="inner", changed=True)]
        result = answered(parts, "acme.x")
        assert (result.outputs["result"], result.changed) == ("outer", True)
        parts.append(Result(host=None, failed=True, exception=ValueError("inner went wrong")))
        with pytest.raises(StepError, match="inner went wrong"):
            answered(parts, "acme.x")


anything: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()) | st.binary() | st.datetimes(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner) | st.tuples(inner),
    max_leaves=12,
)


@given(anything)
def test_plain_data_is_json_in_utf_8_and_stays_as_it_is(value: Any) -> None:
    made = plain(value)
    assert json.loads(json.dumps(made, allow_nan=False, ensure_ascii=False).encode("utf-8")) == made
    assert plain(made) == made


def test_half_a_character_is_shown_as_what_it_is() -> None:
    assert plain(["ab\udc80"]) == ["ab\\udc80"]
