"""What a pipeline does, told without processes: order, conditions, failures, attempts, timeouts, wishes, waiting."""

from __future__ import annotations

from memory_pipelines import at_work, entry, world
from nornflow.engine.pipelines.orchestration import chains
from nornflow.model.pipeline import After, Mode, On, Pipeline, PipelineState, PipelineWish
from nornflow.model.pool import Asked
from nornflow.model.run import RunState
from nornflow.model.wish import Level


def test_an_entry_is_begun_when_what_it_comes_after_has_ended_well() -> None:
    story = world(entry("a"), entry("b"), entry("c", "a", "b"))
    lead = story.lead()
    lead.step()
    assert at_work(story) == ["a", "b"]
    story.through("a")
    lead.step()
    assert at_work(story) == ["b"]
    story.through("b")
    lead.step()
    assert at_work(story) == ["c"]
    story.through("c")
    record = lead.step()
    assert (record.state, record.exit_code) == (PipelineState.SUCCEEDED, 0)


def test_entries_for_a_failure_are_run_on_it_and_the_others_are_skipped_with_the_reason() -> None:
    story = world(
        entry("deploy"),
        entry("verify", "deploy"),
        entry("repair", After("deploy", On.FAILURE)),
        entry("report", After("repair")),
        entry("tidy", After("deploy", On.COMPLETION)),
        entry("other"),
        max_parallel=1,
    )
    lead = story.lead()
    lead.step()
    story.through("deploy", RunState.ROLLED_BACK)
    lead.step()
    assert story.states()["other"] == "skipped"
    assert "on_failure" in story.record.entry("other").error
    assert story.record.entry("verify").error == "it is for the success of deploy, which is failed"
    for name in ("repair", "report", "tidy"):
        lead.step()
        story.through(name)
    record = lead.step()
    assert [one.state.value for one in record.entries] == ["failed", "skipped", *["succeeded"] * 3, "skipped"]
    assert (record.state, record.exit_code) == (PipelineState.FAILED, 1)


def test_with_continue_what_has_nothing_to_do_with_a_failure_goes_on() -> None:
    story = world(entry("a"), entry("b"), entry("c", "a"), entry("d", "b"), stops=False)
    lead = story.lead()
    lead.step()
    story.through("a", RunState.DENIED, 3)
    story.through("b")
    lead.step()
    story.through("d")
    record = lead.step()
    assert story.states() == {"a": "denied", "b": "succeeded", "c": "skipped", "d": "succeeded"}
    assert record.exit_code == 3, "all that went badly was denied"


def test_a_sequential_pipeline_runs_one_by_one_as_written_and_hears_conditions() -> None:
    story = world(
        entry("a"), entry("b", After("a", On.FAILURE)), entry("c"), mode=Mode.SEQUENTIAL, max_parallel=9, stops=False
    )
    lead = story.lead()
    lead.step()
    assert at_work(story) == ["a"]
    story.through("a")
    lead.step()
    assert (story.states()["b"], at_work(story)) == ("skipped", ["c"])


def test_a_parallel_pipeline_has_at_most_so_many_at_work_and_priorities_first() -> None:
    story = world(
        *(entry(name, asks=Asked({}, 5 if name == "d" else 0)) for name in "abcd"), mode=Mode.PARALLEL, max_parallel=2
    )
    lead = story.lead()
    lead.step()
    assert [one.entry for one in story.processes] == ["d", "a"]
    lead.step()
    assert len(story.processes) == 2


def test_as_many_as_fit_are_at_work_the_longest_chain_first() -> None:
    big, small = Asked({"cpu": 3}), Asked({"cpu": 1})
    story = world(
        entry("lone", asks=big),
        entry("long", asks=big),
        entry("small", asks=small),
        entry("next", "long", asks=small),
        mode=Mode.RESOURCE_OPTIMIZED,
    )
    lead = story.lead()
    lead.step()
    assert [one.entry for one in story.processes] == ["long", "small"], "lone does not fit beside them"
    story.through("long")
    lead.step()
    assert at_work(story) == ["lone", "small"], "of four cores none is left for next"


def test_a_pipeline_may_be_one_chain_of_all_the_entries_that_a_file_can_have() -> None:
    count = 500
    chain = [entry(f"e{n}", f"e{n - 1}", f"e{n - 1}") if n else entry("e0") for n in range(count)]
    assert chains(Pipeline("long", tuple(chain))) == {f"e{n}": count - 1 - n for n in range(count)}
    diamond = Pipeline("d", (entry("a"), entry("b", "a"), entry("c", "a", "b"), entry("d", "a")))
    assert chains(diamond) == {"a": 2, "b": 1, "c": 0, "d": 0}


def test_a_failed_attempt_is_made_again_after_a_while_but_not_what_would_fail_in_the_same_way() -> None:
    story = world(entry("a", retries=2, delay=30), entry("b", retries=2), stops=False)
    lead = story.lead()
    lead.step()
    story.through("a", RunState.FAILED)
    story.through("b", RunState.FAILED, 4)
    lead.step()
    assert story.states() == {"a": "delayed", "b": "failed"}
    story.seconds = 29
    lead.step()
    assert at_work(story) == []
    story.seconds = 30
    lead.step()
    assert (at_work(story), story.record.entry("a").attempts) == (["a"], 2)
    first, second = (one.run for one in story.processes if one.entry == "a")
    assert first != second
    story.through("a")
    assert lead.step().state is PipelineState.FAILED, "b failed"


