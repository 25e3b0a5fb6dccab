"""A durable engine over DBOS (extra `scale`): each segment of a job is one of its workflows, on the queue of the job.

DBOS is one object for a whole process, so that one process serves once at a time; whoever only submits needs no more than a
client. What was measured, and the traps, are in docs/decisions/0030-durable-engine.md.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cached_property
from typing import Any, TypeVar

from dbos import DBOS, DBOSClient, DBOSConfig, DBOSPortableJSONSerializer, WorkflowStatus
from dbos import error as dbos_error
from sqlalchemy import Engine
from sqlalchemy.engine import URL

from nornflow.abc.durable import DurableEngine, Duty, LeaveJob, Serving, Work
from nornflow.durable.common import demand_ended
from nornflow.durable.segments import (
    BETWEEN,
    POLL,
    WORKFLOW,
    SegmentCtx,
    given,
    job_of,
    number_of,
    segment_id,
    sqlite_engine,
    status_of,
)
from nornflow.errors import StoreError
from nornflow.model.job import MOST_ATTEMPTS, Job, JobState, JobStatus, Waits
from nornflow.store.database import connect, told
from nornflow.store.patience import Patience

R = TypeVar("R")
NAME = "nornflow"
SCHEMA = "nornflow_durable"
"""Where its tables are in PostgreSQL, beside ours; in SQLite they have a file of their own."""
VERSION = "engine-1"
"""Raised only when the order of checkpoints in `_segment` changes: a worker takes only what has its own."""
_FAR = 10 * 365 * 86_400.0


class DbosEngine(DurableEngine):
    """Jobs in the tables of DBOS: a schema of their own in the store's PostgreSQL, a file of their own beside its SQLite file.

    `url` is that of the store, `engine` one that somebody else has for it and closes.
    """

    def __init__(self, url: URL, *, engine: Engine | None = None, patience: Patience | None = None) -> None:
        self._url = url
        self._given = engine if url.get_backend_name() == "postgresql" else None
        if url.get_backend_name() == "sqlite":
            self._url = url.set(database=f"{(url.database or NAME).removesuffix('.db')}-durable.db")
        self._patience = patience or Patience()

    @cached_property
    def _engine(self) -> Engine:
        if self._given is not None:
            return self._given
        return connect(self._url) if self._url.get_backend_name() == "postgresql" else sqlite_engine(self._url)

    @cached_property
    def client(self) -> DBOSClient:
        """What speaks to DBOS's tables; they are made if there are none."""
        url = self._url.render_as_string(hide_password=False)
        with told(self._engine, "the tables of the durable engine could not be made"):
            DBOS.migrate(url, schema=SCHEMA)
        return DBOSClient(
            system_database_engine=self._engine,
            dbos_system_schema=SCHEMA,
            serializer=DBOSPortableJSONSerializer(),
            application_name=NAME,
            retry_connection_errors=False,  # patience is ours
        )

    def submit(self, job: Job) -> bool:
        """Put a job into its queue."""
        return self._enqueue(job.id, 1, job.queue, job.work, job.data)

    def signal(self, job: str, name: str) -> bool:
        """Have a waiting job go on, now or as soon as it waits."""

        def signalled() -> bool:
            last = self._last(job)
            if last is None or (before := status_of(job, last)).ended:
                return False
            self.client.send(last.workflow_id, True, name, idempotency_key=f"{last.workflow_id} {name}")
            # the segment says that it waits and then looks for signals; we signal and then look whether it waits
            if self.client.get_event(last.workflow_id, "waits", 0) == name:
                self._begin_next(job, before.segment, last)
            return True

        return self._told(f"job {job} could not be signalled", signalled)

    def cancel(self, job: str) -> bool:
        """Cancel a job that has not ended."""

        def cancelled() -> bool:
            while True:
                last = self._last(job)
                if last is None or (before := status_of(job, last)).ended:
                    return False
                if before.state is JobState.WAITING:
                    # it has no workflow that could be cancelled: the one that a signal would begin is
                    self._begin_next(job, before.segment, last, delay=_FAR)
                    self.client.cancel_workflow(segment_id(job, before.segment + 1))
                    return True
                self.client.cancel_workflow(last.workflow_id)
                after = self._last(job)
                if after is not None and after.status == "CANCELLED":
                    return True  # else it has ended, or waits, in this very moment

        return self._told(f"job {job} could not be cancelled", cancelled)

    def retry_from(self, job: str, step: str = "") -> None:
        """Put an ended job back into its queue, as of one of its steps."""

        def put_back() -> None:
            last = self._last(job)
            demand_ended(job, None if last is None else status_of(job, last).state)
            assert last is not None  # said before
            steps = self.client.list_workflow_steps(last.workflow_id)
            first = next((each["function_id"] for each in steps if step and each["function_name"] == step), None)
            if first is None:
                first = max((each["function_id"] for each in steps), default=0) + 1 if step else 1
            self.client.rewind_workflow(last.workflow_id, start_step=first, queue_name=given(last)[2])

        self._told(f"job {job} could not be put back", put_back)

    def status(self, job: str) -> JobStatus | None:
        """Return how a job stands."""

        def read() -> JobStatus | None:
            last = self._last(job)
            return None if last is None else status_of(job, last)

        return self._told(f"job {job} could not be read", read)

    def recover(self, workers: Collection[str]) -> Sequence[str]:
        """Put back what dead workers were at.

        By a call that DBOS does not document, which changes only what is still theirs; `recover_publicly` does without it.
        """

        def back() -> list[str]:
            again = self.client._sys_db.reenqueue_for_recovery
            theirs = [(each.workflow_id, given(each)[2]) for each in self._of(mine)]
            return [job_of(segment) for segment, queue in theirs if again(segment, mine, queue)]

        mine = list(workers)
        return self._told("jobs could not be put back", back) if mine else ()

    def recover_publicly(self, workers: Collection[str]) -> Sequence[str]:
        """Put back what dead workers were at by documented calls alone: not twice at once, and attempts are forgotten."""
        found = self._of(workers)
        for each in found:
            self.client.resume_workflow(each.workflow_id, queue_name=given(each)[2])
        return [job_of(each.workflow_id) for each in found]

    def _of(self, workers: Collection[str]) -> Sequence[WorkflowStatus]:
        return self.client.list_workflows(status="PENDING", executor_id=list(workers), load_output=False)

    def forget(self, jobs: Collection[str]) -> None:
        """Remove jobs."""

        def removed() -> None:
            for job in jobs:
                found = self.client.list_workflows(workflow_id_prefix=job, load_input=False, load_output=False)
                ids = [each.workflow_id for each in found if f"{job_of(each.workflow_id)}.".startswith(f"{job}.")]
                if ids:
                    self.client.delete_workflows(ids)

        self._told("jobs could not be removed", removed)

    @contextmanager
    def serve(self, duty: Duty, works: Mapping[str, Work]) -> Iterator[Serving]:
        """Take jobs as long as the `with` lasts."""
        serving = _Serving(self, duty, works)
        with told(self._engine, "the durable engine could not be started"):
            assert self.client  # its tables are there
            serving.start(self._config(duty.worker))
        try:
            yield serving
        finally:
            serving.end()

    def close(self) -> None:
        """Let go of connections."""
        if "client" in self.__dict__:
            self.client.destroy()
        if "_engine" in self.__dict__ and self._given is None:
            self._engine.dispose()

    def begin_next(self, job: str, segment: int, queue: str, work: str, data: Mapping[str, Any]) -> None:
        """Begin the segment behind this one; whoever else does it too begins the same."""
        self._enqueue(job, segment + 1, queue, work, data)

    def look(self, segment: str) -> WorkflowStatus | None:
        """Return how a segment stands in DBOS."""
        found = self._told(
            f"{segment} could not be read",
            lambda: self.client.list_workflows(workflow_ids=[segment], load_input=False, load_output=False),
        )
        return found[0] if found else None

    def _config(self, worker: str) -> DBOSConfig:
        return DBOSConfig(
            name=NAME,
            system_database_url=self._url.render_as_string(hide_password=False),
            system_database_engine=self._engine,
            dbos_system_schema=SCHEMA,
            serializer=DBOSPortableJSONSerializer(),
            executor_id=worker,
            application_version=VERSION,
            log_level="ERROR",
            enable_otlp=False,
            run_migrations=False,
        )

    def _enqueue(
        self, job: str, segment: int, queue: str, work: str, data: Mapping[str, Any], delay: float = 0.0
    ) -> bool:
        def enqueued() -> bool:
            options: dict[str, Any] = {
                "queue_name": queue,
                "workflow_name": WORKFLOW,
                "workflow_id": segment_id(job, segment),
                "workflow_id_reuse_policy": "reject",
                "app_version": VERSION,
            }
            if delay:
                options["delay_seconds"] = delay
            try:
                self.client.enqueue(options, job, segment, queue, work, dict(data))  # type: ignore[arg-type]
            except dbos_error.DBOSWorkflowIDInUseError:
                return False
            return True

        return self._told(f"job {job} could not be submitted", enqueued)

    def _begin_next(self, job: str, segment: int, last: WorkflowStatus, delay: float = 0.0) -> None:
        _, _, queue, work, data = given(last)
        self._enqueue(job, segment + 1, queue, work, data, delay)

    def _last(self, job: str) -> WorkflowStatus | None:
        found = self.client.list_workflows(workflow_id_prefix=f"{job}{BETWEEN}")
        mine = [each for each in found if job_of(each.workflow_id) == job]
        return max(mine, key=lambda each: number_of(each.workflow_id), default=None)

    def _told(self, what: str, call: Callable[[], R]) -> R:
        def tried() -> R:
            with told(self._engine, what):
                return call()

        return self._patience(tried)


