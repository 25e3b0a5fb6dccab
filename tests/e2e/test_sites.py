"""One run whose devices lie at several sites: its owner is one worker, each site's devices are another's, and any may die."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from nornflow.testing import Fleet
from nornflow.testing.postgres import PostgresServer
from nornflow.testing.simulation import Credentials
from sites import At, Sites, below, fleet_of, kill_whole, until

pytestmark = pytest.mark.e2e

LINES = Counter(["ntp server 192.0.2.10", "logging host 192.0.2.11"])
ALL = ("r1", "r2", "r3", "r4")
PASSWORD = "kX9-only-at-the-sites"
MOVES = """
name: moves
version: 1.0
targets: "site in ['ams', 'fra']"
rollout: {batches: [1, 100%]}
on_failure: rollback
steps:
  - {id: configure, type: netmiko.config, backup_before: false, lines: [snmp-server location moved]}
  - {id: verify, type: assert, depends_on: [configure], condition: "host.name != 'r4'"}
"""
TWO = "runner: {processes: 2}\n"
"""Each site's part of a run, and each run that one worker carries, in two processes."""


@pytest.fixture
def fleet() -> Iterator[Fleet]:
    with fleet_of(["ams", "ams", "fra", "fra"], credentials=Credentials("netops", PASSWORD)) as fleet:
        yield fleet


@pytest.fixture
def sites(request: pytest.FixtureRequest, tmp_path: Path, fleet: Fleet) -> Iterator[Sites]:
    """A project whose inventory has no password: only workers that are given one can log in."""
    made = Sites.made(tmp_path / "project", fleet, getattr(request, "param", ""))
    hosts = made.project.path / "inventory" / "hosts.yaml"
    inventory = json.loads(hosts.read_text())
    hosts.write_text(json.dumps({name: {**host, "password": None} for name, host in inventory.items()}))
    try:
        yield made
    finally:
        made.end()


def at(sites: Sites, *names: str) -> list[subprocess.Popen[str]]:
    """Start a worker at each of these sites; whoever takes runs of several sites has no password."""
    return [sites.worker("--site", name, NORNFLOW_PASSWORD=PASSWORD) for name in names]


def parts_of(process: subprocess.Popen[str]) -> list[int]:
    """Return the processes of a worker: each does a run, or a site's part of one, and one is ready for the next."""
    return below(process.pid)


def forked(worker: subprocess.Popen[str]) -> list[int]:
    """Return the processes among which a worker's runs share their devices, in the order of these."""
    return [each for part in parts_of(worker) for zygote in below(part) for each in below(zygote)]


@pytest.mark.parametrize("sites", [TWO], indirect=True)
def test_each_site_changes_its_own_devices_of_one_run(sites: Sites, fleet: Fleet) -> None:
    run = sites.leave("both")
    owner = sites.worker("--runs")
    ams, fra = at(sites, "ams", "fra")
    shared: list[list[int]] = []
    At(fleet, "r4", lambda: shared.extend(map(forked, (owner, ams, fra))))
    sites.ends(run)
    assert list(map(len, shared)) == [0, 2, 2], "each site's part is in two processes"
    assert all(Counter(sites.written(router)) == LINES for router in ALL), sites.logs
    told = sites.project.run("runs", "logs", run).ok().stdout
    assert all(any("host.state" in line and router in line for line in told.splitlines()) for router in ALL), told
    record = json.loads(sites.project.run("runs", "show", run).ok().stdout)
    assert {host["host"]: (host["state"], host["batch"]) for host in record["hosts"]} == {
        router: ("changed", 1 if router == "r1" else 2) for router in ALL
    }
    assert "+ntp server 192.0.2.10" in record["hosts"][3]["diff"]


@pytest.mark.faults
def test_its_database_goes_away_in_the_middle_and_no_secret_is_in_it(
    sites: Sites, fleet: Fleet, server: PostgresServer
) -> None:
    sites.project.write(
        "nornflow.yaml", f"profile: elevated\nstore: {{url: '{server.url}'}}\ndurable: {{engine: dbos}}\n"
    )
    sites.project.run("db", "upgrade").ok()
    for router in fleet:  # the login stands in the configuration, which is read, compared and kept
        router.configure(f"username backup secret {PASSWORD}")
    before = {router.name: len(sites.written(router.name)) for router in fleet}
    sites.worker("--runs")
    at(sites, "ams", "fra")
    away = At(fleet, "r2", lambda: server.stop("immediate"))
    run = sites.leave("both")
    until(lambda: away.at, sites)
    server.start()
    sites.ends(run, seconds=60)
    assert all(Counter(sites.written(router)[before[router] :]) == LINES for router in ALL), sites.logs
    with psycopg.connect(server.url) as connection:
        tables = connection.execute(
            "SELECT table_schema, table_name FROM information_schema.tables WHERE table_schema IN ('public', 'nornflow_durable')"
        ).fetchall()
        for schema, table in tables:
            rows = connection.execute(f'SELECT t::text FROM "{schema}"."{table}" t').fetchall()
            assert not any(PASSWORD in row[0] for row in rows), table


