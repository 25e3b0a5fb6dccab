"""What every store of runs must keep: subclass `RunStoreContract`, give it a fixture `store`, and pytest asks the rest."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from nornflow.abc import RunStore
from nornflow.errors import RunLost, StateConflict, StoreError, UsageError
from nornflow.model.history import Grouping, RunQuery
from nornflow.model.run import HostState, RunState, StepRecord, StepResult
from nornflow.testing.run_owners import RunOwnersContract
from nornflow.testing.run_values import NOON as NOON
from nornflow.testing.run_values import PLATFORMS as PLATFORMS
from nornflow.testing.run_values import ended_run as ended_run
from nornflow.testing.run_values import event as event
from nornflow.testing.run_values import new_run as new_run


class RunStoreContract(RunOwnersContract):
    """Tests of any `RunStore`; the fixture `store` gives an empty one for each test."""

    @pytest.fixture
    def store(self) -> RunStore:
        """Give an empty store; a subclass must."""
        raise NotImplementedError("a subclass gives the fixture `store`")

    def test_a_run_begins_pending_with_its_devices(self, store: RunStore) -> None:
        """What was targeted is known before anything is done."""
        store.begin(new_run())
        summary = store.summary("run-1")
        assert (summary.state, summary.hosts, summary.started_at) == (RunState.PENDING, 2, NOON)
        assert summary.completed_at is None
        assert [(host.host, host.state) for host in store.record("run-1").hosts] == [
            ("r2", HostState.PENDING),
            ("r1", HostState.PENDING),
        ]
        with pytest.raises(StoreError, match="run-1"):
            store.begin(new_run())

    def test_a_record_comes_back_as_it_was(self, store: RunStore) -> None:
        """Devices, steps and results keep their order and every field."""
        store.begin(new_run())
        store.move("run-1", RunState.PENDING, RunState.RUNNING, NOON)
        record = ended_run()
        store.finish(record, RunState.RUNNING)
        found = store.record("run-1")
        assert found == record
        assert list(found.steps[0].hosts) == ["r2", "r1"]

    def test_a_large_output_comes_back_as_it_was(self, store: RunStore) -> None:
        """However large it is, and wherever it is kept."""
        large = "line of output ü\n" * 20_000
        steps = (
            StepRecord("show", "x", HostState.OK, hosts={"r1": StepResult(stdout=large, outputs={"text": large})}),
        )
        record = ended_run(steps=steps)
        store.begin(new_run())
        store.move("run-1", RunState.PENDING, RunState.RUNNING, NOON)
        store.finish(record, RunState.RUNNING)
        assert store.record("run-1") == record

    def test_a_run_that_waits_shows_what_it_has_done_so_far_and_belongs_to_nobody(self, store: RunStore) -> None:
        """Its end takes the place of that, and whoever has lost the run keeps nothing of it."""
        store.begin(new_run(worker="w1"))
        store.move("run-1", RunState.PENDING, RunState.RUNNING, NOON)
        half = ended_run(steps=(StepRecord("show", "x", HostState.OK, hosts={"r1": StepResult(stdout="so far")}),))
        store.move("run-1", RunState.RUNNING, RunState.WAITING, NOON, fence=1)
        store.rest(half, fence=1)
        standing, found = store.standing("run-1"), store.record("run-1")
        assert (standing.state, standing.worker, standing.ended) == (RunState.WAITING, "", False)
        assert not standing.cut_off(lambda worker: True)
        assert (found.state, found.steps, found.hosts, found.completed_at) == (
            RunState.WAITING,
            half.steps,
            half.hosts,
            None,
        )
        fence = store.take_over("run-1", 1, "w2")
        with pytest.raises(RunLost):
            store.rest(half, fence=1)
        store.move("run-1", RunState.WAITING, RunState.RUNNING, NOON, fence=fence)
        store.finish(ended_run(), RunState.RUNNING, fence=fence)
        assert store.record("run-1") == ended_run()

    def test_only_the_moves_of_the_table_are_made_and_only_from_where_the_run_is(self, store: RunStore) -> None:
        """A wrong move raises and changes nothing."""
        store.begin(new_run())
        with pytest.raises(StateConflict, match="pending to succeeded"):
            store.move("run-1", RunState.PENDING, RunState.SUCCEEDED, NOON)
        with pytest.raises(StateConflict, match="is pending, not running"):
            store.move("run-1", RunState.RUNNING, RunState.FAILED, NOON)
        with pytest.raises(StateConflict):
            store.finish(ended_run(), RunState.RUNNING)
        assert store.summary("run-1").state is RunState.PENDING
        assert store.record("run-1").steps == ()
        store.move("run-1", RunState.PENDING, RunState.CANCELLED, NOON, error="gone")
        summary = store.summary("run-1")
        assert (summary.state, summary.completed_at, summary.error) == (RunState.CANCELLED, NOON, "gone")
        with pytest.raises(StateConflict):
            store.move("run-1", RunState.CANCELLED, RunState.RUNNING, NOON)

    def test_of_many_who_move_a_run_one_succeeds(self, store: RunStore) -> None:
        """The condition is part of the write."""
        store.begin(new_run())
        start, won = threading.Barrier(6), list[str]()

        def move() -> None:
            start.wait(10)
            try:
                store.move("run-1", RunState.PENDING, RunState.RUNNING, NOON)
            except StateConflict:
                return
            won.append(threading.current_thread().name)

        threads = [threading.Thread(target=move) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert len(won) == 1

    def test_events_come_back_in_order_and_from_any_number(self, store: RunStore) -> None:
        """A reader goes on where it was."""
        store.begin(new_run())
        told = [event(f"line {number}", number=number, hosts=["r1"]) for number in range(2500)]
        store.append("run-1", 1, told[:10])
        store.append("run-1", 11, told[10:])
        assert [(each.number, each.event) for each in store.events("run-1")] == list(enumerate(told, 1))
        assert [each.number for each in store.events("run-1", after=2498)] == [2499, 2500]

    def test_the_stream_has_no_gap_and_no_second_writer(self, store: RunStore) -> None:
        """A number that does not follow is refused, and nothing of the batch is kept."""
        store.begin(new_run())
        store.append("run-1", 1, [event("one"), event("two")])
        for first in (1, 2, 4):
            with pytest.raises(StoreError, match="2 events"):
                store.append("run-1", first, [event("wrong")])
        assert [each.event.message for each in store.events("run-1")] == ["one", "two"]

    def test_lists_are_narrowed_and_newest_first(self, store: RunStore) -> None:
        """By workflow, state, user, time and device, and by how many."""
        for number in range(4):
            store.begin(
                new_run(
                    f"run-{number}",
                    started_at=NOON + timedelta(hours=number),
                    workflow="ntp" if number % 2 else "vlan",
                    user="bob" if number == 3 else "ada",
                    hosts={f"r{number}": ""},
                )
            )
        store.move("run-1", RunState.PENDING, RunState.RUNNING, NOON)

        def ids(**keys: Any) -> list[str]:
            return [run.id for run in store.runs(RunQuery(**keys))]

        assert ids() == ["run-3", "run-2", "run-1", "run-0"]
        assert ids(last=2) == ["run-3", "run-2"]
        assert ids(workflow="ntp") == ["run-3", "run-1"]
        assert ids(status=RunState.RUNNING) == ["run-1"]
        assert ids(user="bob", workflow="ntp") == ["run-3"]
        assert ids(since=NOON + timedelta(hours=2)) == ["run-3", "run-2"]
        assert ids(host="r2") == ["run-2"]
        assert ids(host="r9") == []

    def test_the_beginning_of_an_id_is_enough_when_it_is_the_only_one(self, store: RunStore) -> None:
        """An id that is another one's beginning is found too; `%` and `_` mean themselves."""
        for run in ("run-1", "run-12", "old_1"):
            store.begin(new_run(run))
        assert store.find("run-1") == "run-1"
        assert store.find("old") == "old_1"
        with pytest.raises(UsageError, match="more than one"):
            store.find("run")
        for beginning in ("nothing", "%", "old%"):
            with pytest.raises(UsageError, match="there is no run"):
                store.find(beginning)
        for ask in (store.summary, store.record, lambda run: list(store.events(run))):
            with pytest.raises(UsageError, match="there is no run"):
                ask("run-2")

    def test_statistics_count_ended_runs_and_timed_results(self, store: RunStore) -> None:
        """Percentiles by nearest rank; skipped results and runs at work tell nothing."""
        for number in range(1, 21):
            run, skipped = f"run-{number}", StepResult(HostState.SKIPPED)
            result = StepResult(HostState.FAILED if number == 20 else HostState.OK, duration=float(number))
            steps = (StepRecord("show", "x", HostState.OK, hosts={"r1": result, "r2": skipped}),)
            state = RunState.FAILED if number == 20 else RunState.SUCCEEDED
            store.begin(new_run(run))
            store.move(run, RunState.PENDING, RunState.RUNNING, NOON)
            store.finish(ended_run(run, float(number), steps=steps, state=state), RunState.RUNNING)
        store.begin(new_run("at-work"))
        for by, name in ((Grouping.WORKFLOW, "ntp"), (Grouping.STEP, "ntp / show"), (Grouping.PLATFORM, "arista_eos")):
            (found,) = store.statistics(by, RunQuery())
            assert (found.name, found.count, found.p50, found.p95) == (name, 20, 10.0, 19.0)
            assert found.success == pytest.approx(0.95)
        assert store.statistics(Grouping.STEP, RunQuery(workflow="vlan")) == []

    def test_old_ended_runs_are_forgotten_with_everything_of_them(self, store: RunStore) -> None:
        """A run that has not ended stays, however old it is."""
        for run in ("run-1", "run-2", "run-3"):
            store.begin(new_run(run))
            store.append(run, 1, [event(run=run)])
        store.move("run-1", RunState.PENDING, RunState.RUNNING, NOON)
        store.finish(ended_run("run-1"), RunState.RUNNING)
        store.move("run-2", RunState.PENDING, RunState.DENIED, NOON + timedelta(days=2))
        assert list(store.purge(NOON + timedelta(days=1))) == ["run-1"]
        assert [run.id for run in store.runs(RunQuery())] == ["run-3", "run-2"]
        store.begin(new_run("run-1"))  # nothing of the old one is in the way
        assert list(store.events("run-1")) == []

    def test_a_clock_that_is_set_back_turns_nothing_around(self, store: RunStore) -> None:
        """Runs and events keep the order in which they came, and nothing takes less than no time."""
        back = NOON - timedelta(hours=1)
        for run, at in (("run-1", NOON), ("run-2", back)):
            store.begin(new_run(run, started_at=at))
            store.move(run, RunState.PENDING, RunState.RUNNING, at)
        told = [replace(event("before"), time=NOON), replace(event("after"), time=back)]
        store.append("run-1", 1, told)
        store.finish(replace(ended_run(), completed_at=back), RunState.RUNNING)
        assert [run.id for run in store.runs(RunQuery())] == ["run-2", "run-1"]
        assert [stored.event for stored in store.events("run-1")] == told
        assert store.record("run-1").duration == 0
        (found,) = store.statistics(Grouping.WORKFLOW, RunQuery())
        assert (found.p50, found.p95) == (0, 0)
