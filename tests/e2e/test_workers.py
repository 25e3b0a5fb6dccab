"""Runs that are left to workers of their sites: who takes them, who goes on when a worker dies, and what nobody takes."""

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
from contextlib import closing, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest

from nornflow.app.services import submitting
from nornflow.testing import Fleet
from nornflow.testing.simulation import Credentials
from postgres import PostgresServer
from sites import At, Sites, fleet_of, until

pytestmark = pytest.mark.e2e

ABSENCE = float(os.environ.get("NORNFLOW_TEST_ABSENCE", "2"))
"""Seconds for which the server stays away; 30 in the long tests."""
LINES = Counter(["ntp server 192.0.2.10", "logging host 192.0.2.11"])
PASSWORD = "kX9-only-on-the-worker"
POISON = """
import os
import signal

from nornir.core.task import Result, Task


def take(task: Task) -> Result:
    os.kill(os.getpid(), signal.SIGKILL)
"""
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

from nornflow.app.services import submitting
from nornflow.cli.main import main

submitting._submitted = lambda *given: os.kill(os.getpid(), signal.SIGKILL)  # it is in the store, and in no queue
main()
"""
WAITER = """
name: waiter
version: 1.0
targets: "site == 'ams'"
steps:
  - {id: go, type: wait, signal: go}
  - {id: look, type: netmiko.command, depends_on: [go], command: show version}
"""


@pytest.fixture
def fleet() -> Iterator[Fleet]:
    with fleet_of(["ams", "ams", "fra", "fra"], credentials=Credentials("netops", PASSWORD)) as fleet:
        yield fleet


@pytest.fixture
def made(tmp_path: Path, fleet: Fleet) -> Iterator[Callable[..., Sites]]:
    found: list[Sites] = []

    def make(*given: object, **options: object) -> Sites:
        found.append(Sites.made(tmp_path / "project", fleet, *given, **options))  # type: ignore[arg-type]
        return found[-1]

    yield make
    for sites in found:
        sites.end()


@pytest.mark.faults
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
        next(each for each in workers if f"-{each.pid}-" in worker).kill()

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


def seen(sites: Sites) -> dict[str, list[dict[str, Any]]]:
    return dict(json.loads(sites.project.run("workers", "list", "--format", "json").ok().stdout))


@pytest.mark.faults
def test_a_killed_workers_run_is_gone_on_with_in_ten_seconds(made: Callable[..., Sites], fleet: Fleet) -> None:
    """Without a second write to any device."""
    sites = made("durable: {engine: dbos}\n")
    workers = [sites.worker("--site", "ams") for _ in range(2)]
    death = At(fleet, "r2", lambda: next(each for each in workers if f"-{each.pid}-" in taker(sites)).kill())
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


@pytest.mark.faults
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
    assert second.wait(20) == 0
    assert (sites.state(run), sites.state(late)) == ("running", "queued")
    sites.project.run("runs", "cancel", late, "--after-batch").ok()
    fleet.heal("r2")
    sites.worker("--site", "ams")
    sites.ends(run)
    assert Counter(sites.written("r1")) == LINES
    assert sites.project.run("workers", "drain", "nobody").exit_code == 2


def test_a_run_that_waited_goes_on_by_itself_on_a_worker(made: Callable[..., Sites], fleet: Fleet) -> None:
    """Whether it was left to workers or begun at a terminal; while it waits no process is there for it."""
    sites = made(files={"waiter.yaml": WAITER})
    sites.worker("--site", "ams")
    left = sites.project.run("run", "waiter.yaml", "--detach").ok().stdout.strip()
    begun = sites.project.run("run", "waiter.yaml")
    assert begun.exit_code == 4, begun.stderr
    until(lambda: {sites.state(each) for each in runs_of(sites)} == {"waiting"}, sites)
    (worker,) = seen(sites)["workers"]
    assert worker["runs"] == []
    (other,) = set(runs_of(sites)) - {left}
    for run in (left, other):
        sites.project.run("runs", "signal", run, "go").ok()
        sites.ends(run)


def runs_of(sites: Sites) -> list[str]:
    return [str(run["id"]) for run in json.loads(sites.project.run("runs", "list", "--format", "json").ok().stdout)]


@pytest.mark.faults
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
    sites.project.run("runs", "resume", bad, "--detach").ok()
    until(lambda: sites.log(0).count("(attempt 1 of 3)") == 2, sites)


@pytest.mark.faults
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
    death = At(fleet, "r1", first.kill)
    until(lambda: death.at, sites)
    sites.worker("--site", "ams")
    sites.ends(run)
    assert [Counter(sites.written(router)) for router in ("r1", "r2")] == [LINES, LINES]
    cancelled = sites.leave("both")
    sites.project.run("runs", "cancel", cancelled, "--after-device").ok()
    assert sites.state(cancelled) == "cancelled"
    assert sites.project.run("runs", "resume", cancelled, "--detach").exit_code == 2
    assert not sites.written("r3")


def test_a_worker_with_other_versions_takes_nothing_and_that_is_said(
    made: Callable[..., Sites], monkeypatch: pytest.MonkeyPatch
) -> None:
    sites = made()
    monkeypatch.setattr(submitting, "versions", lambda project: {"nornflow-netops": "9.9"})
    run = sites.leave("ams")
    sites.worker("--site", "ams")
    time.sleep(1.5)
    assert sites.state(run) == "queued"
    (waiting,) = seen(sites)["waiting"]
    assert "nornflow-netops 9.9 is wanted" in str(waiting["why"])
    refused = sites.project.run("run", "ams.yaml", "--yes", "--detach")
    assert refused.exit_code == 2
    assert "no worker for site ams has the versions" in refused.stderr
    monkeypatch.undo()
    sites.project.run("runs", "resume", run, "--detach").ok()
    sites.ends(run)


def test_a_sealed_plan_is_left_to_a_worker(made: Callable[..., Sites], fleet: Fleet) -> None:
    """What has drifted since is left alone there too, and nothing else than the plan's lines is sent."""
    sites = made()
    plan = str(sites.project.path / "plan.json")
    sites.project.run("plan", "ams.yaml", "-o", plan).ok()
    fleet["r2"].configure("snmp-server contact somebody")
    refused = sites.project.run("apply", plan, "--detach")
    assert (refused.exit_code, "say --yes" in refused.stderr) == (2, True)
    run = sites.project.run("apply", plan, "--detach", "--yes", "--format", "json").ok().json()["run"]
    sites.worker("--site", "ams")
    sites.ends(run, "failed")
    states = {host["host"]: host["state"] for host in sites.project.run("runs", "show", run).ok().json()["hosts"]}
    assert states == {"r1": "changed", "r2": "stale"}
    assert (Counter(sites.written("r1")), sites.written("r2")) == (LINES, [])