@pytest.mark.faults
@pytest.mark.parametrize("sites", ["", TWO], indirect=True)
def test_a_process_at_a_site_dies_and_the_next_one_settles_what_it_left(sites: Sites, fleet: Fleet) -> None:
    sites.worker("--runs")
    ams, _ = at(sites, "ams", "fra")
    death = At(fleet, "r2", lambda: [os.kill(pid, signal.SIGKILL) for pid in parts_of(ams)])
    run = sites.leave("both")
    sites.ends(run)
    assert death.at
    assert all(Counter(sites.written(router)) == LINES for router in ALL), sites.logs
    assert "a process at site ams died" in sites.project.run("runs", "logs", run).ok().stdout


@pytest.mark.faults
@pytest.mark.parametrize("sites", [TWO], indirect=True)
@pytest.mark.parametrize("workflow", ["ams", "both"])
def test_one_of_the_processes_dies_that_share_devices_and_nobody_minds(
    sites: Sites, fleet: Fleet, workflow: str
) -> None:
    sites.worker("--runs")
    ams, _ = at(sites, "ams", "fra")
    dead: list[int] = []
    death = At(fleet, "r2", lambda: (dead.append(forked(ams)[1]), os.kill(dead[0], signal.SIGKILL)))
    run = sites.leave(workflow)
    sites.ends(run)
    assert death.at
    routers = ALL if workflow == "both" else ALL[:2]
    assert all(Counter(sites.written(router)) == LINES for router in routers), sites.logs
    told = sites.project.run("runs", "logs", run).ok().stdout
    assert f"process {dead[0]} of the run died" in told
    assert not any(each in told for each in ("run.resumed", "a process at site")), "the run went on where it was"


@pytest.mark.faults
@pytest.mark.parametrize("who", ["a site's worker", "the owner"])
def test_a_worker_dies_and_another_goes_on(sites: Sites, fleet: Fleet, who: str) -> None:
    owners = [sites.worker("--runs") for _ in range(2)]
    workers = at(sites, "ams", "ams", "fra")

    def die() -> None:
        wanted = "SELECT worker FROM runs" if who == "the owner" else "SELECT worker FROM shards WHERE site = 'ams'"
        with closing(sqlite3.connect(sites.project.path / ".nornflow" / "nornflow.db")) as connection:
            ((at_work,),) = connection.execute(wanted).fetchall()
        pid = int(at_work.rsplit("-", 2)[1])
        kill_whole(next(each for each in (*owners, *workers) if pid in parts_of(each)))

    death = At(fleet, "r2", die)
    run = sites.leave("both")
    sites.ends(run, seconds=60)
    assert death.at
    assert all(Counter(sites.written(router)) == LINES for router in ALL), sites.logs
    told = sites.project.run("runs", "logs", run).ok().stdout
    assert ("run.resumed" in told) is (who == "the owner")


@pytest.mark.faults
@pytest.mark.parametrize("sites", [TWO], indirect=True)
def test_a_password_that_the_owner_does_not_know_is_nowhere_in_clear_whoever_dies(sites: Sites, fleet: Fleet) -> None:
    """It stands in a line that the change replaces: in pre-images, in the way back, and in what is sent when it is taken."""
    sites.project.write("moves.yaml", MOVES)
    for router in fleet:
        router.configure(f"snmp-server location {PASSWORD}")
    before = {router.name: router.running_config for router in fleet}
    owners = [sites.worker("--runs") for _ in range(2)]
    at(sites, "ams", "fra")

    def die() -> None:
        with closing(sqlite3.connect(sites.project.path / ".nornflow" / "nornflow.db")) as connection:
            ((at_work,),) = connection.execute("SELECT worker FROM runs").fetchall()
        kill_whole(next(each for each in owners if int(at_work.rsplit("-", 2)[1]) in parts_of(each)))
        in_clear.extend(holding(PASSWORD, sites.project.path))

    in_clear: list[Path] = []
    death = At(fleet, "r2", die)
    run = sites.leave("moves")
    sites.ends(run, "rolled_back", seconds=60)
    assert death.at
    assert in_clear == []
    assert {router.name: router.running_config for router in fleet} == before
    assert "snmp-server location moved" in sites.written("r4")
    assert f"snmp-server location {PASSWORD}" in sites.written("r4")
    shown = [sites.project.run("runs", *words).ok().stdout for words in (("show", run), ("logs", run))]
    assert not any(PASSWORD in text for text in shown)
    assert holding(PASSWORD, sites.project.path) == []


def holding(text: str, folder: Path) -> list[Path]:
    """Return the files below a folder that hold a text as it is: those of a SQLite database hold what was deleted, too."""
    return [file for file in folder.rglob("*") if file.is_file() and text.encode() in file.read_bytes()]


