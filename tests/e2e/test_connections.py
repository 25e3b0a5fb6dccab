"""How many connections to PostgreSQL the processes of an installation hold: its bound counts all of them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from nornflow.testing import Fleet
from nornflow.testing.postgres import PostgresServer
from patience import soon
from sites import Sites, fleet_of, until

pytestmark = [pytest.mark.e2e, pytest.mark.faults]

HELD = """
    SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()
    """
AT_REST = {"inline": 3, "dbos": 6}
"""What a worker holds with nothing to do; DBOS has a session that listens, and one of its workers one that leads."""
FOR_A_RUN = 3
"""What each process of a run holds, and each of a site's part of one."""


@pytest.fixture
def fleet() -> Iterator[Fleet]:
    with fleet_of(["ams", "fra"]) as fleet:
        yield fleet


@pytest.fixture(params=["inline", "dbos"])
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def sites(engine: str, tmp_path: Path, fleet: Fleet, server: PostgresServer) -> Iterator[Sites]:
    settings = f"store: {{url: '{server.url}'}}\ndurable: {{engine: {engine}}}\n"
    made = Sites.made(tmp_path / "project", fleet, settings, soak=600)
    made.project.run("db", "upgrade").ok()
    try:
        yield made
    finally:
        made.end()


def least(server: PostgresServer, seconds: float = 1.0) -> int:
    """Return how many connections there were at the quietest moment: what is kept, whatever threads coincided."""
    with psycopg.connect(server.url, autocommit=True) as connection:
        found, end = [], time.monotonic() + seconds
        while time.monotonic() < end:
            found.append(connection.execute(HELD).fetchall()[0][0])
            time.sleep(0.1)
    return min(found)


def test_workers_and_runs_keep_few(engine: str, sites: Sites, fleet: Fleet, server: PostgresServer) -> None:
    sites.worker("--runs")
    assert soon(lambda: least(server) <= AT_REST[engine]), "a worker at rest holds more"
    sites.worker("--site", "ams")
    sites.worker("--site", "fra")
    run = sites.leave("both")
    until(lambda: "soak.started" in sites.project.run("runs", "logs", run).stdout, sites, every=0.3)
    assert soon(lambda: least(server) <= 3 * AT_REST[engine] + 3 * FOR_A_RUN), "processes of a run hold more"
    sites.project.run("runs", "cancel", run, "--after-batch").ok()
    sites.ends(run, "cancelled")
    assert soon(lambda: least(server) <= 3 * AT_REST[engine]), "workers at rest hold more"
