"""Very many hosts of two sites, left to two workers over PostgreSQL: from the start of the command to the end of the run.

`python benchmarks/sites.py [--hosts 10000] [--runs 3]`, with each durable engine. One worker takes what is at one site, and owns
runs of several sites; the other one takes what is at the other site. The task does nothing but tell its process.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

from leaving import left, record, said, worker
from projects import OURS, write_many_hosts, write_project

from nornflow.testing.postgres import postgres_server

TASK = """
    import os

    from nornir.core.task import Result, Task


    def nothing(task: Task) -> Result:
        return Result(host=task.host, result=os.getpid())
    """
SITES = ("ams", "fra")


def prove(project: Path, run: str, hosts: int) -> None:
    """Find every host in the record of a run, done, those of each site by a process of their own; AssertionError."""
    found = record(project, run)
    assert Counter(host["state"] for host in found["hosts"]) == {"ok": hosts}, found["error"]
    (step,) = found["steps"]
    by = {site: Counter[int]() for site in SITES}
    for host, result in step["hosts"].items():
        by[SITES[int(host[1:]) // 2 % len(SITES)]][result["outputs"]["result"]] += 1
    assert [sum(processes.values()) for processes in by.values()] == [hosts // 2] * 2, by
    assert [len(processes) for processes in by.values()] == [1, 1], by
    assert not set(by["ams"]) & set(by["fra"]), by


def main() -> None:
    """Print medians as JSON, in seconds."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--hosts", type=int, default=10_000)
    parser.add_argument("--runs", type=int, default=3)
    given = parser.parse_args()
    found: dict[str, float] = {}
    with tempfile.TemporaryDirectory(prefix="nornflow-bench-") as name:
        base = Path(name)
        inventory = write_many_hosts(base / "many", given.hosts, SITES)
        for engine in ("inline", "dbos"):
            with postgres_server() as server, ExitStack() as workers:
                project = write_project(base / engine, {**OURS, "tasks/nothing.py": TASK}, inventory)
                with (project / "nornflow.yaml").open("a") as settings:
                    settings.write(f"store: {{url: '{server.url}'}}\ndurable: {{engine: {engine}}}\n")
                said(project, "db", "upgrade")
                workers.enter_context(worker(project, "--site", "ams", "--runs"))
                workers.enter_context(worker(project, "--site", "fra"))
                times = []
                for _ in range(given.runs + 1):
                    run, seconds = left(project, server.url, "noop")
                    prove(project, run, given.hosts)
                    times.append(seconds)
            found[f"{engine} s"] = statistics.median(times[1:])  # the first turn does not count
    print(json.dumps({name: round(value, 2) for name, value in found.items()}))


if __name__ == "__main__":
    main()
