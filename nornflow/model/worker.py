"""A process that carries out runs, as others see it: on which machine, since when, and whether it lives."""

from __future__ import annotations

from datetime import datetime

from nornflow.record import record


@record
class Process:
    """One process of one machine. `boot` names the boot and the PID namespace, `born` is its start in kernel ticks.

    Empty `boot` says that the machine does not tell: then nobody can look whether the process is there.
    """

    machine: str
    boot: str
    pid: int
    born: int


@record
class WorkerView:
    """What people are told of a worker; `beat_at` is by its own clock, and nothing is concluded from it."""

    id: str
    process: Process
    user: str
    alive: bool
    beat_at: datetime

    def __str__(self) -> str:
        return f"{self.user} ({self.process.machine}, process {self.process.pid})"