@pytest.mark.faults
def test_a_run_of_several_sites_that_is_cancelled_takes_back_what_its_sites_did(sites: Sites, fleet: Fleet) -> None:
    before = {router.name: router.running_config for router in fleet}
    fleet.timing.latency = 0.1
    sites.worker("--runs")
    at(sites, "ams", "fra")
    run = sites.leave("both")
    until(lambda: sites.written("r1"), sites)
    sites.project.run("runs", "cancel", run, "--now-and-roll-back").ok()
    sites.ends(run, "cancelled")
    assert {router.name: router.running_config for router in fleet} == before


@pytest.mark.faults
def test_a_process_at_a_site_that_is_taken_for_dead_or_drained_is_followed(sites: Sites, fleet: Fleet) -> None:
    """It ends by itself and in order; the run must not wait for what it does not do any more, and loses nothing by it."""
    slow = (sites.project.path / "both.yaml").read_text().replace("soak: 0", "soak: 3")
    sites.project.write("both.yaml", slow)
    sites.worker("--runs")
    first, _ = at(sites, "ams", "fra")
    run = sites.leave("both")
    until(lambda: len(sites.written("r1")) == 2, sites)

    def at_work() -> str:
        with closing(sqlite3.connect(sites.project.path / ".nornflow" / "nornflow.db")) as connection:
            ((worker,),) = connection.execute("SELECT worker FROM shards WHERE site = 'ams'").fetchall()
            return str(worker)

    before = at_work()
    with closing(sqlite3.connect(sites.project.path / ".nornflow" / "nornflow.db", timeout=30)) as connection:
        connection.execute("UPDATE workers SET state = 'gone' WHERE id = ?", (before,))
        connection.commit()
    until(lambda: at_work() not in ("", before), sites)
    at(sites, "ams")
    first.terminate()
    assert first.wait(20) == 0, sites.logs
    sites.ends(run)
    assert all(Counter(sites.written(router)) == LINES for router in ALL), sites.logs


@pytest.mark.faults
def test_what_a_process_cuts_off_that_was_taken_for_dead_is_no_outcome(sites: Sites, fleet: Fleet) -> None:
    """Whoever follows it settles the device by reading; until then nobody concludes anything."""
    fleet.fault("r1", "hang", at="logging host")
    sites.worker("--runs")
    at(sites, "ams", "fra")
    run = sites.leave("both")
    until(lambda: "logging host" in fleet["r1"].last_command, sites)
    with closing(sqlite3.connect(sites.project.path / ".nornflow" / "nornflow.db", timeout=30)) as connection:
        connection.execute(
            "UPDATE workers SET state = 'gone' WHERE id = (SELECT worker FROM shards WHERE site = 'ams')"
        )
        connection.commit()
    until(lambda: "taken for dead" in sites.log(1), sites)
    fleet.heal("r1")
    sites.ends(run)
    assert all(Counter(sites.written(router)) == LINES for router in ALL), sites.logs


def test_a_site_without_a_worker_is_waited_for_and_said(sites: Sites) -> None:
    sites.worker("--runs")
    at(sites, "ams")
    run = sites.leave("both")
    until(lambda: "no worker of site fra has begun yet" in sites.project.run("runs", "logs", run).stdout, sites)
    assert sites.state(run) == "planning"
    assert not any(sites.written(router) for router in ALL)
    assert "its part at site fra  no worker takes these" in sites.project.run("workers", "list").ok().stdout
    again = sites.project.run("run", "both.yaml", "--yes", "--detach").ok()
    assert "no worker is there for site fra; the run waits for one" in again.stderr
    sites.project.run("runs", "cancel", again.stdout.strip(), "--now-and-roll-back").ok()
    at(sites, "fra")
    sites.ends(run)


@pytest.mark.faults
def test_a_worker_whose_inventory_has_a_device_elsewhere_does_nothing_on_it(
    sites: Sites, fleet: Fleet, tmp_path: Path
) -> None:
    """The owner counts r2 to its site, the worker there does not: what it says of r2 is another thing, and was not compared."""
    other = Path(shutil.copytree(sites.project.path, tmp_path / "other"))
    hosts = other / "inventory" / "hosts.yaml"
    inventory = json.loads(hosts.read_text())
    inventory["r2"]["data"]["site"] = "fra"
    hosts.write_text(json.dumps(inventory))
    store = {"NORNFLOW_STORE__URL": f"sqlite:///{sites.project.path}/.nornflow/nornflow.db"}
    sites.worker("--runs")
    sites.worker("--site", "ams", folder=other, NORNFLOW_PASSWORD=PASSWORD, **store)
    at(sites, "fra")
    run = sites.leave("both")
    sites.ends(run, "failed")
    record = json.loads(sites.project.run("runs", "show", run).ok().stdout)
    assert "its inventory has no r2 at this site" in json.dumps(record["hosts"]), record["hosts"]
    assert sites.written("r2") == []
