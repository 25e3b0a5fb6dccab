"""What a worker is told from outside, in whatever thread that is heard."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from nornflow.store.patience import Patience


@dataclass
class Call:
    """What a worker is told from outside: `drain` to take no more, `hurry` to leave what is at work as well."""

    drain: threading.Event = field(default_factory=threading.Event)
    hurry: threading.Event = field(default_factory=threading.Event)
    lost: threading.Event = field(default_factory=threading.Event)

    def patience(self, seconds: float) -> Patience:
        """Return patience with the store, which ends with `hurry`."""
        return Patience(seconds, sleep=self.hurry.wait, given_up=self.hurry.is_set)
