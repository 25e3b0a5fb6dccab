"""Connections to PostgreSQL that do not wait for ever for a server which takes what is said to it and answers nothing.

TCP tells of a machine that is gone. Of a server that is frozen, or behind something that swallows what it should pass on, it
tells nothing: what was sent is acknowledged, and the answer is never there. So a connection on which nothing was heard for a
while asks for a second one: a server that opens it has much to do and is waited for, one that does not has failed.
"""

from __future__ import annotations

import time
from typing import Any, TypeVar

from psycopg import Connection, OperationalError
from psycopg.abc import PQGen
from psycopg.pq import TransactionStatus
from sqlalchemy import Engine, event

R = TypeVar("R")
QUIET = 10.0
"""Seconds without a sign from the server in the middle of a statement, until it is asked whether it is there."""
KNOCKS = 5
"""Seconds that it has to open another connection."""


class Heard(Connection[Any]):
    """A connection whose statements fail (OperationalError) once the server has said nothing for `quiet` seconds.

    With `knock` that is asked first, and a server that answers is waited for. A connection that only listens may be quiet.
    """

    quiet = QUIET
    knock = True

    def wait(self, gen: PQGen[R], interval: float = 0.1, timeout: float | None = None) -> R:
        """Have the generator of psycopg go on as the socket lets it, and look at the clock each time that it does not."""
        return super().wait(self._heard(gen), interval, timeout)

    def _heard(self, gen: PQGen[R]) -> PQGen[R]:
        try:
            wanted = next(gen)
            last = time.monotonic()
            while True:
                ready = yield wanted
                if ready:
                    last = time.monotonic()
                elif time.monotonic() - last > self.quiet:
                    self._demand_answer()
                    last = time.monotonic()
                wanted = gen.send(ready)
        except StopIteration as end:
            found: R = end.value
            return found

    def _demand_answer(self) -> None:
        if self.pgconn.transaction_status != TransactionStatus.ACTIVE:
            return
        silence = f"connection failed: the server has not answered for {self.quiet:.0f} s"
        if self.knock:
            try:
                self._open_another()
            except OperationalError as error:
                silence += f", nor opened another connection ({str(error).strip().splitlines()[0]})"
            else:
                return
        self.pgconn.finish()  # what was asked may still be done, and nobody hears of it
        raise OperationalError(silence)

    def _open_another(self) -> None:
        where: dict[str, Any] = {**self.info.get_parameters(), "connect_timeout": str(KNOCKS)}
        Connection.connect(password=self.info.password or None, **where).close()


def attend(engine: Engine, quiet: float | None = None, *, knock: bool = True) -> None:
    """Have all connections of an engine over psycopg be of this kind."""

    def opened(dialect: Any, record: Any, given: list[Any], named: dict[str, Any]) -> Heard:
        connection = Heard.connect(*given, **named)
        connection.quiet, connection.knock = QUIET if quiet is None else quiet, knock
        return connection

    event.listen(engine, "do_connect", opened)
