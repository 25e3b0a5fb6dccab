"""What a worker is told from outside, in whatever thread that is heard."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from nornflow.store.patience import Patience

LAST = 10.0
"""Seconds from leaving everything to the end of the process: with a store that answers it takes one or two."""


@dataclass
class Call:
    """What a worker is told from outside: `drain` to take no more, `hurry` to leave what is at work as well."""

    drain: threading.Event = field(default_factory=threading.Event)
    hurry: threading.Event = field(default_factory=threading.Event)
    lost: threading.Event = field(default_factory=threading.Event)

    def patience(self, seconds: float) -> Patience:
        """Return patience with the store, which ends with `hurry`."""
        return Patience(seconds, sleep=self.hurry.wait, given_up=self.hurry.is_set)

    def end_in_time(self, grace: float, end: Callable[[], object], last: float = LAST) -> None:
        """Have `hurry` follow `drain` after `grace` seconds, and `end` called if the process is there `last` seconds later.

        Whatever the process hangs in then (a store that does not answer, a library that waits for a thread of its own as the
        interpreter ends), it has nothing to do any more that whoever goes on would not do.
        """

        def watch() -> None:
            self.drain.wait()
            self.hurry.wait(grace)
            self.hurry.set()
            time.sleep(last)
            end()

        threading.Thread(target=watch, daemon=True, name="end").start()
