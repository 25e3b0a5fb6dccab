"""Pipelines that workers lead: who leads dies, drains, or was never there; each run is begun once and nothing is sent twice."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from nornflow.testing import Fleet
from nornflow.testing.simulation import Credentials
from running import SAY
from sites import POISON, At, Sites, fleet_of, kill_whole, until

pytestmark = [pytest.mark.e2e, pytest.mark.faults, pytest.mark.timeout(240)]

LINES = Counter(["ntp server 192.0.2.10", "logging host 192.0.2.11"])
ASK = """
name: ask
version: 1.0
steps:
  - {id: board, type: approval, text: go on?, approvers: 0, expires: 2h, remind: 1s}
  - {id: say, type: note, depends_on: board, text: so be it}
"""
LINGER = """
name: linger
version: 1.0
steps: [{id: linger, type: script, script: "while [ ! -e ../../../../over ]; do sleep 0.05; done"}]
"""
BAD = """
name: bad
version: 1.0
targets: "site == 'ams'"
steps: [{id: take, type: nornir.task, task: poison.take, access: read}]
"""
SEER = """
    from pathlib import Path

    from nornflow import Observer, hookimpl


    class Seer(Observer):
        name = "seer"

        def observe(self, event):
            if event.kind.value in ("pipeline.entry", "pipeline.state", "wait.reminded", "run.parked"):
                with Path("seen").open("a") as seen:
                    seen.write(f"{event.kind} {event.data.get('entry', '')} {event.data.get('state', '')}\\n")


    @hookimpl
    def nornflow_observers():
        yield Seer()
    """


def pipeline(*entries: str) -> str:
    return "name: window\non_failure: continue\nentries:\n" + "".join(f"  - {{{entry}}}\n" for entry in entries)


WINDOW = pipeline(
    "id: ams, workflow: ams.yaml",
    "id: linger, workflow: linger.yaml",
    "id: last, workflow: say.yaml, inputs: {text: '{{ runs.ams.run }}'}, after: [{run: ams, within: 1h}, linger]",
)


@pytest.fixture
def fleet() -> Iterator[Fleet]:
    with fleet_of(["ams", "fra"], credentials=Credentials("netops", "kX9-of-the-routers")) as fleet:
        yield fleet


@pytest.fixture
def made(tmp_path: Path, fleet: Fleet) -> Iterator[Callable[..., Sites]]:
    found: list[Sites] = []

    def make(window: str, **files: str) -> Sites:
        plugins = "plugins: {local: [seer.py]}\n"
        texts = {
            "say.yaml": SAY,
            "ask.yaml": ASK,
            "linger.yaml": LINGER,
            "seer.py": SEER,
            "window.yaml": window,
            "bad.yaml": BAD,
        }
        found.append(Sites.made(tmp_path / "project", fleet, plugins, {**texts, **files}))
        return found[-1]

    yield make
    for sites in found:
        sites.end()


ALL = ("--site", "ams", "--site", "fra", "--runs")


def detached(sites: Sites) -> str:
    return sites.project.run("pipeline", "run", "window.yaml", "--yes", "--detach").ok().stdout.strip()


def in_store(sites: Sites, query: str) -> list[Any]:
    """Return rows of the store, without the time that a process takes to start."""
    with closing(sqlite3.connect(sites.project.path / ".nornflow" / "nornflow.db")) as connection:
        return connection.execute(query).fetchall()


def leader(sites: Sites) -> str:
    ((worker,),) = in_store(sites, "SELECT worker FROM pipelines")
    return str(worker)


def states(sites: Sites) -> dict[str, str]:
    return dict(in_store(sites, "SELECT id, state FROM pipeline_entries"))


def shown(sites: Sites) -> dict[str, Any]:
    (found,) = json.loads(sites.project.run("pipeline", "list", "--format", "json").ok().stdout)
    return dict(found)


def ended(sites: Sites) -> dict[str, Any]:
    """Wait for the end of the only pipeline and return it."""
    until(lambda: in_store(sites, "SELECT 1 FROM pipelines WHERE completed_at IS NOT NULL"), sites, 60)
    return shown(sites)


def begun(sites: Sites) -> Counter[str]:
    return Counter(name for (name,) in in_store(sites, "SELECT workflow FROM runs"))


def test_a_killed_leader_is_followed_and_one_that_drains_leaves_it_to_others(
    made: Callable[..., Sites], fleet: Fleet
) -> None:
    """No run is begun twice, nothing is sent twice; each entry is told of once by whoever leads then."""
    sites = made(WINDOW)
    left = detached(sites)
    told = sites.project.run("pipeline", "show", left).ok().stdout
    assert (
        f"it waits for a worker (nornflow worker --runs); to lead it from here: nornflow pipeline resume {left}" in told
    )
    with closing(sqlite3.connect(sites.project.path / ".nornflow" / "nornflow.db")) as connection, connection:
        connection.execute("UPDATE pipelines SET user = 'ada'")  # somebody else than who the workers run as
    first = sites.worker(*ALL)
    death = At(fleet, "r1", lambda: kill_whole(first))
    until(lambda: death.at, sites)
    second = sites.worker(*ALL)
    until(lambda: f"-{second.pid}-" in leader(sites), sites)
    told = sites.project.run("pipeline", "show", left).ok().stdout
    assert f"led by {leader(sites)} on " in told
    assert f"leads pipeline {left}" in sites.project.run("workers", "list").ok().stdout
    held = sites.project.run("pipeline", "resume", left)
    assert (held.exit_code, "it goes on by itself" in held.stderr) == (1, True)
    until(lambda: states(sites)["ams"] == "succeeded", sites)
    second.terminate()
    until(lambda: leader(sites) == "", sites)
    assert second.poll() is None, "a run is at work, and has its time"
    third = sites.worker(*ALL)
    until(lambda: f"-{third.pid}-" in leader(sites), sites)
    (sites.project.path / "over").touch()
    record = ended(sites)
    assert [entry["state"] for entry in record["entries"]] == ["succeeded"] * 3, sites.logs
    assert begun(sites) == {"ams": 1, "linger": 1, "say": 1}
    assert in_store(sites, "SELECT DISTINCT user FROM runs") == [("ada",)]
    wrote = [
        (sites.project.path / "ams.yaml").owner()
    ]  # who wrote a workflow where it was left does not approve its run
    assert all(json.loads(spec)["authors"] == wrote for (spec,) in in_store(sites, "SELECT spec FROM runs"))
    assert Counter(sites.written("r1")) == LINES
    seen = (sites.project.path / "seen").read_text().splitlines()
    assert seen.count("pipeline.entry last succeeded") == 1
    assert seen[-1] == "pipeline.state  succeeded"


def test_a_dead_leader_at_a_terminal_is_followed_by_workers_which_wait_without_anything_and_remind_once(
    made: Callable[..., Sites], fleet: Fleet
) -> None:
    """Its own run goes on from its journal; the pipeline waits for people, who are reminded, and goes on with their answer."""
    sites = made(pipeline("id: ams, workflow: ams.yaml", "id: ask, workflow: ask.yaml, after: ams"))
    terminal = sites.start("pipeline", "run", "window.yaml", "--yes")
    death = At(fleet, "r1", terminal.kill)
    until(lambda: death.at, sites)
    workers = [sites.worker(*ALL) for _ in range(2)]
    until(lambda: in_store(sites, "SELECT 1 FROM pipelines WHERE state = 'waiting'"), sites, 60)
    assert any(f"-{worker.pid}-" in leader(sites) for worker in workers)
    told = sites.project.run("pipeline", "show", shown(sites)["id"]).ok().stdout
    assert "it waits for an answer to one of its runs; then it goes on by itself" in told
    run = shown(sites)["entries"][1]["run"]
    assert f"hint: nornflow approve {run} --step board (or reject); then a worker goes on by itself" in told
    until(lambda: reminders(sites, run) >= 2, sites)
    sites.project.run("approve", run).ok()
    record = ended(sites)
    assert record["state"] == "succeeded", sites.logs
    assert begun(sites) == {"ams": 1, "ask": 1}
    assert Counter(sites.written("r1")) == LINES
    seen = (sites.project.path / "seen").read_text().splitlines()
    assert sum(line.startswith("wait.reminded") for line in seen) == reminders(sites, run)


def reminders(sites: Sites, run: str) -> int:
    query = f"SELECT COUNT(*) FROM events JOIN runs ON runs.number = events.run WHERE kind = 'wait.reminded' AND id = '{run}'"
    return int(in_store(sites, query)[0][0])


def test_what_no_worker_can_do_ends_in_time_and_the_rest_goes_on(made: Callable[..., Sites], fleet: Fleet) -> None:
    """A run that kills its process is parked and named, one that no worker takes is ended when its time is over."""
    sites = made(
        pipeline(
            "id: bad, workflow: bad.yaml",
            "id: nobody, workflow: fra.yaml, timeout: 8s",
            "id: alarm, workflow: say.yaml, inputs: {text: '{{ runs.bad.error }}'}, after: {run: bad, on: failure}",
            "id: never, workflow: say.yaml, inputs: {text: x}, after: {run: bad, within: 1h}",
        ),
        **{"tasks/poison.py": POISON, "tasks/__init__.py": ""},
    )
    detached(sites)
    sites.worker("--site", "ams", "--runs")
    until(lambda: in_store(sites, "SELECT 1 FROM submissions WHERE place = 'fra'"), sites)
    assert "no worker takes these (site fra)" in sites.project.run("pipeline", "show", shown(sites)["id"]).ok().stdout
    record = ended(sites)
    found = {entry["id"]: entry for entry in record["entries"]}
    assert {name: entry["state"] for name, entry in found.items()} == {
        "bad": "failed",
        "nobody": "timed_out",
        "alarm": "succeeded",
        "never": "skipped",
    }, sites.logs
    assert found["bad"]["error"] == "its run is parked: its process died 3 times"
    assert "its time was over" in found["nobody"]["error"]
    assert "no worker had taken it" in found["nobody"]["error"]
    assert "run.parked  " in (sites.project.path / "seen").read_text().splitlines()
    sites.project.write("unasked.yaml", pipeline("id: a, workflow: ams.yaml, retries: 3"))
    unasked = sites.project.run("pipeline", "run", "unasked.yaml", "--detach").ok().stdout.strip()
    until(
        lambda: in_store(sites, f"SELECT 1 FROM pipelines WHERE id = '{unasked}' AND completed_at IS NOT NULL"), sites
    )
    told = sites.project.run("pipeline", "show", unasked, "--format", "json").ok().json()
    assert (told["exit_code"], told["entries"][0]["attempts"]) == (4, 1)
    assert "where it is carried out nobody can be asked" in told["entries"][0]["error"]
    assert sites.written("r1") == []
    second = detached(sites)
    sites.project.run("pipeline", "cancel", second, "--now-and-roll-back", "--wait").ok()
    assert "cancelled" in sites.project.run("pipeline", "list", "--status", "cancelled").ok().stdout
