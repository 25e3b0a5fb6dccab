"""The pools of resources in the store: who holds how much, and the queue before them, in all processes that share it."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Engine, RowMapping, delete, insert, select, update

from nornflow.abc import Pools
from nornflow.errors import RunLost
from nornflow.model.lock import Claim
from nornflow.model.pool import Amounts, Asked, Request, in_order, passed_by, total
from nornflow.record import record
from nornflow.store.database import reading, told
from nornflow.store.pipeline_tables import reservations
from nornflow.store.tables import workers
from nornflow.store.workers import ALIVE, Workers, alone, demand_alive


@record
class PoolUse:
    """What a run holds of the pools or, `waiting`, asks them for."""

    request: Request
    claim: Claim
    waiting: bool


class SqlPools(Pools):
    """The resources that the worker of this process takes; `pools` says how much there is of each. Thread-safe."""

    def __init__(
        self,
        engine: Engine,
        worker: Workers,
        pools: Amounts,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._engine = engine
        self._worker = worker
        self._pools = pools
        self._clock = clock

    def request(self, run: str, asked: Asked) -> int:
        """Take a ticket."""
        row = {"run": run, "worker": self._worker.id, "granted": 0, "since": self._clock(), "passed": 0}
        row |= {"wants": json.dumps(dict(asked.wants)), "priority": asked.priority}
        with told(self._engine, f"run {run} could not ask for resources"), self._engine.begin() as connection:
            alone(connection)
            demand_alive(connection, self._worker.id)
            connection.execute(delete(reservations).where(reservations.c.run == run))
            made = insert(reservations).values(row).returning(reservations.c.ticket)
            ticket: int = connection.execute(made).scalar_one()
        return ticket

    def grant(self, ticket: int) -> bool:
        """Take what the ticket asks for if it is its turn; the dead that are in the way are declared so first."""
        with told(self._engine, "pools could not be looked at"), reading(self._engine) as connection:
            rows = _living(connection)
        if self._turn_of(ticket, rows) is None:
            dead = self._worker.gone_of({row["worker"] for row in rows if row["ticket"] != ticket})
            if self._turn_of(ticket, rows, dead) is None:
                return False
        with told(self._engine, "resources could not be taken"), self._engine.begin() as connection:
            alone(connection)
            demand_alive(connection, self._worker.id)
            rows = _living(connection)
            passed = self._turn_of(ticket, rows)
            if passed is None:
                return False
            connection.execute(update(reservations).where(reservations.c.ticket == ticket).values(granted=1))
            connection.execute(
                update(reservations)
                .where(reservations.c.ticket.in_([one.ticket for one in passed]))
                .values(passed=reservations.c.passed + 1)
            )
        return True

    def _turn_of(self, ticket: int, rows: Sequence[RowMapping], dead: Collection[str] = ()) -> Sequence[Request] | None:
        """Return who is passed when the ticket is served now; None when it is not its turn."""
        mine = next((row for row in rows if row["ticket"] == ticket and row["worker"] == self._worker.id), None)
        if mine is None:
            raise RunLost("the run has lost its place in the queue for resources", hint="start it again")
        if mine["granted"]:
            return ()
        living = [row for row in rows if row["worker"] not in dead]
        taken = total(_request(row).wants for row in living if row["granted"])
        return passed_by(_request(mine), self._pools, taken, [_request(row) for row in living if not row["granted"]])

    def in_the_way(self, ticket: int) -> tuple[Amounts, Sequence[Claim], Sequence[Claim]]:
        """Return what is taken, who holds it, and who is served earlier."""
        with told(self._engine, "pools could not be read"), reading(self._engine) as connection:
            rows = {row["ticket"]: row for row in _living(connection)}
        wanted = _request(rows[ticket]).wants.keys() if ticket in rows else frozenset[str]()
        others = [row for row in rows.values() if wanted & _request(row).wants.keys()]
        order = [one.ticket for one in in_order(_request(row) for row in others if not row["granted"])]
        earlier = order[: order.index(ticket)] if ticket in order else []
        holders = [row for row in others if row["granted"]]
        taken = total(_request(row).wants for row in holders)
        return (
            {name: amount for name, amount in taken.items() if name in wanted},
            [_claim(row) for row in holders],
            [_claim(rows[one]) for one in earlier],
        )

    def release(self, run: str) -> None:
        """Give back what the run holds, or its ticket."""
        mine = reservations.c.run == run, reservations.c.worker == self._worker.id
        with told(self._engine, f"run {run} could not give resources back"), self._engine.begin() as connection:
            connection.execute(delete(reservations).where(*mine))


def uses(engine: Engine) -> Sequence[PoolUse]:
    """Return who lives and holds resources, in the order of asking, and then who waits, in the order of being served."""
    with told(engine, "pools could not be read"), reading(engine) as connection:
        rows = {row["ticket"]: row for row in _living(connection)}
    waiting = in_order(_request(row) for row in rows.values() if not row["granted"])
    held = [ticket for ticket, row in rows.items() if row["granted"]]
    return [
        PoolUse(_request(rows[ticket]), _claim(rows[ticket]), not rows[ticket]["granted"])
        for ticket in (*held, *(one.ticket for one in waiting))
    ]


def _living(connection: Connection) -> Sequence[RowMapping]:
    query = (
        select(reservations, workers.c.user, workers.c.machine, workers.c.pid)
        .join(workers, workers.c.id == reservations.c.worker)
        .where(workers.c.state == ALIVE)
        .order_by(reservations.c.ticket)
    )
    return connection.execute(query).mappings().all()


def _request(row: Any) -> Request:
    return Request(row["ticket"], row["run"], json.loads(row["wants"]), row["priority"], row["passed"])


def _claim(row: Any) -> Claim:
    return Claim(*(row[key] for key in ("run", "user", "machine", "pid", "since")))
