"""How many runs may be at work under a profile, in all processes that share the store: slots with a queue before them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Engine, Select, delete, insert, select, update

from nornflow.abc import Slots
from nornflow.errors import RunLost
from nornflow.model.lock import Claim, Place
from nornflow.model.pool import shown
from nornflow.store.database import reading, told
from nornflow.store.pools import uses
from nornflow.store.tables import lock_requests, slots, workers
from nornflow.store.workers import ALIVE, Workers, alone, demand_alive


class SqlSlots(Slots):
    """The slots that the worker of this process takes; thread-safe."""

    def __init__(
        self, engine: Engine, worker: Workers, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._engine = engine
        self._worker = worker
        self._clock = clock

    def request(self, run: str, profile: str) -> int:
        """Take a ticket."""
        row = {"profile": profile, "run": run, "worker": self._worker.id, "granted": 0, "since": self._clock()}
        with told(self._engine, f"run {run} could not take a place in the queue"), self._engine.begin() as connection:
            alone(connection)
            demand_alive(connection, self._worker.id)
            connection.execute(delete(slots).where(slots.c.run == run))
            ticket: int = connection.execute(insert(slots).values(row).returning(slots.c.ticket)).scalar_one()
        return ticket

    def grant(self, ticket: int, limit: int) -> bool:
        """Take a place for the ticket if there is one; the dead that are in the way are declared so first."""
        with told(self._engine, "slots could not be looked at"), reading(self._engine) as connection:
            ahead = connection.execute(_ahead(ticket)).mappings().all()
        if len(ahead) >= limit:
            dead = self._worker.gone_of({row["worker"] for row in ahead})
            if sum(row["worker"] not in dead for row in ahead) >= limit:
                return False
        with told(self._engine, "a slot could not be taken"), self._engine.begin() as connection:
            alone(connection)
            demand_alive(connection, self._worker.id)
            if not self._is_there(connection, ticket):
                raise RunLost("the run has lost its place in the queue of its profile", hint="start it again")
            if len(connection.execute(_ahead(ticket)).all()) >= limit:
                return False
            connection.execute(update(slots).where(slots.c.ticket == ticket).values(granted=1))
        return True

    def _is_there(self, connection: Connection, ticket: int) -> bool:
        mine = select(slots.c.ticket).where(slots.c.ticket == ticket, slots.c.worker == self._worker.id)
        return connection.execute(mine).first() is not None

    def in_the_way(self, ticket: int) -> tuple[Sequence[Claim], Sequence[Claim]]:
        """Return who is at work and who asked earlier."""
        with told(self._engine, "slots could not be read"), reading(self._engine) as connection:
            rows = connection.execute(_ahead(ticket)).mappings().all()
        claims = [
            (row["granted"], Claim(*(row[key] for key in ("run", "user", "machine", "pid", "since")))) for row in rows
        ]
        return [claim for granted, claim in claims if granted], [claim for granted, claim in claims if not granted]

    def release(self, run: str) -> None:
        """Give back the run's place or ticket."""
        with told(self._engine, f"run {run} could not give its slot back"), self._engine.begin() as connection:
            connection.execute(delete(slots).where(slots.c.run == run, slots.c.worker == self._worker.id))


def _ahead(ticket: int) -> Select[Any]:
    """Return the query for the runs that live and are at work under the ticket's profile, or asked earlier."""
    profile = select(slots.c.profile).where(slots.c.ticket == ticket).scalar_subquery()
    return (
        select(slots, workers.c.user, workers.c.machine, workers.c.pid)
        .join(workers, workers.c.id == slots.c.worker)
        .where(
            slots.c.profile == profile,
            slots.c.ticket != ticket,
            (slots.c.granted == 1) | (slots.c.ticket < ticket),
            workers.c.state == ALIVE,
        )
        .order_by(slots.c.granted.desc(), slots.c.ticket)
    )


def places(engine: Engine) -> dict[str, Place]:
    """Return the place of every run that waits, by its id: for a slot of its profile, for resources, or for its devices.

    In the queue for devices only those count that wait for one of the same devices.
    """
    waiting = (
        select(slots.c.run, slots.c.profile)
        .join(workers, workers.c.id == slots.c.worker)
        .where(slots.c.granted == 0, workers.c.state == ALIVE)
        .order_by(slots.c.ticket)
    )
    wanted = (
        select(lock_requests.c.ticket, lock_requests.c.device, lock_requests.c.run)
        .join(workers, workers.c.id == lock_requests.c.worker)
        .where(workers.c.state == ALIVE)
        .order_by(lock_requests.c.ticket)
    )
    with told(engine, "queues could not be read"), reading(engine) as connection:
        in_slots = connection.execute(waiting).all()
        in_locks = connection.execute(wanted).all()
    found: dict[str, Place] = {}
    counts: dict[str, int] = {}
    for run, profile in in_slots:
        counts[profile] = counts.get(profile, 0) + 1
        found[run] = Place(run, counts[profile], f"profile {profile}")
    for place, use in enumerate((use for use in uses(engine) if use.waiting), 1):
        found[use.request.run] = Place(use.request.run, place, shown(use.request.wants))
    devices: dict[str, set[str]] = {}
    for _, device, run in in_locks:
        devices.setdefault(run, set()).add(device)
    before: list[set[str]] = []
    for run, wants in devices.items():
        found[run] = Place(run, 1 + sum(bool(wants & other) for other in before), _devices(wants))
        before.append(wants)
    return found


def _devices(wants: set[str]) -> str:
    first = ", ".join(sorted(wants)[:3])
    return f"{first} and {len(wants) - 3} more" if len(wants) > 3 else first
