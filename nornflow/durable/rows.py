"""Jobs as rows of the store: every write of a worker holds only as long as the row bears the token of its claim."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Sequence
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, delete, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from nornflow.durable.common import demand_ended
from nornflow.model.job import ENDED, MOST_ATTEMPTS, Job, JobState, JobStatus
from nornflow.store.database import reading, told
from nornflow.store.patience import Patience
from nornflow.store.queue_tables import job_steps, jobs

R = TypeVar("R")
_S = JobState
_ENDED = [state.value for state in ENDED]


class JobLost(BaseException):
    """Another worker has the job: its work ends here, past every `except Exception` in it."""


class JobRows:
    """The tables `jobs` and `job_steps`; what a database that is away keeps from being done is done again."""

    def __init__(self, engine: Engine, patience: Patience) -> None:
        self.engine = engine
        self._patience = patience

    def submit(self, job: Job) -> bool:
        """Put a job into its queue."""
        row = {"id": job.id, "queue": job.queue, "work": job.work, "data": json.dumps(dict(job.data))}

        def write(connection: Connection) -> bool:
            try:
                connection.execute(insert(jobs).values(**row, state=_S.QUEUED.value))
            except IntegrityError:
                return False
            return True

        return self._write(f"job {job.id} could not be submitted", write)

    def signal(self, job: str, name: str) -> bool:
        """Have a waiting job go on, now or as soon as it waits."""

        def write(connection: Connection) -> bool:
            row = _row(connection, job)
            if row is None or row.state in _ENDED:
                return False
            told_of = {*json.loads(row.signals), name}
            if row.state == _S.WAITING and row.waits in told_of:
                _next(connection, row.number, told_of - {row.waits})
            else:
                _set(connection, row.number, signals=json.dumps(sorted(told_of)))
            return True

        return self._write(f"job {job} could not be signalled", write)

    def cancel(self, job: str) -> bool:
        """Cancel a job that has not ended."""

        def write(connection: Connection) -> bool:
            row = _row(connection, job)
            if row is None or row.state in _ENDED:
                return False
            _set(connection, row.number, state=_S.CANCELLED.value, waits="")
            return True

        return self._write(f"job {job} could not be cancelled", write)

    def retry_from(self, job: str, step: str = "") -> None:
        """Put an ended job back into its queue, as of one of its steps."""

        def write(connection: Connection) -> None:
            row = _row(connection, job)
            demand_ended(job, None if row is None else JobState(row.state))
            mine = (job_steps.c.job == row.number, job_steps.c.segment == row.segment)
            found = select(job_steps.c.position).where(*mine, job_steps.c.name == step)
            first = connection.execute(found).scalar() if step else 0
            if first is not None:  # one that never ended has left nothing behind
                connection.execute(delete(job_steps).where(*mine, job_steps.c.position >= first))
            _set(connection, row.number, state=_S.QUEUED.value, attempts=0, worker="", claim="", result=None, error="")

        self._write(f"job {job} could not be put back", write)

    def status(self, job: str) -> JobStatus | None:
        """Return how a job stands."""

        def read() -> JobStatus | None:
            with told(self.engine, f"job {job} could not be read"), reading(self.engine) as connection:
                row = connection.execute(select(jobs).where(jobs.c.id == job)).one_or_none()
            return None if row is None else _status(row)

        return self._patience(read)

    def recover(self, workers: Collection[str], but: Collection[str] = ()) -> Sequence[str]:
        """Put back what dead workers were at; of one that lives, all but the jobs that it knows it is at."""
        if not workers:
            return ()
        back = (
            update(jobs)
            .where(jobs.c.state == _S.RUNNING.value, jobs.c.worker.in_(list(workers)), jobs.c.id.not_in(list(but)))
            .values(state=_S.QUEUED.value, claim="")
            .returning(jobs.c.id)
        )
        return self._write("jobs could not be put back", lambda connection: list(connection.execute(back).scalars()))

    def forget(self, found: Collection[str]) -> None:
        """Remove jobs."""

        def write(connection: Connection) -> None:
            for job in found:
                mine = or_(jobs.c.id == job, jobs.c.id.startswith(f"{job}.", autoescape=True))
                connection.execute(delete(job_steps).where(job_steps.c.job.in_(select(jobs.c.number).where(mine))))
                connection.execute(delete(jobs).where(mine))

        self._write("jobs could not be removed", write)

    def claim(self, queue: str, worker: str, token: str) -> Any | None:
        """Take the oldest job of a queue for a worker and return its row; None when there is none.

        One whose worker died too often is parked instead.
        """

        def write(connection: Connection) -> Any | None:
            mine = connection.execute(select(jobs).where(jobs.c.claim == token)).one_or_none()
            while mine is None:  # else the answer to an earlier claim was lost, and only that
                first = select(func.min(jobs.c.number)).where(jobs.c.queue == queue, jobs.c.state == _S.QUEUED.value)
                number = connection.execute(first).scalar()
                if number is None:
                    return None
                taken = {"worker": worker, "claim": token, "attempts": jobs.c.attempts + 1, "state": _S.RUNNING.value}
                mine = connection.execute(
                    update(jobs)
                    .where(jobs.c.number == number, jobs.c.state == _S.QUEUED.value)
                    .values(taken)
                    .returning(jobs)
                ).one_or_none()  # None: another worker was quicker
                if mine is not None and mine.attempts > MOST_ATTEMPTS:
                    _set(connection, mine.number, state=_S.PARKED.value, attempts=MOST_ATTEMPTS, claim="")
                    mine = None
            return mine

        return self._write(f"no job could be taken from {queue}", write)

    def known_step(self, row: Any, name: str) -> tuple[bool, Any]:
        """Return whether a step has ended before, and what it returned."""

        def read() -> tuple[bool, Any]:
            with told(self.engine, "a step could not be read"), reading(self.engine) as connection:
                found = connection.execute(
                    select(job_steps.c.result).where(
                        job_steps.c.job == row.number, job_steps.c.segment == row.segment, job_steps.c.name == name
                    )
                ).one_or_none()
            return (False, None) if found is None else (True, json.loads(found.result))

        return self._patience(read)

    def keep_step(self, row: Any, name: str, result: Any) -> None:
        """Keep what a step returned; JobLost when the job is another one's by now."""

        def write(connection: Connection) -> bool:
            if not _owns(connection, row):
                return False
            mine = (job_steps.c.job == row.number, job_steps.c.segment == row.segment)
            last = connection.execute(select(func.max(job_steps.c.position)).where(*mine)).scalar() or 0
            place = {"job": row.number, "segment": row.segment, "position": last + 1, "name": name}
            if connection.execute(select(job_steps.c.name).where(*mine, job_steps.c.name == name)).first() is None:
                connection.execute(insert(job_steps).values(**place, result=json.dumps(result)))
            return True

        if not self._write(f"a step of job {row.id} could not be kept", write):
            raise JobLost

    def owns(self, row: Any) -> bool:
        """Tell whether a claim still holds."""

        def read() -> bool:
            with told(self.engine, f"job {row.id} could not be read"), reading(self.engine) as connection:
                return _owns(connection, row, lock=False)

        return self._patience(read)

    def end(self, row: Any, state: JobState, *, result: Any = None, error: str = "", waits: str = "") -> None:
        """End the segment of a job, if it is still this claim's; a signal that has come begins the next one."""

        def write(connection: Connection) -> None:
            if not _owns(connection, row):
                return
            signals = set(json.loads(connection.execute(select(jobs.c.signals).where(_is(row))).scalar() or "[]"))
            if waits in signals:
                _next(connection, row.number, signals - {waits})
                return
            kept = json.dumps(result)
            _set(connection, row.number, state=state.value, result=kept, error=error, waits=waits, claim="")

        self._write(f"job {row.id} could not be ended", write)

    def give_back(self, row: Any) -> None:
        """Put a job back whose worker leaves it in order, if it is still this claim's."""

        def write(connection: Connection) -> None:
            if _owns(connection, row):
                _set(connection, row.number, state=_S.QUEUED.value, attempts=0, worker="", claim="")

        self._write(f"job {row.id} could not be given back", write)

    def _write(self, what: str, write: Callable[[Connection], R]) -> R:
        def call() -> R:
            with told(self.engine, what), self.engine.begin() as connection:
                return write(connection)

        return self._patience(call)


