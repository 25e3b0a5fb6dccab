"""Who is alive: seen at once on the same machine, by a counter that stands still from anywhere else, never by the clock."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from nornflow.errors import RunLost
from nornflow.model.worker import Process
from nornflow.store.database import StoreAway, connect, told
from nornflow.store.opening import open_engine
from nornflow.store.processes import is_there, this_process
from nornflow.store.pulse import Pulse
from nornflow.store.silence import Silences
from nornflow.store.workers import IF_THERE, SILENCE, Workers, alone, demand_alive
from patience import soon

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


class Clocks:
    """A wall clock and a monotonic one that go when they are told to."""

    def __init__(self) -> None:
        self.wall = NOON
        self.passed = 100.0

    def now(self) -> datetime:
        return self.wall

    def monotonic(self) -> float:
        return self.passed

    def go(self, seconds: float) -> None:
        self.wall += timedelta(seconds=seconds)
        self.passed += seconds


@pytest.fixture
def clocks() -> Clocks:
    return Clocks()


@pytest.fixture
def engine(database_url: str, tmp_path: Path) -> Iterator[Engine]:
    engine = open_engine(database_url, tmp_path)
    yield engine
    engine.dispose()


@pytest.fixture
def worker(engine: Engine, clocks: Clocks) -> Callable[..., Workers]:
    def make(machine: str = "here", pid: int = 1, *, register: bool = True, there: bool | None = None) -> Workers:
        found = Workers(
            engine,
            clock=clocks.now,
            monotonic=clocks.monotonic,
            process=lambda: Process(machine, "boot", pid, 7),
            sees=lambda other, here: there if other.machine == here.machine else None,
            user="ada",
        )
        if register:
            found.register()
        return found

    return make


def test_a_worker_of_another_machine_is_gone_when_its_beat_stands_still_for_five_seconds(worker, clocks):
    watcher, other = worker("here"), worker("there")
    for _ in range(5):
        assert not watcher.gone(other.id)
        clocks.go(1)
    assert watcher.gone(other.id)
    assert not other.beat(), "gone is for good"
    assert watcher.gone(other.id)


def test_one_beat_in_between_starts_the_count_anew(worker, clocks):
    watcher, other = worker("here"), worker("there")
    for second in range(40):
        if second % 5 == 4:
            assert other.beat()
        assert not watcher.gone(other.id)
        clocks.go(1)


def test_a_worker_of_this_machine_whose_process_has_ended_is_gone_at_once(worker):
    other = worker("here", 2)
    assert worker("here", 3, there=False).gone(other.id)


def test_a_worker_of_this_machine_that_is_there_but_says_nothing_has_more_time(worker, clocks):
    watcher, stopped = worker("here", 3, there=True), worker("here", 2)
    looks = 0
    while not watcher.gone(stopped.id):
        clocks.go(1)
        looks += 1
    assert looks == SILENCE * IF_THERE == 15


def test_the_wall_clock_decides_nothing(worker, clocks):
    watcher, other = worker("here"), worker("there")
    for jump in (-3600, 7200, -86_400, 86_400):
        clocks.wall += timedelta(seconds=jump)
        assert not watcher.gone(other.id)
        assert other.beat()
    assert watcher.about(other.id).beat_at == clocks.wall


@settings(max_examples=200)
@given(st.lists(st.tuples(st.floats(0.1, 40), st.booleans()), max_size=40))
def test_silence_counts_as_far_as_it_was_looked_at_in_one_piece(moves: list[tuple[float, bool]]) -> None:
    """Gaps in which nobody could look, because the database was away or the watcher was stopped, are never held against him."""
    clocks, beat, since = Clocks(), 1, 0.0
    silences = Silences(clocks.monotonic)
    assert silences.lasted("other", beat) == 0
    for seconds, beats in moves:
        clocks.go(seconds)
        beat += beats
        since = 0.0 if beats or seconds > 2 else since + seconds
        assert silences.lasted("other", beat) == pytest.approx(since)
        assert seconds <= 2 or silences.lasted("other", beat) == 0, "after a gap there is all the time to beat"


def test_after_an_outage_everybody_has_all_the_time_to_beat(worker, clocks):
    watcher, other = worker("here"), worker("there")
    for _ in range(4):
        assert not watcher.gone(other.id)
        clocks.go(1)
    clocks.go(30)  # the database is away
    for _ in range(5):
        assert not watcher.gone(other.id)
        clocks.go(1)
    assert watcher.gone(other.id)


def test_whoever_watches_finds_all_that_are_dead_and_no_other(worker, clocks):
    watcher, silent, lively = worker("here"), worker("there"), worker("there", 2)
    for _ in range(5):
        assert watcher.watch() == set()
        assert lively.beat()
        clocks.go(1)
    assert watcher.watch() == {silent.id}
    assert watcher.watch() == set(), "it is declared so"
    assert worker("elsewhere").gone(silent.id), "who looks for the first time is told at once"
    assert not silent.beat()
    assert watcher.beat()


def test_who_is_far_away_is_listened_to_for_a_moment_and_taken_for_nothing(worker, clocks):
    """So that somebody may be told of a machine that is gone, although nobody is there to declare it so."""
    looker, silent, lively = worker("here", register=False, there=True), worker("there"), worker("there", 2)
    near, gone = worker("here", 2), worker("there", 3)
    gone.leave()
    naps = []

    def wait(seconds: float) -> None:
        naps.append(seconds)
        clocks.go(seconds)
        assert lively.beat()

    assert looker.silent([silent.id, lively.id, near.id, gone.id], wait=wait) == {silent.id}
    assert sum(naps) == pytest.approx(2.5)
    assert silent.beat(), "it may come back"
    assert looker.silent([lively.id], wait=wait) == set()
    assert sum(naps) == pytest.approx(2.75), "nobody waits longer than it takes to hear a beat"
    assert looker.silent([near.id], wait=wait) == set()


def test_a_process_is_unsure_of_itself_before_others_can_be_sure_of_its_death(worker, clocks, engine):
    mine = worker("here")
    given = SILENCE * (IF_THERE if engine.dialect.name == "sqlite" else 1)
    clocks.go(given * 0.6)
    assert not mine.unsure
    clocks.go(given * 0.1)
    assert mine.unsure
    assert mine.beat()
    assert not mine.unsure


def beaten_since(mine: Workers) -> Callable[[], bool]:
    """Return what tells whether a beat has reached the store since this call."""
    called = time.monotonic()
    return lambda: time.monotonic() - called > mine.silent_for


def test_a_beat_does_not_wait_for_what_hangs(engine):
    """Neither for the connections of the process, all of which may be in use, nor for a look at what others want."""
    mine, hanging, over = Workers(engine), threading.Event(), threading.Event()
    mine.register()

    def hang() -> None:
        hanging.set()
        over.wait(20)

    with Pulse(mine, lost=lambda: None, every=0.02, look=0.01) as pulse:
        pulse.watch(hang)
        assert hanging.wait(10)
        assert soon(beaten_since(mine)), "no further beat came"
        with ExitStack() as all_connections:
            if engine.dialect.name == "postgresql":
                for _ in range(15):
                    all_connections.enter_context(engine.connect())
            assert soon(beaten_since(mine)), "no further beat came"
        over.set()


def test_a_beat_in_the_moment_of_the_declaration_wins(worker, clocks, engine):
    class Beaten(Workers):
        def _declare(self, worker: str, beat: int) -> bool:
            assert other.beat()
            return super()._declare(worker, beat)

    other = worker("there")
    watcher = Beaten(engine, process=lambda: Process("there", "boot", 5, 5), sees=lambda *_: False)
    watcher.register()
    assert not watcher.gone(other.id)
    assert other.beat()


def test_only_one_of_many_watchers_declares_and_all_of_them_know(worker):
    other = worker("here", 2)
    watchers = [worker("here", pid, there=False) for pid in range(3, 11)]
    answers: list[bool] = []
    threads = [threading.Thread(target=lambda w=w: answers.append(w.gone(other.id))) for w in watchers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [True] * 8


def test_what_the_dead_held_is_free_and_their_places_in_queues_are_given_up(worker, engine):
    other, watcher = worker("here", 2), worker("here", 3, there=False)
    with engine.begin() as connection:
        for statement in (
            "INSERT INTO locks (device, token, run, worker, since) VALUES ('r1', 7, 'run-1', :w, 0)",
            "INSERT INTO lock_requests (ticket, device, run, worker, since) VALUES (1, 'r2', 'run-1', :w, 0)",
            "INSERT INTO slots (profile, run, worker, granted, since) VALUES ('standard', 'run-1', :w, 1, 0)",
        ):
            connection.execute(text(statement), {"w": other.id})
    assert watcher.gone(other.id)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT token, run, worker FROM locks")).one() == (7, None, None)
        assert connection.execute(text("SELECT count(*) FROM lock_requests")).scalar() == 0
        assert connection.execute(text("SELECT count(*) FROM slots")).scalar() == 0


def test_who_leaves_is_gone_and_leaves_no_row(worker, engine):
    other, watcher = worker("there"), worker("here")
    assert "ada (there, process 1)" in str(watcher.about(other.id))
    other.leave()
    assert watcher.gone(other.id)
    assert watcher.about(other.id) is None
    assert not other.beat()


def test_a_transaction_of_one_that_was_taken_for_dead_is_refused(worker, engine):
    other = worker("here", 2)
    with engine.begin() as connection:
        demand_alive(connection, other.id)
    assert worker("here", 3, there=False).gone(other.id)
    with engine.begin() as connection, pytest.raises(RunLost, match="taken for dead"):
        demand_alive(connection, other.id)


def test_the_pulse_beats_and_tells_once_when_others_have_taken_us_for_dead(engine):
    mine, watcher = Workers(engine), Workers(engine, sees=lambda *_: False)
    mine.register(), watcher.register()
    lost: list[str] = []
    looked = threading.Event()
    with Pulse(mine, lost=lambda: lost.append("lost"), every=0.02, look=0.01) as pulse:
        pulse.watch(looked.set)
        assert looked.wait(10)
        assert soon(beaten_since(mine)), "no further beat came"
        assert soon(lambda: watcher.gone(mine.id))
        assert soon(lambda: lost == ["lost"])
    assert lost == ["lost"]


@pytest.mark.faults
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_who_freezes_in_the_middle_of_a_transaction_keeps_others_waiting_for_seconds_only(engine, worker):
    """With the one lock of all moves of workers, locks and slots in its hands."""
    other, held = worker("there"), connect(engine.url)
    with held.connect() as frozen:
        alone(frozen)
        other.leave()
        with pytest.raises(StoreAway), told(held, "too late"):
            frozen.execute(text("SELECT 1"))
    held.dispose()


def test_this_process_is_there_and_a_killed_child_is_not_even_before_its_parent_asks() -> None:
    here = this_process()
    assert is_there(here, here) is True
    child = subprocess.Popen(
        [
            *(sys.executable, "-c"),
            "from nornflow.store.processes import this_process as t; p = t(); print(p.pid, p.born, flush=True); input()",
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdin is not None
    assert child.stdout is not None
    pid, born = map(int, child.stdout.readline().split())
    other = Process(here.machine, here.boot, pid, born)
    assert is_there(other, here) is True
    assert is_there(Process(here.machine, here.boot, pid, born - 1), here) is False, "the number was given out again"
    child.kill()
    assert soon(lambda: is_there(other, here) is False), "a zombie does nothing any more"
    child.communicate()
    assert is_there(other, here) is False
    assert is_there(Process("elsewhere", here.boot, pid, born), here) is None
    assert is_there(Process(here.machine, "another boot", pid, born), here) is None


def test_a_process_that_proc_hides_may_be_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is another user's, on a machine that shows nobody the processes of others."""
    here = this_process()

    def refused(pid: int, number: int) -> None:
        raise PermissionError(1, "Operation not permitted")

    other = Process(here.machine, here.boot, 4711, 1)
    assert is_there(other, here, tmp_path) is False
    monkeypatch.setattr("os.kill", refused)
    assert is_there(other, here, tmp_path) is None


def test_without_proc_only_beats_count(tmp_path: Path) -> None:
    here = this_process(tmp_path)
    assert here.boot == ""
    assert is_there(here, here) is None
