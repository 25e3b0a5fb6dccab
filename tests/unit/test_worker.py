"""A worker and the processes that it starts, the latter played: what keeps a run from going on keeps no other from it."""

from __future__ import annotations

import errno
import itertools
import os
import shutil
import sqlite3
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Engine

from nornflow.app.build import load_project
from nornflow.app.services.plans.sealing import demands
from nornflow.app.services.workers import carrier, carriers, insisting, serving
from nornflow.app.services.workers.call import Call
from nornflow.app.services.workers.carrier import Carrier, Errand
from nornflow.app.services.workers.carrying import Came, Carried
from nornflow.app.services.workers.serving import Worker
from nornflow.app.services.workers.watching import watched
from nornflow.app.sites.names import site_of
from nornflow.app.sites.owning import why_given_up
from nornflow.errors import UsageError
from nornflow.model.device import HostView
from nornflow.model.job import Job
from nornflow.model.submission import Post
from nornflow.store.database import StoreAway, reading
from nornflow.store.submissions import Submissions
from nornflow.store.workers import Workers
from nornflow.testing.project import ProjectFolder
from patience import soon

INVENTORY = "r1: {hostname: 192.0.2.1, data: {site: ams}}\n"
WAITER = """
name: waiter
version: 1.0
steps:
  - {id: go, type: wait, signal: go}
  - {id: look, type: netmiko.command, command: show version, depends_on: [go]}
"""


class Played:
    """A process that says `carried` as soon as it is given a run, or once it `may`."""

    def __init__(self, carried: Carried | None, taken: list[str], may: threading.Semaphore | None = None) -> None:
        self.alive = True
        self.carried = carried
        self._taken = taken
        self._may = may

    def take(self, errand: Errand) -> None:
        self._taken.append(errand.run)

    def leave(self) -> None:
        """It ends at the next chance."""
        if self._may is not None:
            self._may.release()

    def ended(self, seconds: float) -> bool:
        return self._may is None or not self.alive or self._may.acquire(timeout=seconds)

    def kill(self) -> None:
        self.alive = False


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ProjectFolder:
    monkeypatch.setattr(serving, "LOOK", 0.05)
    monkeypatch.setattr(serving, "PAUSE", 0.01)
    monkeypatch.setattr(carriers, "PAUSE", 0.01)
    monkeypatch.setattr(insisting, "LOOK", 0.01)
    return ProjectFolder.made(tmp_path, {"inventory/hosts.yaml": INVENTORY, "waiter.yaml": WAITER})


@contextmanager
def at_work(
    site: ProjectFolder,
    carried: Carried | None,
    taken: list[str],
    told: list[str],
    may: threading.Semaphore | None = None,
    places: int = 1,
) -> Iterator[Worker]:
    """Have a worker of ams at work, whose clock goes 20 seconds further whenever it looks; it leaves all soon after its end."""
    project = load_project(site.path)
    post, call, clock = Post(("ams",), places, demands(project)), Call(), itertools.count(0, 20)
    call.end_in_time(0.2, lambda: None)
    worker = Worker(
        project,
        post,
        call,
        lambda: Played(carried, taken, may),  # type: ignore[arg-type,return-value]
        grace=5,
        tell=told.append,
        monotonic=lambda: float(next(clock)),
    )
    ends: list[bool] = []
    thread = threading.Thread(target=lambda: ends.append(worker.work()))
    thread.start()
    try:
        yield worker
    finally:
        call.drain.set()
        thread.join()
    assert ends == [True], f"it ended by itself: {told}"


def waiting(site: ProjectFolder) -> str:
    """Begin a run that waits for a signal, and give it that."""
    run = str(site.run("run", "waiter.yaml", "--format", "json").json()["id"])
    site.run("runs", "signal", run, "go").ok()
    return run


def left(site: ProjectFolder) -> str:
    """Leave a run to workers."""
    look = WAITER.replace("{id: go, type: wait, signal: go}\n  -", "").replace(", depends_on: [go]", "")
    site.write("look.yaml", look)
    return site.run("run", "look.yaml", "--yes", "--detach").ok().stdout.strip()


def jobs(site: ProjectFolder) -> list[tuple[str, str]]:
    """Return how jobs stand, and why."""
    with closing(sqlite3.connect(site.path / ".nornflow" / "nornflow.db")) as connection:
        return connection.execute("SELECT state, error FROM jobs ORDER BY number").fetchall()


