"""Never two writers on one device, whatever happens to their processes: told from the routers' own logs, over real SSH."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from freezing import frozen
from nornflow.engine.emit import Emitter
from nornflow.engine.locking import Turn
from nornflow.engine.turns import FRESH, Turns
from nornflow.model.event import EventKind
from nornflow.model.profile import Profile
from nornflow.model.run import RunInfo
from nornflow.store.locks import LockDesk, SqlDeviceLocks
from nornflow.store.opening import open_engine
from nornflow.store.slots import SqlSlots
from nornflow.store.workers import IF_THERE, SILENCE, Workers
from nornflow.testing import Fleet
from nornflow.testing.fakes import FakeDevices, RememberingObserver
from patience import soon
from races import Ground, mixed_up, plan_of_race, writers_at_once

pytestmark = [pytest.mark.e2e, pytest.mark.faults]
MakeFleet = Callable[..., Fleet]


class Rival:
    """Another run, in this process: its clock goes on by a second at each wait, which takes next to no time."""

    def __init__(self, ground: Ground, run: str = "rival", patience: int = 60) -> None:
        self.engine = open_engine(ground.url, ground.folder)
        self.passed = 0.0
        self.naps = 0
        self.patience = patience
        self.workers = Workers(self.engine, monotonic=lambda: self.passed)
        self.workers.register()
        self.seen = RememberingObserver()
        locks, slots = SqlDeviceLocks(self.engine, self.workers), SqlSlots(self.engine, self.workers)
        tools = SimpleNamespace(
            turns=Turns(locks, slots, rng=random.Random(1), monotonic=lambda: self.passed),
            devices=FakeDevices({}),
            sleep=self._sleep,
            emitter=Emitter(run, [self.seen], lambda: None),
        )
        info = RunInfo(run, "race", "1", "rival", Profile("race", max_concurrent_workflows=9), Path(), Path())
        self.turn = Turn(info, tools, lambda: None)

    def _sleep(self, seconds: float) -> bool:
        time.sleep(0.005)
        self.passed += 1.0
        self.naps += 1
        return self.naps > self.patience

    def lock(self, *devices: str) -> bool:
        return self.turn.lock(devices) is not None

    def end(self) -> None:
        self.turn.close()
        self.workers.leave()
        self.engine.dispose()


@pytest.fixture
def ground(tmp_path: Path, fleet: MakeFleet) -> Callable[..., Ground]:
    return lambda **options: Ground(tmp_path, fleet(**options)).prepare()


def until(process, word: str) -> list[str]:
    """Read what a process says until it says this."""
    said = []
    for line in process.stdout:
        said.append(line)
        if line.startswith(word):
            return said
    raise AssertionError(f"{word!r} did not come: {said} {process.stderr.read()}")


@pytest.mark.timeout(400)
def test_twenty_processes_and_fifty_routers(ground):
    here = ground(count=50)
    said = here.run(plan_of_race(20, list(here.fleet.devices), 2), 380)
    assert sum(out.count("holds") for out in said.values()) == 2 + 19 * 2
    for router in here.fleet:
        assert router.written(), "nobody wrote there: the race proves nothing of it"
        assert writers_at_once(router) == []
        assert mixed_up(router) == []


def test_the_proof_sees_two_writers(ground):
    """The same words about a device that two sessions did write to at once."""
    router = ground(count=1).fleet["r1"]
    for session, line in (
        (1, "configure terminal"),
        (1, "description a block 1 line 0"),
        (2, "configure terminal"),
        (1, "description a block 1 line 1"),
        (2, "description b block 1 line 0"),
        (1, "end"),
    ):
        router.hear(session, line, configuring=not line.startswith("configure"))
    assert len(writers_at_once(router)) == 4
    assert mixed_up(router)


@pytest.mark.timeout(400)
def test_twenty_processes_and_fifty_devices_nobody_starves(tmp_path):
    """Small runs keep coming until the one that wants all devices has had them three times."""
    here = Ground(tmp_path).prepare()
    devices = [f"r{number}" for number in range(50)]
    rng = random.Random(3)
    over = tmp_path / "over"
    small = [
        here.process(f"p{n}", [rng.sample(devices, 3) for _ in range(5)], until=str(over), hold=0.005)
        for n in range(1, 20)
    ]
    started = [one.__enter__() for one in small]
    try:
        for process in started:
            until(process, "holds")
        with here.process("big", [devices] * 3) as big:
            out, errors = big.communicate(timeout=250)
            assert (out.count("holds"), big.returncode) == (3, 0), errors
        over.touch()
        for process in started:
            out, errors = process.communicate(timeout=60)
            assert process.returncode == 0, errors  # FileExistsError would say that two held one device
    finally:
        for one in small:
            one.__exit__(None, None, None)


@pytest.mark.parametrize("moment", ["between blocks", "between lines"])
def test_a_zombie_that_wakes_up_sends_nothing_more(ground, moment):
    here = ground(count=1, latency=0.05 if moment == "between lines" else 0.0)
    router = here.fleet["r1"]
    with here.process("zombie", [["r1"]], lines=30, pause=moment) as zombie:
        if moment == "between blocks":
            until(zombie, "wrote r1 1")
        else:
            assert soon(lambda: len(router.written()) > 5)
        with frozen(zombie, here.folder / "nornflow.db"):
            stopped = time.monotonic()
            rival = Rival(here)
            assert rival.lock("r1")
            assert rival.naps >= SILENCE * IF_THERE, "its process was there: only its silence could tell"
            assert "run zombie-1" in rival.seen.of(EventKind.QUEUE_WAITING)[0].message
            # only the rival's clock is played: by the zombie's own, its last answer must not be of this moment any more
            assert soon(lambda: time.monotonic() - stopped > 2 * FRESH)
            heard = len(router.log)
        out, errors = zombie.communicate("\n", timeout=60)
        assert zombie.returncode == 3, errors
        assert "LockLost" in out
        assert "run rival" in out
        assert [each.line for each in router.log[heard:] if each.configuring] == []
        assert [each.line for each in router.log[heard:] if each.line.startswith("configure")] == []
        rival.end()


def test_a_holder_that_was_killed_frees_its_devices_at_once(ground):
    here = ground(count=1)
    with here.process("killed", [["r1"]], pause="between blocks") as killed:
        until(killed, "wrote r1 1")
        rival = Rival(here, patience=3)
        assert not rival.lock("r1"), "it lives, and has the device"
        rival.naps = 0
        os.kill(killed.pid, signal.SIGKILL)
        assert soon(lambda: Path(f"/proc/{killed.pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z")
        assert rival.lock("r1")
        assert rival.naps == 0
        rival.end()


def test_a_broken_lock_fences_its_holder_out(ground):
    here = ground(count=1)
    router = here.fleet["r1"]
    with here.process("holder", [["r1"]], pause="between blocks") as holder:
        until(holder, "wrote r1 1")
        engine = open_engine(here.url, here.folder)
        assert LockDesk(engine, Workers(engine)).break_lock("r1", "bob on desk").run == "holder-1"
        engine.dispose()
        before = len(router.written())
        out, errors = holder.communicate("\n", timeout=60)
        assert holder.returncode == 3, errors
        assert "broken by bob on desk" in out
        assert len(router.written()) == before
