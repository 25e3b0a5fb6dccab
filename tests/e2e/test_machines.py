"""Workers on machines that cannot see each other's processes: only silence tells that one is dead."""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from machines import Machine
from nornflow.store.database import reading
from nornflow.store.opening import open_engine
from nornflow.testing import Fleet
from nornflow.testing.postgres import PostgresServer
from sites import At, Sites, fleet_of, until

pytestmark = [pytest.mark.e2e, pytest.mark.faults]

LINES = Counter(["ntp server 192.0.2.10", "logging host 192.0.2.11"])
ALL = ("r1", "r2", "r3", "r4")
ABSENCE = float(os.environ.get("NORNFLOW_TEST_ABSENCE", "8"))
"""Seconds for which the database stays away, more than `store.silence`; 30 in the long tests."""
Store = Callable[[str], Any]
"""Answers a query of one value, past everything of ours."""
OWNER = "SELECT workers.boot FROM workers JOIN runs ON runs.worker = workers.id"
PART = "SELECT workers.boot FROM workers JOIN shards ON shards.worker = workers.id WHERE shards.site = 'ams'"
WITHIN = 10.0
"""Seconds from a death to the first line that whoever follows sends to a device."""


@pytest.fixture
def fleet() -> Iterator[Fleet]:
    with fleet_of(["ams", "ams", "fra", "fra"]) as fleet:
        yield fleet


@pytest.fixture(params=["inline", "dbos"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A store: a SQLite file with our own queues, or PostgreSQL with those of DBOS."""
    if request.param == "inline":
        return f"sqlite:///{tmp_path}/store.db"
    server: PostgresServer = request.getfixturevalue("server")
    return server.url


@pytest.fixture
def store(url: str, tmp_path: Path) -> Iterator[Store]:
    engine = open_engine(url, tmp_path)

    def ask(query: str) -> Any:
        with reading(engine) as connection:
            return connection.execute(text(query)).scalar_one()

    yield ask
    engine.dispose()


@pytest.fixture
def sites(url: str, tmp_path: Path, fleet: Fleet) -> Iterator[Sites]:
    kind = "dbos" if url.startswith("postgresql") else "inline"
    settings = f"store: {{url: '{url}'}}\ndurable: {{engine: {kind}}}\n"
    made = Sites.made(tmp_path / "project", fleet, settings)
    made.project.run("db", "upgrade").ok()
    try:
        yield made
    finally:
        made.end()


def end(machines: list[Machine], space: str) -> None:
    """End the one of these machines on which a process is, by what the store says of that."""
    (found,) = [each for each in machines if space.endswith(each.space)]
    found.die()


def once_each(sites: Sites, *routers: str) -> None:
    """Demand that each of these routers got each line once."""
    assert {each: Counter(sites.written(each)) for each in routers} == dict.fromkeys(routers, LINES), sites.logs


def gone_on(sites: Sites, run: str, death: datetime | None) -> float:
    """Return after how many seconds somebody went on with a run whose owner died."""
    assert death is not None, sites.logs
    events = map(json.loads, sites.project.run("runs", "logs", run, "--format", "jsonl").ok().stdout.splitlines())
    (resumed,) = [datetime.fromisoformat(each["time"]) for each in events if each["kind"] == "run.resumed"]
    return (resumed - death).total_seconds()


def heard_again(fleet: Fleet, router: str, moment: float) -> float:
    """Return how many seconds after a moment a router heard the first line of a session that was opened later."""
    log = list(fleet[router].log)
    known = {each.session for each in log if each.at <= moment}
    return min(each.at for each in log if each.session not in known) - moment


def test_a_machine_dies_in_the_middle_of_a_change_and_another_one_goes_on_within_ten_seconds(
    sites: Sites, fleet: Fleet, store: Store
) -> None:
    machines = [Machine.with_worker(sites, "--site", "ams") for _ in range(2)]
    death = At(fleet, "r2", lambda: end(machines, store(OWNER)))
    run = sites.leave("ams")
    sites.ends(run)
    assert heard_again(fleet, "r2", death.passed) < WITHIN, sites.logs
    once_each(sites, "r1", "r2")


@pytest.mark.parametrize("who", ["a site's worker", "the owner", "both"])
def test_so_does_one_with_a_part_of_a_run(sites: Sites, fleet: Fleet, store: Store, who: str) -> None:
    """Or with all of it and a part: whoever owns it next does not wait once more for those who died with the owner."""
    places = [("--runs",), ("--site", "ams")] if who != "both" else [("--runs", "--site", "ams")]
    machines = [Machine.with_worker(sites, *words) for words in places for _ in range(2)]
    Machine.with_worker(sites, "--site", "fra")
    death = At(fleet, "r2", lambda: end(machines, store(PART if who == "a site's worker" else OWNER)))
    run = sites.leave("both")
    sites.ends(run, seconds=60)
    took = heard_again(fleet, "r2", death.passed) if who == "a site's worker" else gone_on(sites, run, death.at)
    assert took < WITHIN, sites.logs
    once_each(sites, *ALL)


# who freezes in the middle of a transaction of SQLite keeps everybody else from the file
@pytest.mark.parametrize("url", ["dbos"], indirect=True)
def test_a_machine_that_freezes_and_wakes_up_after_it_was_given_up_sends_nothing_more(
    sites: Sites, fleet: Fleet
) -> None:
    fleet.fault("r1", "hang", at="logging host")
    first = Machine.with_worker(sites, "--site", "ams")
    run = sites.leave("ams")
    until(lambda: "logging host" in fleet["r1"].last_command, sites)
    first.freeze()
    fleet.heal("r1")
    Machine.with_worker(sites, "--site", "ams")
    sites.ends(run)
    before = {router: sites.written(router) for router in ("r1", "r2")}
    first.wake()
    assert first.process.wait(20) == 1
    assert "taken for dead" in first.log
    assert {router: sites.written(router) for router in ("r1", "r2")} == before
    assert Counter(before["r2"]) == LINES


@pytest.mark.parametrize("url", ["dbos"], indirect=True)
def test_nobody_is_taken_for_dead_who_could_not_beat_because_the_database_was_away(
    sites: Sites, fleet: Fleet, server: PostgresServer
) -> None:
    """For longer than anybody may be silent: when it is back each goes on with its own."""
    for words in (("--runs",), ("--runs",), ("--site", "ams"), ("--site", "ams"), ("--site", "fra")):
        Machine.with_worker(sites, *words)
    away = At(fleet, "r2", lambda: server.stop("immediate"))
    run = sites.leave("both")
    until(lambda: away.at, sites)
    time.sleep(ABSENCE)
    server.start()
    sites.ends(run, seconds=90)
    once_each(sites, *ALL)
    assert "dead" not in sites.logs, sites.logs
    told = sites.project.run("runs", "logs", run).ok().stdout
    assert "run.resumed" not in told, told
    assert "process.died" not in told, told


@pytest.mark.parametrize("url", ["dbos"], indirect=True)
def test_a_machine_that_died_alone_is_shown_as_silent_and_nobody_takes_its_runs(sites: Sites) -> None:
    Machine.with_worker(sites, "--site", "ams").die()
    there = Machine.with_worker(sites, "--site", "fra")
    there.freeze()  # so that nobody is left to declare the other one dead
    run = sites.leave("ams")
    lines = sites.project.run("workers", "list").ok().stdout.splitlines()
    assert ["silent" in line for line in lines] == [True, True, False], lines
    assert (run in lines[2], "no worker takes these" in lines[2]) == (True, True)
    there.wake()
    until(lambda: "idle" in sites.project.run("workers", "list").ok().stdout, sites)
