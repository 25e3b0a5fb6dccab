"""The connections of one process to a server: as many as it uses, and not as many as it ever used at once."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import cast

from sqlalchemy.pool import ConnectionPoolEntry, QueuePool
from sqlalchemy.util.queue import Queue

KEPT = 2.0
"""Seconds for which a connection is kept that nobody uses."""
_SINCE = "unused since"


class UsedPool(QueuePool):
    """Closes what has lain unused for a while, whenever another connection comes back; to be made with `use_lifo`.

    SQLAlchemy's own pool keeps what there was once, up to its size: in the end there is one for each thread that looks at the
    store now and then, and PostgreSQL's bound counts them all.
    """

    monotonic: Callable[[], float] = staticmethod(time.monotonic)

    def _do_return_conn(self, record: ConnectionPoolEntry) -> None:
        now = self.monotonic()
        record.info[_SINCE] = now
        super()._do_return_conn(record)
        for unused in self._unused(now - KEPT):
            try:
                unused.close()
            finally:
                self._dec_overflow()

    def _unused(self, since: float) -> list[ConnectionPoolEntry]:
        """Take out what came back before that moment: it stands first, for what comes back last is used next."""
        waiting = cast("Queue[ConnectionPoolEntry]", self._pool)
        found = []
        with waiting.mutex:
            while waiting.queue and waiting.queue[0].info[_SINCE] < since:
                found.append(waiting.queue.popleft())
        return found
