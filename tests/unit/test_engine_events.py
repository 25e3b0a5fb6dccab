"""What a run does when its record can take nothing more: told by a sink that is full at a given event."""

from __future__ import annotations

import pytest

from engine_stage import changing, fates, network
from nornflow.abc import EventSink
from nornflow.errors import StoreError
from nornflow.model.event import Event, EventKind
from nornflow.model.rollout import Amount, Rollout
from nornflow.model.run import RunState
from nornflow.model.step import OnFailure


class FullAt(EventSink):
    """A record that is full from a kind of event on, when it comes for the given time."""

    def __init__(self, kind: EventKind, time: int = 1) -> None:
        self._kind, self._left = kind, time

    def take(self, event: Event) -> None:
        if event.kind is self._kind:
            self._left -= 1
        if self._left <= 0:
            raise StoreError("the disk is full", hint="make room")


class TestRecordThatIsFull:
    """Without a record nothing more is done to a device, and the run says why it ended."""

    @pytest.mark.parametrize("kind", [EventKind.RUN_STATE, EventKind.PLAN_STARTED, EventKind.BATCH_STARTED])
    def test_no_device_is_touched_once_it_is(self, kind: EventKind) -> None:
        stage = changing(network())
        stage.sink = FullAt(kind)
        record = stage.run()
        assert (record.state, record.error, record.hint) == (RunState.FAILED, "the disk is full", "make room")
        assert (record.reason, record.exit_code) == ("store", 1)
        assert all(device.received == [] for device in stage.devices.values())

    def test_the_second_batch_is_not_begun_and_every_device_is_accounted_for(self) -> None:
        stage = changing(network())
        stage.workflow = {"rollout": Rollout((Amount(1),)), "on_failure": OnFailure.ROLLBACK}
        stage.sink = FullAt(EventKind.BATCH_STARTED, 2)
        record = stage.run()
        assert record.state is RunState.FAILED
        assert fates(record) == {"r1": "changed", "r2": "cancelled", "r3": "skipped"}
        assert [bool(device.received) for device in stage.devices.values()] == [True, False, False]

    def test_a_step_of_the_run_is_not_done_either(self) -> None:
        stage = network().step("say", "fake.say", text="hello")
        stage.sink = FullAt(EventKind.STEP_STARTED)
        record = stage.run()
        assert record.state is RunState.FAILED
        assert stage.say.said == []
