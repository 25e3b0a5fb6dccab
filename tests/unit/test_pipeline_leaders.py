"""Pipelines whose leader changes or does not look all the time, and whose runs wait or are left to workers."""

from __future__ import annotations

from datetime import timedelta

from memory_pipelines import NOON, at_work, entry, world
from nornflow.engine.pipelines.orchestration import next_moment
from nornflow.model.pipeline import After, On, PipelineState, PipelineWish
from nornflow.model.run import RunState
from nornflow.model.wish import Level


def test_whoever_leads_anew_asks_again_whom_the_one_before_had_asked() -> None:
    story = world(entry("a"))
    lead = story.lead()
    lead.step()
    assert story.begin(story.of("a"))
    story.desk.ask("p", PipelineWish(Level.AFTER_BATCH, "ada"))
    lead.step()
    story.wishes.clear()
    story.lead().step()
    assert story.wishes == {story.of("a").run: Level.AFTER_BATCH}


def test_a_pipeline_waits_with_its_run_and_goes_on_when_that_may() -> None:
    story = world(entry("ask"), entry("beside"), entry("behind", "ask"))
    lead = story.lead()
    lead.step()
    for name in ("ask", "beside"):
        assert story.begin(story.of(name))
    run = story.of("ask").run
    story.end(story.of("ask"), RunState.WAITING, 4)
    assert lead.step().state is PipelineState.RUNNING, "the other one is at work"
    story.end(story.of("beside"))
    record = lead.step()
    assert (record.state, record.exit_code) == (PipelineState.WAITING, 4)
    assert story.states() == {"ask": "waiting", "beside": "succeeded", "behind": "pending"}
    anew = story.lead()
    assert anew.step().state is PipelineState.WAITING, "nobody has answered"
    story.due.add(run)
    assert anew.step().state is PipelineState.RUNNING
    assert story.of("ask").run == run
    story.through("ask")
    anew.step()
    story.through("behind")
    assert anew.step().state is PipelineState.SUCCEEDED
    assert story.begun == ["ask", "beside", "behind"]


def test_a_run_that_waits_is_ended_by_a_process_of_its_own() -> None:
    story = world(entry("ask"))
    lead = story.lead()
    lead.step()
    assert story.begin(story.of("ask"))
    story.end(story.of("ask"), RunState.WAITING, 4)
    lead.step()
    story.desk.ask("p", PipelineWish(Level.NOW, "ada"))
    lead = story.lead()
    lead.step()
    assert story.wishes == {story.of("ask").run: Level.NOW}
    assert story.begin(story.of("ask"))
    story.end(story.of("ask"), RunState.CANCELLED)
    assert lead.step().state is PipelineState.CANCELLED


def test_a_run_that_workers_have_is_left_alone_and_seen_to_wait_and_to_go_on() -> None:
    story = world(entry("ask"), entry("behind", "ask"), left=True)
    lead = story.lead()
    lead.step()
    assert story.begin(story.of("ask"))
    run = story.of("ask").run
    lead.step()
    assert story.states()["ask"] == "running", "no process of ours is there, but a worker will be"
    story.runs[run] = RunState.WAITING, "", 0
    assert lead.step().state is PipelineState.WAITING
    told = len(story.events)
    assert lead.step().state is PipelineState.WAITING
    assert len(story.events) == told, "nothing has happened"
    story.due.add(run)
    assert lead.step().state is PipelineState.RUNNING
    assert lead.step().entry("ask").state.value == "running", "a worker is about to go on with it"
    story.due.clear()
    assert lead.step().state is PipelineState.WAITING, "and then it waits once more"
    story.runs[run] = RunState.RUNNING, "somebody", 0
    assert lead.step().state is PipelineState.RUNNING, "somebody was quicker"
    story.runs[run] = RunState.SUCCEEDED, "somebody", 0
    lead.step()
    assert at_work(story) == ["behind"]
    assert len(story.processes) == 2


def test_a_run_that_workers_have_parked_is_a_failure_with_the_reason() -> None:
    story = world(entry("a", retries=2), entry("b", After("a", On.FAILURE)), left=True)
    lead = story.lead()
    lead.step()
    assert story.begin(story.of("a"))
    story.parked[story.of("a").run] = "its process died 3 times"
    lead.step()
    assert story.record.entry("a").error == "its run is parked: its process died 3 times"
    assert (story.states(), story.begun) == ({"a": "failed", "b": "running"}, ["a"])


def test_the_next_moment_is_the_first_at_which_something_becomes_of_it_by_itself() -> None:
    story = world(
        entry("a", timeout=60, retries=1, delay=30), entry("b", After("a", within=100)), entry("c", "a"), timeout=500
    )

    def moment() -> float | None:
        at = NOON + timedelta(seconds=story.seconds)
        found = next_moment(story.pipeline, story.record, at)
        return None if found is None else (found - NOON).total_seconds()

    lead = story.lead()
    assert moment() == 100
    story.seconds = 10
    lead.step()
    assert moment() == 70, "the time of the attempt"
    story.through("a", RunState.FAILED)
    lead.step()
    assert moment() == 40, "the next attempt"
    story.seconds = 40
    lead.step()
    assert moment() == 100
    story.seconds = 100
    story.through("a")
    lead.step()
    assert moment() == 500
    story.seconds = 500
    assert moment() is None


def test_times_and_attempts_hold_whoever_leads() -> None:
    story = world(
        entry("slow", timeout=40),
        entry("flaky", retries=1, delay=30),
        entry("b", After("slow", within=20)),
        stops=False,
    )
    story.lead().step()
    assert story.begin(story.of("slow"))
    story.through("flaky", RunState.FAILED)
    story.lead().step()
    for seconds, states in ((29, "running delayed timed_out"), (30, "running running timed_out")):
        story.seconds = seconds
        story.lead().step()
        assert " ".join(story.states().values()) == states
    assert story.record.entry("flaky").attempts == 2
    story.through("flaky")
    story.seconds = 40
    story.lead().step()
    assert story.wishes == {story.of("slow").run: Level.NOW}
    story.end(story.of("slow"), RunState.CANCELLED)
    assert story.lead().step().over
    assert list(story.states().values()) == ["timed_out", "succeeded", "timed_out"]
    assert story.begun == ["slow", "flaky", "flaky"]


def test_no_attempt_is_made_any_more_when_the_pipeline_is_to_end() -> None:
    story = world(entry("a", retries=5, delay=0))
    lead = story.lead()
    lead.step()
    assert story.begin(story.of("a"))
    story.desk.ask("p", PipelineWish(None, "ada"))
    story.end(story.of("a"), RunState.FAILED)
    record = lead.step()
    assert (record.state, story.begun) == (PipelineState.FAILED, ["a"])