def test_a_run_whose_site_nobody_can_tell_ends_no_worker(site: ProjectFolder) -> None:
    run = waiting(site)
    site.write("inventory/hosts.yaml", "r1: [")
    taken, told = list[str](), list[str]()
    with at_work(site, Carried(Came.ENDED, "succeeded"), taken, told):
        assert soon(lambda: any("nobody can tell where" in line for line in told)), told
        site.write("inventory/hosts.yaml", INVENTORY)
        assert soon(lambda: run in taken)
    assert len([line for line in told if "nobody can tell where" in line]) == 1


def test_a_run_that_a_newer_nornflow_began_ends_no_worker(site: ProjectFolder) -> None:
    """Workers of both may be there side by side."""
    waiting(site)
    with closing(sqlite3.connect(site.path / ".nornflow" / "nornflow.db")) as connection:
        connection.execute("UPDATE runs SET spec = json_set(spec, '$.of_tomorrow', 1)")
        connection.commit()
    told = list[str]()
    with at_work(site, None, [], told):
        assert soon(lambda: any("kept by another version" in line for line in told)), told
    refused = site.run("runs", "resume", site.run("runs", "list", "--format", "json").json()[0]["id"])
    assert (refused.exit_code, "kept by another version" in refused.stderr) == (2, True)


