"""What every store must keep of owners and journals: part of `RunStoreContract`, in a file of its own."""

from __future__ import annotations

import threading

import pytest

from nornflow.abc import RunStore
from nornflow.errors import RunLost, StateConflict, StoreError, UsageError
from nornflow.model.history import RunQuery
from nornflow.model.journal import Entry, EntryKind
from nornflow.model.run import RunState
from nornflow.testing.run_values import NOON, ended_run, event, new_run

INTENT = Entry(EntryKind.INTENT, "configure", "r1", {"found": "hostname r1\n" * 3000, "attempt": 1})
OUTCOME = Entry(EntryKind.OUTCOME, "configure", "r1", {"result": {"changed": True, "outputs": {"n": [1, None, "ü"]}}})


class RunOwnersContract:
    """A run has one owner, who keeps its journal; whoever was one before keeps nothing more."""

    @pytest.fixture
    def store(self) -> RunStore:
        """Return an empty store; every implementation overrides this."""
        raise NotImplementedError

    def test_the_journal_comes_back_in_order_and_exactly(self, store: RunStore) -> None:
        """Large values and small ones, with the events of the same write."""
        store.begin(new_run(worker="w1", spec={"text": "name: x\n", "inputs": {"n": [1]}}))
        store.append("run-1", 1, [event("one")], fence=1, entries=[INTENT])
        store.append("run-1", 2, [], fence=1, entry=2, entries=[OUTCOME])
        store.append("run-1", 2, [event("two")], fence=1)
        assert list(store.entries("run-1")) == [INTENT, OUTCOME]
        standing = store.standing("run-1")
        assert (standing.worker, standing.fence, standing.state) == ("w1", 1, RunState.PENDING)
        assert (standing.events, standing.entries, standing.ended) == (2, 2, False)
        assert standing.spec == {"text": "name: x\n", "inputs": {"n": [1]}}

    def test_an_owner_may_repeat_a_write_of_which_it_knows_nothing(self, store: RunStore) -> None:
        """The connection was lost between the commit and its answer: nothing is there twice, and a gap is refused."""
        store.begin(new_run())
        for _ in range(2):
            store.append("run-1", 1, [event("one")], fence=1, entries=[INTENT, OUTCOME])
        assert len(list(store.entries("run-1"))) == 2
        assert len(list(store.events("run-1"))) == 1
        with pytest.raises(StoreError, match="2 entries"):
            store.append("run-1", 2, [event("two")], fence=1, entry=4, entries=[OUTCOME])
        assert len(list(store.events("run-1"))) == 1

    def test_who_has_lost_the_run_writes_nothing_more(self, store: RunStore) -> None:
        """Neither events nor entries nor moves nor an end."""
        store.begin(new_run(worker="w1"))
        store.move("run-1", RunState.PENDING, RunState.RUNNING, NOON, fence=1)
        assert store.take_over("run-1", 1, "w2") == 2
        with pytest.raises(RunLost, match="w2"):
            store.append("run-1", 1, [event("late")], fence=1, entries=[INTENT])
        with pytest.raises(RunLost):
            store.move("run-1", RunState.RUNNING, RunState.FAILED, NOON, fence=1)
        with pytest.raises(RunLost):
            store.finish(ended_run(), RunState.RUNNING, fence=1)
        assert list(store.events("run-1")) == []
        assert list(store.entries("run-1")) == []
        assert store.summary("run-1").state is RunState.RUNNING
        store.append("run-1", 1, [event("mine")], fence=2, entries=[OUTCOME])
        store.finish(ended_run(), RunState.RUNNING, fence=2)
        assert store.standing("run-1").ended

    def test_what_others_remark_does_not_disturb_the_owner(self, store: RunStore) -> None:
        """It stands in the stream in its order; the owner counts on, repeats, and is taken over as if it were not there."""
        store.begin(new_run(worker="w1"))
        store.append("run-1", 1, [event("one"), event("two")], fence=1)
        store.remark("run-1", event("somebody"))
        store.append("run-1", 3, [event("three")], fence=1)
        store.append("run-1", 3, [event("three")], fence=1)  # its answer was lost
        store.remark("run-1", event("somebody else"))
        store.append("run-1", 3, [event("three")], fence=1)
        with pytest.raises(StoreError, match="has 3 events"):
            store.append("run-1", 5, [event("five")], fence=1)
        assert store.standing("run-1").events == 3
        assert store.take_over("run-1", 1, "w2") == 2
        store.append("run-1", 4, [event("four")], fence=2, entries=[INTENT])
        found = [(each.number, each.event.message) for each in store.events("run-1")]
        messages = ["one", "two", "somebody", "three", "somebody else", "four"]
        assert found == list(enumerate(messages, 1))
        assert [each.number for each in store.events("run-1", 4)] == [5, 6]
        with pytest.raises(UsageError, match="there is no run"):
            store.remark("run-9", event("nobody"))

    def test_an_owner_and_others_write_at_once(self, store: RunStore) -> None:
        """Nothing is lost, and no number is given twice."""
        store.begin(new_run(worker="w1"))

        def remark(name: str) -> None:
            for _ in range(10):
                store.remark("run-1", event(name))

        threads = [threading.Thread(target=remark, args=(name,)) for name in ("a", "b", "c")]
        for thread in threads:
            thread.start()
        for number in range(1, 41):
            store.append("run-1", number, [event(f"own {number}")], fence=1)
        for thread in threads:
            thread.join(60)
        found = [(each.number, each.event.message) for each in store.events("run-1")]
        assert [number for number, _ in found] == list(range(1, 71))
        assert [text for _, text in found if text.startswith("own")] == [f"own {n}" for n in range(1, 41)]

    def test_of_many_who_take_a_run_over_one_does(self, store: RunStore) -> None:
        """The others are told who it was."""
        store.begin(new_run(worker="dead"))
        start, won, told = threading.Barrier(6), list[str](), list[str]()

        def take(worker: str) -> None:
            start.wait(10)
            try:
                store.take_over("run-1", 1, worker)
            except StateConflict as lost:
                told.append(lost.message)
                return
            won.append(worker)

        threads = [threading.Thread(target=take, args=(f"w{number}",)) for number in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert len(won) == 1
        assert len(told) == 5
        assert all(won[0] in text for text in told)
        assert store.standing("run-1").fence == 2

    def test_a_run_that_has_ended_is_nobodys(self, store: RunStore) -> None:
        """It stays what it is; those that have not ended are known."""
        for run in ("run-1", "run-2"):
            store.begin(new_run(run, worker="w1"))
            store.move(run, RunState.PENDING, RunState.RUNNING, NOON, fence=1)
        store.finish(ended_run(), RunState.RUNNING, fence=1)
        with pytest.raises(StateConflict, match="failed"):
            store.take_over("run-1", 1, "w2")
        assert [(each.run, each.worker) for each in store.unended()] == [("run-2", "w1")]
        for ask in (store.standing, lambda run: list(store.entries(run)), lambda run: store.take_over(run, 1, "w")):
            with pytest.raises(UsageError, match="there is no run"):
                ask("run-9")

    def test_the_end_forgets_what_the_record_says_and_keeps_what_a_rollback_needs(self, store: RunStore) -> None:
        """The plan, the pre-images and what was left stay; purging takes everything."""
        store.begin(new_run())
        store.move("run-1", RunState.PENDING, RunState.RUNNING, NOON, fence=1)
        approved = Entry(EntryKind.APPROVED, data={"plan": {"hosts": []}})
        store.append("run-1", 1, [], fence=1, entries=[approved, INTENT, OUTCOME, Entry(EntryKind.OVER)])
        store.finish(ended_run(), RunState.RUNNING, fence=1)
        assert list(store.entries("run-1")) == [approved, INTENT, OUTCOME]
        store.purge(ended_run().completed_at or NOON)
        assert store.runs(RunQuery())[0].id == "run-1"  # ended at that moment, not before it