def test_an_entry_that_is_delayed_is_not_tried_again_when_another_has_failed_meanwhile() -> None:
    story = world(
        entry("a", retries=3, delay=30),
        entry("slow", retries=3, delay=30, timeout=10),
        entry("b"),
        entry("c", retries=1),
    )
    lead = story.lead()
    lead.step()
    story.through("a", RunState.FAILED)
    assert story.begin(story.of("slow"))
    story.seconds = 10
    lead.step()
    story.end(story.of("slow"), RunState.CANCELLED)
    lead.step()
    assert story.states() == {"a": "delayed", "slow": "delayed", "b": "running", "c": "running"}
    story.through("b", RunState.FAILED)
    lead.step()
    assert story.states() == {"a": "failed", "slow": "timed_out", "b": "failed", "c": "running"}
    assert story.record.entry("a").error == ("it failed; it is not tried again: b is failed, and `on_failure` is stop")
    story.through("c", RunState.FAILED)
    assert lead.step().state is PipelineState.FAILED, "nor is one that fails then"
    assert story.begun == ["a", "slow", "b", "c"]


def test_what_answers_to_a_failure_is_tried_again_though_something_has_failed() -> None:
    story = world(entry("a"), entry("repair", After("a", On.FAILURE), retries=1, delay=5))
    lead = story.lead()
    lead.step()
    story.through("a", RunState.FAILED)
    lead.step()
    story.through("repair", RunState.FAILED)
    lead.step()
    assert story.states() == {"a": "failed", "repair": "delayed"}
    story.seconds = 5
    lead.step()
    assert at_work(story) == ["repair"]


def test_with_continue_an_entry_that_is_delayed_is_tried_again_whatever_fails() -> None:
    story = world(entry("a", retries=1, delay=5), entry("b"), stops=False)
    lead = story.lead()
    lead.step()
    story.through("a", RunState.FAILED)
    story.through("b", RunState.FAILED)
    lead.step()
    assert story.states() == {"a": "delayed", "b": "failed"}
    story.seconds = 5
    lead.step()
    assert at_work(story) == ["a"]


def test_attempts_have_an_end() -> None:
    story = world(entry("a", retries=1, delay=0))
    lead = story.lead()
    for _ in range(2):
        lead.step()
        story.through("a", RunState.FAILED)
    assert lead.step().state is PipelineState.FAILED
    assert story.begun == ["a", "a"]


def test_an_entry_whose_time_is_over_is_taken_back_and_one_that_waits_too_long_is_not_begun() -> None:
    story = world(entry("slow", timeout=10), entry("b", After("slow", On.COMPLETION, within=5), timeout=3))
    lead = story.lead()
    lead.step()
    assert story.begin(story.of("slow"))
    story.seconds = 5
    lead.step()
    assert story.states() == {"slow": "running", "b": "timed_out"}
    story.seconds = 10
    lead.step()
    assert story.wishes == {story.of("slow").run: Level.NOW}
    story.end(story.of("slow"), RunState.CANCELLED)
    record = lead.step()
    assert record.entry("slow").state.value == "timed_out"
    assert "its time was over" in record.entry("slow").error
    assert record.state is PipelineState.FAILED


def test_a_process_that_has_not_begun_in_time_is_ended() -> None:
    story = world(entry("a", timeout=10))
    lead = story.lead()
    lead.step()
    story.seconds = 11
    lead.step()
    assert not story.of("a").alive
    assert story.states() == {"a": "timed_out"}
    assert not story.begin(story.of("a"))


def test_one_that_has_not_begun_in_time_is_tried_again_as_any_other_attempt() -> None:
    story = world(entry("a", timeout=10, retries=1, delay=5))
    lead = story.lead()
    lead.step()
    story.seconds = 11
    lead.step()
    assert story.states() == {"a": "delayed"}
    story.seconds = 16
    lead.step()
    assert (story.states(), story.record.entry("a").attempts) == ({"a": "running"}, 2)
    story.seconds = 26
    lead.step()
    assert story.states() == {"a": "timed_out"}, "attempts have an end"


def test_a_pipeline_whose_time_is_over_ends_what_is_at_work_and_begins_nothing() -> None:
    story = world(entry("a"), entry("b", "a"), timeout=60)
    lead = story.lead()
    lead.step()
    assert story.begin(story.of("a"))
    story.seconds = 60
    lead.step()
    assert story.wishes == {story.of("a").run: Level.NOW}
    story.end(story.of("a"), RunState.CANCELLED)
    assert lead.step().state is PipelineState.TIMED_OUT
    assert story.states() == {"a": "timed_out", "b": "timed_out"}


def test_a_wish_reaches_the_runs_at_work_and_a_further_one_too() -> None:
    story = world(entry("a"), entry("b", "a"))
    lead = story.lead()
    lead.step()
    assert story.begin(story.of("a"))
    story.desk.ask("p", PipelineWish(None, "ada"))
    lead.step()
    assert (story.wishes, story.states()) == ({}, {"a": "running", "b": "cancelled"})
    for level in (Level.AFTER_BATCH, Level.NOW):
        story.desk.ask("p", PipelineWish(level, "ada"))
        lead.step()
        assert story.wishes == {story.of("a").run: level}
    story.end(story.of("a"), RunState.CANCELLED)
    record = lead.step()
    assert (record.state, record.exit_code) == (PipelineState.CANCELLED, 1)
