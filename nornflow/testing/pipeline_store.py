"""What every store of pipelines must do: subclass `PipelineStoreContract`, give it a fixture `desk`, and run pytest."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from nornflow.abc import PipelineStore
from nornflow.errors import NornFlowError, RunLost, StateConflict, UsageError
from nornflow.model.pipeline import (
    Ending,
    EntryRecord,
    EntryState,
    Mode,
    PipelineRecord,
    PipelineState,
    PipelineWish,
)
from nornflow.model.wish import Level

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def new_pipeline(pipeline: str = "p-1", *entries: str) -> PipelineRecord:
    """Return a pipeline that begins."""
    return PipelineRecord(
        pipeline,
        "window",
        "window.yaml",
        Mode.DEPENDENCY_BASED,
        PipelineState.RUNNING,
        "ada",
        NOON,
        tuple(EntryRecord(entry, f"{entry}.yaml") for entry in entries or ("a", "b")),
        worker="w-1",
    )


class PipelineStoreContract:
    """Tests of any `PipelineStore`; the fixture `desk` is an empty one."""

    @pytest.fixture
    def desk(self) -> PipelineStore:
        """Give an empty store; a subclass must."""
        raise NotImplementedError("a subclass gives the fixture `desk`")

    def test_what_is_begun_is_known_exactly(self, desk: PipelineStore) -> None:
        """The newest first, by state and by name, and by the beginning of its id."""
        desk.begin(new_pipeline(), {"inputs": {"n": 1.5, "none": None}})
        desk.begin(replace(new_pipeline("q-1"), name="other"), {})
        assert desk.record("p-1") == new_pipeline()
        assert desk.spec("p-1") == {"inputs": {"n": 1.5, "none": None}}
        assert [one.id for one in desk.pipelines()] == ["q-1", "p-1"]
        assert [one.id for one in desk.pipelines(name="window")] == ["p-1"]
        assert [one.id for one in desk.pipelines(PipelineState.RUNNING, last=1)] == ["q-1"]
        assert desk.pipelines(PipelineState.FAILED) == []
        assert desk.find("p") == "p-1"
        for wrong in ("", "x"):
            with pytest.raises(UsageError):
                desk.find(wrong)
        for ask in (desk.record, desk.spec):
            with pytest.raises(UsageError, match="there is no pipeline 'nope'"):
                ask("nope")

    def test_an_entry_goes_its_way(self, desk: PipelineStore) -> None:
        """All that is known of it is kept."""
        desk.begin(new_pipeline(), {})
        pending = desk.record("p-1").entry("b")
        running = replace(pending, state=EntryState.RUNNING, run="r-1", attempts=1, started_at=NOON)
        desk.move_entry("p-1", 1, pending, running)
        late = replace(running, ending=Ending.TIMEOUT)
        desk.move_entry("p-1", 1, running, late)
        over = replace(
            late, state=EntryState.TIMED_OUT, completed_at=NOON + timedelta(seconds=1), error="slow", exit_code=1
        )
        desk.move_entry("p-1", 1, late, over)
        assert desk.record("p-1").entries == (EntryRecord("a", "a.yaml"), over)

    def test_a_move_holds_only_from_what_was_seen(self, desk: PipelineStore) -> None:
        """And only as the table of moves says."""
        desk.begin(new_pipeline(), {})
        pending = desk.record("p-1").entry("a")
        running = replace(pending, state=EntryState.RUNNING, run="r-1")
        desk.move_entry("p-1", 1, pending, running)
        with pytest.raises(StateConflict):
            desk.move_entry("p-1", 1, pending, replace(pending, state=EntryState.SKIPPED))
        with pytest.raises(StateConflict):
            desk.move_entry("p-1", 1, replace(running, run="r-0"), replace(running, run="r-2"))
        with pytest.raises(ValueError, match="does not move"):
            desk.move_entry("p-1", 1, running, replace(running, state=EntryState.PENDING))

    def test_one_process_leads_and_whoever_led_before_writes_nothing_more(self, desk: PipelineStore) -> None:
        """A process that was stopped for a while finds that the pipeline is another one's."""
        desk.begin(new_pipeline(), {})
        assert desk.take_over("p-1", 1, "w-2") == 2
        entry = desk.record("p-1").entry("a")
        with pytest.raises(RunLost):
            desk.move_entry("p-1", 1, entry, replace(entry, state=EntryState.SKIPPED))
        with pytest.raises(RunLost):
            desk.move("p-1", 1, PipelineState.RUNNING, PipelineState.FAILED, NOON)
        with pytest.raises(StateConflict):
            desk.take_over("p-1", 1, "w-3")
        record = desk.record("p-1")
        assert (record.worker, record.fence, record.entry("a")) == ("w-2", 2, entry)

    def test_whoever_leads_may_leave_it_to_others(self, desk: PipelineStore) -> None:
        """Then it has no worker; whoever takes it over is the next, and who left it writes nothing more."""
        desk.begin(new_pipeline(), {})
        desk.begin(replace(new_pipeline("q-1"), worker=""), {})
        desk.move("q-1", 1, PipelineState.RUNNING, PipelineState.WAITING, NOON)
        desk.release("p-1", 1)
        assert [(one.id, one.worker, len(one.entries)) for one in desk.unended()] == [("p-1", "", 2), ("q-1", "", 2)]
        assert desk.take_over("p-1", 1, "w-2") == 2
        with pytest.raises(RunLost):
            desk.release("p-1", 1)
        assert desk.record("p-1").worker == "w-2"
        desk.move("p-1", 2, PipelineState.RUNNING, PipelineState.FAILED, NOON)
        assert [one.id for one in desk.unended()] == ["q-1"]

    def test_of_many_who_take_over_one_does(self, desk: PipelineStore) -> None:
        """However they race."""
        desk.begin(new_pipeline(), {})
        together = threading.Barrier(4)

        def take(number: int) -> bool:
            together.wait()
            try:
                desk.take_over("p-1", 1, f"w-{number}")
            except StateConflict:
                return False
            return True

        with ThreadPoolExecutor(4) as pool:
            assert sum(pool.map(take, range(4))) == 1

    def test_a_run_is_claimed_once_and_only_while_it_is_wanted(self, desk: PipelineStore) -> None:
        """A process that comes late to begin a run, or twice, finds that it may not; nor may who leads miss a claim."""
        desk.begin(new_pipeline(), {})
        pending = desk.record("p-1").entry("a")
        with pytest.raises(StateConflict):
            desk.claim("p-1", "a", "", "w-9")
        running = replace(pending, state=EntryState.RUNNING, run="r-1")
        desk.move_entry("p-1", 1, pending, running)
        with pytest.raises(StateConflict):
            desk.claim("p-1", "a", "r-0", "w-9")
        desk.claim("p-1", "a", "r-1", "w-8")
        with pytest.raises(StateConflict):
            desk.claim("p-1", "a", "r-1", "w-9")
        with pytest.raises(StateConflict):
            desk.move_entry("p-1", 1, running, replace(running, run="r-2"))
        assert desk.record("p-1").entry("a").worker == "w-8"

    def test_what_the_process_of_a_run_tells_is_kept_beside_its_state(self, desk: PipelineStore) -> None:
        """What one tells of an earlier run is not."""
        desk.begin(new_pipeline(), {})
        pending = desk.record("p-1").entry("a")
        running = replace(pending, state=EntryState.RUNNING, run="r-1")
        desk.move_entry("p-1", 1, pending, running)
        desk.told("p-1", "a", "r-0", "old news", "", 1)
        desk.told("p-1", "a", "r-1", "no such file", "look", 2)
        assert desk.record("p-1").entry("a") == replace(running, error="no such file", hint="look", exit_code=2)

    def test_a_wish_only_goes_further_and_none_is_heard_at_the_end(self, desk: PipelineStore) -> None:
        """Who asked for the furthest is remembered."""
        desk.begin(new_pipeline(), {})
        assert desk.record("p-1").wish is None
        assert desk.ask("p-1", PipelineWish(None, "ada")).wish == PipelineWish(None, "ada")
        now = PipelineWish(Level.NOW, "bob")
        assert desk.ask("p-1", now).wish == now
        assert desk.ask("p-1", PipelineWish(Level.AFTER_BATCH, "eve")).wish == now
        desk.move("p-1", 1, PipelineState.RUNNING, PipelineState.CANCELLED, NOON, "why")
        record = desk.record("p-1")
        assert (record.state, record.completed_at, record.error) == (PipelineState.CANCELLED, NOON, "why")
        for late in (lambda: desk.ask("p-1", now), lambda: desk.take_over("p-1", 1, "w-2")):
            with pytest.raises(NornFlowError):
                late()

    def test_a_pipeline_that_waits_goes_on(self, desk: PipelineStore) -> None:
        """It has not ended; from an end there is no way back."""
        desk.begin(new_pipeline(), {})
        desk.move("p-1", 1, PipelineState.RUNNING, PipelineState.WAITING, NOON)
        assert desk.record("p-1").completed_at is None
        with pytest.raises(StateConflict):
            desk.move("p-1", 1, PipelineState.RUNNING, PipelineState.FAILED, NOON)
        desk.move("p-1", 1, PipelineState.WAITING, PipelineState.RUNNING, NOON)
        desk.move("p-1", 1, PipelineState.RUNNING, PipelineState.SUCCEEDED, NOON)
        with pytest.raises(ValueError, match="does not move"):
            desk.move("p-1", 1, PipelineState.SUCCEEDED, PipelineState.RUNNING, NOON)