class _Serving(Serving):
    """The DBOS of this process."""

    def __init__(self, engine: DbosEngine, duty: Duty, works: Mapping[str, Work]) -> None:
        self._engine, self._duty, self._works = engine, duty, works
        self._lock = threading.Lock()
        self._idle = threading.Condition(self._lock)
        self._at_work: list[str] = []

    def start(self, config: DBOSConfig) -> None:
        """Begin to look into the queues."""
        self._dbos = DBOS(config=config)
        # one claim more than these is an attempt too many
        DBOS.workflow(name=WORKFLOW, max_recovery_attempts=MOST_ATTEMPTS - 1)(self._segment_function())
        atmost: dict[str, int | None] = dict.fromkeys(self._duty.queues, self._duty.concurrency)
        atmost |= dict.fromkeys(self._duty.all_of)
        DBOS.listen_queues(list(atmost))
        DBOS.launch()
        for queue, concurrency in atmost.items():
            DBOS.register_queue(
                queue,
                worker_concurrency=concurrency,
                polling_interval_sec=POLL,
                on_conflict="always_update",
            )

    def end(self) -> None:
        """Take nothing more and wait for what is at work."""
        self.drain()
        with self._idle:
            self._idle.wait_for(lambda: not self._at_work)
        DBOS.destroy(destroy_registry=True)

    def drain(self) -> None:
        """Take nothing more."""
        for each in self._dbos.background_thread_stop_events:
            each.set()

    @property
    def at_work(self) -> Sequence[str]:
        """Return the jobs at work."""
        with self._lock:
            return sorted(self._at_work)

    def _segment_function(self) -> Callable[..., Any]:
        def segment(job: str, number: int, queue: str, work: str, data: dict[str, Any]) -> dict[str, Any]:
            with self._lock:
                self._at_work.append(job)
            try:
                return self._segment(job, number, queue, work, data)
            finally:
                with self._idle:
                    self._at_work.remove(job)
                    self._idle.notify_all()

        return segment

    def _segment(self, job: str, number: int, queue: str, name: str, data: dict[str, Any]) -> dict[str, Any]:
        """Do one segment. What it calls of DBOS, in which order, is checkpointed: see VERSION."""
        work = self._works.get(name)
        if work is None:
            return {"failed": f"no work is called {name!r} here"}
        ctx = SegmentCtx(self._engine, self._engine.look, self._duty.worker, job, number, queue)
        try:
            found = work(ctx, data)
        except LeaveJob:
            with suppress(StoreError):  # without the store it stays this worker's, until that is gone
                if not ctx.cancelled:
                    # the next segment: nobody died of this one, so the attempts at it are not to be counted
                    self._engine.begin_next(job, number, queue, name, data)
                    return {"waits": "its turn"}
            raise
        except (dbos_error.DBOSWorkflowCancelledError, dbos_error.DBOSWorkflowConflictIDError):
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, the job has failed with it
            return {"failed": f"{type(error).__name__}: {error}"}
        if not isinstance(found, Waits):
            return {"done": found}
        DBOS.set_event("waits", found.name)
        if DBOS.recv(found.name, timeout_seconds=0):
            self._engine.begin_next(job, number, queue, name, data)
        return {"waits": found.name}
