"""A rollout in the engine: who is changed when, what is told of it, and when it stops."""

from __future__ import annotations

from typing import Any

import pytest

from engine_stage import CONFIG, OneFirst, Stage, changing, fates
from nornflow.engine.run import Run
from nornflow.errors import UsageError
from nornflow.model.event import EventKind
from nornflow.model.rollout import Amount, Matching, Rollout
from nornflow.model.run import HostState, RunState, StepResult
from nornflow.model.step import OnFailure
from nornflow.testing.fakes import FakeDevice

LAB = Matching("site == 'lab'")
ALL = Amount(100, percent=True)
HELD = StepResult(HostState.SKIPPED, error="run-2 holds it", reason="locked")


def device(name: str, site: str, *groups: str, **faults: Any) -> FakeDevice:
    return FakeDevice(CONFIG.format(name), data={"site": site}, groups=groups, **faults)


def sites(**more: FakeDevice) -> Stage:
    """Two devices in Amsterdam, one in the lab, one in Frankfurt; in this order."""
    fleet = {
        "ams-1": device("ams-1", "ams", "core"),
        "ams-2": device("ams-2", "ams", "access"),
        "lab-1": device("lab-1", "lab", "access"),
        "fra-1": device("fra-1", "fra", "access"),
    }
    return changing(Stage({**fleet, **more}))


def rolled(stage: Stage, *batches: Amount | Matching, **more: Any) -> Stage:
    stage.workflow["rollout"] = Rollout(batches=batches, **more)
    return stage


def told(stage: Stage, kind: EventKind, *keys: str) -> list[Any]:
    return [tuple(event.data[key] for key in keys) for event in stage.observer.events if event.kind is kind]


def broken(name: str, site: str, *groups: str) -> FakeDevice:
    return device(name, site, *groups, rejects=("192.0.2.9",))


class TestBatches:
    def test_who_is_named_first_is_changed_first(self) -> None:
        stage = rolled(sites(), LAB, Amount(1), ALL)
        record = stage.run()
        assert record.state is RunState.SUCCEEDED
        assert {host.host: host.batch for host in record.hosts} == {"ams-1": 2, "ams-2": 3, "lab-1": 1, "fra-1": 3}
        assert told(stage, EventKind.BATCH_STARTED, "batch", "of", "by") == [
            (1, 3, "site == 'lab'"),
            (2, 3, "1"),
            (3, 3, "100%"),
        ]

    def test_the_plan_says_who_is_changed_when_without_those_that_cannot_be_planned(self) -> None:
        stage = rolled(sites(**{"ams-1": device("ams-1", "ams", broken=UsageError("away"))}), LAB, Amount(1), ALL)
        plan, _ = stage.prepare().plan()
        assert [batch.hosts for batch in plan.batches] == [("lab-1",), ("ams-2",), ("fra-1",)]

    def test_a_batch_of_nobody_is_told_and_the_next_has_its_own_number(self) -> None:
        stage = rolled(sites(), Matching("site == 'oslo'"), Amount(2), ALL)
        record = stage.run()
        assert told(stage, EventKind.BATCH_EMPTY, "batch", "of", "by") == [(1, 3, "site == 'oslo'")]
        assert [host.batch for host in record.hosts] == [2, 2, 3, 3]

    @pytest.mark.parametrize("goes_on", [True, False])
    def test_nobody_in_the_lab_is_a_reason_to_ask_where_somebody_wanted_to_be_asked(self, goes_on: bool) -> None:
        stage = rolled(sites(), Matching("site == 'oslo'"), ALL, pause_after=frozenset({1}))
        asked: list[str] = []
        stage.question = lambda text: asked.append(text) or goes_on
        record = stage.run()
        assert asked == ["batch 1 of 2 (site == 'oslo') has no device; go on?"]
        assert set(fates(record).values()) == ({"changed"} if goes_on else {"skipped"})
        assert record.state is (RunState.SUCCEEDED if goes_on else RunState.CANCELLED)

    def test_several_batches_can_be_asked_about(self) -> None:
        stage = rolled(sites(), Amount(1), pause_after=frozenset({1, 3}))
        asked: list[str] = []
        stage.question = lambda text: asked.append(text) is None
        stage.run()
        assert asked == ["batch 1 of 4 is done; go on?", "batch 3 of 4 is done; go on?"]

    def test_a_device_that_another_run_holds_does_not_use_up_a_batch(self) -> None:
        record = without(rolled(sites(), Amount(1), ALL), "ams-1").execute()
        assert {host.host: host.batch for host in record.hosts} == {"ams-1": 0, "ams-2": 1, "lab-1": 2, "fra-1": 2}

    def test_who_is_to_be_the_only_first_device_must_not_be_left_out(self) -> None:
        stage = rolled(sites(), LAB, ALL)
        stage.gates = (OneFirst(),)
        record = without(stage, "lab-1").execute()
        assert record.state is RunState.DENIED
        assert record.error == "3 devices would be first"
        assert not any(device.received for device in stage.devices.values())

    def test_an_expression_that_fits_no_device_is_refused_before_anything_is_read(self) -> None:
        stage = rolled(sites(), Matching("sitte == 'lab'"))
        with pytest.raises(UsageError, match="no device has 'sitte', did you mean 'site'"):
            stage.prepare()


class TestThresholds:
    def test_one_of_the_core_is_too_much_whatever_else_may_fail(self) -> None:
        stage = rolled(
            sites(**{"ams-1": broken("ams-1", "ams", "core")}),
            *(Amount(1), ALL),
            max_failures=Amount(50, percent=True),
            group_failures={"core": Amount(0)},
        )
        record = stage.run()
        assert record.state is RunState.FAILED
        assert list(fates(record).values()) == ["failed", "skipped", "skipped", "skipped"]
        assert record.error.startswith("1 of 1 devices in group core failed, none may; ams-1 at configure: ")

    def test_one_of_the_others_is_borne(self) -> None:
        limits = {"max_failures": Amount(1), "group_failures": {"core": Amount(0)}}
        stage = rolled(sites(**{"fra-1": broken("fra-1", "fra", "access")}), Amount(1), **limits)
        assert stage.run().state is RunState.SUCCEEDED

    def test_a_second_device_of_one_site_takes_the_run_back(self) -> None:
        faults = {name: broken(name, "ams") for name in ("ams-1", "ams-2")}
        stage = rolled(sites(**faults), Amount(1), max_failures=Amount(3), each_failures={"site": Amount(1)})
        stage.workflow["on_failure"] = OnFailure.ROLLBACK
        record = stage.run()
        assert record.error.startswith("2 of 2 devices with site ams failed, more than `max_failures: 1` bears")
        assert list(fates(record).values())[2:] == ["skipped", "skipped"]

    def test_a_device_that_is_left_out_is_no_failure(self) -> None:
        record = without(rolled(sites(), ALL), "fra-1").execute()
        assert (record.state, fates(record)["fra-1"]) == (RunState.SUCCEEDED, "skipped")


def without(stage: Stage, *hosts: str) -> Run:
    """Prepare a run to which these devices are refused, because another run holds them."""
    run = stage.prepare()
    run._turn.lock = lambda devices: dict.fromkeys(hosts, HELD)  # type: ignore[method-assign, assignment]
    return run
