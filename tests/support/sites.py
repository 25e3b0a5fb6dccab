"""Simulated routers of two sites, a project on them, and `nornflow` processes: workers and those who leave runs to them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from nornflow.testing import Fleet
from nornflow.testing.background import birth
from nornflow.testing.project import ProjectFolder

POISON = """
import os
import signal

from nornir.core.task import Result, Task


def take(task: Task) -> Result:
    os.kill(os.getpid(), signal.SIGKILL)
"""
"""A task `take` that kills the process that runs it."""
CHANGE = """
name: NAME
version: 1.0
targets: "TARGETS"
rollout: {batches: [1, 100%], soak: SOAK}
steps:
  - {id: configure, type: netmiko.config, lines: [ntp server 192.0.2.10, logging host 192.0.2.11]}
"""
UNENDED = ("pending", "queued", "planning", "awaiting_approval", "running", "waiting")
MOVES = ("interface Loopback0", "exit")


def fleet_of(sites: Sequence[str], **options: Any) -> Fleet:
    """Return routers, one for each site that is named; not started."""
    return Fleet(len(sites), data={f"r{n}": {"site": site} for n, site in enumerate(sites, 1)}, **options)


@dataclass
class Sites:
    """A project and its processes."""

    project: ProjectFolder
    fleet: Fleet
    processes: list[subprocess.Popen[str]] = field(default_factory=list)

    @classmethod
    def made(
        cls, folder: Path, fleet: Fleet, settings: str = "", files: Mapping[str, str] | None = None, soak: int = 0
    ) -> Sites:
        """Write a project for routers that are up, with a change for each site and one for both."""
        texts = {"nornflow.yaml": f"profile: elevated\n{settings}"}
        for name, targets in (("ams", "site == 'ams'"), ("fra", "site == 'fra'"), ("both", "site in ['ams', 'fra']")):
            texts[f"{name}.yaml"] = CHANGE.replace("NAME", name).replace("TARGETS", targets).replace("SOAK", str(soak))
        return cls(ProjectFolder.made(folder, {**texts, **(files or {})}, fleet), fleet)

    def start(
        self, *words: str, within: Sequence[str] = (), folder: Path | None = None, **environment: str
    ) -> subprocess.Popen[str]:
        """Start a process of `nornflow` in the project or a copy of it, perhaps by a program that puts it into a namespace."""
        with (self.project.path / f"log-{len(self.processes)}").open("w") as log:
            process = subprocess.Popen(
                [*within, sys.executable, "-m", "nornflow", *words],
                cwd=folder or self.project.path,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env={**os.environ, **environment},
            )
        self.processes.append(process)
        return process

    def worker(
        self, *words: str, within: Sequence[str] = (), folder: Path | None = None, **environment: str
    ) -> subprocess.Popen[str]:
        """Start a worker, as `start` does, and return when it takes runs."""
        process = self.start("worker", *words, within=within, folder=folder, **environment)
        number = len(self.processes) - 1
        until(lambda: "takes runs of" in self.log(number), f"worker {words}: {self.log(number)}")
        return process

    def log(self, number: int) -> str:
        """Return what a process has said."""
        return (self.project.path / f"log-{number}").read_text()

    @property
    def logs(self) -> str:
        """Return what all processes have said."""
        return "\n".join(f"--- {n}\n{self.log(n)}" for n in range(len(self.processes)))

    def leave(self, workflow: str, *words: str) -> str:
        """Leave a change to workers and return the run's id."""
        return self.project.run("run", f"{workflow}.yaml", "--yes", "--detach", *words).ok().stdout.strip()

    def state(self, run: str) -> str:
        """Return the state of a run."""
        found = json.loads(self.project.run("runs", "list", "--format", "json").ok().stdout)
        return str(next(each["state"] for each in found if each["id"] == run))

    def ends(self, run: str, state: str = "succeeded", seconds: float = 60) -> None:
        """Wait for the end of a run; AssertionError with all logs when it does not come."""
        until(lambda: self.state(run) not in UNENDED, self, seconds, every=0.3)
        found = self.state(run)
        assert found == state, f"{json.loads(self.project.run('runs', 'show', run).stdout)['error']}\n{self.logs}"

    def written(self, router: str) -> list[str]:
        """Return what a router was sent, by its own log."""
        return [line for _, line in self.fleet[router].written() if line.strip() not in MOVES]

    def end(self) -> None:
        """Kill every process that is left."""
        for process in self.processes:
            if process.poll() is None:
                os.kill(process.pid, signal.SIGCONT)
                process.kill()
            process.communicate()


@contextmanager
def makes(folder: Path, fleet: Fleet) -> Iterator[Callable[..., Sites]]:
    """Give what makes a project for these routers, with more settings and files; its processes end with the `with`."""
    found: list[Sites] = []

    def make(*given: Any, **options: Any) -> Sites:
        found.append(Sites.made(folder, fleet, *given, **options))
        return found[-1]

    try:
        yield make
    finally:
        for sites in found:
            sites.end()


def seen(sites: Sites) -> dict[str, list[dict[str, Any]]]:
    """Return what `workers list` shows."""
    return dict(json.loads(sites.project.run("workers", "list", "--format", "json").ok().stdout))


class At:
    """Does something, once, when a router gets a line of configuration."""

    def __init__(self, fleet: Fleet, router: str, act: Callable[[], object]) -> None:
        self.at: datetime | None = None
        self.passed = 0.0
        hear = fleet[router].hear

        def heard(session: int, line: str, *, configuring: bool) -> object:
            if configuring and self.at is None:  # one session after the other comes here
                act()
                self.passed, self.at = time.monotonic(), datetime.now(UTC)
            return hear(session, line, configuring=configuring)

        fleet[router].hear = heard  # type: ignore[method-assign]


def below(pid: int) -> list[int]:
    """Return the processes that a process has started, whichever thread of it did."""
    found = [each for task in Path(f"/proc/{pid}/task").iterdir() for each in (task / "children").read_text().split()]
    return [int(each) for each in found]


def kill_whole(worker: subprocess.Popen[str]) -> None:
    """Kill a worker, and wait until the processes that it holds are dead too: a quick one would end its run meanwhile."""
    held = below(worker.pid)
    worker.kill()
    worker.wait()
    until(lambda: not any(map(birth, held)), "what a dead worker held goes on", seconds=5, every=0.005)


def until(holds: Callable[[], object], told: object = "", seconds: float = 60, every: float = 0.05) -> None:
    """Wait until something holds; AssertionError when it does not in time.

    `every` is for what is dear to look at: workers need the processor.
    """
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, told.logs if isinstance(told, Sites) else told
        time.sleep(every)
