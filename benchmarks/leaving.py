"""Leaving runs to workers: the processes of workers, and the time from the start of the command to the end of the run."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import text

from nornflow.store.opening import open_engine

NORNFLOW = [sys.executable, "-m", "nornflow"]
LONGEST = 600.0
"""Seconds after which a run is given up."""
LOOK = 0.02


@contextmanager
def worker(project: Path, *words: str) -> Iterator[None]:
    """Have a worker there as long as the `with` lasts."""
    with (project / f"worker{'-'.join(words)}.log").open("w+") as log:
        process = subprocess.Popen([*NORNFLOW, "worker", *words], cwd=project, stderr=log)
        try:
            while "takes runs" not in Path(log.name).read_text():
                assert process.poll() is None, Path(log.name).read_text()
                time.sleep(LOOK)
            yield
        finally:
            process.terminate()
            process.wait(30)


def left(project: Path, url: str, workflow: str, *words: str) -> tuple[str, float]:
    """Leave a run to the workers; its id, and the seconds until the store (an empty URL: the workspace's) has its end."""
    began = time.perf_counter()
    run = said(project, "run", f"{workflow}.yaml", "--yes", "--detach", *words).strip()
    engine = open_engine(url, project / ".nornflow")
    ask = text("SELECT state, completed_at FROM runs WHERE id = :run")
    try:
        while time.perf_counter() - began < LONGEST:
            with engine.connect() as connection:
                state, ended = connection.execute(ask, {"run": run}).one()
            if ended is not None:
                assert state == "succeeded", state
                return run, time.perf_counter() - began
            time.sleep(LOOK)
    finally:
        engine.dispose()
    raise AssertionError(f"run {run} did not end")


def record(project: Path, run: str) -> dict[str, Any]:
    """Return the record of a run, as `runs show` gives it."""
    found: dict[str, Any] = json.loads(said(project, "runs", "show", run, "--format", "json"))
    return found


def said(project: Path, *words: str) -> str:
    """Return what a command of ours prints; it has to end with 0."""
    done = subprocess.run([*NORNFLOW, *words], cwd=project, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
