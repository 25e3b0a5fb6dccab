"""Following workers that have died: what they were at goes on elsewhere."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import TracebackType

from nornflow.abc.durable import DurableEngine
from nornflow.errors import StoreError
from nornflow.store.posts import Posts
from nornflow.store.workers import Workers

LOOK = 0.5
"""Seconds between two looks at all others."""


class Follower:
    """Looks at all other processes of the store, from entering it until leaving it, and puts back what the dead were at.

    It has a thread of its own: between two looks nothing may take long, or nobody's silence could be told from the watcher's
    own. Those that carry runs on are looked at as well, so whoever goes on with one need not begin to watch. `tell` says in a
    line who is followed, `trouble` that the store is away.
    """

    def __init__(
        self,
        workers: Workers,
        posts: Posts,
        engine: DurableEngine,
        *,
        tell: Callable[[str], object],
        trouble: Callable[[StoreError], object],
        look: float = LOOK,
    ) -> None:
        self._workers, self._posts, self._engine = workers, posts, engine
        self._tell, self._trouble, self._look = tell, trouble, look
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._follow_on, name="follower", daemon=True)

    def __enter__(self) -> Follower:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def _follow_on(self) -> None:
        while not self._over.wait(self._look):
            try:
                self._workers.watch()
                for dead in self._posts.dead():
                    back = self._engine.recover([dead])
                    self._posts.forget(dead)
                    self._tell(f"worker {dead} is dead; {len(back)} runs of its go on")
            except StoreError as error:
                self._trouble(error)
