"""What durable engines have in common: what they ask of callers, in the same words, and waiting for jobs of others."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from nornflow.abc.durable import DurableEngine
from nornflow.errors import UsageError
from nornflow.model.job import ENDED, Job, JobState, JobStatus


def demand_other_queues(queue: str, jobs: Sequence[Job]) -> None:
    """Raise ValueError when a job is on the queue of the one that fans it out."""
    if any(job.queue == queue for job in jobs):
        raise ValueError(f"jobs that are waited for cannot be on the same queue ({queue}): it may be full of who waits")


def demand_ended(job: str, state: JobState | None) -> None:
    """Raise UsageError unless the job is known and has ended."""
    if state is None:
        raise UsageError(f"there is no job {job!r}")
    if state not in ENDED:
        raise UsageError(f"job {job} has not ended: it is {state}", hint="cancel it first")


def done_by_others(engine: DurableEngine, queue: str, jobs: Sequence[Job], rest: Callable[[], None]) -> list[JobStatus]:
    """Submit jobs and return how they ended; `rest` waits between two looks, and raises when there is no sense in it any more."""
    demand_other_queues(queue, jobs)
    for job in jobs:
        engine.submit(job)
    ended: dict[str, JobStatus] = {}
    while True:
        for job in jobs:
            if job.id not in ended and (status := engine.status(job.id)) is not None and status.ended:
                ended[job.id] = status
        if len(ended) == len({job.id for job in jobs}):
            return [ended[job.id] for job in jobs]
        rest()
