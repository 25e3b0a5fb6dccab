"""The seam to what carries work on when a process dies: queues, workers, and results that are not worked out twice."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, TypeAlias

from nornflow.model.job import Job, JobStatus
from nornflow.record import record


class LeaveJob(BaseException):
    """What a work raises to give its job back: it is in its queue again, as if nobody had been at it."""


class Ctx(ABC):
    """A job as its own work sees it. Only the thread of the work calls these; `cancelled` may be asked from anywhere."""

    job: str
    segment: int

    @abstractmethod
    def step(self, name: str, call: Callable[[], Any]) -> Any:
        """Return what `call` returned, as JSON keeps it; of one that has ended before, what it returned then.

        A call whose process dies is made again, so it has to look before it leaps. The name is the only one in the
        segment. An error of `call` is raised. When another worker has the job by now, the work ends here
        (a BaseException that the engine catches).
        """

    @abstractmethod
    def fan_out(self, jobs: Sequence[Job]) -> Sequence[JobStatus]:
        """Have these jobs done by whoever serves their queues, and return how they ended, in order.

        ValueError for a job on this one's own queue: with every place of it taken by jobs that wait, nothing moved.
        """

    @property
    @abstractmethod
    def cancelled(self) -> bool:
        """Tell whether somebody has cancelled the job, or it is another worker's by now: asked again and again."""


Work: TypeAlias = Callable[[Ctx, Mapping[str, Any]], Any]
"""A function that does a job: it gets the job's data and returns plain data (a summary), or `Waits`."""


@record
class Duty:
    """What one process takes on: jobs of these queues, as many at once as `concurrency` says of each queue.

    Of the queues `all_of` it takes all that there are at once, because others hold something while these wait. `worker` is
    an id that no process had before.
    """

    worker: str
    queues: Sequence[str]
    concurrency: int = 1
    all_of: Sequence[str] = ()


class Serving(ABC):
    """A process at its duty."""

    @abstractmethod
    def drain(self) -> None:
        """Take no further job; what is at work goes on to its end."""

    @property
    @abstractmethod
    def at_work(self) -> Sequence[str]:
        """Return the jobs that this process is at."""


class DurableEngine(ABC):
    """Keeps jobs in a database that processes share; thread-safe. StoreError when it cannot be reached.

    A job is done at least once, by one worker at a time as far as its steps go: what a worker that was taken for dead
    still brings is refused. A wait ends the segment of a job and holds no thread; the next segment is a new one, with
    steps of its own.
    """

    @abstractmethod
    def submit(self, job: Job) -> bool:
        """Put a job into its queue; False, and nothing is done, when there is one of this id already."""

    @abstractmethod
    def signal(self, job: str, name: str) -> bool:
        """Have a job go on that waits for this name, now or as soon as it does; False when it has ended or is unknown.

        A signal that comes twice counts once. It carries nothing: what it is about was written down before.
        """

    @abstractmethod
    def cancel(self, job: str) -> bool:
        """Cancel a job: one that waits or is queued ends at once, one at work sees it; False when it has ended."""

    @abstractmethod
    def retry_from(self, job: str, step: str = "") -> None:
        """Put an ended job back into its queue; what its last segment's steps before `step` returned is kept.

        Without a step all of the segment is done again. UsageError when the job is unknown or has not ended.
        """

    @abstractmethod
    def status(self, job: str) -> JobStatus | None:
        """Return how a job stands; None when there is none of this id."""

    @abstractmethod
    def recover(self, workers: Collection[str]) -> Sequence[str]:
        """Put the jobs that these dead workers were at back into their queues and return them.

        Many may do so at once, also for workers that others have recovered: nothing is put back twice.
        """

    @abstractmethod
    def forget(self, jobs: Collection[str]) -> None:
        """Remove these jobs, and those whose ids go on behind theirs with a dot; nobody may be at work on them."""

    @abstractmethod
    def serve(self, duty: Duty, works: Mapping[str, Work]) -> AbstractContextManager[Serving]:
        """Take jobs as long as the `with` lasts, each in a thread of its own; at its end wait for those at work."""

    @abstractmethod
    def close(self) -> None:
        """Let go of connections."""
