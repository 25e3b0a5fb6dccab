"""A durable engine without anything beside the store: jobs are rows of it, done by threads of whoever serves their queues."""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine

from nornflow.abc.durable import Ctx, DurableEngine, Duty, LeaveJob, Serving, Work
from nornflow.durable.common import done_by_others
from nornflow.durable.rows import JobLost, JobRows
from nornflow.errors import StoreError
from nornflow.model.job import Job, JobState, JobStatus, Waits
from nornflow.store.patience import Patience

POLL = 0.25
"""Seconds between two looks into the queues, and at children."""
MOST_AT_ONCE = 1000
"""How many jobs a process takes at once from a queue of which it takes all."""


class InlineEngine(DurableEngine):
    """Jobs in the database behind `engine`, which it closes if it is its `own`; `patience` is had with one that goes away."""

    def __init__(
        self, engine: Engine, *, own: bool = True, patience: Patience | None = None, poll: float = POLL
    ) -> None:
        self.rows = JobRows(engine, patience or Patience())
        self._own = own
        self.poll = poll

    def submit(self, job: Job) -> bool:
        """Put a job into its queue."""
        return self.rows.submit(job)

    def signal(self, job: str, name: str) -> bool:
        """Have a waiting job go on, now or as soon as it waits."""
        return self.rows.signal(job, name)

    def cancel(self, job: str) -> bool:
        """Cancel a job that has not ended."""
        return self.rows.cancel(job)

    def retry_from(self, job: str, step: str = "") -> None:
        """Put an ended job back into its queue, as of one of its steps."""
        self.rows.retry_from(job, step)

    def status(self, job: str) -> JobStatus | None:
        """Return how a job stands."""
        return self.rows.status(job)

    def recover(self, workers: Collection[str]) -> Sequence[str]:
        """Put back what dead workers were at."""
        return self.rows.recover(workers)

    def forget(self, jobs: Collection[str]) -> None:
        """Remove jobs."""
        self.rows.forget(jobs)

    @contextmanager
    def serve(self, duty: Duty, works: Mapping[str, Work]) -> Iterator[Serving]:
        """Take jobs as long as the `with` lasts."""
        serving = _Serving(self, duty, works)
        serving.start()
        try:
            yield serving
        finally:
            serving.end()

    def close(self) -> None:
        """Let go of connections."""
        if self._own:
            self.rows.engine.dispose()


class _Ctx(Ctx):
    """A job at work in this process."""

    def __init__(self, engine: InlineEngine, row: Any) -> None:
        self.job, self.segment = row.id, row.segment
        self._engine, self._rows, self._row = engine, engine.rows, row

    def step(self, name: str, call: Callable[[], Any]) -> Any:
        """Do something once."""
        known, result = self._rows.known_step(self._row, name)
        if known:
            return result
        result = call()
        self._rows.keep_step(self._row, name, result)
        return json.loads(json.dumps(result))

    def fan_out(self, jobs: Sequence[Job]) -> Sequence[JobStatus]:
        """Have other jobs done."""
        return done_by_others(self._engine, self._row.queue, jobs, self._rest)

    @property
    def cancelled(self) -> bool:
        """Tell whether the claim does not hold any more."""
        return not self._rows.owns(self._row)

    def _rest(self) -> None:
        if self.cancelled:
            raise JobLost
        time.sleep(self._engine.poll)


class _Serving(Serving):
    """One thread that looks into the queues, and one for each job."""

    def __init__(self, engine: InlineEngine, duty: Duty, works: Mapping[str, Work]) -> None:
        self._engine, self._rows, self._duty, self._works = engine, engine.rows, duty, works
        self._lock = threading.Lock()
        self._at_work: dict[str, str] = {}
        self._draining = threading.Event()
        places = len(duty.queues) * duty.concurrency + len(duty.all_of) * MOST_AT_ONCE
        self._threads = ThreadPoolExecutor(max(1, places), thread_name_prefix="job")
        self._looking = threading.Thread(target=self._look, name="queues", daemon=True)
        self.trouble: StoreError | None = None

    def start(self) -> None:
        """Begin to look into the queues."""
        self._looking.start()

    def end(self) -> None:
        """Take nothing more and wait for what is at work."""
        self.drain()
        self._looking.join()
        self._threads.shutdown()

    def drain(self) -> None:
        """Take nothing more."""
        self._draining.set()

    @property
    def at_work(self) -> Sequence[str]:
        """Return the jobs at work."""
        with self._lock:
            return sorted(self._at_work)

    def _look(self) -> None:
        while not self._draining.is_set():
            try:
                if self.trouble is not None:
                    self.trouble = None
                    self._rows.recover([self._duty.worker], but=self.at_work)
                taken = [self._take(queue, self._duty.concurrency) for queue in self._duty.queues]
                taken += [self._take(queue, MOST_AT_ONCE) for queue in self._duty.all_of]
            except StoreError as error:  # it is away for longer than patience bears: looked at again
                self.trouble, taken = error, []
            if not any(taken):
                self._draining.wait(self._engine.poll)

    def _take(self, queue: str, most: int) -> bool:
        with self._lock:
            busy = sum(each == queue for each in self._at_work.values())
        if busy >= most or self._draining.is_set():
            return False
        row = self._rows.claim(queue, self._duty.worker, secrets.token_hex(8))
        if row is None:
            return False
        with self._lock:
            self._at_work[row.id] = queue
        self._threads.submit(self._do, row)
        return True

    def _do(self, row: Any) -> None:
        trouble = None
        try:
            try:
                self._work(row)
            except LeaveJob:
                self._rows.give_back(row)
        except JobLost:  # another worker has it
            pass
        except StoreError as error:
            trouble = error
        with self._lock:
            self._at_work.pop(row.id, None)
        if trouble is not None:  # nobody knows how the job stands: it is put back as soon as the store is there
            self.trouble = trouble

    def _work(self, row: Any) -> None:
        work = self._works.get(row.work)
        if work is None:
            self._rows.end(row, JobState.FAILED, error=f"no work is called {row.work!r} here")
            return
        try:
            found = work(_Ctx(self._engine, row), json.loads(row.data))
        except StoreError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, the job has failed with it
            self._rows.end(row, JobState.FAILED, error=f"{type(error).__name__}: {error}")
            return
        if isinstance(found, Waits):
            self._rows.end(row, JobState.WAITING, waits=found.name)
        else:
            self._rows.end(row, JobState.DONE, result=found)
