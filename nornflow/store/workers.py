"""Who is alive: processes that carry out runs, each with a row that it beats; the dead are declared so, once and for all.

Nothing here compares the clocks of two machines. Whether a worker lives is decided by looking for its process, where it is
on this machine, and otherwise by a counter that stands still while this machine's own monotonic clock goes on.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Collection
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Engine, delete, insert, select, text, update

from nornflow.errors import RunLost
from nornflow.model.worker import Process, WorkerView
from nornflow.store.database import reading, told
from nornflow.store.pipeline_tables import reservations
from nornflow.store.processes import is_there, this_process
from nornflow.store.processes import user as user_name
from nornflow.store.silence import Silences
from nornflow.store.tables import lock_requests, locks, slots, workers

ALIVE = "alive"
GONE = "gone"
SILENCE = 5.0
"""Seconds that a beat must be seen standing still before its worker is declared gone (setting `store.silence`)."""
IF_THERE = 3
"""How many times as long that is for a process that can be seen to be there: it is more likely starved than dead."""
SURE_FOR = 2 / 3
"""The part of the silence for which a process takes itself for alive without asking: others have not given it up by then.

In a SQLite file it is the part of what one has who is there: whoever else has the file open is on this machine.
"""
LISTEN = 2.5
"""Seconds in which whoever lives and reaches the store gives a sign of it."""
_KEY = 0x6E6F726E  # of PostgreSQL's advisory lock: the moves of workers, locks and slots come one after the other


def alone(connection: Connection) -> None:
    """Let this transaction be the only one that moves workers, locks and slots; in SQLite every writer is alone."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _KEY})


def demand_alive(connection: Connection, worker: str) -> None:
    """Raise RunLost unless the worker still counts as alive, inside a transaction that is `alone`."""
    if connection.execute(select(workers.c.state).where(workers.c.id == worker)).scalar() != ALIVE:
        raise RunLost(
            f"this process (worker {worker}) was taken for dead: what it held is somebody else's now",
            hint="it was stopped for too long, or cut off from the store; see: nornflow runs list",
        )


