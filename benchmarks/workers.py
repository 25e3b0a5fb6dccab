"""What it costs to leave a run to a worker: the same change run here, and left to a worker that is there already.

`python benchmarks/workers.py [--routers 100] [--runs 5]`, over SQLite, with each durable engine. The time is from the start
of the command to the end of the run, by the store.
"""

from __future__ import annotations

import argparse
import json
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from projects import OURS, write_project
from run import fleet

NORNFLOW = [sys.executable, "-m", "nornflow"]
LONGEST = 120.0


def here(project: Path, number: int) -> float:
    """Run the change in the process that is started for it; seconds until its end."""
    began = time.perf_counter()
    words = ["run", "configure.yaml", "-i", f"number={number}", "--yes", "--format", "json"]
    done = subprocess.run([*NORNFLOW, *words], cwd=project, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["state"] == "succeeded"
    return time.perf_counter() - began


def left(project: Path, number: int) -> float:
    """Leave the change to the worker; seconds until the store has its end."""
    began = time.perf_counter()
    words = ["run", "configure.yaml", "-i", f"number={number}", "--yes", "--detach"]
    done = subprocess.run([*NORNFLOW, *words], cwd=project, capture_output=True, text=True, check=True)
    run = done.stdout.strip()
    with closing(sqlite3.connect(project / ".nornflow" / "nornflow.db")) as connection:
        while time.perf_counter() - began < LONGEST:
            state, ended = connection.execute("SELECT state, completed_at FROM runs WHERE id = ?", (run,)).fetchone()
            if ended is not None:
                assert state == "succeeded", state
                return time.perf_counter() - began
            time.sleep(0.02)
    raise AssertionError(f"run {run} did not end")


@contextmanager
def worker(project: Path) -> Iterator[None]:
    """Have a worker there as long as the `with` lasts."""
    process = subprocess.Popen([*NORNFLOW, "worker", "--runs"], cwd=project, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr is not None
        assert "takes runs" in process.stderr.readline()
        yield
    finally:
        process.terminate()
        process.wait(30)


def main() -> None:
    """Print medians and the ratio as JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--routers", type=int, default=100)
    parser.add_argument("--runs", type=int, default=5)
    given = parser.parse_args()
    found: dict[str, float] = {}
    with tempfile.TemporaryDirectory(prefix="nornflow-bench-") as name:
        base = Path(name)
        with fleet(base / "lab", given.routers) as inventory:
            for engine in ("inline", "dbos"):
                project = write_project(base / engine, OURS, inventory)
                with (project / "nornflow.yaml").open("a") as settings:
                    # the routers belong to no site: one worker does all of them
                    settings.write(f"durable: {{engine: {engine}}}\nsites: {{key: nowhere}}\n")
                with worker(project):
                    left(project, 0)  # the first turn does not count
                    pairs = [(here(project, 2 * n + 1), left(project, 2 * n + 2)) for n in range(given.runs)]
                found[f"{engine}: here s"] = statistics.median(pair[0] for pair in pairs)
                found[f"{engine}: left to a worker s"] = statistics.median(pair[1] for pair in pairs)
                found[f"{engine}: ratio"] = statistics.median(pair[1] / pair[0] for pair in pairs)
    print(json.dumps({name: round(value, 2) for name, value in found.items()}))


if __name__ == "__main__":
    main()
