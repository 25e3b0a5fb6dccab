"""What every keeper of locks and slots must do: subclass `LockStoreContract`, give it a fixture `process`, and run pytest."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Mapping

import pytest

from nornflow.abc import DeviceLocks, Slots
from nornflow.errors import LockLost, NornFlowError, RunLost
from nornflow.model.lock import DeviceClaim
from nornflow.record import record


@record
class LockingProcess:
    """One process of several that share the locks: its view of them, and how it dies."""

    locks: DeviceLocks
    slots: Slots
    die: Callable[[], None]
    """From now on every other process can see that this one is dead; it does not know it itself."""


def told(claims: object) -> list[tuple[str, str, bool]]:
    """Return device, run and whether it waits, for each claim."""
    assert isinstance(claims, (list, tuple))
    found: list[DeviceClaim] = list(claims)
    return [(each.device, each.claim.run, each.waiting) for each in found]


def taken(process: LockingProcess, run: str, *devices: str) -> Mapping[str, int]:
    """Take devices that are free and return their tokens."""
    tokens = process.locks.grant(process.locks.request(run, devices))
    assert tokens is not None, f"{run} did not get {devices}"
    return tokens


class LockStoreContract:
    """Tests of any `DeviceLocks` with its `Slots`; the fixture `process` gives one more process each time it is called."""

    @pytest.fixture
    def process(self) -> Callable[[], LockingProcess]:
        """Give processes that share locks; a subclass must."""
        raise NotImplementedError("a subclass gives the fixture `process`")

    def test_a_run_takes_all_of_its_devices_or_none(self, process: Callable[[], LockingProcess]) -> None:
        """Holding some and waiting for others is how deadlocks begin."""
        first, second = process(), process()
        held = taken(first, "run-1", "r2")
        ticket = second.locks.request("run-2", ["r1", "r2", "r3"])
        assert second.locks.grant(ticket) is None
        assert told(second.locks.in_the_way(ticket)) == [("r2", "run-1", False)]
        assert taken(process(), "run-3", "r9") == {"r9": 1}
        assert first.locks.release("run-1", held) == {}
        assert second.locks.grant(ticket) == {"r1": 1, "r2": 2, "r3": 1}

    def test_who_asked_earlier_is_served_earlier_and_small_runs_do_not_slip_by(
        self, process: Callable[[], LockingProcess]
    ) -> None:
        """A run that wants many devices gets them, although small ones keep coming."""
        small, big, late = process(), process(), process()
        held = taken(small, "small", "r1")
        everything = big.locks.request("big", ["r1", "r2", "r3"])
        assert big.locks.grant(everything) is None
        behind = late.locks.request("late", ["r3"])
        assert late.locks.grant(behind) is None, "r3 is free, but somebody waits for it"
        assert told(late.locks.in_the_way(behind)) == [("r3", "big", True)]
        small.locks.release("small", held)
        assert late.locks.grant(behind) is None
        assert big.locks.grant(everything) is not None

    def test_who_gives_up_is_in_nobodys_way(self, process: Callable[[], LockingProcess]) -> None:
        """A request that was withdrawn, or wants a device no more, blocks nobody."""
        holder, big, late = process(), process(), process()
        taken(holder, "run-1", "r1")
        everything = big.locks.request("big", ["r1", "r2", "r3"])
        behind = late.locks.request("late", ["r3"])
        big.locks.leave_out(everything, ["r1"])
        assert late.locks.grant(behind) is None
        assert big.locks.grant(everything) == {"r2": 1, "r3": 1}
        other = late.locks.request("late", ["r2"])
        last = holder.locks.request("run-3", ["r2"])
        late.locks.withdraw(other)
        assert told(holder.locks.in_the_way(last)) == [("r2", "big", False)]

    def test_a_token_grows_with_each_holder_and_an_old_one_is_never_right(
        self, process: Callable[[], LockingProcess]
    ) -> None:
        """Also not while nobody holds the device."""
        one, other = process(), process()
        held = taken(one, "run-1", "r1")
        one.locks.demand("run-1", "r1", held["r1"])
        one.locks.release("run-1", held)
        with pytest.raises(LockLost) as lost:
            one.locks.demand("run-1", "r1", held["r1"])
        assert lost.value.reason == "lock-lost"
        later = taken(other, "run-2", "r1")
        assert later["r1"] > held["r1"]
        with pytest.raises(LockLost, match="held by run run-2"):
            one.locks.demand("run-1", "r1", held["r1"])
        other.locks.release("run-2", later)
        again = taken(one, "run-1", "r1")
        with pytest.raises(LockLost):
            one.locks.demand("run-1", "r1", held["r1"])
        one.locks.demand("run-1", "r1", again["r1"])

    def test_a_device_that_was_never_locked_may_not_be_written_to(self, process: Callable[[], LockingProcess]) -> None:
        """No lock, no line."""
        with pytest.raises(LockLost, match="nobody holds its lock"):
            process().locks.demand("run-1", "r1", 0)

    def test_what_the_dead_hold_and_wait_for_is_free(self, process: Callable[[], LockingProcess]) -> None:
        """Those that wait go on, and the dead one, should it wake up, is told."""
        dead, waiting, next_one = process(), process(), process()
        held = taken(dead, "run-1", "r1")
        early = dead.locks.request("run-0", ["r2"])
        ticket = waiting.locks.request("run-2", ["r1", "r2"])
        assert waiting.locks.grant(ticket) is None
        dead.die()
        assert waiting.locks.grant(ticket) == {"r1": 2, "r2": 1}
        with pytest.raises(LockLost, match="held by run run-2"):
            dead.locks.demand("run-1", "r1", held["r1"])
        assert set(dead.locks.release("run-1", held)) == {"r1"}
        for act in (lambda: dead.locks.grant(early), lambda: dead.locks.request("run-5", ["r3"])):
            with pytest.raises(RunLost, match="taken for dead"):
                act()
        assert taken(next_one, "run-4", "r3") == {"r3": 1}

    def test_a_run_that_another_process_takes_over_gets_new_tokens(self, process: Callable[[], LockingProcess]) -> None:
        """The same run in another process is another holder."""
        dead, heir = process(), process()
        held = taken(dead, "run-1", "r1")
        dead.die()
        later = taken(heir, "run-1", "r1")
        assert later == {"r1": 2}
        with pytest.raises(LockLost):
            dead.locks.demand("run-1", "r1", held["r1"])
        heir.locks.demand("run-1", "r1", later["r1"])

    def test_who_resumes_a_run_learns_who_else_has_had_its_devices(self, process: Callable[[], LockingProcess]) -> None:
        """However often it was resumed before; its own locks do not count, nor do those before its first one."""
        before, dead, other, heir, next_heir = (process() for _ in range(5))
        before.locks.release("run-0", taken(before, "run-0", "r1"))
        taken(dead, "run-1", "r1", "r2")
        dead.die()
        other.locks.release("run-2", taken(other, "run-2", "r1", "r3"))
        taken(heir, "run-1", "r1", "r2")
        since = heir.locks.had_since("run-1", ["r1", "r2", "r3"])
        assert {device: (holder.run, holder.held) for device, holder in since.items()} == {"r1": ("run-2", True)}
        heir.die()
        taken(next_heir, "run-1", "r1", "r2")
        assert next_heir.locks.had_since("run-1", ["r1", "r2", "r3"]) == since
        assert other.locks.had_since("run-2", ["r1", "r3"])["r1"].run == "run-1"
        assert other.locks.had_since("run-9", ["r1", "r2", "r3"]) == {}

    def test_of_a_device_that_a_waiting_run_has_left_untouched_nobody_learns_that_it_was_held(
        self, process: Callable[[], LockingProcess]
    ) -> None:
        """What it did to the others is as it was."""
        one, other = process(), process()
        assert one.locks.release("run-1", taken(one, "run-1", "r1", "r2"), {"r2"}) == {}
        other.locks.release("run-2", taken(other, "run-2", "r1", "r2"), {"r1"})
        taken(one, "run-1", "r1", "r2")
        assert one.locks.had_since("run-1", ["r1", "r2"]) == {}
        assert one.locks.had_since("run-2", ["r1", "r2"])["r2"].run == "run-1"

    def test_an_answer_that_was_lost_on_its_way_can_be_asked_for_again(
        self, process: Callable[[], LockingProcess]
    ) -> None:
        """A grant whose answer never came is no deadlock with oneself."""
        one = process()
        ticket = one.locks.request("run-1", ["r1", "r2"])
        first = one.locks.grant(ticket)
        assert one.locks.grant(ticket) == first

    def test_many_at_once_never_hold_one_device_together_and_all_get_their_turn(
        self, process: Callable[[], LockingProcess]
    ) -> None:
        """Eight processes, ten devices, each takes four of them, ten times over."""
        inside: dict[str, str] = {}
        clashes: list[str] = []
        errors: list[NornFlowError] = []

        def work(number: int) -> None:
            rng, me = random.Random(number), process()
            pause = threading.Event()
            try:
                for turn in range(10):
                    run = f"run-{number}-{turn}"
                    devices = rng.sample([f"r{each}" for each in range(10)], 4)
                    ticket = me.locks.request(run, devices)
                    while (tokens := me.locks.grant(ticket)) is None:
                        pause.wait(0.002 + rng.random() * 0.01)
                    clashes.extend(f"{device}: {run}, {inside[device]}" for device in devices if device in inside)
                    inside.update(dict.fromkeys(devices, run))
                    for device in devices:
                        me.locks.demand(run, device, tokens[device])
                        del inside[device]
                    assert me.locks.release(run, tokens) == {}
            except NornFlowError as error:
                errors.append(error)

        threads = [threading.Thread(target=work, args=(number,), daemon=True) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert not any(thread.is_alive() for thread in threads), "somebody waits for ever"
        assert errors == []
        assert clashes == []

    def test_no_more_runs_are_at_work_than_the_profile_allows_and_the_others_queue(
        self, process: Callable[[], LockingProcess]
    ) -> None:
        """In the order in which they asked; another profile has places of its own."""
        a, b, c = process(), process(), process()
        first, second, third = (p.slots.request(f"run-{p_}", "restricted") for p_, p in (("a", a), ("b", b), ("c", c)))
        assert a.slots.grant(first, 1)
        assert a.slots.grant(first, 1), "an answer that was lost"
        assert not b.slots.grant(second, 1)
        assert not c.slots.grant(third, 1)
        working, waiting = c.slots.in_the_way(third)
        assert [claim.run for claim in working] == ["run-a"]
        assert [claim.run for claim in waiting] == ["run-b"]
        other = process()
        assert other.slots.grant(other.slots.request("run-d", "standard"), 1)
        a.slots.release("run-a")
        assert not c.slots.grant(third, 1), "run-b asked earlier"
        assert b.slots.grant(second, 1)
        assert c.slots.grant(third, 2)

    def test_the_dead_take_up_no_place_and_lose_theirs_in_the_queue(
        self, process: Callable[[], LockingProcess]
    ) -> None:
        """Neither at work nor waiting."""
        dead, ahead, me = process(), process(), process()
        first, second, mine = (
            p.slots.request(run, "restricted") for p, run in ((dead, "run-1"), (ahead, "run-2"), (me, "run-3"))
        )
        assert dead.slots.grant(first, 1)
        assert not me.slots.grant(mine, 1)
        dead.die()
        assert not me.slots.grant(mine, 1)
        ahead.die()
        assert me.slots.grant(mine, 1)
        with pytest.raises(RunLost):
            ahead.slots.grant(second, 1)