class Workers:
    """The table of workers, as one process sees it: its own row, and what it has seen of the others; thread-safe."""

    def __init__(
        self,
        engine: Engine,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        monotonic: Callable[[], float] = time.monotonic,
        process: Callable[[], Process] = this_process,
        sees: Callable[[Process, Process], bool | None] = is_there,
        user: str = "",
        rng: random.Random | None = None,
        silence: float = SILENCE,
    ) -> None:
        self.engine = engine
        self._clock = clock
        self._monotonic = monotonic
        self._here = process()
        self._sees = sees
        self._user = user
        self._rng = rng or random.SystemRandom()
        self._silences = Silences(monotonic)
        self.silence = silence
        self._sure_for = SURE_FOR * silence * (IF_THERE if engine.dialect.name == "sqlite" else 1)
        self._beaten = float("-inf")
        self.id = ""

    def register(self) -> str:
        """Make the row of this process and return its id; StoreError when the store cannot be written."""
        here = self._here
        self.id = f"{here.machine}-{here.pid}-{self._rng.getrandbits(32):08x}"
        began = self._monotonic()
        row = {
            **{name: getattr(here, name) for name in ("machine", "boot", "pid", "born")},
            **{"id": self.id, "user": self._user or user_name(), "state": ALIVE, "beat": 1, "beat_at": self._clock()},
        }
        with told(self.engine, "this process could not be registered"), self.engine.begin() as connection:
            connection.execute(insert(workers).values(row))
        self._beaten = began
        return self.id

    def beat(self, line: Engine | None = None) -> bool:
        """Say that this process lives; False when others have taken it for dead, which is for good. StoreError.

        `line` is what it is said through, instead of the engine that everything goes through.
        """
        began = self._monotonic()  # before it is sent: nobody can have seen it earlier
        engine = line or self.engine
        with told(engine, "this process could not say that it lives"), engine.begin() as connection:
            beaten = connection.execute(
                update(workers)
                .where(workers.c.id == self.id, workers.c.state == ALIVE)
                .values(beat=workers.c.beat + 1, beat_at=self._clock())
            ).rowcount
        if beaten:
            self._beaten = began
        return bool(beaten)

    @property
    def silent_for(self) -> float:
        """Seconds since the last beat of this process that reached the store."""
        return self._monotonic() - self._beaten

    @property
    def unsure(self) -> bool:
        """Tell whether this process has said nothing for so long that others may be about to take it for dead."""
        return self.silent_for > self._sure_for

    def leave(self) -> None:
        """Take this process's row out, and give back all that it still holds."""
        with told(self.engine, "this process could not be signed off"), self.engine.begin() as connection:
            alone(connection)
            _free(connection, self.id)
            connection.execute(delete(workers).where(workers.c.id == self.id))

    def gone(self, worker: str) -> bool:
        """Tell whether a worker is dead, and declare it so when that is seen; then all that it held is free.

        One that cannot be looked at from here is dead once its beat has stood still for `silence` seconds in which it was
        asked for again and again: ask every half second or so. One that can be seen to be there has longer (`IF_THERE`).
        """
        return self.gone_of((worker,)) == {worker}

    def gone_of(self, found: Collection[str]) -> set[str]:
        """Return which of these workers are dead, as `gone` does for one."""
        query = select(workers).where(workers.c.id.in_(found))
        with told(self.engine, "workers could not be looked at"), reading(self.engine) as connection:
            rows = {row["id"]: row for row in connection.execute(query).mappings()}
        return {worker for worker in found if self._is_gone(worker, rows.get(worker))}

    def watch(self) -> set[str]:
        """Look at everybody who counts as alive, again and again, and return who was found dead and is declared so."""
        query = select(workers).where(workers.c.state == ALIVE, workers.c.id != self.id)
        with told(self.engine, "workers could not be looked at"), reading(self.engine) as connection:
            rows = {row["id"]: row for row in connection.execute(query).mappings()}
        self._silences.keep(rows)
        return {worker for worker, row in rows.items() if self._is_gone(worker, row)}

    def _is_gone(self, worker: str, row: Any) -> bool:
        if row is None or row["state"] == GONE:
            self._silences.forget(worker)
            return True
        if worker == self.id:
            return False
        there = self._sees(_process(row), self._here)
        bearable = self.silence * (IF_THERE if there else 1)
        if there is False or self._silences.lasted(worker, row["beat"]) >= bearable:
            return self._declare(worker, row["beat"])
        return False

    def silent(self, found: Collection[str], *, wait: Callable[[float], object] = time.sleep) -> set[str]:
        """Return which of these nobody can see from here and that give no sign for `LISTEN` seconds; nothing is concluded."""
        began, left = self._monotonic(), self._far_beats(found)
        while left and self._monotonic() - began < LISTEN:
            wait(LISTEN / 10)
            now = self._far_beats(left)
            left = {worker: beat for worker, beat in left.items() if now.get(worker) == beat}
        return set(left)

    def _far_beats(self, found: Collection[str]) -> dict[str, int]:
        query = select(workers).where(workers.c.id.in_(found), workers.c.state == ALIVE)
        with told(self.engine, "workers could not be looked at"), reading(self.engine) as connection:
            rows = connection.execute(query).mappings().all()
        return {row["id"]: row["beat"] for row in rows if self._sees(_process(row), self._here) is None}

    def is_dead(self, worker: str) -> bool:
        """Tell whether a worker is known to be dead, and change nothing: it was declared so, or its process has ended."""
        with told(self.engine, f"worker {worker} could not be looked at"), reading(self.engine) as connection:
            row = connection.execute(select(workers).where(workers.c.id == worker)).mappings().one_or_none()
        return row is None or row["state"] == GONE or self._sees(_process(row), self._here) is False

    def about(self, worker: str) -> WorkerView | None:
        """Return what there is to tell of a worker; None when it has signed off."""
        with told(self.engine, f"worker {worker} could not be read"), reading(self.engine) as connection:
            row = connection.execute(select(workers).where(workers.c.id == worker)).mappings().one_or_none()
        return None if row is None else view(row)

    def _declare(self, worker: str, beat: int) -> bool:
        with told(self.engine, f"worker {worker} could not be declared gone"), self.engine.begin() as connection:
            alone(connection)
            declared = connection.execute(
                update(workers)
                .where(workers.c.id == worker, workers.c.beat == beat, workers.c.state == ALIVE)
                .values(state=GONE)
            ).rowcount
            if declared:
                _free(connection, worker)
                return True
            state = connection.execute(select(workers.c.state).where(workers.c.id == worker)).scalar()
        return state != ALIVE  # somebody else was first, or it has beaten in this very moment


def view(row: Any) -> WorkerView:
    """Return a row of the table as people are told of it."""
    return WorkerView(row["id"], _process(row), row["user"], row["state"] == ALIVE, row["beat_at"])


def _process(row: Any) -> Process:
    return Process(row["machine"], row["boot"], row["pid"], row["born"])


def _free(connection: Connection, worker: str) -> None:
    """Give back what a worker holds and take it out of every queue; tokens stay, so that it is never right again."""
    connection.execute(update(locks).where(locks.c.worker == worker).values(run=None, worker=None, since=None))
    connection.execute(delete(lock_requests).where(lock_requests.c.worker == worker))
    for table in (slots, reservations):
        connection.execute(delete(table).where(table.c.worker == worker))
