"""Failures that a rescue block mends after a wait: the process that goes on is another one, and does what is left."""

from __future__ import annotations

from engine_stage import Stage, changing, fates
from mortal import Story, network, sent
from nornflow.model.rollout import Amount, Rollout
from nornflow.model.run import RunState
from nornflow.model.step import Edge, On, OnFailure
from nornflow.model.wait import Awaited, WaitKind
from waiting import BOARD, segment

GO = Awaited(WaitKind.SIGNAL, signal="go")


def undone_when_refused(stage: Stage) -> Stage:
    """Each batch is asked about; after a no somebody says when the change is undone by other lines."""
    stage.workflow["rollout"] = Rollout(batches=(Amount(1), Amount(9)))
    changing(stage)
    stage.step("board", "fake.await", "configure", awaited=BOARD)
    stage.step("go", "fake.await", Edge("board", On.FAILED), awaited=GO)
    stage.step("undo", "fake.configure", "go", lines=["no ntp server 192.0.2.9"])
    return stage.step("always", "fake.check", Edge("board", On.FINISHED), condition="true")


def test_a_no_within_a_batch_is_mended_by_a_block_that_waits_itself() -> None:
    story = Story(undone_when_refused, network(1))
    segment(story)
    story.waits.say("bob", "board", 1, yes=False)
    record = segment(story)
    assert (record.state, story.waits.open) == (RunState.WAITING, [("go", 1)])
    assert (record.error, record.hint) == ("", "")  # nothing has failed for good, and nothing is to be run again
    story.waits.signal("go")
    record = segment(story)
    assert (record.state, record.error) == (RunState.SUCCEEDED, "")
    assert sum(sent(story)["r1"].values()) == 2
    assert "192.0.2.9" not in story.devices["r1"].config


def test_what_failed_before_the_devices_is_mended_on_them() -> None:
    def script(stage: Stage) -> Stage:
        stage.step("board", "fake.await", awaited=BOARD)
        stage.step("instead", "fake.configure", Edge("board", On.FAILED), lines=["ntp server 192.0.2.9"])
        return stage.step("look", "fake.check", "board", condition="true")

    story = Story(script, network(2))
    segment(story)
    story.waits.say("bob", "board", yes=False)
    record = segment(story)
    assert record.state is RunState.SUCCEEDED
    assert fates(record) == {"r1": "changed", "r2": "changed"}


def test_a_device_that_failed_stays_as_it_is_until_its_rescue_has_come_to_an_end() -> None:
    story = Story(mended, network(1))
    story.devices["r1"].rejects = ("logging",)
    record = segment(story)
    assert (record.state, story.waits.open) == (RunState.WAITING, [("go", 1)])
    assert "192.0.2.9" in story.devices["r1"].config  # it is what the rescue is about
    story.waits.signal("go")
    record = segment(story)
    assert record.state is RunState.SUCCEEDED
    assert fates(record) == {"r1": "changed"}
    assert "192.0.2.77" in story.devices["r1"].config


def mended(stage: Stage) -> Stage:
    stage.workflow |= {"rollout": Rollout(batches=(Amount(1),)), "on_failure": OnFailure.ROLLBACK}
    stage.step("configure", "fake.configure", lines=["ntp server 192.0.2.9", "logging host 192.0.2.3"])
    stage.step("go", "fake.await", Edge("configure", On.FAILED), awaited=GO)
    return stage.step("mend", "fake.configure", "go", lines=["ntp server 192.0.2.77"])


def test_each_batch_is_mended_by_itself() -> None:
    story = Story(undone_when_refused, network(2))
    segment(story)
    for batch, router in ((1, "r1"), (2, "r2")):
        story.waits.say("bob", "board", batch, yes=False)
        assert (segment(story).state, story.waits.open) == (RunState.WAITING, [("go", batch)])
        assert sum(sent(story)[router].values()) == 1
        story.waits.signal("go")
        record = segment(story)
    assert record.state is RunState.SUCCEEDED
    assert {host: sum(lines.values()) for host, lines in sent(story).items()} == {"r1": 2, "r2": 2}
    assert not any("192.0.2.9" in device.config for device in story.devices.values())


def test_what_is_done_once_to_mend_a_device_is_done_in_its_batch() -> None:
    """In the second batch the failure of its only device counts, and not that the device before it was mended."""

    def script(stage: Stage) -> Stage:
        mended(stage)
        stage.workflow["rollout"] = Rollout(batches=(Amount(1), Amount(1)))
        return stage

    story = Story(script, network(2))
    for device in story.devices.values():
        device.rejects = ("logging",)
    for batch in (1, 2):
        record = segment(story)
        assert (record.state, story.waits.open) == (RunState.WAITING, [("go", batch)])
        story.waits.signal("go")
    record = segment(story)
    assert fates(record) == {"r1": "changed", "r2": "changed"}
    assert record.state is RunState.SUCCEEDED
