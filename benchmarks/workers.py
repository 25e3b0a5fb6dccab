"""What it costs to leave a run to a worker: the same change run here, and left to a worker that is there already.

`python benchmarks/workers.py [--routers 100] [--runs 5]`, over SQLite, with each durable engine. The time is from the start
of the command to the end of the run, by the store.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path

from leaving import left, said, worker
from projects import OURS, write_project
from run import fleet


def here(project: Path, number: int) -> float:
    """Run the change in the process that is started for it; seconds until its end."""
    began = time.perf_counter()
    done = said(project, "run", "configure.yaml", "-i", f"number={number}", "--yes", "--format", "json")
    assert json.loads(done)["state"] == "succeeded"
    return time.perf_counter() - began


def there(project: Path, number: int) -> float:
    """Leave the change to the worker; seconds until the store has its end."""
    _, seconds = left(project, "", "configure", "-i", f"number={number}")
    return seconds


def main() -> None:
    """Print medians and ratios as JSON."""
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
                with worker(project, "--runs"):
                    there(project, 0)  # the first turn does not count
                    pairs = [(here(project, 2 * n + 1), there(project, 2 * n + 2)) for n in range(given.runs)]
                found[f"{engine}: here s"] = statistics.median(pair[0] for pair in pairs)
                found[f"{engine}: left s"] = statistics.median(pair[1] for pair in pairs)
                found[f"{engine}: ratio"] = statistics.median(pair[1] / pair[0] for pair in pairs)
    print(json.dumps({name: round(value, 2) for name, value in found.items()}))


if __name__ == "__main__":
    main()
