"""A run takes its turn: it waits and says for whom, fails, or leaves devices out; and writes only to what it holds."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest

from nornflow.engine.emit import Emitter
from nornflow.engine.locking import LATEST, SOONEST, Turn, devices_to_lock
from nornflow.engine.turns import FRESH, DeviceFence, Turns
from nornflow.errors import DevicesHeld, LockLost
from nornflow.model.event import EventKind
from nornflow.model.lock import WhenHeld
from nornflow.model.plan import HostPlan, Method, Plan, PlannedStep
from nornflow.model.profile import Profile
from nornflow.model.run import HostState, RunInfo
from nornflow.model.step import Scope, Step
from nornflow.model.worker import Process
from nornflow.store.database import upgrade
from nornflow.store.locks import LockDesk, SqlDeviceLocks
from nornflow.store.opening import open_engine
from nornflow.store.slots import SqlSlots
from nornflow.store.workers import Workers
from nornflow.testing.fakes import FakeDevices, RememberingObserver

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


@dataclass
class Desk:
    """One process with a run, as far as turns go; `on_sleep` happens at each wait, which takes no time."""

    engine: object
    pid: int
    dead: set[int]
    naps: list[float] = field(default_factory=list)
    queued: list[str] = field(default_factory=list)
    now: float = 0.0
    on_sleep: Callable[[int], bool] = lambda number: False

    def __post_init__(self) -> None:
        self.workers = Workers(
            self.engine,
            clock=lambda: NOON,
            process=lambda: Process("here", "boot", self.pid, 7),
            sees=lambda other, here: other.pid not in self.dead,
            user=f"user{self.pid}",
        )
        self.workers.register()
        self.seen = RememberingObserver()
        self.devices = FakeDevices({})
        self.locks = SqlDeviceLocks(self.engine, self.workers, clock=lambda: NOON)

    def turn(self, run: str, when_held: WhenHeld = WhenHeld.WAIT, timeout: float = 0.0, limit: int = 5) -> Turn:
        turns = Turns(
            self.locks,
            SqlSlots(self.engine, self.workers, clock=lambda: NOON),
            when_held,
            timeout,
            random.Random(1),
            lambda: self.now,
        )
        tools = SimpleNamespace(
            turns=turns, devices=self.devices, sleep=self._sleep, emitter=Emitter(run, [self.seen], lambda: NOON)
        )
        profile = Profile("restricted", max_concurrent_workflows=limit)
        info = RunInfo(run, "ntp", "1", "ada", profile, Path(), Path())
        return Turn(info, tools, lambda: self.queued.append(run))

    def _sleep(self, seconds: float) -> bool:
        self.naps.append(seconds)
        self.now += seconds
        return self.on_sleep(len(self.naps))

    def messages(self, kind: EventKind) -> list[str]:
        return [event.message for event in self.seen.of(kind)]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Callable[[], Desk]]:
    dead: set[int] = set()
    pids = iter(range(1, 100))
    with ExitStack() as stack:
        engine = open_engine("", tmp_path)
        stack.callback(engine.dispose)
        upgrade(engine)
        yield lambda: Desk(engine, next(pids), dead)


def test_a_run_that_finds_its_devices_free_does_not_queue(desk):
    one = desk()
    turn = one.turn("run-1")
    assert turn.come_to_work()
    assert turn.lock(["r2", "r1"]) == {}
    assert (one.queued, one.naps) == ([], [])
    assert [event.data["hosts"] for event in one.seen.of(EventKind.LOCK_TAKEN)] == [["r1", "r2"]]
    one.devices.fence.begin("r1")
    turn.close()
    with pytest.raises(LockLost):
        one.devices.fence.begin("r1")


def test_a_run_waits_and_says_who_holds_what_since_when(desk):
    holder, waiter = desk(), desk()
    first = holder.turn("run-1")
    first.lock(["r1", "r2", "r3"])
    waiter.on_sleep = lambda number: first.close() if number == 3 else False
    assert waiter.turn("run-2").lock(["r2", "r3", "r4"]) == {}
    assert waiter.queued == ["run-2"], "told once"
    assert waiter.messages(EventKind.QUEUE_WAITING) == [
        "run run-1 (user1 on here, process 1) holds r2, r3 since 12:00:00 UTC"
    ]
    assert len(waiter.naps) == 3
    assert all(SOONEST <= nap <= LATEST for nap in waiter.naps)
    assert len(set(waiter.naps)) == 3, "waiting runs do not look in step"


def test_what_is_told_follows_the_queue(desk):
    holder, second, third = desk(), desk(), desk()
    first = holder.turn("run-1")
    first.lock(["r1"])
    ticket = second.locks.request("run-2", ["r1"])
    tokens = {}

    def on(number: int) -> bool:
        if number == 1:
            first.close()
            tokens.update(second.locks.grant(ticket))
        elif number == 2:
            second.locks.release("run-2", tokens)
        return False

    third.on_sleep = on
    assert third.turn("run-3").lock(["r1"]) == {}
    told = third.seen.of(EventKind.QUEUE_WAITING)
    assert [event.data["place"] for event in told] == [2, 1]
    assert told[0].message.endswith("run run-2 (user2 on here, process 2) waits for r1 since 12:00:00 UTC")
    assert told[1].message == "run run-2 (user2 on here, process 2) holds r1 since 12:00:00 UTC"


def test_a_holder_that_was_killed_is_in_nobodys_way(desk):
    holder, waiter = desk(), desk()
    holder.turn("run-1").lock(["r1"])
    holder.dead.add(1)
    assert waiter.turn("run-2").lock(["r1"]) == {}
    assert waiter.naps == []


def test_fail_does_not_wait_and_leaves_no_ticket_behind(desk):
    holder, other = desk(), desk()
    first = holder.turn("run-1")
    first.lock(["r1"])
    with pytest.raises(DevicesHeld, match=r"run run-1 .* holds r1 since 12:00:00 UTC") as error:
        other.turn("run-2", WhenHeld.FAIL).lock(["r1", "r2"])
    assert error.value.reason == "locked"
    assert (other.naps, other.queued) == ([], [])
    assert [lock.waiting for lock in LockDesk(other.engine, other.workers).all()] == [()]


def test_waiting_ends_when_its_time_is_over(desk):
    holder, other = desk(), desk()
    holder.turn("run-1").lock(["r1"])
    with pytest.raises(DevicesHeld, match="after 30 s of waiting"):
        other.turn("run-2", timeout=30).lock(["r1"])
    assert 30 <= sum(other.naps) < 31


def test_waiting_ends_when_the_run_is_stopped(desk):
    holder, other = desk(), desk()
    holder.turn("run-1").lock(["r1"])
    other.on_sleep = lambda number: number == 2
    assert other.turn("run-2").lock(["r1"]) is None
    assert len(other.naps) == 2
    third = desk()
    assert third.turn("run-3", WhenHeld.SKIP).lock(["r2"]) == {}, "its ticket is gone too"


def test_skip_leaves_out_what_is_held_and_takes_the_rest(desk):
    holder, other = desk(), desk()
    holder.turn("run-1").lock(["r1"])
    left = other.turn("run-2", WhenHeld.SKIP).lock(["r1", "r2"])
    assert list(left) == ["r1"]
    assert (left["r1"].state, left["r1"].reason) == (HostState.SKIPPED, "locked")
    assert "r1 is held by run run-1 (user1 on here, process 1) since 12:00:00 UTC" in left["r1"].error
    assert other.devices.fence.covers("r2")
    with pytest.raises(LockLost, match="held by run run-1"):
        other.devices.fence.check("r1")
    assert [event.host for event in other.seen.of(EventKind.LOCK_SKIPPED)] == ["r1"]


def test_skip_with_everything_held_takes_nothing(desk):
    holder, other = desk(), desk()
    holder.turn("run-1").lock(["r1", "r2"])
    assert set(other.turn("run-2", WhenHeld.SKIP).lock(["r1", "r2"])) == {"r1", "r2"}
    assert other.messages(EventKind.LOCK_TAKEN) == []


def test_a_run_that_changes_nothing_locks_nothing_and_may_write_nothing(desk):
    one = desk()
    assert one.turn("run-1").lock([]) == {}
    with pytest.raises(LockLost):
        one.devices.fence.check("r1")


def test_a_broken_lock_is_told_once_and_at_the_latest_at_the_end(desk):
    one = desk()
    turn = one.turn("run-1")
    turn.lock(["r1", "r2"])
    people = LockDesk(one.engine, one.workers)
    people.break_lock("r1", "bob")
    people.break_lock("r2", "bob")
    for _ in range(2):
        with pytest.raises(LockLost, match="broken by bob"):
            one.devices.fence.begin("r1")
    assert [event.host for event in one.seen.of(EventKind.LOCK_LOST)] == ["r1"]
    turn.close()
    told = one.seen.of(EventKind.LOCK_LOST)
    assert [event.host for event in told] == ["r1", "r2"]
    assert told[1].message == "r2: the run had lost its lock: its lock was broken by bob"


def test_a_fence_asks_the_store_at_each_block_and_between_lines_only_now_and_then(desk):
    one = desk()
    asked: list[str] = []
    locks = SimpleNamespace(demand=lambda run, device, token: asked.append(device))
    fence = DeviceFence("run-1", {"r1": 1}, locks, monotonic=lambda: one.now)
    fence.check("r1")
    for _ in range(10):
        fence.check("r1")
    assert len(asked) == 1
    one.now += FRESH
    fence.check("r1")
    assert len(asked) == 2
    fence.begin("r1")
    fence.begin("r1")
    assert len(asked) == 4


def test_the_limit_of_a_profile_is_waited_for_with_a_place_in_the_queue(desk):
    holder, second, third = desk(), desk(), desk()
    first = holder.turn("run-1", limit=1)
    assert first.come_to_work()
    ahead = SqlSlots(second.engine, second.workers, clock=lambda: NOON)
    ahead.request("run-2", "restricted")

    def on(number: int) -> bool:
        if number == 1:
            first.close()
        elif number == 2:
            ahead.release("run-2")
        return False

    third.on_sleep = on
    assert third.turn("run-3", limit=1).come_to_work()
    assert third.queued == ["run-3"]
    told = third.seen.of(EventKind.QUEUE_WAITING)
    assert [event.data["place"] for event in told] == [2, 2]
    assert told[0].message == (
        "profile restricted lets 1 work at once (max_concurrent_workflows): "
        "run run-1 (user1 on here, process 1) since 12:00:00 UTC; 1 wait before this one"
    )


def test_without_a_store_it_is_always_ones_turn(desk):
    turn = desk().turn("run-1")
    turn._tools.turns = None
    assert turn.come_to_work()
    assert turn.lock(["r1"]) == {}
    turn.close()


def step(name: str, *permissions: str, once: bool = False) -> Step:
    return Step(name, "x.config", Scope.DEVICE, permissions=frozenset(permissions), once=once)


@pytest.mark.parametrize(
    ("planned", "locked"),
    [
        (PlannedStep("s", "r1", ("ntp server 192.0.2.1",), diff="+ntp"), True),
        (PlannedStep("s", "r1", ("ntp server 192.0.2.1",)), False),  # it is there already
        (PlannedStep("s", "r1", ("mystery",), method=Method.IMPOSSIBLE), True),
        (PlannedStep("s", "r1", ("exec:write memory",)), True),
        (PlannedStep("s", "r1", ("exec:clear counters",)), True),
        (PlannedStep("s", "r1", diff="-old\n+new"), True),  # over an API
        (PlannedStep("s", "r1"), False),
        (None, True),  # not known yet
    ],
)
def test_locked_is_what_may_be_written_to(planned, locked):
    plan = Plan("w", "1", "standard", {}, (HostPlan("r1", steps=(planned,) if planned else ()),))
    found = devices_to_lock(plan, [step("s", "device.configure"), step("look", "device.read")], ["r1"])
    assert bool(found) is locked


def test_a_step_that_runs_on_one_device_locks_that_one():
    plan = Plan("w", "1", "standard", {}, (HostPlan("r1"), HostPlan("r2")))
    assert devices_to_lock(plan, [step("s", "device.configure", once=True)], ["r1", "r2"]) == ("r1",)
