"""Segments of jobs as DBOS has them: their ids, what they were begun with, and how a job stands by the last of them."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from dbos import DBOS, WorkflowStatus
from dbos import error as dbos_error
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import URL

from nornflow.abc.durable import Ctx, DurableEngine
from nornflow.durable.common import done_by_others
from nornflow.model.job import MOST_ATTEMPTS, Job, JobState, JobStatus
from nornflow.store.folders import made

POLL = 0.25
"""Seconds between two looks into a queue."""
LOOK = 0.5
"""Seconds for which an answer about a job of our own is good."""
BETWEEN = "/segment-"
WORKFLOW = "segment"
"""What the workflow is called that does one."""
_STATES = {
    "ENQUEUED": JobState.QUEUED,
    "DELAYED": JobState.QUEUED,
    "PENDING": JobState.RUNNING,
    "ERROR": JobState.FAILED,
    "CANCELLED": JobState.CANCELLED,
    "MAX_RECOVERY_ATTEMPTS_EXCEEDED": JobState.PARKED,
}


Look: TypeAlias = Callable[[str], WorkflowStatus | None]


class SegmentCtx(Ctx):
    """A segment at work in this process; `look` says how a segment stands in DBOS."""

    def __init__(self, engine: DurableEngine, look: Look, worker: str, job: str, segment: int, queue: str) -> None:
        self.job, self.segment = job, segment
        self._engine, self._look, self._worker, self._queue = engine, look, worker, queue
        self._known: tuple[float, bool] = (float("-inf"), False)

    def step(self, name: str, call: Callable[[], Any]) -> Any:
        """Do something once."""
        return DBOS.run_step({"name": name}, call)

    def fan_out(self, jobs: Sequence[Job]) -> Sequence[JobStatus]:
        """Have other jobs done."""
        return done_by_others(self._engine, self._queue, jobs, self._rest)

    @property
    def cancelled(self) -> bool:
        """Tell whether the segment is not this worker's any more."""
        now = time.monotonic()
        if not self._known[1] and now - self._known[0] >= LOOK:
            found = self._look(segment_id(self.job, self.segment))
            mine = found is not None and (found.status, found.executor_id) == ("PENDING", self._worker)
            self._known = now, not mine
        return self._known[1]

    def _rest(self) -> None:
        if self.cancelled:
            raise dbos_error.DBOSWorkflowCancelledError(f"{self.job} is cancelled")
        time.sleep(POLL)


def segment_id(job: str, segment: int) -> str:
    """Return the id of the workflow that does a segment."""
    return f"{job}{BETWEEN}{segment}"


def job_of(segment: str) -> str:
    """Return the job of a segment, by its id."""
    return segment.rpartition(BETWEEN)[0]


def number_of(segment: str) -> int:
    """Return which segment of its job it is, by its id."""
    return int(segment.rpartition(BETWEEN)[2])


def given(status: WorkflowStatus) -> tuple[str, int, str, str, dict[str, Any]]:
    """Return what a segment was begun with: job, number, queue, work, data."""
    assert status.input is not None  # it is loaded
    job, number, queue, work, data = status.input["args"]
    return job, number, queue, work, data


def status_of(job: str, last: WorkflowStatus | None) -> JobStatus:
    """Return how a job stands, from its last segment."""
    assert last is not None  # the job is known
    _, number, queue, _, _ = given(last)
    said: Mapping[str, Any] = last.output if last.status == "SUCCESS" and isinstance(last.output, Mapping) else {}
    if last.status == "SUCCESS":
        state = next(state for key, state in _SAID.items() if key in said)
    else:
        state = _STATES[last.status]
    error = said.get("failed", "") or (str(last.error) if last.error else "")
    attempts = min(last.recovery_attempts or 0, MOST_ATTEMPTS)
    worker = last.executor_id or ""
    return JobStatus(job, queue, state, number, attempts, worker, said.get("done"), error, said.get("waits", ""))


_SAID = {"waits": JobState.WAITING, "failed": JobState.FAILED, "done": JobState.DONE}


def sqlite_engine(url: URL) -> Engine:
    """Return an engine as DBOS makes one, for a file that several processes read while one writes."""
    assert url.database  # a file
    made(Path(url.database).parent)
    with sqlite3.connect(url.database, timeout=30) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
    connection.close()
    engine = create_engine(url, connect_args={"check_same_thread": False})

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, record: object) -> None:
        connection.isolation_level = "IMMEDIATE"
        connection.execute("PRAGMA busy_timeout=30000")
        connection.execute("PRAGMA foreign_keys=ON")

    return engine
