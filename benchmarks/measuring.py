"""Measuring whole processes: wall time, CPU time of the process and all its children, and peak memory."""

from __future__ import annotations

import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_END = 2000  # bytes of the output that are kept


class Failed(Exception):
    """Somebody did not do its work, so there is nothing to compare."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One process from its start to its end: `wall` and `cpu` (user + system) in seconds, `peak` in MB, and its last words."""

    wall: float
    cpu: float
    peak: float
    exit_code: int
    output: str


@dataclass(frozen=True, slots=True)
class Summary:
    """The medians of several runs of one contender."""

    wall: float
    cpu: float
    peak: float
    runs: int


def measure(words: Sequence[str], folder: Path, environment: Mapping[str, str]) -> Measured:
    """Run a command in a folder to its end; standard output and error go to a file, as in a pipeline.

    The kernel counts the memory of the process that starts another one as the other's, so this one has to stay small:
    only the end of the output is read.
    """
    with tempfile.TemporaryFile() as output:
        began = time.perf_counter()
        process = subprocess.Popen(
            words, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
        )
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(max(0, output.tell() - _END))
        said = output.read().decode("utf-8", "replace")
    return Measured(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, process.returncode, said)


def summary(runs: Sequence[Measured]) -> Summary:
    """Return the medians of the runs."""
    return Summary(
        wall=statistics.median(run.wall for run in runs),
        cpu=statistics.median(run.cpu for run in runs),
        peak=statistics.median(run.peak for run in runs),
        runs=len(runs),
    )


def ratios(ours: Sequence[Measured], theirs: Sequence[Measured]) -> dict[str, float]:
    """Return ours divided by theirs, as medians over the pairs that ran one after the other.

    Pairs stand next to each other in time, so that a machine that slows down for a while slows both down.
    """
    pairs = list(zip(ours, theirs, strict=True))
    return {
        name: statistics.median(getattr(a, name) / getattr(b, name) for a, b in pairs if getattr(b, name))
        for name in ("wall", "cpu", "peak")
    }
