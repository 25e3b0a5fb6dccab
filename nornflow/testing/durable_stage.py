"""Where the contract of durable engines is played: a database, works that write down what they do, processes that serve."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nornflow.abc.durable import Ctx, DurableEngine, LeaveJob, Work
from nornflow.model.job import MOST_ATTEMPTS, Job, JobState, Waits

PATIENCE = 40.0
"""Seconds that a test waits for what other processes do, at most."""


class Site(ABC):
    """A database with engines on it, in this process and in others."""

    folder: Path

    @abstractmethod
    def engine(self) -> DurableEngine:
        """Return one more engine on the same database, for this process; the site closes it."""

    @abstractmethod
    def words(self) -> Sequence[str]:
        """Return the command that serves queues: worker id, concurrency and queues are appended to it.

        It knows the works of `works_of`, and says `up` when it serves.
        """

    def freeze(self, process: subprocess.Popen[str]) -> None:
        """Stop a process; in between two of its transactions where it would keep everybody from the database otherwise."""
        process.send_signal(signal.SIGSTOP)


@dataclass
class Paper:
    """A file to which works of all processes write what they do, a line each."""

    file: Path

    def write(self, line: str) -> None:
        """Add a line."""
        with self.file.open("a") as stream:
            stream.write(f"{line}\n")

    @property
    def lines(self) -> list[str]:
        """Return what was written so far."""
        return self.file.read_text().splitlines() if self.file.exists() else []


def works_of(folder: Path, worker: str) -> Mapping[str, Work]:
    """Return works that write down what they do; they go on when a file lets them."""
    paper = Paper(folder / "paper")

    def told(ctx: Ctx, step: str, result: Any = None) -> Any:
        paper.write(f"{worker} {ctx.job} {step}")
        return result

    def count(ctx: Ctx, data: Mapping[str, Any]) -> Any:
        """Do three steps; the second waits until it may."""
        first = ctx.step("one", lambda: told(ctx, "one", 1))

        def two() -> int:
            told(ctx, "two")
            until(lambda: (folder / f"go-{data['gate']}").exists() or ctx.cancelled)
            return 2

        second = ctx.step("two", two)
        third = ctx.step("three", lambda: told(ctx, "three", 3))
        return {"sum": first + second + third}

    def poison(ctx: Ctx, data: Mapping[str, Any]) -> Any:
        told(ctx, "poison")
        os.kill(os.getpid(), signal.SIGKILL)

    def broken(ctx: Ctx, data: Mapping[str, Any]) -> Any:
        ctx.step("before", lambda: told(ctx, "before"))
        if not (folder / "mended").exists():
            raise ValueError("out of order")
        return ctx.step("after", lambda: told(ctx, "after", "mended"))

    def wait(ctx: Ctx, data: Mapping[str, Any]) -> Any:
        told(ctx, f"segment {ctx.segment}")
        return Waits("bell") if ctx.segment <= int(data["waits"]) else {"segments": ctx.segment}

    def fan(ctx: Ctx, data: Mapping[str, Any]) -> Any:
        children = [Job(f"{ctx.job}.{n}", data["queue"], "wait", {"waits": 0}) for n in range(3)]
        return [[each.job, each.state.value] for each in ctx.fan_out(children)]

    def leave(ctx: Ctx, data: Mapping[str, Any]) -> Any:
        """Leave the job more often than a worker may die of it."""

        def once_more() -> None:
            told(ctx, "leave")
            if paper.lines.count(f"{worker} {ctx.job} leave") <= MOST_ATTEMPTS:
                raise LeaveJob

        return ctx.step("leave", once_more)

    return {"leave": leave, "count": count, "poison": poison, "broken": broken, "wait": wait, "fan": fan}


def until(holds: Callable[[], object], seconds: float = PATIENCE) -> None:
    """Wait until something holds; AssertionError when it does not in time."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not come about in time"
        time.sleep(0.02)


@dataclass
class Workers:
    """Processes that serve queues of a site."""

    site: Site
    processes: list[subprocess.Popen[str]] = field(default_factory=list)

    def start(self, worker: str, *queues: str, concurrency: int = 2) -> subprocess.Popen[str]:
        """Start one, and return when it serves."""
        words = [*self.site.words(), worker, str(concurrency), *queues]
        process = subprocess.Popen(words, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
        self.processes.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        return process

    def end(self) -> None:
        """Kill all that are left."""
        for process in self.processes:
            process.kill()
            process.communicate()


def state(engine: DurableEngine, job: str) -> JobState | None:
    """Return the state of a job."""
    found = engine.status(job)
    return None if found is None else found.state


def segment(engine: DurableEngine, job: str) -> int:
    """Return the segment of a job."""
    found = engine.status(job)
    return 0 if found is None else found.segment


def told_error(engine: DurableEngine, job: str) -> str:
    """Return the error of a job."""
    found = engine.status(job)
    return "" if found is None else found.error


def ended(engine: DurableEngine, *jobs: str) -> bool:
    """Tell whether all of these jobs have ended."""
    return all((found := engine.status(job)) is not None and found.ended for job in jobs)


def python(script: Path, *words: str) -> list[str]:
    """Return the command that runs a script with this interpreter."""
    return [sys.executable, str(script), *words]