def test_nobody_can_be_asked(made: Callable[..., Sites]) -> None:
    sites = made()
    refused = sites.project.run("run", "ams.yaml", "--detach")
    assert (refused.exit_code, "--yes" in refused.stderr) == (2, True)
    assert sites.project.run("worker").exit_code == 2
    assert sites.project.run("worker", "--site", "a b").exit_code == 2
    assert sites.project.run("run", "ams.yaml", "--detach", "--yes", "--workers", "3").exit_code == 2
    sites.project.write("nornflow.yaml", "profile: elevated\nstore: {url: none}\n")
    refused = sites.project.run("run", "ams.yaml", "--detach", "--yes")
    assert (refused.exit_code, "without a store" in refused.stderr) == (2, True)


@pytest.mark.faults
def test_a_frozen_worker_loses_its_run_and_sends_nothing_more(made: Callable[..., Sites], fleet: Fleet) -> None:
    """By SIGSTOP, in the middle of a change: after fifteen seconds another one goes on, and the first finds itself lost."""
    sites = made()
    first = sites.worker("--site", "ams")
    fleet.fault("r1", "hang", at="logging host")
    run = sites.leave("ams")
    until(lambda: "logging host" in fleet["r1"].last_command, sites)
    with closing(sqlite3.connect(sites.project.path / ".nornflow" / "nornflow.db")) as connection:
        pids = [row[0] for row in connection.execute("SELECT pid FROM workers")]
    assert first.pid in pids
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    fleet.heal("r1")
    sites.worker("--site", "ams")
    sites.ends(run, seconds=60)
    before = {router: sites.written(router) for router in ("r1", "r2")}
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)
    assert first.wait(20) == 1
    assert "taken for dead" in sites.log(0)
    assert {router: sites.written(router) for router in ("r1", "r2")} == before
    assert Counter(before["r2"]) == LINES


def test_a_worker_ends_when_the_store_is_upgraded_under_it_and_parks_nothing(made: Callable[..., Sites]) -> None:
    sites = made()
    worker = sites.worker("--site", "ams")
    with closing(sqlite3.connect(sites.project.path / ".nornflow" / "nornflow.db")) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = 'newer_9999'")
    assert worker.wait(20) == 1
    assert "newer_9999, which this NornFlow does not know" in sites.log(0)


def test_what_keeps_a_run_from_going_on_is_said(made: Callable[..., Sites]) -> None:
    """And what a worker cannot do at all does not look as if it had died of it."""
    sites = made()
    run = sites.leave("ams")
    sites.project.write("nornflow.yaml", "profile: restricted\n")
    sites.worker("--site", "ams")
    until(lambda: "parked" in sites.log(0), sites)
    (parked,) = seen(sites)["waiting"]
    assert parked["run"] == run
    assert "the profile: it was elevated and would be restricted" in str(parked["parked"])
