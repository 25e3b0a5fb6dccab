"""What a store of runs is asked and answers: queries, summaries, numbered events and statistics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from datetime import datetime
from enum import StrEnum
from typing import Any

from nornflow.model.event import Event
from nornflow.model.run import RunState
from nornflow.model.submission import Submission
from nornflow.record import record


@record
class NewRun:
    """A run that is about to begin; `hosts` maps the targeted devices to their platforms.

    `worker` is the process that carries it out, `spec` (plain data) what another one needs to go on with it. A run that is
    left to workers has a `submission`; it begins in the state `queued`.
    """

    id: str
    workflow: str
    version: str
    user: str
    profile: str
    started_at: datetime
    inputs: Mapping[str, Any] = field(default_factory=dict)
    hosts: Mapping[str, str] = field(default_factory=dict)
    file: str = ""
    worker: str = ""
    spec: Mapping[str, Any] = field(default_factory=dict)
    submission: Submission | None = None


@record
class RunQuery:
    """Which runs are wanted; what is empty does not narrow. `since` (UTC) is about the start, `host` one of the targets."""

    workflow: str = ""
    status: RunState | None = None
    user: str = ""
    since: datetime | None = None
    host: str = ""
    last: int | None = None


@record
class RunSummary:
    """One run in a list: who ran what, how it stands, and on how many devices."""

    id: str
    workflow: str
    version: str
    state: RunState
    user: str
    profile: str
    hosts: int
    started_at: datetime
    completed_at: datetime | None = None
    error: str = ""


@record
class StoredEvent:
    """An event with its number in the run: 1, 2, 3 ... without a gap."""

    number: int
    event: Event


class Grouping(StrEnum):
    """What statistics are about."""

    WORKFLOW = "workflow"
    STEP = "step"
    PLATFORM = "platform"


@record
class Statistic:
    """How one workflow, step or platform did: `p50` and `p95` in seconds (nearest rank), `success` from 0 to 1.

    For workflows it counts ended runs, otherwise results of steps on devices: those that were skipped, cached, cancelled
    or only planned tell nothing about the time and are left out. `cache_hits` and `cache_misses` say how often a result was
    looked for in the cache, and was there or not; of platforms they are not known.
    """

    name: str
    count: int
    success: float
    p50: float
    p95: float
    cache_hits: int = 0
    cache_misses: int = 0
