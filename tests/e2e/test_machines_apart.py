"""Workers on machines that share a database and nothing else: each has the project, and a workspace of its own."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from nornflow.store.blobs import LIMIT
from nornflow.testing import Fleet
from nornflow.testing.postgres import PostgresServer
from nornflow.testing.simulation import Credentials
from sites import At, Sites, fleet_of, seen, until

pytestmark = [pytest.mark.e2e, pytest.mark.faults]

PASSWORD = "kX9-only-at-the-sites"
KEY = "c2l4dGVlbiBieXRlcyBhbmQgc2l4dGVlbiBtb3JlLi4="
LINE = "ntp server 192.0.2.10"


@pytest.fixture
def fleet() -> Iterator[Fleet]:
    """Routers whose configurations are large outputs, with the password in them."""
    with fleet_of(["ams", "ams", "fra"], credentials=Credentials("netops", PASSWORD)) as fleet:
        for router in fleet:
            router.configure(*(f"ip route 10.{n // 256}.{n % 256}.0 255.255.255.0 192.0.2.1" for n in range(500)))
            router.configure(f"snmp-server location {PASSWORD}")
            assert len(router.running_config) > LIMIT
        yield fleet


@pytest.fixture
def sites(tmp_path: Path, fleet: Fleet, server: PostgresServer) -> Iterator[Sites]:
    made = Sites.made(tmp_path / "project", fleet, f"store: {{url: '{server.url}'}}\n")
    hosts = made.project.path / "inventory" / "hosts.yaml"
    inventory = json.loads(hosts.read_text())
    hosts.write_text(json.dumps({name: {**host, "password": None} for name, host in inventory.items()}))
    made.project.run("db", "upgrade").ok()
    try:
        yield made
    finally:
        made.end()


def test_a_run_is_begun_gone_on_with_and_taken_back_on_machines_that_share_the_database_alone(
    sites: Sites, fleet: Fleet, server: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {router.name: router.running_config for router in fleet}

    def machine(name: str) -> Path:
        return Path(shutil.copytree(sites.project.path, tmp_path / name))

    owners = [sites.worker("--runs", folder=machine(f"owner-{n}"), JOURNAL_KEY=KEY) for n in (1, 2)]
    for site in ("ams", "fra"):
        sites.worker("--site", site, folder=machine(site), NORNFLOW_PASSWORD=PASSWORD, JOURNAL_KEY=KEY)

    def die() -> None:
        with psycopg.connect(server.url) as connection:
            ((worker,),) = connection.execute("SELECT worker FROM submissions").fetchall()
        next(each for each in owners if f"-{each.pid}-" in worker).kill()

    death = At(fleet, "r2", die)
    refused = sites.project.run("run", "both.yaml", "--yes", "--detach")
    assert refused.exit_code == 2
    assert "JOURNAL_KEY none is wanted" in refused.stderr, "whoever has not the key would read nothing of it"
    monkeypatch.setenv("JOURNAL_KEY", KEY)
    run = sites.leave("both")
    sites.ends(run, seconds=60)
    assert death.at
    assert all(LINE in sites.written(router.name) for router in fleet)
    last = machine("last")
    taken = sites.start("rollback", run, "--yes", folder=last, NORNFLOW_PASSWORD=PASSWORD, JOURNAL_KEY=KEY)
    until(lambda: taken.poll() is not None, sites)
    assert taken.returncode == 0, sites.logs
    assert {router.name: router.running_config for router in fleet} == before
    assert [*tmp_path.glob("*/.nornflow/blobs"), *tmp_path.glob("*/.nornflow/journal.key")] == []
    with psycopg.connect(server.url) as connection:
        names = [row[0] for row in connection.execute("SELECT table_name FROM information_schema.tables").fetchall()]
        assert "blobs" in names
        for name in ("blobs", "journal", "shard_orders", "shard_tellings", "step_results", "plans", "events"):
            rows = connection.execute(f'SELECT t::text FROM "{name}" t').fetchall()
            assert not any(PASSWORD in row[0] for row in rows), name
        assert connection.execute("SELECT count(*) FROM journal WHERE blob IS NOT NULL").fetchone() != (0,)


@pytest.mark.parametrize("owner", [True, False], ids=["run", "part"])
def test_a_machine_that_cannot_open_what_is_sealed_parks_the_run_and_says_which_key_is_wanted(
    sites: Sites, fleet: Fleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, owner: bool
) -> None:
    """Without a given key each workspace has one of its own: trying again would never end."""
    monkeypatch.setenv("NORNFLOW_PASSWORD", PASSWORD)
    change = sites.project.path / "both.yaml"
    change.write_text(f"{change.read_text()}author: {PASSWORD}\n")
    far = Path(shutil.copytree(sites.project.path, tmp_path / "far"))
    for site in ("ams", "fra"):
        sites.worker("--site", site, folder=far if site == "fra" else None)
    sites.worker("--runs", folder=far if owner else None)
    run = sites.leave("both")
    if owner:
        until(lambda: "is parked" in sites.logs, sites)
        (waiting,) = seen(sites)["waiting"]
        assert "journal.key" in waiting["parked"], waiting
    else:
        sites.ends(run, "failed")
        assert "journal.key" in sites.project.run("runs", "show", run).stdout
    assert not any(sites.written(router.name) for router in fleet)