def test_a_process_that_was_started_while_the_settings_were_broken_does_its_run(
    site: ProjectFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is started before there is a run for it, and they are mended until there is."""
    run, said = waiting(site), list[str]()

    class Mended:
        def __init__(self, number: int, leave: object) -> None:
            """There is no worker at the other end."""

        def errand(self) -> Errand:
            site.write("nornflow.yaml", "")
            return Errand(run)

        def say(self, text: str) -> None:
            said.append(text)

    site.write("nornflow.yaml", "profile: [")
    monkeypatch.setattr(carrier, "Line", Mended)
    site.run("runs", "carry", "--line", "0").ok()
    assert [Carried.read(text) for text in said] == [Carried(Came.ENDED, "waiting")]


def test_a_store_that_goes_away_behind_a_run_is_waited_for(
    site: ProjectFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run had ended, its worker alone could not say so: it is not parked for that."""
    run, away = waiting(site), [StoreAway("the store is away")] * 3
    keep = Submissions.in_order

    def in_order(self: Submissions, run: str) -> None:
        if away:
            raise away.pop()
        keep(self, run)

    monkeypatch.setattr(Submissions, "in_order", in_order)
    taken, told = list[str](), list[str]()
    with at_work(site, Carried(Came.WAITS, "waiting"), taken, told):
        assert soon(lambda: f"run {run} is waiting" in told)
    assert not away
    assert not any("parked" in line for line in told), told


def test_a_worker_that_is_to_end_at_once_does_not_wait_for_its_store(
    site: ProjectFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, away, may = left(site), threading.Event(), threading.Semaphore(0)
    monkeypatch.setattr(Played, "leave", lambda played: None)

    def there(engine: Engine) -> Connection:
        if away.is_set():
            raise StoreAway("the store is away")
        return reading(engine)

    monkeypatch.setattr("nornflow.durable.rows.reading", there)
    taken = list[str]()
    with at_work(site, None, taken, [], may):
        assert soon(lambda: taken == [run])
        away.set()
        began = time.monotonic()
    assert time.monotonic() - began < 20, "its patience is 60 seconds"
    assert jobs(site) == [("queued", "")]


def test_a_run_of_a_worker_that_signed_off_without_giving_it_back_is_taken(site: ProjectFolder) -> None:
    run = left(site)
    with closing(sqlite3.connect(site.path / ".nornflow" / "nornflow.db")) as connection:
        connection.execute("UPDATE jobs SET state = 'running', worker = 'vm-1-signed-off', claim = 'its'")
        connection.commit()
    taken = list[str]()
    with at_work(site, Carried(Came.STUCK, "it is tried"), taken, []):
        assert soon(lambda: run in taken)


def test_a_run_that_is_submitted_twice_may_be_with_one_worker_twice(site: ProjectFolder) -> None:
    """The second process finds out by itself that there is nothing to do; neither ends the other's."""
    run, taken, told, may = left(site), list[str](), list[str](), threading.Semaphore(0)
    with at_work(site, Carried(Came.WAITS, "waiting"), taken, told, may, places=2):
        assert soon(lambda: taken == [run])
        site.run("runs", "resume", run, "--detach", "--yes").ok()
        assert soon(lambda: taken == [run, run])
        may.release()
        assert soon(lambda: ("waiting", "") in jobs(site))
    assert jobs(site) == [("waiting", "")] * 2, told


def test_a_sites_part_whose_worker_was_followed_before_it_took_it_is_put_back(site: ProjectFolder) -> None:
    """It had been frozen for too long, took a job when it went on, and was killed then."""
    project = load_project(site.path)
    with closing(project.store()) as store, closing(project.durable()) as engine:
        workers = Workers(store.engine)  # type: ignore[attr-defined]
        engine.submit(Job("run.1:ams", "ams", "part"))
        with closing(sqlite3.connect(site.path / ".nornflow" / "nornflow.db")) as connection:
            connection.execute("UPDATE jobs SET state = 'running', worker = ?, claim = 'its'", (workers.register(),))
            connection.commit()
        assert why_given_up(engine, workers, "run.1:ams") == ""
        assert [state for state, _ in jobs(site)] == ["running"], "its worker is there"
        workers.leave()
        assert why_given_up(engine, workers, "run.1:ams") == ""
        assert [state for state, _ in jobs(site)] == ["queued"]


def test_a_machine_that_has_no_room_for_a_process_fails_no_run_and_ends_no_worker(
    site: ProjectFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, begin = left(site), Played.__init__
    failures = [OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))] * 4

    def begun(played: Played, *given: Any) -> None:
        if failures:
            raise failures.pop()
        begin(played, *given)

    monkeypatch.setattr(Played, "__init__", begun)
    taken, told = list[str](), list[str]()
    with at_work(site, Carried(Came.WAITS, "waiting"), taken, told):
        assert soon(lambda: run in taken)
    assert len([line for line in told if "no process could be started: Resource temporarily" in line]) == 1
    assert not any("parked" in line for line in told), told


def test_a_process_that_was_killed_has_ended(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Also for the thread that waits for its end while another one kills it."""
    monkeypatch.setattr(sys, "executable", shutil.which("true"))
    process = Carrier(tmp_path)
    process.kill()
    assert process.ended(0)
    assert process.carried is None


def test_only_a_worker_that_is_named_is_drained(site: ProjectFolder) -> None:
    with at_work(site, None, [], []):
        assert soon(lambda: bool(watched(load_project(site.path)).workers))
        for refused in ("", "nobody"):
            outcome = site.run("workers", "drain", refused)
            assert (outcome.exit_code, f"there is no worker '{refused}'" in outcome.stderr) == (2, True)


@pytest.mark.parametrize("strange", [["ams"], {"name": "ams"}, True, 1.5, "New York", "ams/2", "a\x1bb", "runs", " "])
def test_a_site_that_no_worker_could_be_started_for_is_refused(site: ProjectFolder, strange: Any) -> None:
    with pytest.raises(UsageError, match=r"r1: .* is no name of a site") as refused:
        site_of(HostView("r1", data={"site": strange}), "site")
    assert "sites.key" in refused.value.hint


@pytest.mark.parametrize(
    ("value", "name"), [("ams", "ams"), (5, "5"), (0, "0"), ("", ""), (None, ""), ("zürich", "zürich")]
)
def test_a_site_has_the_name_that_the_inventory_gives_it(value: Any, name: str) -> None:
    assert site_of(HostView("r1", data={"site": value}), "site") == name


def test_a_waiting_run_that_its_workers_could_not_go_on_with_is_shown(site: ProjectFolder) -> None:
    """Whoever replaces workers learns of it before anybody has answered."""

    def shown() -> list[tuple[str, str]]:
        found = site.run("workers", "list", "--format", "json").ok().json()["waiting"]
        return [(each["run"], each["why"]) for each in found]

    run = str(site.run("run", "waiter.yaml", "--format", "json").json()["id"])
    assert site.run("runs", "resume", run, "--detach").exit_code == 0
    with at_work(site, Carried(Came.WAITS), [], []):
        assert soon(lambda: bool(watched(load_project(site.path)).workers))
        assert shown() == []  # it needs no worker
        with closing(sqlite3.connect(site.path / ".nornflow" / "nornflow.db")) as connection:
            connection.execute("""UPDATE submissions SET versions = '{"nornflow-netops": "0.0.1"}'""")
            connection.commit()
        assert shown()[0][0] == run
        assert "nornflow-netops 0.0.1 is wanted" in shown()[0][1]
    assert shown() == []
    site.run("runs", "signal", run, "go").ok()
    assert shown() == [(run, "no worker takes these")]
