"""Waiting in tests for what another thread or process does: as long as it takes, and no longer than bearable."""

from __future__ import annotations

import time
from collections.abc import Callable


def soon(holds: Callable[[], bool], seconds: float = 60.0, every: float = 0.01) -> bool:
    """Wait until something holds; False when it still does not after that many seconds.

    `every` is for what is dear to look at: others need the processor.
    """
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            return False
        time.sleep(every)
    return True
