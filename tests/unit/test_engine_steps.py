"""Steps of every kind: retries, conditions, blocks, items, unknown results."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from engine_stage import CONFIG, Stage, changing, fates, network
from nornflow.errors import Unreachable
from nornflow.model.event import EventKind
from nornflow.model.inputs import Output
from nornflow.model.plan import Plan
from nornflow.model.rollout import Amount, Rollout
from nornflow.model.run import HostState, RunState
from nornflow.model.step import Edge, On, OnFailure, Retry
from nornflow.testing.fakes import FakeDevice


class TestSteps:
    def test_a_workflow_without_devices_runs_at_once(self) -> None:
        stage = Stage({}).step("hello", "fake.say", text="Hello {{ inputs.name }}!")
        stage.inputs = {"name": "Developer"}
        stage.workflow["outputs"] = {
            "greeting": Output("greeting", "hello.text"),
            "well": Output("well", "hello.exit_code == 0", "boolean"),
        }
        record = stage.run()
        assert record.state is RunState.SUCCEEDED
        assert record.steps[0].result is not None
        assert record.steps[0].result.stdout == "Hello Developer!\n"
        assert record.outputs == {"greeting": "Hello Developer!", "well": True}

    def test_a_device_that_comes_late_is_planned_by_a_second_attempt(self) -> None:
        stage = changing(network(2), retry=Retry(attempts=3, delay=4))
        run, refused = stage.prepare(), [Unreachable("r2: not yet"), Unreachable("r2: not yet")]

        def refuse(step: str, host: str) -> None:
            if host == "r2" and refused:
                raise refused.pop()

        stage.fleet.before = refuse
        assert fates(run.execute()) == {"r1": "changed", "r2": "changed"}
        assert stage.naps == [4, 4]
        assert [event.data["hosts"] for event in stage.observer.of(EventKind.STEP_RETRY)] == [["r2"], ["r2"]]

    def test_a_run_whose_time_is_over_says_so(self) -> None:
        stage = changing(network(2))
        stage.workflow["rollout"] = Rollout(batches=(Amount(1),), soak=60)
        run = stage.prepare()
        run._tools = replace(run._tools, soak=lambda seconds: not stage.switch.abort("timeout"))
        record = run.execute()
        assert (record.state, fates(record)) == (RunState.TIMED_OUT, {"r1": "changed", "r2": "skipped"})
        assert "time" in record.error

    def test_retries_wait_and_are_counted(self) -> None:
        stage = Stage({}).step("flaky", "fake.say", fail=2, retry=Retry(attempts=3, delay=5, backoff="linear"))
        record = stage.run()
        assert record.state is RunState.SUCCEEDED
        assert record.steps[0].result is not None
        assert record.steps[0].result.attempts == 3
        assert stage.naps == [5, 10]

    def test_a_failure_may_be_a_warning(self) -> None:
        stage = Stage({}).step("flaky", "fake.say", fail=1, on_failure=OnFailure.WARN).step("next", "fake.say", "flaky")
        record = stage.run()
        assert record.state is RunState.SUCCEEDED
        assert record.steps[0].result is not None
        assert record.steps[0].result.warning == "not yet"

    def test_an_error_in_a_condition_is_an_error_and_not_false(self) -> None:
        record = Stage({}).step("odd", "fake.say", when="inputs.nothing > 1").run()
        assert record.state is RunState.FAILED
        assert record.steps[0].result is not None
        assert record.steps[0].result.reason == "expression"

    def test_a_rescue_block_mends_a_failure(self) -> None:
        stage = network(2, r1=FakeDevice(CONFIG.format("r1"), rejects=("192.0.2.9",)))
        changing(stage)
        stage.step("mend", "fake.configure", Edge("configure", On.FAILED), lines=["ntp server 192.0.2.77"])
        stage.step("always", "fake.check", Edge("configure", On.FINISHED), condition="true")
        record = stage.step("after", "fake.check", "configure", condition="true").run()
        assert record.state is RunState.SUCCEEDED
        states = {step.step: {host: r.state.value for host, r in step.hosts.items()} for step in record.steps}
        assert states["mend"] == {"r1": "changed", "r2": "skipped"}
        assert states["always"] == {"r1": "ok", "r2": "ok"}
        assert states["after"] == {"r1": "ok", "r2": "ok"}

    def test_each_item_is_done_and_collected(self) -> None:
        stage = Stage({}).step("greet", "fake.say", text="{{ index }}:{{ item }}", for_each=["a", "b"])
        record = stage.run()
        assert stage.say.said == ["0:a", "1:b"]
        assert record.steps[0].result is not None
        assert [item["text"] for item in record.steps[0].result.outputs["results"]] == ["0:a", "1:b"]

    def test_the_time_of_a_step_is_for_all_of_its_items_also_when_the_clock_stands_still(self) -> None:
        stage = Stage({}).step("greet", "fake.say", text="{{ item }}", for_each=list(range(50)), timeout=5)
        stage.clock = lambda: datetime(2026, 11, 21, tzinfo=UTC)
        record = stage.run()
        assert record.state is RunState.FAILED
        assert record.steps[0].result is not None
        assert record.steps[0].result.state is HostState.TIMED_OUT
        assert "before all items of for_each were done" in record.error
        assert 0 < len(stage.say.said) < 6

    def test_a_step_that_needs_an_unknown_result_is_planned_just_before_it_is_applied(self) -> None:
        stage = network(1).step("ask", "fake.say", text="192.0.2.44")
        stage.step("configure", "fake.configure", "ask", lines=["ntp server {{ steps.ask.text }}"])
        plan, _ = stage.prepare().plan()
        assert "configure" in plan.unplanned
        record = stage.run()
        assert record.state is RunState.SUCCEEDED
        assert "ntp server 192.0.2.44" in stage.devices["r1"].config

    @pytest.mark.parametrize(
        "keys",
        [
            {"when": "steps.ask.exit_code == 0"},
            {"when": "steps.ask.ok"},
            {"lines": ["snmp-server location {{ steps.ask.text | default('x') }}"]},
            {"lines": ["snmp-server location {{ steps['ask']['text'] }}"]},
            {"lines": ["{% if steps.ask.changed %}ntp server 192.0.2.8{% else %}ntp server 192.0.2.9{% endif %}"]},
        ],
    )
    def test_what_depends_on_an_unknown_result_is_never_guessed_in_a_plan(self, keys: dict[str, Any]) -> None:
        stage = network(1).step("ask", "fake.say", text="192.0.2.44")
        stage.step("configure", "fake.configure", "ask", **{"lines": ["ntp server 192.0.2.9"], **keys})
        asked: list[Plan] = []
        stage.approve = lambda plan, held: not asked.append(plan)
        plan, _ = stage.prepare().plan()
        assert set(plan.unplanned) == {"ask", "configure"}
        record = stage.run()
        assert record.state is RunState.SUCCEEDED
        assert record.hosts[0].state is HostState.CHANGED
        assert len(asked) == 1  # a human was asked although the plan shows no line

    def test_a_look_at_the_network_after_the_change_is_not_taken_while_planning(self) -> None:
        stage = changing(network(1)).step(
            "check", "fake.check", "configure", condition="false", on_failure=OnFailure.WARN
        )
        stage.step("more", "fake.configure", "check", lines=["ntp server 192.0.2.10"], when="steps.check.ok")
        plan, _ = stage.prepare().plan()
        assert set(plan.unplanned) == {"more"}
        assert not plan.hosts[0].error

    def test_under_restricted_only_a_planned_change_is_applied(self) -> None:
        stage = network(1).step("ask", "fake.say", text="192.0.2.44")
        stage.step("configure", "fake.configure", "ask", lines=["ntp server {{ steps.ask.text }}"])
        stage.profile = "restricted"
        record = stage.run()
        assert record.state is RunState.FAILED
        assert record.hosts[0].reason == "denied"
        assert "192.0.2.44" not in stage.devices["r1"].config

    def test_a_swallowed_denial_fails_the_step_all_the_same(self) -> None:
        record = network(1).step("careless", "fake.careless", line="ntp server 192.0.2.9").run()
        assert record.hosts[0].state is HostState.FAILED
        assert record.hosts[0].reason == "guard-denied"
        assert any(event["kind"] == "security.policy_violation" for event in record.security_events)
