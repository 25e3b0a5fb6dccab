"""Pools keep their contract on SQLite and on PostgreSQL; people see who holds what; processes that race take no more."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from nornflow.model.pool import Asked
from nornflow.model.worker import Process
from nornflow.store.opening import open_engine
from nornflow.store.pools import SqlPools, uses
from nornflow.store.slots import places
from nornflow.store.workers import Workers
from nornflow.testing.pool_store import PoolContract, PoolProcess, taken

POOLS = {"cpu": 8, "licences": 2}


class Machine:
    """A machine with processes that share a database; each dies when it is told to."""

    def __init__(self, url: str, folder: Path, stack: ExitStack) -> None:
        self._url, self._folder, self._stack = url, folder, stack
        self._pids = itertools.count(1)
        self._dead: set[int] = set()
        self.engine = self._open()

    def _open(self):
        engine = open_engine(self._url, self._folder)
        self._stack.callback(engine.dispose)
        return engine

    def process(self) -> PoolProcess:
        engine, pid = self._open(), next(self._pids)
        workers = Workers(
            engine,
            process=lambda: Process("here", "boot", pid, 7),
            sees=lambda other, here: other.pid not in self._dead,
            user=f"user{pid}",
        )
        workers.register()
        return PoolProcess(SqlPools(engine, workers, POOLS), lambda: self._dead.add(pid))


@pytest.fixture
def machine(database_url: str, tmp_path: Path) -> Iterator[Machine]:
    with ExitStack() as stack:
        yield Machine(database_url, tmp_path, stack)


class TestInTheStore(PoolContract):
    @pytest.fixture
    def process(self, machine: Machine) -> Callable[[], PoolProcess]:
        return machine.process


def test_people_see_who_holds_what_and_who_waits_in_which_place(machine: Machine) -> None:
    holder, waiting = machine.process(), machine.process()
    taken(holder, "run-1", cpu=6, licences=1)
    waiting.pools.request("run-2", Asked({"cpu": 3}))
    waiting.pools.request("run-3", Asked({"cpu": 4}, 5))
    found = [(use.request.run, use.waiting, str(use.claim)) for use in uses(machine.engine)]
    assert found == [
        ("run-1", False, "run run-1 (user1 on here, process 1)"),
        ("run-3", True, "run run-3 (user2 on here, process 2)"),
        ("run-2", True, "run run-2 (user2 on here, process 2)"),
    ]
    assert {run: (place.place, place.of) for run, place in places(machine.engine).items()} == {
        "run-3": (1, "cpu 4"),
        "run-2": (2, "cpu 3"),
    }


def test_processes_that_race_never_take_more_than_there_is(machine: Machine) -> None:
    processes = [machine.process() for _ in range(4)]
    seen: list[float] = []

    def work(number: int) -> int:
        pools, rng, done = processes[number].pools, random.Random(number), 0
        for turn in range(5):
            run = f"run-{number}-{turn}"
            ticket = pools.request(run, Asked({"cpu": rng.choice((1, 3, 5))}, rng.randint(0, 3)))
            while not pools.grant(ticket):
                pass
            seen.append(sum(use.request.wants["cpu"] for use in uses(machine.engine) if not use.waiting))
            pools.release(run)
            done += 1
        return done

    with ThreadPoolExecutor(len(processes)) as pool:
        assert list(pool.map(work, range(len(processes)))) == [5] * 4
    assert max(seen) <= 8
    assert uses(machine.engine) == []
