"""Steps of others that hang, print, change what they were given or hold secrets: nothing of it reaches the next one."""

from __future__ import annotations

import sys
import threading
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import BaseModel

from engine_stage import changing, fates, network
from nornflow.abc import StepContext, StepType
from nornflow.cli.strays import strays_shown
from nornflow.engine import aside as module
from nornflow.engine.aside import GRACE, aside
from nornflow.engine.cancel import StopSwitch
from nornflow.engine.params import BoundParams
from nornflow.errors import StepCancelled, StepTimeout, Unreachable
from nornflow.model.rollout import Amount, Rollout
from nornflow.model.run import StepResult
from nornflow.model.step import OnFailure, Scope, Step
from nornflow.workflow.templating import Renderer

NOW = datetime(2026, 11, 22, tzinfo=UTC)


class TestWorkAside:
    def test_what_it_gives_and_raises_comes_back(self) -> None:
        assert aside("s", lambda: 42, 1, StopSwitch()) == 42
        with pytest.raises(ZeroDivisionError):
            aside("s", lambda: 1 / 0, 1, StopSwitch())

    def test_a_hanging_step_is_left_behind_when_its_time_is_over(self) -> None:
        end = threading.Event()
        with pytest.raises(StepTimeout):
            aside("s", end.wait, -GRACE, StopSwitch())
        end.set()

    def test_a_second_ctrl_c_does_not_wait_for_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(module, "HURRY", 0.01)
        end, switch = threading.Event(), StopSwitch()

        def work() -> bool:
            switch.abort()
            return end.wait()

        with pytest.raises(StepCancelled, match="ended in the middle"):
            aside("s", work, 300, switch)
        end.set()


class TestPrints:
    def test_each_thread_has_lines_of_its_own(self) -> None:
        lines: list[str] = []
        with strays_shown(lines.append, answer=True):
            sys.stdout.write("one")
            other = threading.Thread(target=print, args=("two",))
            other.start()
            other.join()
            sys.stdout.write(" and a half\n")
            sys.stderr.write("no end")
        assert lines == ["two", "one and a half", "no end"]

    def test_a_thread_that_breaks_is_a_line_and_no_traceback(self, capfd: pytest.CaptureFixture[str]) -> None:
        lines: list[str] = []
        with strays_shown(lines.append, answer=False):
            other = threading.Thread(target=lambda: 1 / 0)
            other.start()
            other.join()
            sys.stdout.close()
        assert [line.partition(" (")[0] for line in lines] == ["! ZeroDivisionError: division by zero"]
        assert not sys.stdout.closed
        assert "Traceback" not in capfd.readouterr().err

    def test_who_asks_for_input_gets_none(self) -> None:
        lines: list[str] = []
        with strays_shown(lines.append, answer=True), pytest.raises(EOFError):
            input("password: ")
        assert "password: " in lines


class Greedy(StepType):
    """Changes what it was given."""

    name = "fake.greedy"

    class Params(BaseModel):
        lines: list[str]
        much: Any = None

    def apply(self, context: StepContext, params: Params) -> StepResult:
        raise NotImplementedError


@pytest.mark.parametrize("lines", [["a"], "{{ ['a'] }}"], ids=["written", "rendered"])
def test_parameters_that_a_step_changed_are_new_for_the_next_device(lines: Any) -> None:
    step = Step("s", "fake.greedy", Scope.DEVICE, frozenset(), params={"lines": lines, "much": {"x": [1]}})
    bound = BoundParams(step, Greedy(), Renderer())
    first = bound.bind({})
    first.lines.append("b")
    first.much["x"].append(2)
    first.much["y"] = 3
    second = bound.bind({})
    assert (second.lines, second.much) == (["a"], {"x": [1]})


@pytest.mark.parametrize(
    ("borne", "failed", "of", "beyond"),
    [
        (Amount(2, percent=True), 1, 4, True),
        (Amount(2, percent=True), 1, 50, False),
        (Amount(25, percent=True), 1, 4, False),
        (Amount(0), 1, 4, True),
        (Amount(0, percent=True), 0, 4, False),
        (Amount(1), 1, 4, False),
    ],
)
def test_a_share_of_failures_is_exact(borne: Amount, failed: int, of: int, beyond: bool) -> None:
    assert borne.exceeded_by(failed, of) is beyond


class TestTheRecordSaysWhy:
    def test_a_run_beyond_its_thresholds_names_how_many_failed_and_the_first(self) -> None:
        stage = changing(network(4)).step("verify", "fake.check", "configure", condition="host.name != 'r2'")
        stage.workflow["rollout"] = Rollout(max_failures=Amount(2, percent=True))
        record = stage.run()
        assert record.error == (
            "1 of 4 devices failed, more than `max_failures: 2%` bears; r2 at verify: not true: host.name != 'r2'"
        )

    def test_a_device_that_could_not_be_planned_has_its_step(self) -> None:
        stage = changing(network(2))
        stage.devices["r2"].broken = Unreachable("no route", hint="is it up?")
        record = stage.run()
        host = record.hosts[1]
        assert (host.failed_step, host.reason) == ("configure", "unreachable")
        assert record.steps[0].hosts["r2"].error == host.error

    def test_a_run_within_them_has_nothing_to_explain(self) -> None:
        stage = changing(network(2)).step("verify", "fake.check", "configure", condition="host.name != 'r2'")
        stage.workflow |= {"rollout": Rollout(max_failures=Amount(1)), "on_failure": OnFailure.CONTINUE}
        record = stage.run()
        assert (record.error, fates(record)["r2"]) == ("", "failed")
