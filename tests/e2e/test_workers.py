"""Runs that are left to workers of their sites: who takes them, who goes on with them, and what nobody takes."""

from __future__ import annotations

import json
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from nornflow.app.services.workers import submitting
from nornflow.testing import Fleet
from sites import Sites, fleet_of, makes, seen, until

pytestmark = pytest.mark.e2e

LINES = Counter(["ntp server 192.0.2.10", "logging host 192.0.2.11"])

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
    with fleet_of(["ams", "ams", "fra", "fra"]) as fleet:
        yield fleet


@pytest.fixture
def made(tmp_path: Path, fleet: Fleet) -> Iterator[Callable[..., Sites]]:
    with makes(tmp_path / "project", fleet) as make:
        yield make


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


def test_a_worker_with_other_versions_takes_nothing_and_that_is_said(
    made: Callable[..., Sites], monkeypatch: pytest.MonkeyPatch
) -> None:
    sites = made()
    monkeypatch.setattr(submitting, "demands", lambda project: {"nornflow-netops": "9.9"})
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
    for about_here in (("--workers", "3"), ("--format", "junit")):
        assert sites.project.run("run", "ams.yaml", "--detach", "--yes", *about_here).exit_code == 2
    sites.project.write("nornflow.yaml", "profile: elevated\nstore: {url: none}\n")
    refused = sites.project.run("run", "ams.yaml", "--detach", "--yes")
    assert (refused.exit_code, "without a store" in refused.stderr) == (2, True)


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
