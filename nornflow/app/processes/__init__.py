"""Forked processes that share the devices of one run: each drives its own sessions, one of them alone writes the record."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nornflow.app.build import Project
    from nornflow.app.processes.forked import Forked
    from nornflow.app.services.decided import Change
    from nornflow.engine.tools import Premise


@contextmanager
def shared_out(
    project: Project, change: Change, premise: Premise | None = None, *, hosts: Sequence[str] | None = None
) -> Iterator[Forked | None]:
    """Fork the processes that the setting `runner.processes` asks for, and end them with the block; None for one process.

    `hosts` are the devices that they get, where those are not all of the change. To be called before this process has threads
    that hold locks: a forked process has the locks, and not the threads. What is planned on a premise is planned in one process.
    """
    hosts = change.spec.targets if hosts is None else hosts
    count = min(project.settings.runner.processes, len(hosts))
    if count < 2 or premise is not None:
        yield None
        return
    from nornflow.app.processes.child import live, load_drivers
    from nornflow.app.processes.forked import Forked
    from nornflow.app.processes.zygote import Zygote

    zygote = Zygote(partial(live, project, change, count), partial(load_drivers, project, change))
    forked = Forked(zygote, count, hosts, project.redactor)
    try:
        yield forked
    finally:
        forked.close()
