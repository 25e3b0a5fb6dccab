"""One FRR lab for several test processes: they take turns, and the last one takes it down."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nornflow.testing.frr.lab import STATE, FrrLab
from nornflow.testing.frr.lock import held

_PATIENCE = 300.0


@contextmanager
def joined(lab: FrrLab) -> Iterator[FrrLab]:
    """Have the lab up for this process; it goes down when the last process that joined leaves. Raises LabError."""
    users, lock = _files(lab.state)
    with held(lock, wait=_PATIENCE):
        others = _alive(users)
        if not others:
            lab.up()  # refuses when somebody else's lab is up
        users.write_text(json.dumps([*others, os.getpid()]), encoding="utf-8")
    try:
        yield lab
    finally:
        with held(lock, wait=_PATIENCE):
            others = [pid for pid in _alive(users) if pid != os.getpid()]
            users.write_text(json.dumps(others), encoding="utf-8")
            if not others:
                users.unlink()
                lab.down()


@contextmanager
def turn(lab: FrrLab) -> Iterator[FrrLab]:
    """Have the lab alone for a while; afterwards its routers are as they were at first. Raises LabError."""
    with held(lab.state.with_name(f"{lab.state.name}.turn"), wait=_PATIENCE):
        try:
            yield lab
        finally:
            lab.restore()


def _files(state: Path = STATE) -> tuple[Path, Path]:
    return state.with_name(f"{state.name}.users"), state.with_name(f"{state.name}.users.lock")


def _alive(users: Path) -> list[int]:
    try:
        pids = json.loads(users.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return []
    return [pid for pid in pids if Path(f"/proc/{pid}").exists()]
