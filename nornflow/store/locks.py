"""Locks of devices in the store: who holds one, who waits for it, and the tokens that make a lost lock known to its loser."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Engine, Select, and_, delete, func, insert, not_, select, update

from nornflow.abc import DeviceLocks
from nornflow.errors import LockLost, RunLost, UsageError
from nornflow.model.event import Event, EventKind
from nornflow.model.lock import Claim, DeviceClaim, DeviceLock, Holder
from nornflow.store.database import glancing, reading, told
from nornflow.store.holders import CHUNK, had_since, left_by_others, never_had, note, pass_by
from nornflow.store.journal import remark
from nornflow.store.rows import Rows
from nornflow.store.tables import lock_requests, locks, workers
from nornflow.store.together import Together
from nornflow.store.workers import ALIVE, Workers, alone, demand_alive

_COUNT = (
    "SELECT count(*) FROM (VALUES {}) AS wanted JOIN locks ON locks.device = wanted.column1"
    " WHERE locks.run = wanted.column2 AND locks.token = wanted.column3 AND locks.worker = {}"
)
_WHO = (workers.c.user, workers.c.machine, workers.c.pid)


class SqlDeviceLocks(DeviceLocks):
    """The locks that the worker of this process takes; thread-safe."""

    def __init__(
        self, engine: Engine, worker: Workers, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._engine = engine
        self._worker = worker
        self._clock = clock
        self._asked: dict[int, tuple[str, frozenset[str]]] = {}
        self._look = Together(self._looked)

    def request(self, run: str, devices: Collection[str]) -> int:
        """Take a ticket for these devices."""
        if not devices:
            raise ValueError("a request for no device")
        with told(self._engine, f"run {run} could not ask for its devices"), self._engine.begin() as connection:
            alone(connection)
            demand_alive(connection, self._worker.id)
            connection.execute(delete(lock_requests).where(lock_requests.c.run == run))
            ticket: int = (connection.execute(select(func.max(lock_requests.c.ticket))).scalar() or 0) + 1
            row = {"ticket": ticket, "run": run, "worker": self._worker.id, "since": self._clock()}
            connection.execute(insert(lock_requests), [{**row, "device": device} for device in sorted(set(devices))])
        self._asked[ticket] = run, frozenset(devices)
        return ticket

    def grant(self, ticket: int) -> Mapping[str, int] | None:
        """Lock all devices of the ticket, or none; the dead that are in the way are declared so first."""
        run, devices = self._asked[ticket]
        with told(self._engine, f"run {run} could not look at its devices"), reading(self._engine) as connection:
            found = {
                worker
                for query in self._before(ticket)
                for worker in connection.execute(
                    query.with_only_columns(workers.c.id, maintain_column_froms=True).order_by(None).distinct()
                ).scalars()
            }
        if found and self._worker.gone_of(found) != found:
            return None
        with told(self._engine, f"run {run} could not lock its devices"), self._engine.begin() as connection:
            alone(connection)
            demand_alive(connection, self._worker.id)
            if any(connection.execute(query.limit(1)).first() for query in self._before(ticket)):
                return None
            asked = connection.execute(select(lock_requests.c.device).where(lock_requests.c.ticket == ticket)).scalars()
            if set(asked) != devices:  # the answer to an earlier grant was lost on its way here, and only that
                return self._held(connection, run, devices)
            self._lock(connection, run, devices)
            connection.execute(delete(lock_requests).where(lock_requests.c.ticket == ticket))
            held = self._held(connection, run, devices)
            note(connection, held, run, self._clock())
            return held

    def _before(self, ticket: int) -> tuple[Select[Any], Select[Any]]:
        """Return the queries for who lives and holds devices of the ticket, and who lives and asked for them earlier."""
        mine, other = lock_requests.alias(), lock_requests.alias()
        holders = (
            select(locks.c.device, locks.c.run, locks.c.worker, locks.c.since, locks.c.token, *_WHO)
            .join(mine, and_(mine.c.device == locks.c.device, mine.c.ticket == ticket))
            .join(workers, workers.c.id == locks.c.worker)
            .where(workers.c.state == ALIVE, not_(and_(locks.c.run == mine.c.run, locks.c.worker == mine.c.worker)))
            .order_by(locks.c.device)
        )
        earlier = (
            select(other.c.device, other.c.run, other.c.worker, other.c.since, *_WHO)
            .join(mine, and_(mine.c.device == other.c.device, mine.c.ticket == ticket, other.c.ticket < ticket))
            .join(workers, workers.c.id == other.c.worker)
            .where(workers.c.state == ALIVE)
            .order_by(other.c.device, other.c.ticket)
        )
        return holders, earlier

    def _lock(self, connection: Connection, run: str, devices: Collection[str]) -> None:
        values = {"run": run, "worker": self._worker.id, "since": self._clock(), "broken_by": None}
        names = sorted(devices)
        for start in range(0, len(names), CHUNK):
            part = names[start : start + CHUNK]
            known = set(connection.execute(select(locks.c.device).where(locks.c.device.in_(part))).scalars())
            connection.execute(update(locks).where(locks.c.device.in_(known)).values(token=locks.c.token + 1, **values))
            if new := [{"device": name, "token": 1, **values} for name in part if name not in known]:
                connection.execute(insert(locks), new)

    def _held(self, connection: Connection, run: str, devices: frozenset[str]) -> dict[str, int]:
        rows = connection.execute(
            select(locks.c.device, locks.c.token).where(locks.c.run == run, locks.c.worker == self._worker.id)
        )
        held = {row.device: row.token for row in rows if row.device in devices}
        if held.keys() != devices:
            raise RunLost(f"run {run} has lost its place in the queue for its devices", hint="start it again")
        return held

    def found(self, run: str, devices: Collection[str]) -> None:
        """Note which devices the run found as they should be, where a run that has not ended left them."""
        with told(self._engine, f"run {run} could not look at locks"), reading(self._engine) as connection:
            left = left_by_others(connection, run, devices)
        gone = self._worker.gone_of({worker for worker in left.values() if worker is not None}) if left else set()
        free = {device for device, worker in left.items() if worker is None or worker in gone}
        if not free:
            return
        with told(self._engine, f"run {run} could not note what it found"), self._engine.begin() as connection:
            alone(connection)
            demand_alive(connection, self._worker.id)
            pass_by(connection, run, free, self._clock())

    def had_since(self, run: str, devices: Collection[str]) -> Mapping[str, Holder]:
        """Return who else has had the devices since the run first held them."""
        with told(self._engine, f"run {run} could not look at locks"), reading(self._engine) as connection:
            return had_since(connection, run, devices)

    def in_the_way(self, ticket: int) -> Sequence[DeviceClaim]:
        """Return who holds devices of the ticket or asked earlier."""
        with told(self._engine, "locks could not be read"), reading(self._engine) as connection:
            holders, earlier = (connection.execute(query).mappings().all() for query in self._before(ticket))
        found = [DeviceClaim(row["device"], _claim(row), row["token"]) for row in holders]
        found += [DeviceClaim(row["device"], _claim(row), waiting=True) for row in earlier]
        return sorted(found, key=lambda each: (each.device, each.waiting))

    def leave_out(self, ticket: int, devices: Collection[str]) -> None:
        """Take devices out of a request."""
        run, asked = self._asked[ticket]
        if not asked - set(devices):
            raise ValueError("nothing would be left of the request")
        with told(self._engine, f"run {run} could not give up devices"), self._engine.begin() as connection:
            connection.execute(
                delete(lock_requests).where(lock_requests.c.ticket == ticket, lock_requests.c.device.in_(devices))
            )
        self._asked[ticket] = run, asked - set(devices)

    def withdraw(self, ticket: int) -> None:
        """Take a request back."""
        with told(self._engine, "a request could not be taken back"), self._engine.begin() as connection:
            connection.execute(
                delete(lock_requests).where(lock_requests.c.ticket == ticket, lock_requests.c.worker == self._worker.id)
            )

    def demand(self, run: str, device: str, token: int) -> None:
        """Raise LockLost unless the run holds the device under this token, in this process, which counts as alive."""
        if self._worker.unsure and not self._worker.beat():
            raise _lost(run, device, "this process said nothing for too long and was taken for dead")
        if self._look((device, run, token)):
            return
        with told(self._engine, f"the lock of {device} could not be read"), reading(self._engine) as connection:
            row = connection.execute(_lock_of(device)).mappings().one_or_none()
        if row is None or (row["run"], row["worker"], row["token"]) != (run, self._worker.id, token):
            raise _lost(run, device, _how(row))

    def _looked(self, wanted: Sequence[tuple[str, str, int]]) -> bool:
        """Tell whether all of these locks (device, run, token) are held; one row says so, however many there are."""
        asked = sorted(set(wanted))
        mark = "?" if self._engine.dialect.paramstyle == "qmark" else "%s"
        with told(self._engine, "locks could not be read"), glancing(self._engine) as connection:
            for start in range(0, len(asked), CHUNK // 2):
                part = asked[start : start + CHUNK // 2]
                query = _COUNT.format(", ".join((f"({mark}, {mark}, {mark})",) * len(part)), mark)
                values = (*(value for row in part for value in row), self._worker.id)
                if connection.exec_driver_sql(query, values).scalar() != len(part):
                    return False
        return True

    def release(self, run: str, tokens: Mapping[str, int], untouched: Collection[str] = ()) -> Mapping[str, str]:
        """Unlock what is still held under these tokens."""
        lost: dict[str, str] = {}
        with told(self._engine, f"run {run} could not unlock its devices"), self._engine.begin() as connection:
            alone(connection)
            held = connection.execute(
                select(locks.c.device, locks.c.token).where(locks.c.run == run, locks.c.worker == self._worker.id)
            ).all()
            mine = [row.device for row in held if tokens.get(row.device) == row.token]
            for start in range(0, len(mine), CHUNK):
                part = locks.c.device.in_(mine[start : start + CHUNK])
                connection.execute(update(locks).where(part).values(run=None, worker=None, since=None))
            never_had(connection, run, untouched)
            for device in sorted(tokens.keys() - set(mine)):
                row = connection.execute(_lock_of(device)).mappings().one_or_none()
                if row is not None and (row["run"], row["token"], row["broken_by"]) == (None, tokens[device], None):
                    continue  # it is free already: the answer to an earlier release was lost on its way here
                lost[device] = _how(row)
        return lost


class LockDesk:
    """Locks as people look at them and break them; needs no worker of its own.

    With `rows` a lock is broken with an event in the stream of the run that held it, in the same transaction.
    """

    def __init__(
        self,
        engine: Engine,
        workers: Workers,
        rows: Rows | None = None,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._engine = engine
        self._workers = workers
        self._rows = rows
        self._clock = clock

    def all(self) -> list[DeviceLock]:
        """Return every lock that somebody holds, waits for or has broken, by device; the dead hold nothing."""
        held = select(locks, workers.c.state, *_WHO).join(workers, workers.c.id == locks.c.worker, isouter=True)
        asked = select(lock_requests, workers.c.state, *_WHO).join(workers, workers.c.id == lock_requests.c.worker)
        with told(self._engine, "locks could not be read"), reading(self._engine) as connection:
            holders = connection.execute(held.order_by(locks.c.device)).mappings().all()
            requests = connection.execute(asked.order_by(lock_requests.c.ticket)).mappings().all()
        dead = {worker for worker in {row["worker"] for row in (*holders, *requests)} if self._is_dead(worker)}
        queues: dict[str, list[Claim]] = {}
        for row in requests:
            if row["worker"] not in dead:
                queues.setdefault(row["device"], []).append(_claim(row))
        found = {
            row["device"]: DeviceLock(
                row["device"],
                row["token"],
                None if row["run"] is None or row["worker"] in dead else _claim(row),
                tuple(queues.pop(row["device"], ())),
                row["broken_by"] or "",
            )
            for row in holders
        }
        found |= {device: DeviceLock(device, 0, None, tuple(queue)) for device, queue in queues.items()}
        return [found[name] for name in sorted(found) if _is_told(found[name])]

    def _is_dead(self, worker: str | None) -> bool:
        return worker is not None and self._workers.is_dead(worker)

    def break_lock(self, device: str, by: str) -> Claim | None:
        """Take a device's lock from its holder, who can write to it no more, and return who it was; UsageError if nobody.

        `by` is told to the holder, and stands in its stream whether it comes to know or dies. None when the holder was found
        dead, and so everything that it held is free.
        """
        with told(self._engine, f"the lock of {device} could not be read"), reading(self._engine) as connection:
            worker = connection.execute(select(locks.c.worker).where(locks.c.device == device)).scalar()
        if worker is not None and self._workers.gone(worker):
            return None
        with told(self._engine, f"the lock of {device} could not be broken"), self._engine.begin() as connection:
            alone(connection)
            row = connection.execute(_lock_of(device)).mappings().one_or_none()
            if row is None or row["run"] is None:
                raise UsageError(f"nobody holds a lock of {device!r}", hint="nornflow locks list")
            connection.execute(
                update(locks)
                .where(locks.c.device == device)
                .values(token=locks.c.token + 1, run=None, worker=None, since=None, broken_by=by)
            )
            note(connection, {device: row["token"] + 1}, None, self._clock(), by=by)
            if self._rows is not None:
                text = f"{device}: its lock was broken by {by}; nothing more is written to it by this run"
                event = Event(EventKind.LOCK_BROKEN, self._clock(), row["run"], "", device, text, {"user": by})
                remark(connection, self._rows, row["run"], event)
        return _claim(row)


def _is_told(lock: DeviceLock) -> bool:
    return lock.holder is not None or bool(lock.waiting) or bool(lock.broken_by)


def _lock_of(device: str) -> Select[Any]:
    held = select(locks, *_WHO).join(workers, workers.c.id == locks.c.worker, isouter=True)
    return held.where(locks.c.device == device)


def _how(row: Any) -> str:
    """Say how a lock was lost, from what stands in its place."""
    if row is None:
        return "nobody holds its lock"
    if row["run"] is not None:
        return f"{DeviceClaim(row['device'], _claim(row))}"
    if row["broken_by"]:
        return f"its lock was broken by {row['broken_by']}"
    return "its lock was given to others in the meantime, or freed"


def _lost(run: str, device: str, how: str) -> LockLost:
    return LockLost(
        f"{device}: nothing was sent, run {run} does not hold the device any more: {how}",
        hint="read the device before anything else: what the run began there may be half done",
    )


def _claim(row: Any) -> Claim:
    return Claim(row["run"], row["user"] or "", row["machine"] or "", row["pid"] or 0, row["since"])
