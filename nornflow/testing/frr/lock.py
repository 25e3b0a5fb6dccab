"""Locks between the programs of one machine that want the FRR lab."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from nornflow.testing.frr.system import LabError


@contextmanager
def held(
    path: Path,
    *,
    wait: float = 0.0,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[None]:
    """Hold a lock file, waiting at most `wait` seconds for it; the file goes when the lock does. Raises LabError."""
    until = clock() + wait
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        if _taken(descriptor, path):
            break
        os.close(descriptor)
        if clock() >= until:
            raise LabError("another program is using the FRR lab", hint=f"wait until it is done; it holds {path}")
        sleep(0.05)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(descriptor)


def _taken(descriptor: int, path: Path) -> bool:
    """Tell whether the lock is ours, and still the one that others would find under its name."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return os.fstat(descriptor).st_ino == path.stat().st_ino
    except (BlockingIOError, FileNotFoundError):
        return False