def _row(connection: Connection, job: str) -> Any:
    wanted = select(jobs).where(jobs.c.id == job).with_for_update()  # SQLite has one writer at a time
    return connection.execute(wanted).one_or_none()


def _is(row: Any) -> Any:
    return jobs.c.number == row.number


def _owns(connection: Connection, row: Any, *, lock: bool = True) -> bool:
    wanted = select(jobs.c.number).where(_is(row), jobs.c.claim == row.claim, jobs.c.state == _S.RUNNING.value)
    return connection.execute(wanted.with_for_update() if lock else wanted).first() is not None


def _set(connection: Connection, number: int, **values: Any) -> None:
    connection.execute(update(jobs).where(jobs.c.number == number).values(**values))


def _next(connection: Connection, number: int, signals: Collection[str]) -> None:
    """Begin the next segment of a job."""
    left = json.dumps(sorted(signals))
    begun = {"state": _S.QUEUED.value, "segment": jobs.c.segment + 1, "attempts": 0, "worker": "", "claim": ""}
    _set(connection, number, **begun, waits="", signals=left)


def _status(row: Any) -> JobStatus:
    result = json.loads(row.result) if row.result else None
    state = JobState(row.state)
    return JobStatus(row.id, row.queue, state, row.segment, row.attempts, row.worker, result, row.error, row.waits)
