"""Starts the processes of a pipeline's runs: each its own interpreter, its own session and its own log."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from nornflow.abc import Starter
from nornflow.errors import StoreError
from nornflow.store.folders import made

PATIENCE = 10.0
"""Seconds that a process gets to end whose run has ended."""


class ProcessStarter(Starter):
    """Starts `nornflow pipeline work` in the project's folder, with the options that every run of the pipeline has.

    The processes have a session of their own: Ctrl-C at the terminal reaches who leads the pipeline alone, and they live
    on when that one dies. `logs` is where each writes what it says.
    """

    def __init__(
        self,
        project: Path,
        logs: Path,
        options: Sequence[str],
        spawn: Callable[..., subprocess.Popen[bytes]] = subprocess.Popen,
    ) -> None:
        self._project = project
        self._logs = logs
        self._options = tuple(options)
        self._spawn = spawn
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, pipeline: str, entry: str, run: str, attempt: int) -> None:
        """Start a process for a run; StoreError when that is not possible."""
        words = ("work", pipeline, entry, run)
        self._processes[run] = self._started(f"{entry}-{attempt}.log", f"run {run}", pipeline, words)

    def lead(self, pipeline: str) -> None:
        """Start a process that leads the pipeline, and leave it alone; StoreError when that is not possible."""
        process = self._started("lead.log", f"pipeline {pipeline}", pipeline, ("resume", pipeline))
        process.returncode = 0  # nobody here waits for it

    def _started(self, log: str, what: str, pipeline: str, words: Sequence[str]) -> subprocess.Popen[bytes]:
        # -P: the project's folder holds no modules of this process
        command = [sys.executable, "-P", "-m", "nornflow", "pipeline", *words, *self._options]
        try:
            made(self._logs)
            # for its owner alone, as what stands on a screen is
            descriptor = os.open(self._logs / log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            with os.fdopen(descriptor, "ab") as output:
                return self._spawn(
                    command,
                    cwd=self._project,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
        except OSError as error:
            raise StoreError(
                f"no process could be started for {what}: {error.strerror or error}",
                hint=f"nornflow pipeline resume {pipeline} tries again",
            ) from error

    def is_there(self, run: str) -> bool:
        """Tell whether the process of a run is still there."""
        process = self._processes.get(run)
        return process is not None and process.poll() is None

    def stop(self, run: str) -> None:
        """Kill the process of a run that has not begun."""
        process = self._processes.get(run)
        if process is not None:
            process.kill()
            process.wait()

    def close(self, patience: float = PATIENCE) -> None:
        """Wait for processes whose runs have ended; one that hangs is left alone."""
        for process in self._processes.values():
            with suppress(subprocess.TimeoutExpired):
                process.wait(patience)
