"""The small parts of the engine: the stop switch, the emitter, the graph, retries."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

import pytest

from nornflow.abc import Observer
from nornflow.engine.attempts import delay_before, worth_retrying
from nornflow.engine.cancel import StopSwitch
from nornflow.engine.emit import Emitter
from nornflow.engine.graph import ancestors, device_phases, predecessors, rescue_groups, walk
from nornflow.model.event import Event, EventKind
from nornflow.model.run import HostState, StepResult
from nornflow.model.step import Edge, On, Retry, Scope, Step
from nornflow.redaction import Redactor
from nornflow.testing.fakes import RememberingObserver

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def step(name: str, *after: str | Edge, scope: Scope = Scope.DEVICE, changes: bool = False) -> Step:
    edges = tuple(edge if isinstance(edge, Edge) else Edge(edge) for edge in after)
    return Step(name, "fake", scope, frozenset({"device.configure"} if changes else ()), after=edges)


class TestStopSwitch:
    def test_stop_then_abort_calls_back_once(self) -> None:
        switch, calls = StopSwitch(), []
        switch.on_abort(lambda: calls.append("a"))
        forget = switch.on_abort(lambda: calls.append("b"))
        forget()
        switch.stop()
        assert switch.stopping
        assert not switch.aborted
        switch.abort("timeout")
        switch.abort()
        assert calls == ["a"]
        assert switch.reason == "cancelled"  # the first reason stays

    def test_a_late_callback_is_called_at_once(self) -> None:
        switch, calls = StopSwitch(), []
        switch.abort("timeout")
        switch.on_abort(lambda: calls.append("late"))
        assert calls == ["late"]
        assert switch.reason == "timeout"


class Sulking(Observer):
    name = "sulking"

    def observe(self, event: Event) -> None:
        raise RuntimeError("no")


class TestEmitter:
    def test_a_broken_observer_is_told_of_once_and_left_out(self) -> None:
        remembering = RememberingObserver()
        emitter = Emitter("run-1", [Sulking(), remembering], lambda: NOON)
        emitter.emit(EventKind.RUN_STATE, state="running")
        emitter.emit(EventKind.RUN_STATE, state="succeeded")
        assert [event.kind for event in remembering.events] == [
            EventKind.RUN_STATE,
            EventKind.OBSERVER_FAILED,
            EventKind.RUN_STATE,
        ]
        assert "sulking" in remembering.events[1].message

    def test_secrets_never_reach_an_observer(self) -> None:
        remembering = RememberingObserver()
        emitter = Emitter("run-1", [remembering], lambda: NOON, Redactor(["hunter22"]))
        emitter.emit(EventKind.STEP_OUTPUT, "password hunter22", lines=["aHVudGVyMjI="])
        event = remembering.events[0]
        assert "hunter22" not in event.message
        assert "aHVudGVyMjI" not in str(event.data)

    def test_security_events_are_kept_for_the_record(self) -> None:
        emitter = Emitter("run-1", [], lambda: NOON)
        emitter.emit(EventKind.ACCESS_DENIED, "no", step="configure", host="r1")
        assert emitter.security_events[0]["kind"] == "security.access_denied"


class TestGraph:
    def test_phases_of_a_rollout(self) -> None:
        steps = [
            step("ticket", scope=Scope.RUN),
            step("configure", "ticket"),
            step("check", "configure"),
            step("mail", "check", scope=Scope.RUN),
        ]
        first, body, last = device_phases(steps)
        assert [[s.id for s in part] for part in (first, body, last)] == [["ticket"], ["configure", "check"], ["mail"]]

    def test_a_run_step_between_device_steps_belongs_to_each_batch(self) -> None:
        steps = [step("a"), step("between", "a", scope=Scope.RUN), step("b", "between")]
        assert [s.id for s in device_phases(steps)[1]] == ["a", "between", "b"]

    def test_dependants_wait_for_the_rescue_block(self) -> None:
        steps = [step("risky"), step("mend", Edge("risky", On.FAILED)), step("more", "mend"), step("after", "risky")]
        assert rescue_groups(steps) == {"risky": frozenset({"mend", "more"})}
        assert predecessors(steps)["after"] == {"risky", "mend", "more"}
        assert ancestors(steps, ["more"]) == {"risky", "mend"}

    def test_steps_that_configure_wait_for_each_other_in_one_order(self) -> None:
        steps = [
            step("late", "look", changes=True),
            step("look"),
            step("risky", changes=True),
            step("after", "risky", changes=True),
            step("mend", Edge("risky", On.FAILED), changes=True),
        ]
        before = predecessors(steps)
        assert before["look"] == frozenset()
        assert before["risky"] == {"late"}
        assert before["mend"] == {"risky"}
        assert before["after"] == {"risky", "mend"}

    def test_independent_steps_run_side_by_side(self) -> None:
        together = threading.Barrier(2, timeout=10)

        def execute(current: Step) -> bool:
            if current.id in ("left", "right"):
                together.wait()  # would time out if they ran one after the other
            return True

        order: list[str] = []
        steps = [step("left"), step("right"), step("end", "left", "right")]
        walk(steps, execute, lambda done: order.append(done.id), StopSwitch())
        assert order[-1] == "end"
        assert sorted(order) == ["end", "left", "right"]

    def test_nothing_starts_after_a_stop(self) -> None:
        switch, ran = StopSwitch(), []

        def execute(current: Step) -> bool:
            ran.append(current.id)
            switch.stop()
            return True

        walk([step("a"), step("b", "a")], execute, lambda done: None, switch)
        assert ran == ["a"]

    def test_what_comes_behind_a_step_that_has_not_ended_is_left_alone(self) -> None:
        ran: list[str] = []

        def execute(current: Step) -> bool:
            ran.append(current.id)
            return current.id != "wait"

        ended: list[str] = []
        steps = [step("wait"), step("behind", "wait"), step("side"), step("more", "side")]
        walk(steps, execute, lambda done: ended.append(done.id), StopSwitch())
        assert sorted(ran) == ["more", "side", "wait"]
        assert ended == ["side", "more"]


class TestAttempts:
    @pytest.mark.parametrize(
        ("backoff", "waits"), [("fixed", [10, 10, 10]), ("linear", [10, 20, 25]), ("exponential", [10, 20, 25])]
    )
    def test_delays_never_exceed_the_maximum(self, backoff: str, waits: list[int]) -> None:
        retry = Retry(attempts=4, delay=10, backoff=backoff, max_delay=25)
        assert [delay_before(attempt, retry) for attempt in (2, 3, 4)] == waits

    @pytest.mark.parametrize(
        ("result", "worth"),
        [
            (StepResult(HostState.FAILED, reason="unreachable"), True),
            (StepResult(HostState.FAILED, reason="guard-denied"), False),
            (StepResult(HostState.FAILED, reason="line-rejected"), False),
            (StepResult(HostState.STALE, reason="stale"), False),
            (StepResult(HostState.OK), False),
        ],
    )
    def test_what_another_attempt_cannot_mend_is_not_tried_again(self, result: StepResult, worth: bool) -> None:
        assert worth_retrying(result) is worth
