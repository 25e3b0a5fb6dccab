"""How many runs may work at the same time in one workspace: a file lock per slot, freed by the kernel if we die."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nornflow.errors import PolicyDenied


@contextmanager
def run_slot(workspace: Path, profile: str, limit: int) -> Iterator[int]:
    """Hold one of the profile's slots; PolicyDenied when all are taken (`max_concurrent_workflows`)."""
    folder = workspace / "slots"
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(limit):
        file = (folder / f"{profile}-{number}").open("w")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            continue
        try:
            yield number
        finally:
            file.close()
        return
    raise PolicyDenied(
        f"{limit} runs are at work under profile {profile}, which is its limit (max_concurrent_workflows)",
        hint="wait until one of them has ended: nornflow runs list",
    )
