"""A run that pauses behind a batch until somebody says go on: what is asked, and what comes of it."""

from __future__ import annotations

from engine_stage import Stage, changing, fates
from mortal import Script, Story, network
from nornflow.model.journal import EntryKind
from nornflow.model.rollout import Amount, Confirm, Rollout
from nornflow.model.run import RunState
from nornflow.model.wait import Awaited, WaitKind
from waiting import after, segment, within_batches


class TestPauses:
    @staticmethod
    def pausing(pause: Awaited | None = None) -> Script:
        def script(stage: Stage) -> Stage:
            rollout = Rollout(batches=(Amount(1),), soak=30, pause_after=frozenset({1}), pause=pause)
            stage.workflow["rollout"] = rollout
            return changing(stage)

        return script

    def test_without_a_terminal_the_pause_is_a_wait_that_anybody_ends(self) -> None:
        story = Story(self.pausing(), network(3), asks=False)
        record = segment(story)
        assert record.state is RunState.WAITING
        assert [(wait.step, wait.batch, wait.asked.text) for wait in record.waits] == [
            ("", 1, "batch 1 of 3 is done; go on?")
        ]
        assert story.naps == [30]
        story.waits.say("ada", "", 1)  # whoever runs it would have been asked on the terminal
        assert segment(story).state is RunState.SUCCEEDED
        assert story.naps == [30, 30]  # the batch before the pause is not soaked once more

    def test_whoever_is_asked_is_told_what_failed(self) -> None:
        def script(stage: Stage) -> Stage:
            rollout = Rollout(batches=(Amount(2), Amount(9)), max_failures=Amount(1), pause_after=frozenset({1}))
            stage.workflow["rollout"] = rollout
            return changing(stage)

        story = Story(script, network(3), asks=False)
        story.devices["r2"].rejects = ("192.0.2.9",)
        (wait,) = segment(story).waits
        assert wait.asked.text == "batch 1 of 2 is done, and failed on 1 of 2 devices: r2; go on?"

    def test_a_pause_that_names_who_has_to_say_yes_asks_them_on_a_terminal_too(self) -> None:
        story = Story(self.pausing(Awaited(WaitKind.APPROVAL, approvers=1)), network(2))
        assert segment(story).state is RunState.WAITING
        assert story.questions == []
        story.waits.say("ada", "", 1)
        assert segment(story).state is RunState.WAITING
        story.waits.say("bob", "", 1)
        assert segment(story).state is RunState.SUCCEEDED

    def test_templates_in_what_they_are_asked_are_rendered_when_they_are(self) -> None:
        text = "{{ steps.configure.changed_hosts | join(', ') }} of {{ workflow.name }}: go on?"
        story = Story(self.pausing(Awaited(WaitKind.APPROVAL, text)), network(2))
        record = segment(story)
        assert [wait.asked.text for wait in record.waits] == ["r1 of test: go on?"]
        assert [wait.asked.text for wait in segment(story).waits] == ["r1 of test: go on?"]

    def test_a_text_that_cannot_be_rendered_asks_nobody_and_begins_no_further_batch(self) -> None:
        story = Story(self.pausing(Awaited(WaitKind.APPROVAL, "{{ steps.configure.nothing }}")), network(2))
        record = segment(story)
        assert (record.state, fates(record)) == (RunState.CANCELLED, {"r1": "changed", "r2": "skipped"})
        assert "the text of `pause_after`" in record.error
        assert story.waits.kept == {}

    def test_no_answer_in_time_is_a_no(self) -> None:
        story = Story(self.pausing(Awaited(WaitKind.APPROVAL, expires=600)), network(2))
        segment(story)
        after(story, 600)
        record = segment(story)
        assert (record.state, fates(record)) == (RunState.CANCELLED, {"r1": "changed", "r2": "skipped"})
        assert "the pause after batch 1: nobody answered until" in record.error

    def test_a_batch_is_confirmed_before_anybody_is_asked(self) -> None:
        def script(stage: Stage) -> Stage:
            stage.workflow["confirm"] = Confirm(600)
            return self.pausing(Awaited(WaitKind.APPROVAL))(stage)

        story = Story(script, network(2))
        assert segment(story).state is RunState.WAITING
        kinds = [entry.kind for entry in story.entries]
        assert (kinds.count(EntryKind.CONFIRMED), kinds.count(EntryKind.UNCONFIRMED)) == (1, 0)
        story.waits.say("bob", "", 1)
        assert segment(story).state is RunState.SUCCEEDED

    def test_nothing_waits_in_a_batch_on_trial(self) -> None:
        def script(stage: Stage) -> Stage:
            stage.workflow["confirm"] = Confirm(600)
            return within_batches(stage)

        record = segment(Story(script, network(2)))
        assert record.state is RunState.ROLLED_BACK
        assert "its batch has to be confirmed in time" in record.error

    def test_a_no_begins_no_further_batch_and_says_who_said_it(self) -> None:
        story = Story(self.pausing(), network(2), asks=False)
        segment(story)
        story.waits.say("bob", "", 1, yes=False, comment="wait for monday")
        record = segment(story)
        assert record.state is RunState.CANCELLED
        assert record.error == "the pause after batch 1: bob rejected it: wait for monday"
        assert fates(record) == {"r1": "changed", "r2": "skipped"}
