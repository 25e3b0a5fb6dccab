"""Locks and slots keep their contract on SQLite and on PostgreSQL; people see them and break them."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from nornflow.errors import LockLost, UsageError
from nornflow.model.run import RunState
from nornflow.model.worker import Process
from nornflow.store.locks import LockDesk, SqlDeviceLocks
from nornflow.store.opening import open_engine, open_store
from nornflow.store.patience import PatientRunStore
from nornflow.store.slots import SqlSlots, places
from nornflow.store.tables import lock_holders
from nornflow.store.workers import Workers
from nornflow.testing.lock_store import LockingProcess, LockStoreContract, taken
from nornflow.testing.run_store import NOON, new_run


class Machine:
    """A machine with processes that share a database; each dies when it is told to."""

    def __init__(self, url: str, folder: Path, stack: ExitStack) -> None:
        self._url, self._folder, self._stack = url, folder, stack
        self._pids = itertools.count(1)
        self.dead: set[int] = set()
        self.engine = self._open()

    def _open(self):
        engine = open_engine(self._url, self._folder)
        self._stack.callback(engine.dispose)
        return engine

    def process(self) -> LockingProcess:
        engine, pid = self._open(), next(self._pids)
        workers = self.workers(engine, pid)
        workers.register()
        return LockingProcess(SqlDeviceLocks(engine, workers), SqlSlots(engine, workers), lambda: self.dead.add(pid))

    def workers(self, engine=None, pid: int = 999) -> Workers:
        return Workers(
            engine or self.engine,
            process=lambda: Process("here", "boot", pid, 7),
            sees=lambda other, here: other.pid not in self.dead,
            user=f"user{pid}",
        )


@pytest.fixture
def machine(database_url: str, tmp_path: Path) -> Iterator[Machine]:
    with ExitStack() as stack:
        yield Machine(database_url, tmp_path, stack)


@pytest.fixture
def desk(machine: Machine) -> LockDesk:
    return LockDesk(machine.engine, machine.workers())


class TestInTheStore(LockStoreContract):
    @pytest.fixture
    def process(self, machine: Machine) -> Callable[[], LockingProcess]:
        return machine.process


def test_a_list_shows_who_holds_what_and_who_waits_in_order(machine: Machine, desk: LockDesk) -> None:
    holder, first, second = machine.process(), machine.process(), machine.process()
    taken(holder, "run-1", "r1", "r2")
    first.locks.request("run-2", ["r2", "r3"])
    second.locks.request("run-3", ["r2"])
    found = {lock.device: lock for lock in desk.all()}
    assert list(found) == ["r1", "r2", "r3"]
    assert str(found["r1"].holder) == "run run-1 (user1 on here, process 1)"
    assert [claim.run for claim in found["r2"].waiting] == ["run-2", "run-3"]
    assert (found["r3"].holder, found["r3"].token) == (None, 0)


def test_a_list_does_not_show_the_dead_and_declares_nobody(machine: Machine, desk: LockDesk) -> None:
    dead, waiting = machine.process(), machine.process()
    taken(dead, "run-1", "r1")
    machine.dead.add(1)
    assert desk.all() == []
    waiting.locks.request("run-2", ["r1"])
    assert [(lock.holder, len(lock.waiting)) for lock in desk.all()] == [(None, 1)]


def test_breaking_a_lock_fences_its_holder_out_and_tells_it_who_did(machine: Machine, desk: LockDesk) -> None:
    holder = machine.process()
    held = taken(holder, "run-1", "r1", "r2")
    assert desk.break_lock("r1", "bob on desk").run == "run-1"
    with pytest.raises(LockLost, match="broken by bob on desk"):
        holder.locks.demand("run-1", "r1", held["r1"])
    holder.locks.demand("run-1", "r2", held["r2"])
    assert holder.locks.release("run-1", held) == {"r1": "its lock was broken by bob on desk"}
    assert [(lock.device, lock.broken_by) for lock in desk.all()] == [("r1", "bob on desk")]
    assert taken(machine.process(), "run-2", "r1") == {"r1": 3}
    assert [lock.broken_by for lock in desk.all()] == [""]


def test_a_lock_of_the_dead_need_not_be_broken(machine: Machine, desk: LockDesk) -> None:
    taken(machine.process(), "run-1", "r1", "r2")
    machine.dead.add(1)
    assert desk.break_lock("r1", "bob") is None
    assert taken(machine.process(), "run-2", "r1", "r2") == {"r1": 2, "r2": 2}


@pytest.fixture
def store(machine: Machine, database_url: str, tmp_path: Path) -> Iterator[PatientRunStore]:
    """The runs beside the locks: run-1 is the one that is cut off."""
    with closing(open_store(database_url, tmp_path)) as store:
        for run, user in (("run-1", "ada"), ("run-2", "bob")):
            store.begin(new_run(run, user=user))
        yield store


def since(process: LockingProcess, *devices: str) -> dict[str, str]:
    """Return who else has had devices since run-1 first held them."""
    return {device: str(holder) for device, holder in process.locks.had_since("run-1", devices).items()}


def test_who_had_a_device_meanwhile_is_told_with_all_that_is_known_of_it(
    machine: Machine, store: PatientRunStore
) -> None:
    dead, other, heir = machine.process(), machine.process(), machine.process()
    taken(dead, "run-1", "r1")
    machine.dead.add(1)
    other.locks.release("run-2", taken(other, "run-2", "r1"))
    taken(heir, "run-1", "r1")
    (told,) = since(heir, "r1").values()
    assert re.fullmatch(r"run run-2 of ntp \(bob\) held r1 at \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", told)


def test_a_lock_that_was_broken_is_told_of_as_well(machine: Machine, desk: LockDesk, store: PatientRunStore) -> None:
    dead, heir = machine.process(), machine.process()
    taken(dead, "run-1", "r1", "r2")
    desk.break_lock("r1", "bob on desk")
    machine.dead.add(1)
    taken(heir, "run-1", "r1", "r2")
    found = since(heir, "r1", "r2")
    assert list(found) == ["r1"]
    assert found["r1"].startswith("the lock of r1 was broken by bob on desk at ")


def test_who_found_a_device_in_order_that_a_dead_run_left_is_known_to_who_resumes_it(
    machine: Machine, store: PatientRunStore
) -> None:
    dead, other, third, heir = (machine.process() for _ in range(4))
    tokens = taken(dead, "run-1", "r1", "r2", "r3")
    machine.dead.add(1)
    other.locks.found("run-2", ["r1", "r9"])
    other.locks.found("run-2", ["r3"])
    third.locks.release("run-2", taken(third, "run-2", "r3"))
    third.locks.found("run-2", ["r3"])
    later = taken(heir, "run-1", "r1", "r2", "r3")
    assert later == {"r1": tokens["r1"] + 2, "r2": tokens["r2"] + 1, "r3": tokens["r3"] + 4}
    held = {device: holder.held for device, holder in heir.locks.had_since("run-1", later).items()}
    assert held == {"r1": False, "r3": True}
    assert since(heir, "r1")["r1"].startswith("run run-2 of ntp (bob) found nothing to do on r1 at ")


def test_what_a_living_run_holds_or_an_ended_one_left_is_not_noted(machine: Machine, store: PatientRunStore) -> None:
    living, other = machine.process(), machine.process()
    held = taken(living, "run-1", "r1", "r2")
    other.locks.found("run-2", ["r1"])
    living.locks.demand("run-1", "r1", held["r1"])
    assert since(living, "r1") == {}
    living.locks.release("run-1", held)
    store.move("run-1", RunState.PENDING, RunState.CANCELLED, NOON)
    other.locks.found("run-2", ["r1", "r2"])
    assert since(living, "r1", "r2") == {}


def test_who_had_a_device_is_forgotten_with_old_runs_but_not_while_somebody_may_ask(
    machine: Machine, store: PatientRunStore
) -> None:
    dead, other, heir = machine.process(), machine.process(), machine.process()
    taken(dead, "run-1", "r1")
    machine.dead.add(1)
    other.locks.release("run-2", taken(other, "run-2", "r1", "r2"))
    later = datetime.now(UTC) + timedelta(days=1)
    store.move("run-2", RunState.PENDING, RunState.CANCELLED, NOON)
    assert store.purge(later) == ["run-2"]
    taken(heir, "run-1", "r1")
    assert since(heir, "r1")["r1"].startswith("run run-2 held r1 at ")
    store.move("run-1", RunState.PENDING, RunState.CANCELLED, NOON)
    store.purge(later)
    with machine.engine.connect() as connection:
        assert connection.execute(select(func.count()).select_from(lock_holders)).scalar() == 0


def test_there_must_be_a_lock_to_break(desk: LockDesk) -> None:
    with pytest.raises(UsageError, match="nobody holds a lock of 'r1'"):
        desk.break_lock("r1", "bob")


def test_the_queue_can_be_seen(machine: Machine) -> None:
    runs = {name: machine.process() for name in "abcde"}
    for name, one in runs.items():
        if name < "d":
            one.slots.grant(one.slots.request(f"run-{name}", "restricted"), 1)
    taken(runs["d"], "run-d", "r1", "r2", "r3", "r4")
    runs["e"].locks.request("run-e", ["r1", "r2", "r3", "r4"])
    found = places(machine.engine)
    assert {run: (each.place, each.of) for run, each in found.items()} == {
        "run-b": (1, "profile restricted"),
        "run-c": (2, "profile restricted"),
        "run-e": (1, "r1, r2, r3 and 1 more"),
    }


def test_only_those_who_want_the_same_device_are_ahead_in_the_queue(machine: Machine) -> None:
    one = machine.process()
    for run, devices in (("run-1", ["r1"]), ("run-2", ["r2"]), ("run-3", ["r1", "r2"]), ("run-4", ["r2"])):
        one.locks.request(run, devices)
    assert {run: each.place for run, each in places(machine.engine).items()} == {
        "run-1": 1, "run-2": 1, "run-3": 3, "run-4": 3,
    }  # fmt: skip


def test_of_many_devices_that_ask_at_the_same_moment_only_the_lost_ones_are_refused(
    machine: Machine, desk: LockDesk
) -> None:
    devices, lost = [f"r{number:02}" for number in range(1, 41)], {"r07", "r31"}
    holder = machine.process()
    tokens = taken(holder, "run-1", *devices)
    for device in lost:
        desk.break_lock(device, "bob on desk")

    def told(device: str) -> str:
        try:
            holder.locks.demand("run-1", device, tokens[device])
        except LockLost as error:
            return error.message
        return ""

    with ThreadPoolExecutor(len(devices)) as pool:
        for _ in range(5):
            answers = dict(zip(devices, pool.map(told, devices), strict=True))
            assert {device for device, answer in answers.items() if answer} == lost
            assert all(f"{device}: nothing was sent" in answers[device] for device in lost)
            assert all("bob on desk" in answers[device] for device in lost)
