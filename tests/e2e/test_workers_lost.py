"""Runs at workers that die, freeze, drain or lose their database: somebody goes on, and nothing is sent twice."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path

import psycopg
import pytest

from nornflow.testing import Fleet
from nornflow.testing.postgres import PostgresServer
from nornflow.testing.simulation import Credentials
from sites import POISON, At, Sites, fleet_of, kill_whole, makes, seen, until

pytestmark = [pytest.mark.e2e, pytest.mark.faults]

ABSENCE = float(os.environ.get("NORNFLOW_TEST_ABSENCE", "2"))
"""Seconds for which the server stays away; 30 in the long tests."""
LINES = Counter(["ntp server 192.0.2.10", "logging host 192.0.2.11"])
PASSWORD = "kX9-only-on-the-worker"
BAD = """
name: bad
version: 1.0
targets: "site == 'ams'"
steps:
  - {id: take, type: nornir.task, task: poison.take, access: read}
  - {id: configure, type: netmiko.config, depends_on: [take], lines: [ntp server 192.0.2.10]}
"""
KILLED = """
import os
import signal

from nornflow.app.services.workers import submitting
from nornflow.cli.main import main

submitting._submitted = lambda *given: os.kill(os.getpid(), signal.SIGKILL)  # it is in the store, and in no queue
main()
"""


@pytest.fixture
def fleet() -> Iterator[Fleet]:
    with fleet_of(["ams", "ams", "fra", "fra"], credentials=Credentials("netops", PASSWORD)) as fleet:
        yield fleet


@pytest.fixture
def made(tmp_path: Path, fleet: Fleet) -> Iterator[Callable[..., Sites]]:
    with makes(tmp_path / "project", fleet) as make:
        yield make


def test_two_sites_with_two_workers_each_over_postgresql(
    made: Callable[..., Sites], fleet: Fleet, server: PostgresServer
) -> None:
    """One worker is killed in the middle of a change, then the database goes away: nothing is sent twice, nobody strays."""
    sites = made(f"store: {{url: '{server.url}'}}\ndurable: {{engine: dbos}}\n", soak=3)
    hosts = sites.project.path / "inventory" / "hosts.yaml"
    inventory = json.loads(hosts.read_text())
    hosts.write_text(json.dumps({name: {**host, "password": None} for name, host in inventory.items()}))
    sites.project.run("db", "upgrade").ok()
    both = sites.leave("both")
    workers = [sites.worker("--site", site, NORNFLOW_PASSWORD=PASSWORD) for site in ("ams", "ams", "fra", "fra")]

    def kill() -> None:
        with psycopg.connect(server.url) as connection:
            ((worker,),) = connection.execute("SELECT worker FROM submissions WHERE place = 'ams'").fetchall()
        kill_whole(next(each for each in workers if f"-{each.pid}-" in worker))

    death = At(fleet, "r1", kill)
    ams, fra = sites.leave("ams"), sites.leave("fra")
    until(lambda: death.at, sites)
    server.stop("immediate")
    time.sleep(ABSENCE)
    server.start()
    sites.ends(ams, seconds=60)
    sites.ends(fra, seconds=60)
    assert all(Counter(sites.written(router)) == LINES for router in ("r1", "r2", "r3", "r4")), sites.logs
    assert sites.state(both) == "queued", "no worker takes runs of several sites"
    told = sites.project.run("runs", "logs", ams).ok().stdout
    assert told.count("run.taken") == told.count("run.resumed") == 1
    sites.project.run("runs", "cancel", both, "--after-device").ok()
    assert sites.state(both) == "cancelled"
    with psycopg.connect(server.url) as connection:
        tables = connection.execute(
            "SELECT table_schema, table_name FROM information_schema.tables WHERE table_schema IN ('public', 'nornflow_durable')"
        ).fetchall()
        assert ("nornflow_durable", "workflow_status") in tables
        for schema, table in tables:
            rows = connection.execute(f'SELECT t::text FROM "{schema}"."{table}" t').fetchall()
            assert not any(PASSWORD in row[0] for row in rows), table
        steps = connection.execute("SELECT t::text FROM nornflow_durable.operation_outputs t").fetchall()
    assert steps
    assert not any("ntp server" in row[0] or "r1" in row[0] for row in steps), "ids and summaries only"


def test_a_killed_workers_run_is_gone_on_with_in_ten_seconds(made: Callable[..., Sites], fleet: Fleet) -> None:
    """Without a second write to any device."""
    sites = made("durable: {engine: dbos}\n")
    workers = [sites.worker("--site", "ams") for _ in range(2)]
    death = At(fleet, "r2", lambda: kill_whole(next(each for each in workers if f"-{each.pid}-" in taker(sites))))
    run = sites.leave("ams")
    sites.ends(run)
    events = map(json.loads, sites.project.run("runs", "logs", run, "--format", "jsonl").ok().stdout.splitlines())
    (resumed,) = [datetime.fromisoformat(each["time"]) for each in events if each["kind"] == "run.resumed"]
    assert (resumed - death.at).total_seconds() < 10, sites.logs
    assert [Counter(sites.written(router)) for router in ("r1", "r2")] == [LINES, LINES]
    (heir,) = [each for each in workers if each.poll() is None]
    heir.terminate()
    assert heir.wait(20) == 0
    assert not seen(sites)["workers"], sites.logs


def taker(sites: Sites) -> str:
    """Return the worker that has taken a run; from the store itself, in the thread of a router."""
    with closing(sqlite3.connect(sites.project.path / ".nornflow" / "nornflow.db")) as connection:
        ((worker,),) = connection.execute("SELECT worker FROM submissions").fetchall()
    return str(worker)


def test_a_worker_drains_and_leaves_what_it_has_no_time_for(made: Callable[..., Sites], fleet: Fleet) -> None:
    """Told to drain it leaves a run between two batches; told once more it leaves it in the middle of one."""
    sites = made(soak=2)
    fleet.fault("r2", "hang", at="logging host")
    first = sites.worker("--site", "ams")
    run = sites.leave("ams")
    until(lambda: sites.written("r1"), sites)
    (worker,) = seen(sites)["workers"]
    assert worker["runs"] == [run]
    sites.project.run("workers", "drain", str(worker["id"])[:-2]).ok()
    assert first.wait(20) == 0, sites.logs
    assert (sites.state(run), sites.written("r2")) == ("running", [])
    second = sites.worker("--site", "ams")
    until(lambda: "logging host" in fleet["r2"].last_command, sites)
    second.terminate()
    until(lambda: "draining" in sites.log(1), sites)
    late = sites.leave("ams")
    second.terminate()
    assert second.wait(20) in (0, 1), "a machine that is busy for ten seconds has it ended by its last resort"
    assert (sites.state(run), sites.state(late)) == ("running", "queued")
    sites.project.run("runs", "cancel", late, "--after-batch").ok()
    fleet.heal("r2")
    sites.worker("--site", "ams")
    sites.ends(run)
    assert Counter(sites.written("r1")) == LINES
    assert sites.project.run("workers", "drain", "nobody").exit_code == 2


def test_a_database_that_answers_nothing_keeps_no_worker_from_its_end(
    made: Callable[..., Sites], server: PostgresServer, fleet: Fleet
) -> None:
    """It is frozen: it takes what is said to it. What the worker started dies with it, and the run is gone on with."""
    sites = made(f"store: {{url: '{server.url}'}}\ndurable: {{engine: dbos}}\n")
    sites.project.run("db", "upgrade").ok()
    fleet.fault("r1", "hang", at="logging host")
    first = sites.worker("--site", "ams")
    run = sites.leave("ams")
    until(lambda: "logging host" in fleet["r1"].last_command, sites)
    server.freeze()
    try:
        first.terminate()
        until(lambda: "taking no further run" in sites.log(0), sites)
        first.terminate()
        assert first.wait(60) in (0, 1), "ended by itself, or by its last resort"
    finally:
        server.wake()
    fleet.heal("r1")
    sites.worker("--site", "ams")
    sites.ends(run, seconds=60)
    assert {each: Counter(sites.written(each)) for each in ("r1", "r2")} == {"r1": LINES, "r2": LINES}


def test_a_run_that_kills_its_process_each_time_is_parked_and_the_rest_goes_on(made: Callable[..., Sites]) -> None:
    sites = made(files={"tasks/poison.py": POISON, "bad.yaml": BAD})
    bad = sites.project.run("run", "bad.yaml", "--yes", "--detach").ok().stdout.strip()
    sites.worker("--site", "ams")
    good = sites.leave("ams")
    sites.ends(good)
    until(lambda: "parked" in sites.log(0), sites)
    assert sites.log(0).count("its process died") == 4, sites.logs  # three times, and the reason of the parking
    (parked,) = [each for each in seen(sites)["waiting"] if each["run"] == bad]
    assert parked["parked"] == "its process died 3 times"
    assert "run.parked" in sites.project.run("runs", "logs", bad).ok().stdout
    assert "parked" in sites.project.run("workers", "list").ok().stdout
    listed = sites.project.run("runs", "list").ok().stdout
    assert f"parked: its process died 3 times\n    nornflow runs resume {bad} --detach" in listed
    assert "cut off" not in listed
    sites.project.run("runs", "resume", bad, "--detach").ok()
    until(lambda: sites.log(0).count("(attempt 1 of 3)") == 2, sites)


def test_who_leaves_a_run_and_who_takes_it_may_both_be_killed(made: Callable[..., Sites], fleet: Fleet) -> None:
    """And a worker of another site takes nothing."""
    sites = made()
    words = [sys.executable, "-c", KILLED, "run", "ams.yaml", "--yes", "--detach"]
    assert subprocess.run(words, cwd=sites.project.path, check=False).returncode == -signal.SIGKILL
    (waiting,) = seen(sites)["waiting"]
    run = str(waiting["run"])
    sites.worker("--site", "fra")
    time.sleep(1.5)
    assert sites.state(run) == "queued"
    first = sites.worker("--site", "ams")
    death = At(fleet, "r1", lambda: kill_whole(first))
    until(lambda: death.at, sites)
    sites.worker("--site", "ams")
    sites.ends(run)
    assert [Counter(sites.written(router)) for router in ("r1", "r2")] == [LINES, LINES]
    cancelled = sites.leave("both")
    sites.project.run("runs", "cancel", cancelled, "--after-device").ok()
    assert sites.state(cancelled) == "cancelled"
    assert sites.project.run("runs", "resume", cancelled, "--detach").exit_code == 2
    assert not sites.written("r3")
