"""Jobs of a durable engine: work that goes on in another process when its own has died, by the name of a queue."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from enum import StrEnum
from typing import Any

from nornflow.record import record


class JobState(StrEnum):
    """Where a job stands. A parked one had its worker die too often; `retry_from` has it begin again."""

    QUEUED = "queued"
    RUNNING = "running"
    WAITING = "waiting"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    PARKED = "parked"


ENDED = frozenset((JobState.DONE, JobState.FAILED, JobState.CANCELLED, JobState.PARKED))
"""States that a job leaves only by `retry_from`."""
MOST_ATTEMPTS = 3
"""How often a segment of a job is begun whose worker dies each time, before the job is parked."""


@record
class Job:
    """What is to be done: the function named `work`, on the queue `queue`, under an id that nothing else ever has.

    `data` is plain data (JSON) and holds ids alone: the engine keeps it in tables that are not masked.
    """

    id: str
    queue: str
    work: str
    data: Mapping[str, Any] = field(default_factory=dict)


@record
class Waits:
    """What a work returns that can go on only when `signal` tells it of `name`: its segment ends, nothing is held."""

    name: str


@record
class JobStatus:
    """How a job stands: in which segment (from 1), at which worker, after how many attempts at that segment.

    `result` is what its work returned (plain data), `error` why it failed, `waits` the signal that it waits for.
    """

    job: str
    queue: str
    state: JobState
    segment: int = 1
    attempts: int = 0
    worker: str = ""
    result: Any = None
    error: str = ""
    waits: str = ""

    @property
    def ended(self) -> bool:
        """Tell whether nothing more happens to it by itself."""
        return self.state in ENDED
