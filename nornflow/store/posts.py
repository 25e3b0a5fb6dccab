"""Workers that take runs from queues, in the store: which there are, what they take, and which are to take no more."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from sqlalchemy import Engine, delete, select, update

from nornflow.errors import UsageError
from nornflow.model.submission import Post
from nornflow.model.worker import WorkerView
from nornflow.record import record
from nornflow.store.database import reading, told
from nornflow.store.tables import workers
from nornflow.store.workers import GONE, view


@record
class Posted:
    """A worker at its post: who it is, what it takes, and whether it shall take no more."""

    worker: WorkerView
    post: Post
    draining: bool


class Posts:
    """The posts of all workers of one store; every method raises StoreError when it cannot be reached."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def take(self, worker: str, post: Post) -> None:
        """Say what a worker takes on."""
        leads = _text({"home": post.home, "settings": dict(post.settings)})
        queues, versions = json.dumps(list(post.places)), _text(post.versions)
        self._set(worker, queues=queues, concurrency=post.concurrency, versions=versions, leads=leads)

    def all(self) -> Sequence[Posted]:
        """Return every worker at a post, also those known to be dead that nobody has followed yet."""
        wanted = select(workers).where(workers.c.queues.is_not(None)).order_by(workers.c.id)
        with told(self._engine, "workers could not be read"), reading(self._engine) as connection:
            rows = connection.execute(wanted).mappings().all()
        return [
            Posted(
                view(row),
                Post(
                    tuple(json.loads(row["queues"])),
                    row["concurrency"],
                    json.loads(row["versions"]),
                    **json.loads(row["leads"]),
                ),
                bool(row["draining"]),
            )
            for row in rows
        ]

    def drain(self, beginning: str) -> str:
        """Have the worker whose id begins so take no more, and return its id; UsageError when it is none or not the only one."""
        found = [each.worker.id for each in self.all() if beginning and each.worker.id.startswith(beginning)]
        if len(found) != 1:
            what = f"more than one worker begins with {beginning!r}" if found else f"there is no worker {beginning!r}"
            raise UsageError(what, hint="nornflow workers list")
        self.retire(found[0])
        return found[0]

    def retire(self, worker: str) -> None:
        """Say that a worker takes no more."""
        self._set(worker, draining=1)

    def drains(self, worker: str) -> bool:
        """Tell whether a worker shall take no more."""
        wanted = select(workers.c.draining).where(workers.c.id == worker)
        with told(self._engine, "workers could not be read"), reading(self._engine) as connection:
            return bool(connection.execute(wanted).scalar())

    def forget(self, worker: str) -> None:
        """Take the row of a dead worker out, once what it was at is in its queues again."""
        with told(self._engine, f"worker {worker} could not be removed"), self._engine.begin() as connection:
            connection.execute(delete(workers).where(workers.c.id == worker, workers.c.queues.is_not(None)))

    def dead(self) -> Sequence[str]:
        """Return the workers at a post that were declared dead, and that nobody has followed yet."""
        wanted = select(workers.c.id).where(workers.c.queues.is_not(None), workers.c.state == GONE)
        with told(self._engine, "workers could not be read"), reading(self._engine) as connection:
            return sorted(connection.execute(wanted).scalars())

    def _set(self, worker: str, **values: object) -> None:
        with told(self._engine, f"worker {worker} could not be written"), self._engine.begin() as connection:
            connection.execute(update(workers).where(workers.c.id == worker).values(**values))


def _text(values: Mapping[str, object]) -> str:
    return json.dumps(dict(values), sort_keys=True)
