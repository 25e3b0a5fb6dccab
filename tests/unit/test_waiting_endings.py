"""How runs that wait end: stopped, forbidden, without a store, and whatever process dies around a wait."""

from __future__ import annotations

import pytest

from engine_stage import Stage, fates
from memory_waits import MemoryWaits
from mortal import Death, Story, network, sent
from nornflow.abc import Gate
from nornflow.errors import PolicyDenied, StoreError
from nornflow.model.decision import Decision, GateRequest, Verdict
from nornflow.model.run import RunRecord, RunState
from nornflow.model.wait import Wait
from waiting import before_devices, segment, within_batches


def test_a_waiting_run_that_is_stopped_takes_back_what_is_half_done_alone() -> None:
    story = Story(within_batches, network(3))
    segment(story)
    for user in ("bob", "carol"):
        story.waits.say(user, "board", 1)
    segment(story)
    record = segment(story, stopped=True)
    assert record.state is RunState.CANCELLED
    assert fates(record) == {"r1": "changed", "r2": "rolled_back", "r3": "rolled_back"}


def test_a_waiting_run_that_is_not_allowed_any_more_can_be_ended_all_the_same() -> None:
    class Frozen(Gate):
        name = "frozen"

        def check(self, request: GateRequest) -> list[Decision]:
            return [Decision(Verdict.DENY, "the network is frozen")]

    def script(stage: Stage) -> Stage:
        stage.gates = (Frozen(),) if story.deaths else ()
        return within_batches(stage)

    story = Story(script, network(2))
    segment(story)
    for user in ("bob", "carol"):
        story.waits.say(user, "board", 1)
    with pytest.raises(PolicyDenied, match="stays as it is: the network is frozen"):
        segment(story)
    record = segment(story, stopped=True)
    assert record.state is RunState.CANCELLED
    assert fates(record) == {"r1": "rolled_back", "r2": "skipped"}


def test_without_a_store_a_step_says_that_nobody_could_answer() -> None:
    stage = before_devices(Stage(dict(network(1))))
    record = stage.run()
    assert record.state is RunState.FAILED
    assert "nothing is remembered here" in record.error


def test_what_cannot_be_kept_ends_the_run() -> None:
    class Away(MemoryWaits):
        def ask(self, *given: object, **more: object) -> Wait:
            raise StoreError("the store is away")

    stage = before_devices(Stage(dict(network(1))))
    stage.waits = Away()
    record = stage.run()
    assert (record.state, record.error) == (RunState.FAILED, "the store is away")


def test_dying_anywhere_around_a_wait_changes_neither_the_end_nor_what_is_sent() -> None:
    def through(*deaths: Death) -> tuple[Story, RunRecord]:
        """Live to the end, answering whatever is asked; the first processes die."""
        story, mortal = Story(within_batches, network(3)), list(deaths)
        for _ in range(9):
            record = story.process(mortal.pop(0) if mortal else Death())
            story.deaths += 1
            for step, batch in story.waits.open:
                for user in ("bob", "carol"):
                    story.waits.say(user, step, batch)
            if record is not None and record.state is not RunState.WAITING:
                return story, record
        raise AssertionError("it never came to its end")

    calm, expected = through()
    assert expected.state is RunState.SUCCEEDED
    lives = [Death() for _ in calm.counts]
    for process, entries in enumerate(calm.counts[1:], 1):
        for entry in range(1, entries + 1):
            for after in (False, True):
                story, record = through(*lives[:process], Death(entry, after=after))
                assert (record.state, fates(record)) == (expected.state, fates(expected)), (process, entry, after)
                assert sent(story) == sent(calm), (process, entry, after)
    for first in range(1, max(calm.counts) + 1):
        for second in (1, 3):
            death = Death(first, after=first % 2 == 0, notes=first % 3 == 0)
            story, record = through(death, Death(second))
            assert (record.state, fates(record)) == (expected.state, fates(expected)), death
            assert sent(story) == sent(calm), death
