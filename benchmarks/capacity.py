"""What one run costs for each device, and what it writes, at growing sizes: the figures of docs/how-to/scale-out.md.

`python benchmarks/capacity.py [--hosts 100 1000 10000] [--routers 100]`: hosts with nothing to do, and simulated routers that
are shown and changed, by one process over each store; hosts also by two workers over PostgreSQL, whose heartbeats are
counted as well. Rows, commits, bytes and log are what PostgreSQL's own statistics say (its documentation, "The Cumulative
Statistics System"); of SQLite rows and bytes are what is there afterwards.
"""

from __future__ import annotations

import argparse
import os
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import psycopg
from contenders import our_run
from leaving import left, record, said, worker
from measuring import Failed, measure
from projects import OURS, write_many_hosts, write_project
from run import fleet

from nornflow.testing.postgres import postgres_server

SITES = ("ams", "fra")
COLUMNS = "{:<12} {:<13} {:<12} {:>7} {:>7} {:>9} {:>9} {:>8} {:>7} {:>8} {:>8} {:>8} {:>8}"
HEADS = (
    *("store", "work", "by", "devices", "wall s", "devices/s", "CPU ms/d", "peak MB"),
    *("rows/d", "commits", "KB/d", "log KB/d", "files/d"),
)
FLUSHED = 2.5
"""Seconds until the statistics of PostgreSQL know what an idle session did: it tells them once a second."""


@dataclass(frozen=True, slots=True)
class Written:
    """What a store had been given up to a moment: rows (inserted, changed, deleted), commits, bytes on disk, bytes of log."""

    rows: int
    commits: int
    size: int
    log: int

    def since(self, earlier: Written) -> Written:
        """Return what was written after an earlier moment."""
        pairs = ((getattr(self, name), getattr(earlier, name)) for name in Written.__slots__)
        return Written(*(now - then for now, then in pairs))


class Store(Protocol):
    """A store whose writes are counted."""

    name: str
    url: str

    def written(self, project: Path) -> Written:
        """Return what it has been given up to now."""
        ...


class Sqlite:
    """The file in the project's workspace; it counts no commits, and its log is gone when the last process ends."""

    name, url = "SQLite", ""

    def written(self, project: Path) -> Written:
        """Return how many rows there are, and the size of the file."""
        file = project / ".nornflow" / "nornflow.db"
        if not file.exists():
            return Written(0, 0, 0, 0)
        with closing(sqlite3.connect(file)) as connection:
            names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            rows = sum(connection.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for name in names)
        return Written(rows, 0, file.stat().st_size, 0)


class Postgres:
    """A server that somebody else started."""

    name = "PostgreSQL"

    def __init__(self, url: str) -> None:
        self.url = url

    def written(self, project: Path) -> Written:
        """Return what the server's statistics say of our tables."""
        time.sleep(FLUSHED)
        ask = """
            SELECT (SELECT sum(n_tup_ins + n_tup_upd + n_tup_del) FROM pg_stat_user_tables),
                   (SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()),
                   pg_database_size(current_database()),
                   pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')
            """
        with psycopg.connect(self.url) as connection:
            rows, commits, size, log = connection.execute(ask).fetchone() or (0, 0, 0, 0)
        return Written(int(rows), int(commits), int(size), int(log))


def made(folder: Path, store: Store, inventory: Path) -> Path:
    """Write a project over a store, with its schema."""
    project = write_project(folder, OURS, inventory)
    with (project / "nornflow.yaml").open("a") as settings:
        settings.write(f"store: {{url: '{store.url}'}}\n")
    said(project, "db", "upgrade")
    return project


def one_process(store: Store, project: Path, workflow: str, devices: int, number: int) -> str:
    """Run a workflow in one process and return its line; Failed when a device was not done, or was like that before."""
    contender = our_run(project, workflow, devices, numbered=workflow == "configure")
    before, files = store.written(project), _files(project)
    run = measure(contender.words(number), project, os.environ)
    wrong = contender.proof(run) if run.exit_code == 0 else run.output
    if wrong:
        raise Failed(f"{store.name}, {workflow}, {devices}: {wrong}")
    written = store.written(project).since(before)
    cpu, peak = f"{run.cpu / devices * 1000:.1f}", f"{run.peak:.0f}"
    files = _files(project) - files
    return _line((store.name, workflow, "one process"), devices, run.wall, (cpu, peak), written, files)


def two_workers(store: Store, project: Path, devices: int) -> str:
    """Leave hosts with nothing to do to a worker of each site and return the line."""
    with ExitStack() as workers:
        workers.enter_context(worker(project, "--site", "ams", "--runs"))
        workers.enter_context(worker(project, "--site", "fra"))
        before, files = store.written(project), _files(project)
        run, wall = left(project, store.url, "noop")
        written = store.written(project).since(before)
    done = sum(host["state"] == "ok" for host in record(project, run)["hosts"])
    if done != devices:
        raise Failed(f"two workers: {done} of {devices} devices are done")
    files = _files(project) - files
    return _line((store.name, "noop", "two workers"), devices, wall, ("-", "-"), written, files)


def _line(
    what: tuple[str, str, str], devices: int, wall: float, cost: tuple[str, str], written: Written, files: int
) -> str:
    rate = f"{devices / wall:.0f}"
    each = (written.size / devices / 1000, written.log / devices / 1000, files / devices / 1000)
    rows, commits = f"{written.rows / devices:.2f}", str(written.commits or "-")
    sizes = [f"{size:.2f}" for size in each]
    return COLUMNS.format(*what, devices, f"{wall:.2f}", rate, *cost, rows, commits, *sizes)


def _files(project: Path) -> int:
    """Return the bytes of the workspace's files beside those of the database."""
    files = (file for file in (project / ".nornflow").rglob("*") if file.is_file())
    return sum(file.stat().st_size for file in files if not file.name.startswith("nornflow.db"))


def lines(base: Path, hosts: list[int], routers: list[int]) -> Iterator[str]:
    """Yield the line of each run."""
    with postgres_server() as server:
        stores: tuple[Store, ...] = (Sqlite(), Postgres(server.url))
        for count in hosts:
            inventory = write_many_hosts(base / f"hosts-{count}", count, SITES)
            for store in stores:
                project = made(base / f"{store.name}-{count}", store, inventory)
                yield one_process(store, project, "noop", count, 0)
            yield two_workers(store, project, count)  # the last one's
        for count in routers:
            with fleet(base / f"lab-{count}", count) as inventory:
                for number, store in enumerate(stores):
                    project = made(base / f"{store.name}-routers-{count}", store, inventory)
                    for workflow in ("show-version", "configure"):
                        yield one_process(store, project, workflow, count, number)


def main() -> None:
    """Print the table, a line for each run as soon as it has ended."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--hosts", type=int, nargs="*", default=[100, 1000, 10_000])
    parser.add_argument("--routers", type=int, nargs="*", default=[100])
    given = parser.parse_args()
    print(COLUMNS.format(*HEADS), flush=True)
    with tempfile.TemporaryDirectory(prefix="nornflow-bench-") as name:
        for line in lines(Path(name), given.hosts, given.routers):
            print(line, flush=True)


if __name__ == "__main__":
    main()
