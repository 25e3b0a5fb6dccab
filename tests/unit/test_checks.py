"""Health checks between batches: what they look at, what they stop, and what a stop does to them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from engine_stage import CONFIG, Say, Stage, changing, fates, network
from nornflow.abc import StepContext
from nornflow.engine.tools import Results
from nornflow.model.event import EventKind
from nornflow.model.rollout import Amount, Rollout
from nornflow.model.run import HostState, RunState, StepResult
from nornflow.model.step import Cache, OnFailure, Retry
from nornflow.model.wish import Level, Wish
from nornflow.planning.normalise import normalise
from nornflow.platforms.load import platform_for
from nornflow.testing.fakes import FakeDevice

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def in_pairs(stage: Stage, on_failure: OnFailure = OnFailure.ROLLBACK, **more: Any) -> Stage:
    stage.workflow |= {"on_failure": on_failure, "rollout": Rollout(batches=(Amount(2),), **more)}
    return stage


def well(stage: Stage, condition: str, **keys: Any) -> Stage:
    return stage.step("well", "fake.check", condition=condition, check=True, **keys)


def story(stage: Stage) -> list[str]:
    """Return what happened, in order: batches, soaks, checks and steps."""
    kinds = (EventKind.BATCH_STARTED, EventKind.SOAK_STARTED, EventKind.CHECKS_STARTED, EventKind.BATCH_FINISHED)
    events = [event for event in stage.observer.events if not event.data.get("planning")]
    return [
        event.step or f"{event.kind.value.partition('.')[0]} {event.data['batch']}"
        for event in events
        if event.kind in kinds or event.kind is EventKind.STEP_STARTED
    ]


def as_before(device: FakeDevice, name: str) -> bool:
    platform = platform_for(device.platform)
    return normalise(device.config, platform) == normalise(CONFIG.format(name), platform)


class TestWhatIsChecked:
    def test_each_batch_is_soaked_and_checked_also_the_last_one(self) -> None:
        stage = well(in_pairs(changing(network(3)), soak=30.0), "host.name != 'nobody'")
        stage.step("once", "fake.say", "well", text="well", check=True)
        record = stage.run()
        assert record.state is RunState.SUCCEEDED
        assert story(stage) == [
            *("batch 1", "configure", "soak 1", "checks 1", "well", "once", "batch 1"),
            *("batch 2", "configure", "soak 2", "checks 2", "well", "once", "batch 2"),
        ]
        assert stage.naps == [30.0, 30.0]
        assert stage.say.said == ["well", "well"]
        assert [(batch.number, batch.hosts, batch.good) for batch in record.batches] == [(1, 2, True), (2, 1, True)]
        assert [(one.step, one.state) for one in record.batches[1].checks] == [
            ("well", HostState.OK),
            ("once", HostState.OK),
        ]

    def test_a_check_sees_what_the_steps_found(self) -> None:
        stage = well(in_pairs(changing(network(2))), "steps.configure.changed")
        assert stage.run().state is RunState.SUCCEEDED

    def test_a_device_that_failed_is_not_checked(self) -> None:
        stage = network(2, r2=FakeDevice(CONFIG.format("r2"), rejects=("192.0.2.9",)))
        stage = well(in_pairs(changing(stage), max_failures=Amount(1)), "host.name == 'r1'")
        record = stage.run()
        assert record.state is RunState.SUCCEEDED
        assert list(record.steps[1].hosts) == ["r1"]

    def test_checks_wait_for_each_other_where_they_say_so(self) -> None:
        stage = in_pairs(changing(network(2)))
        stage.step("ask", "fake.say", text="x", check=True)
        stage.step("then", "fake.check", "ask", condition="steps.ask.text == 'x'", check=True)
        assert stage.run().state is RunState.SUCCEEDED

    def test_one_that_looks_once_looks_once_in_each_batch(self) -> None:
        stage = well(in_pairs(changing(network(4))), "host.name in ['r1', 'r3']", once=True)
        assert stage.run().state is RunState.SUCCEEDED

    def test_retries_apply(self) -> None:
        stage = in_pairs(changing(network(2)))
        stage.step("ask", "fake.say", text="x", fail=2, check=True, retry=Retry(attempts=3, delay=5))
        record = stage.run()
        assert (record.state, stage.naps) == (RunState.SUCCEEDED, [5, 5])
        assert record.batches[0].checks[0].attempts == 3

    def test_what_another_run_found_is_never_taken_for_this_one(self) -> None:
        stage = in_pairs(changing(network(4)))
        stage.step("ask", "fake.say", text="x", check=True, cache=Cache())
        run = stage.prepare()
        run._tools = replace(run._tools, results=Results(_Full(), lambda step: "", lambda params: ()))
        run._start_pass()
        run.execute()
        assert stage.say.said == ["x", "x"]

    def test_the_plan_names_them(self) -> None:
        plan, _ = well(in_pairs(changing(network(2))), "host.name").prepare().plan()
        assert plan.checks == ("well",)
        assert "well" not in plan.unplanned


class TestFailing:
    def test_one_that_is_done_once_stops_the_rollout_and_everything_goes_back(self) -> None:
        stage = in_pairs(changing(network(6)), max_failures=Amount(100, percent=True))
        stage.step("ask", "fake.say", text="x", fail=99, check=True)
        record = stage.run()
        assert record.state is RunState.ROLLED_BACK
        assert list(fates(record).values()) == ["rolled_back"] * 2 + ["skipped"] * 4
        assert record.error == "step ask: not yet"
        assert all(as_before(device, name) for name, device in stage.devices.items())

    def test_behind_the_second_batch_both_go_back(self) -> None:
        record = well(in_pairs(changing(network(6))), "host.name != 'r4'").run()
        assert record.state is RunState.ROLLED_BACK
        assert list(fates(record).values()) == ["rolled_back"] * 4 + ["skipped"] * 2
        assert (record.hosts[3].failed_step, record.hosts[2].failed_step) == ("well", "")
        first, second = record.batches
        assert (first.good, second.good, second.failed) == (True, False, ("r4",))
        assert second.checks[0].failed == ("r4",)
        assert second.checks[0].error.startswith("not true")

    def test_without_a_rollback_what_was_changed_stays(self) -> None:
        record = well(in_pairs(changing(network(4)), OnFailure.STOP), "host.name != 'r1'").run()
        assert (record.state, list(fates(record).values())) == (
            RunState.FAILED,
            ["failed", "changed", "skipped", "skipped"],
        )

    def test_a_device_that_is_not_well_counts_as_any_that_failed(self) -> None:
        stage = well(in_pairs(changing(network(4)), max_failures=Amount(1)), "host.name != 'r1'")
        record = stage.run()
        assert (record.state, fates(record)["r1"]) == (RunState.SUCCEEDED, "rolled_back")
        assert as_before(stage.devices["r1"], "r1")
        assert [batch.good for batch in record.batches] == [True, True]

    def test_what_a_check_bears_itself_stops_nothing(self) -> None:
        record = well(in_pairs(changing(network(4))), "false", on_failure=OnFailure.WARN).run()
        assert record.state is RunState.SUCCEEDED

    def test_after_a_failure_of_the_batch_itself_nobody_soaks_or_checks(self) -> None:
        stage = network(3, r1=FakeDevice(CONFIG.format("r1"), rejects=("192.0.2.9",)))
        stage = well(in_pairs(changing(stage), soak=30.0), "host.name")
        record = stage.run()
        assert stage.naps == []
        assert (record.batches[0].good, record.batches[0].checks[0].state) == (False, HostState.PENDING)


class TestStopped:
    """A wish comes while the first batch is being checked."""

    @pytest.mark.parametrize(
        ("level", "fate", "good", "said"),
        [
            (Level.AFTER_BATCH, "changed", True, ["x", "y"]),
            (Level.AFTER_DEVICE, "rolled_back", None, ["x"]),
            (Level.NOW, "rolled_back", None, ["x"]),
        ],
    )
    def test_in_a_check(self, level: Level, fate: str, good: bool | None, said: list[str]) -> None:
        stage = in_pairs(changing(network(4)))
        stage.step("first", "fake.say", text="x", check=True)
        stage.step("second", "fake.say", "first", text="y", check=True)
        stage.say = WhileItIsAsked(stage, Wish(level, "ada", NOON, "SIGINT"))
        record = stage.run()
        assert record.state is RunState.CANCELLED
        assert list(fates(record).values()) == [fate, fate, "skipped", "skipped"]
        assert (record.batches[0].good, stage.say.said) == (good, said)

    def test_while_it_soaks_the_batch_is_checked_at_once(self) -> None:
        stage = in_pairs(changing(network(4)), soak=3600.0)
        stage.step("ask", "fake.say", text="x", check=True)
        run = stage.prepare()
        wish = Wish(Level.AFTER_BATCH, "ada", NOON, "SIGINT")
        run._tools = replace(run._tools, soak=lambda seconds: stage.switch.heed(wish))
        record = run.execute()
        assert (stage.say.said, record.state) == (["x"], RunState.CANCELLED)
        assert list(fates(record).values()) == ["changed", "changed", "skipped", "skipped"]

    def test_without_a_rollback_a_batch_that_was_not_checked_to_its_end_is_told_so(self) -> None:
        stage = in_pairs(changing(network(4)), OnFailure.STOP, soak=60.0)
        stage.step("ask", "fake.say", text="x", check=True)
        run = stage.prepare()
        wish = Wish(Level.AFTER_DEVICE, "ada", NOON, "SIGINT")
        run._tools = replace(run._tools, soak=lambda seconds: stage.switch.heed(wish))
        record = run.execute()
        assert list(fates(record).values()) == ["cancelled", "cancelled", "skipped", "skipped"]
        assert record.batches[0].checks[0].state is HostState.PENDING


class WhileItIsAsked(Say):
    """Somebody wants the run to end early when it asks for the first time."""

    def __init__(self, stage: Stage, wish: Wish) -> None:
        super().__init__()
        self._stage = stage
        self._wish = wish

    def apply(self, context: StepContext, params: Any) -> StepResult:
        self._stage.switch.heed(self._wish)
        return super().apply(context, params)


class _Full:
    """A cache that has an answer for everything."""

    def get(self, *words: Any) -> Any:
        raise AssertionError("a check does not ask what another run found")

    put = changes = get
