"""Whatever dies, and whoever comes late: the run of an entry is begun once, and the pipeline goes on."""

from __future__ import annotations

from typing import Any

import pytest

from memory_pipelines import at_work, entry, world
from nornflow.errors import RunLost
from nornflow.model.pipeline import After, On, PipelineState
from nornflow.model.run import RunState


def test_who_leads_anew_leaves_what_lives_alone_and_goes_on_with_what_died() -> None:
    story = world(entry("done"), entry("lives"), entry("dead"), entry("never"), stops=False)
    lead = story.lead()
    lead.step()
    story.through("done")
    for name in ("lives", "dead"):
        assert story.begin(story.of(name))
    story.of("dead").alive = story.of("never").alive = False
    old, unborn = story.of("dead").run, story.of("never").run
    anew = story.lead()
    with pytest.raises(RunLost):
        lead.step()
    anew.step()
    assert [one.entry for one in story.processes] == ["done", "lives", "dead", "never", "dead", "never"]
    assert story.of("dead").run == old, "its run is gone on with"
    assert story.of("never").run != unborn, "its run had not begun: nobody begins that one any more"
    for name in ("dead", "never"):
        story.through(name)
    story.end(story.of("lives"))
    assert anew.step().state is PipelineState.SUCCEEDED
    assert sorted(story.begun) == ["dead", "done", "lives", "never"], "each exactly once"


def test_a_process_that_comes_late_to_begin_its_run_may_not() -> None:
    story = world(entry("a"))
    story.lead().step()
    late = story.of("a")
    anew = story.lead()
    anew.step()
    assert story.record.entry("a").deaths == 0, "nobody has seen it die"
    assert not story.begin(late)
    story.through("a")
    assert anew.step().state is PipelineState.SUCCEEDED
    assert story.begun == ["a"]


def test_a_process_that_begins_and_dies_between_two_looks_has_begun() -> None:
    story = world(entry("a"))
    story.lead().step()
    slow = story.of("a")
    story.desk.claim("p", "a", slow.run, slow.worker)
    anew = story.lead()

    def begins_and_dies() -> None:
        story.runs[slow.run] = RunState.RUNNING, slow.worker, 0
        slow.alive = False

    story.meanwhile.append(begins_and_dies)
    anew.step()
    anew.step()
    assert story.record.entry("a").run == slow.run, "what it has begun is gone on with, not done anew"


def test_a_process_that_ends_its_run_and_goes_between_two_looks_has_not_died() -> None:
    story = world(entry("a"))
    story.lead().step()
    quick = story.of("a")
    assert story.begin(quick)
    anew = story.lead()
    story.meanwhile.append(lambda: story.end(quick))
    anew.step()
    assert story.meanwhile == []
    assert story.record.entry("a").deaths == 0
    assert [one.entry for one in story.processes] == ["a"], "nobody goes on with what has ended"
    assert anew.step().state is PipelineState.SUCCEEDED


@pytest.mark.parametrize("begun", [True, False])
def test_a_process_that_comes_between_two_looks_is_let_be(begun: bool) -> None:
    story = world(entry("a"))
    story.lead().step()
    late = story.of("a")
    anew = story.lead()
    there = story.is_there

    def comes(run: str) -> bool:
        story.is_there = there  # type: ignore[method-assign]
        if begun:
            assert story.begin(late)
        else:
            story.desk.claim("p", "a", late.run, late.worker)
        return False

    story.is_there = comes  # type: ignore[method-assign]
    anew.step()
    assert [one.entry for one in story.processes] == ["a"]
    assert story.record.entry("a").run == late.run


def test_a_claim_in_the_very_moment_in_which_the_run_is_taken_away_holds() -> None:
    story = world(entry("a"))
    story.lead().step()
    late = story.of("a")
    anew = story.lead()
    move, claimed = story.desk.move_entry, list[bool]()

    def slower(*words: Any) -> None:
        if not claimed:
            claimed.append(story.begin(late))
        move(*words)

    story.desk.move_entry = slower  # type: ignore[method-assign]
    anew.step()
    assert claimed == [True]
    assert story.record.entry("a").run == late.run
    assert [one.entry for one in story.processes] == ["a"], "no other process was started"
    story.end(late)
    assert anew.step().state is PipelineState.SUCCEEDED
    assert story.begun == ["a"]


def test_a_run_that_kills_its_process_every_time_is_left_after_three_and_named() -> None:
    story = world(entry("a", retries=2), entry("b", After("a", On.COMPLETION)))
    lead = story.lead()
    lead.step()
    for _ in range(3):
        assert story.begin(story.of("a"))
        story.of("a").alive = False
        lead.step()
    poisoned = story.record.entry("a")
    assert (poisoned.state.value, poisoned.error) == ("failed", "3 processes died over it")
    assert poisoned.run in poisoned.hint
    assert at_work(story) == ["b"]


def test_processes_that_never_began_a_run_leave_their_log_and_its_place_is_told() -> None:
    story = world(entry("a"))
    lead = story.lead()
    for _ in range(3):
        lead.step()
        story.of("a").alive = False
    told = lead.step().entry("a")
    assert (told.state.value, told.error) == ("failed", "3 processes died over it")
    assert "pipelines/p/a-1.log" in told.hint


def test_what_a_process_told_instead_of_beginning_is_the_end_of_its_entry() -> None:
    story = world(entry("a", retries=3))
    lead = story.lead()
    lead.step()
    story.desk.told("p", "a", story.of("a").run, "no device is targeted", "look at targets", 2)
    story.of("a").alive = False
    record = lead.step()
    (found,) = record.entries
    assert (found.state.value, found.error, found.run) == ("failed", "no device is targeted", "")
    assert found.attempts == 1, "it would end so again"


def test_a_run_that_could_not_be_gone_on_with_is_left_as_it_is_and_no_other_comes_on_top() -> None:
    story = world(entry("a", retries=5))
    lead = story.lead()
    lead.step()
    assert story.begin(story.of("a"))
    run = story.of("a").run
    story.desk.told("p", "a", run, "others hold its devices", "resume it later", 1)
    story.of("a").alive = False
    record = lead.step()
    (found,) = record.entries
    assert (found.state.value, found.run, found.error) == ("failed", run, "others hold its devices")
    assert record.over
