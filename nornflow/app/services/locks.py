"""Looking at locks and queues, and breaking a lock that somebody answers for."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager

from nornflow.abc import RunStore
from nornflow.app.build import Project
from nornflow.errors import UsageError
from nornflow.model.lock import Claim, Place
from nornflow.store.locks import LockDesk
from nornflow.store.processes import user
from nornflow.store.runs import SqlRunStore
from nornflow.store.slots import places
from nornflow.store.workers import Workers


@contextmanager
def lock_desk(project: Project) -> Iterator[LockDesk]:
    """Give the locks of the project's store for looking at and breaking; UsageError where nothing is remembered."""
    with closing(project.store(create=False)) as store:
        if not isinstance(store, SqlRunStore):
            raise UsageError("without a store there are no locks (store.url: none)", hint="set store.url")
        yield LockDesk(store.engine, Workers(store.engine), store.rows)


def break_lock(desk: LockDesk, device: str) -> Claim | None:
    """Take a device's lock from the run that holds it and return which that was; None when its process was dead.

    Who did it stands in that run's events at once. Whatever the run still wants to write to the device is refused, and it
    tells that too.
    """
    return desk.break_lock(device, f"{user()} on {socket.gethostname()}")


def queue_places(store: RunStore) -> Mapping[str, Place]:
    """Return the place of every run that waits for its turn, by its id."""
    return places(store.engine) if isinstance(store, SqlRunStore) else {}
