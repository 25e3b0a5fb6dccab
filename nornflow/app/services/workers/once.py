"""Telling a thing that is seen again and again once, for as long as it goes on."""

from __future__ import annotations

import threading
from collections.abc import Callable

QUIET = 60.0
"""Seconds without it after which a thing is over: when it comes again, it is told again."""


class Once:
    """Tells each text when it is new, or is back; any thread may have it told."""

    def __init__(self, tell: Callable[[str], object], monotonic: Callable[[], float]) -> None:
        self._tell = tell
        self._monotonic = monotonic
        self._seen: dict[str, float] = {}
        self._lock = threading.Lock()

    def __call__(self, text: str) -> None:
        """Tell the text unless it goes on."""
        with self._lock:
            now = self._monotonic()
            goes_on = now - self._seen.get(text, float("-inf")) <= QUIET
            self._seen = {each: at for each, at in self._seen.items() if now - at <= QUIET}
            self._seen[text] = now
        if not goes_on:
            self._tell(text)
