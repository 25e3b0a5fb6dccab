"""Thirty simulated routers, a change on them whose process is killed, and what is to be compared afterwards."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nornflow.testing import Fleet
from nornflow.testing.project import ProjectFolder
from nornflow.testing.routers.device import Router

SCRIPT = Path(__file__).with_name("dying.py")
COUNT = 30
BAD = "r27"
WORKFLOW = """
name: ntp
version: 1.0
rollout: {batches: [1, 9, 100%], max_failures: MAX}
on_failure: rollback
steps:
  - id: configure
    type: netmiko.config
    lines:
      - interface Loopback0
      - " description changed"
      - ntp server {{ host.ntp }} prefer
      - no ntp server 192.0.2.1
    save: true
  - id: associations
    type: ttp.show
    depends_on: configure
    command: show ntp associations
    template: ntp_associations
  - id: synchronised
    type: assert
    depends_on: associations
    condition: "any(a.synced for a in steps.associations.parsed)"
"""
MOVES = ("interface Loopback0", "exit")
"""Lines that only open a section or leave it: to do so once more, or not at all, changes nothing."""


def routers(**options: Any) -> Fleet:
    """Return thirty routers, one of which cannot reach the time server that it is given; not started."""
    data = {f"r{n}": {"ntp": "203.0.113.99" if f"r{n}" == BAD else "192.0.2.10"} for n in range(1, COUNT + 1)}
    return Fleet(COUNT, data=data, ntp_reachable=("192.0.2.1", "192.0.2.10"), **options)


@dataclass(frozen=True)
class End:
    """What must be the same however often the process was killed."""

    state: str
    fates: dict[str, tuple[Any, ...]]
    steps: dict[str, dict[str, tuple[Any, ...]]]
    running: dict[str, str]
    startup: dict[str, str]
    lines: dict[str, Counter[str]]


@dataclass
class Scene:
    """A project and its routers, and processes of `nornflow` in it."""

    site: ProjectFolder
    fleet: Any

    @classmethod
    def made(cls, folder: Path, fleet: Fleet, max_failures: int = 1) -> Scene:
        """Write the project of a fleet that is up."""
        workflow = WORKFLOW.replace("MAX", str(max_failures))
        return cls.made_of(folder, fleet, {"ntp.yaml": workflow})

    @classmethod
    def made_of(cls, folder: Path, fleet: Any, files: Mapping[str, str]) -> Scene:
        """Write a project of these files for a fleet of any kind that is up."""
        return cls(ProjectFolder.made(folder, files, fleet), fleet)

    @property
    def counts(self) -> Path:
        """The file to which processes append the kinds of the entries of their journal."""
        return self.site.path / "counts"

    @property
    def database(self) -> Path:
        """The SQLite file of the project's store."""
        return self.site.path / ".nornflow" / "nornflow.db"

    def start(self, *words: str, entry: int = 0, after: bool = False) -> subprocess.Popen[str]:
        """Start a process that may kill itself at an entry of its journal."""
        when = "after" if after else "before"
        return subprocess.Popen(
            [sys.executable, str(SCRIPT), str(self.counts), str(entry), when, *words],
            cwd=self.site.path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            text=True,
        )

    def nornflow(self, *words: str, entry: int = 0, after: bool = False) -> int:
        """Run a process to its end and return its exit code."""
        with self.start(*words, entry=entry, after=after) as process:
            out, err = process.communicate(timeout=110)
        assert "Traceback" not in err, err
        expected = (-signal.SIGKILL,) if entry else (0, 1)
        assert process.returncode in expected, f"{words}: {process.returncode}\n{out[-2000:]}\n{err[-2000:]}"
        return process.returncode

    def ask(self, *words: str) -> Any:
        """Run a command that answers with JSON."""
        return self.site.run(*words).ok().json()

    def killed_run(self, entry: int, *, after: bool = False) -> str:
        """Run the change in a process that is killed, and return the run's id."""
        self.nornflow("run", "ntp.yaml", "--yes", entry=entry, after=after)
        (run,) = self.ask("runs", "list", "--format", "json")
        return str(run["id"])

    def resume(self, run: str, *words: str) -> int:
        """Go on with a run in a new process."""
        return self.nornflow("runs", "resume", run, "--yes", *words)

    def end(self) -> End:
        """Return how everything is now, from the record and from the routers themselves."""
        (run,) = self.ask("runs", "list", "--format", "json")
        record = self.ask("runs", "show", run["id"])
        return End(
            record["state"],
            {host["host"]: (host["state"], host["batch"], host["diff"], host["rollback"]) for host in record["hosts"]},
            {
                step["step_id"]: {
                    host: (result["status"], result["changed"], result["diff"])
                    for host, result in step["hosts"].items()
                }
                for step in record["steps"]
            },
            {router.name: router.running_config for router in self.fleet},
            {router.name: router.startup_config for router in self.fleet},
            {router.name: Counter(self.written(router.name)) for router in self.fleet},
        )

    def written(self, router: str) -> list[str]:
        """Return what a router was sent, by its own log, without lines that only move between sections."""
        return [line for _, line in self.fleet[router].written() if line.strip() not in MOVES]


class CutRouter:
    """Kills a process when a router has got so many lines of configuration: in the middle of a block."""

    def __init__(self, router: Router, lines: int) -> None:
        self._left = lines
        self.pid = 0
        self.cut = threading.Event()
        self._hear = router.hear
        router.hear = self  # type: ignore[method-assign]

    def __call__(self, session: int, line: str, *, configuring: bool) -> Any:
        self._hear(session, line, configuring=configuring)
        if configuring and not self.cut.is_set():
            self._left -= 1
            if self._left == 0:
                self.cut.set()
                os.kill(self.pid, signal.SIGKILL)


def points(kinds: Sequence[str], every: bool, spread: int = 2) -> Iterator[tuple[int, bool]]:
    """Yield at which entries to die, before or after they are kept: at every one, or at some of each kind."""
    numbers = range(1, len(kinds) + 1)
    if every:
        yield from ((number, after) for number in numbers for after in (False, True))
        return
    chosen: dict[int, bool] = {}
    for place, kind in enumerate(dict.fromkeys(kinds)):
        last = len(kinds) - list(reversed(kinds)).index(kind)
        chosen[last if place % 2 else kinds.index(kind) + 1] = bool(place % 2)
    for turn in range(1, spread + 1):
        chosen.setdefault(turn * len(kinds) // (spread + 1), bool(turn % 2))
    yield from sorted(chosen.items())
