"""Machines of their own for workers: what runs on one cannot see the processes of another, dies with it and freezes with it."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from sites import Sites

_ALONE = ("unshare", "--pid", "--fork", "--kill-child", "--mount-proc")
_AS_ROOT = () if os.geteuid() == 0 else ("--user", "--map-root-user")


class Machine:
    """A PID namespace with one process of `nornflow` and all that it starts."""

    def __init__(
        self, sites: Sites, start: Callable[..., subprocess.Popen[str]], *words: str, **environment: str
    ) -> None:
        self._number = len(sites.processes)
        self._sites = sites
        self.process = start(*words, within=[*_ALONE, *_AS_ROOT], **environment)

    @classmethod
    def with_worker(cls, sites: Sites, *words: str, **environment: str) -> Machine:
        """Return a machine whose worker takes runs."""
        if subprocess.run([*_ALONE, *_AS_ROOT, "true"], capture_output=True, check=False).returncode:
            pytest.skip("this system allows no PID namespace of one's own")
        return cls(sites, sites.worker, *words, **environment)

    @property
    def log(self) -> str:
        """Return what its worker has said."""
        return self._sites.log(self._number)

    @property
    def space(self) -> str:
        """Return its namespace, as processes on it know it."""
        return _namespace(self._worker)

    @property
    def _worker(self) -> str:
        (found,) = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return found

    @property
    def processes(self) -> list[int]:
        """Return what runs on it."""
        there = (each.name for each in Path("/proc").iterdir() if each.name.isdigit())
        return [int(each) for each in there if _namespace(each) == self.space]

    def die(self) -> None:
        """End it at once, with all that runs on it, and return when nothing does any more."""
        space = self.space
        self.process.kill()
        while any(_namespace(each.name) == space for each in Path("/proc").iterdir() if each.name.isdigit()):
            time.sleep(0.01)

    def freeze(self) -> None:
        """Stop all that runs on it."""
        for each in self.processes:
            os.kill(each, signal.SIGSTOP)

    def wake(self) -> None:
        """Let what runs on it go on."""
        for each in self.processes:
            with suppress(ProcessLookupError):
                os.kill(each, signal.SIGCONT)


def _namespace(pid: str) -> str:
    try:
        return os.readlink(f"/proc/{pid}/ns/pid")
    except OSError:  # it has ended, or is a zombie
        return ""
