"""Stories of runs that wait for a board to say yes: before their devices, and within each batch."""

from __future__ import annotations

from engine_stage import Stage, changing
from mortal import Death, Story
from nornflow.model.rollout import Amount, Rollout
from nornflow.model.run import RunRecord
from nornflow.model.step import OnFailure
from nornflow.model.wait import Awaited, WaitKind

BOARD = Awaited(WaitKind.APPROVAL, text="go on?", approvers=2, expires=3600)


def segment(story: Story, **more: bool) -> RunRecord:
    """Let one process of a run live until it ends or waits."""
    record = story.process(Death(), **more)
    assert record is not None
    story.deaths += 1  # the next one goes on with what this one left
    return record


def after(story: Story, seconds: float) -> None:
    """Let time go by while nothing runs."""
    for _ in range(int(seconds)):
        next(story.ticks)


def before_devices(stage: Stage) -> Stage:
    stage.step("board", "fake.await", awaited=BOARD)
    return stage.step("configure", "fake.configure", "board", lines=["ntp server 192.0.2.9"])


def within_batches(stage: Stage) -> Stage:
    """Each batch is configured, asked about, and looked at."""
    stage.workflow |= {"rollout": Rollout(batches=(Amount(1), Amount(9))), "on_failure": OnFailure.ROLLBACK}
    changing(stage)
    stage.step("board", "fake.await", "configure", awaited=BOARD)
    return stage.step("verify", "fake.check", "board", condition="1 == 1")
