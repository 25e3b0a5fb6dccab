"""The store fails in the middle of a change to real sessions: what was sent, what was not, and how it goes on afterwards."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from nornflow.model.event import EventKind
from nornflow.store.database import upgrade
from nornflow.store.opening import open_engine, open_store
from nornflow.testing import Fleet
from nornflow.testing.postgres import postgres_server
from nornflow.testing.project import Outcome, ProjectFolder
from patience import soon

pytestmark = [pytest.mark.e2e, pytest.mark.faults]

CHANGE = """
name: ntp
version: 1.0
rollout: {batches: [1, 1, 1], max_failures: 0}
on_failure: rollback
steps:
  - {id: before, type: nornir.task, task: trouble.begin, access: read}
  - id: configure
    type: netmiko.config
    depends_on: [before]
    backup_before: false
    lines: ["ntp server 192.0.2.10 prefer"]
"""

TROUBLE = """
import os
import resource
from pathlib import Path

from nornir.core.task import Result, Task


def begin(task: Task) -> Result:
    how, seen = os.environ.get("TROUBLE", ""), Path("seen")
    if task.host.name != "r2" or not how:
        return Result(host=task.host, result="done")
    if not seen.exists():  # this is the plan
        seen.touch()
    elif how == "limit":
        resource.setrlimit(resource.RLIMIT_FSIZE, (1024, resource.RLIM_INFINITY))
    else:
        fill(Path(how))
    return Result(host=task.host, result="done")


def fill(file: Path) -> None:
    with file.open("wb", buffering=0) as stream:
        for size in (4096, 1):
            try:
                while True:
                    stream.write(b"x" * size)
            except OSError:
                pass
"""


def mounted(folder: Path, *options: str) -> None:
    subprocess.run(["mount", "-t", "tmpfs", *options, "tmpfs", str(folder)], check=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of two megabytes."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small file system needs root; the test with a limit is for everybody")
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted(folder, "-o", "size=2m")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.fixture
def network(fleet: Callable[..., Fleet]) -> Fleet:
    return fleet(count=3)


@pytest.fixture
def site(network: Fleet, project: Callable[..., ProjectFolder]) -> ProjectFolder:
    return project({"ntp.yaml": CHANGE, "tasks/trouble.py": TROUBLE}, fleet=network)


def child(site: ProjectFolder, *words: str, **environment: str) -> Outcome:
    """Run the command line in a process of its own, which may limit itself."""
    done = subprocess.run(
        [sys.executable, "-m", "nornflow", *words],
        cwd=site.path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **environment},
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert "Traceback" not in done.stderr
    return Outcome(done.returncode, done.stdout, done.stderr)


def configured(network: Fleet) -> list[int]:
    return [router.counters.config_lines for router in network]


def when_the_disk_was_full(outcome: Outcome, network: Fleet) -> tuple[int, str, list[bool]]:
    """Return the exit code, the state, and which devices were sent lines; that it was told is checked here."""
    record = outcome.json()
    assert "could not be kept" in record["error"]
    assert "room on the disk" in record["hint"]
    assert record["reason"] == "store"
    assert {host["host"]: host["state"] for host in record["hosts"]}["r1"] == "changed"
    return outcome.exit_code, record["state"], [lines > 0 for lines in configured(network)]


def gone_on_with(site: ProjectFolder, network: Fleet) -> str:
    """Go on with the run, now that there is room again, without a line that is sent twice; return its state."""
    (run,) = child(site, "runs", "list", "--format", "json").ok().json()
    assert run["state"] == "running"
    before = configured(network)[0]
    child(site, "runs", "resume", run["id"]).ok()
    assert configured(network)[0] == before
    assert all("ntp server 192.0.2.10 prefer" in router.running_config for router in network)
    return str(child(site, "runs", "list", "--format", "json").ok().json()[0]["state"])


def test_a_full_disk_stops_the_run_before_the_next_write_to_a_device(
    site: ProjectFolder, network: Fleet, disk: Path
) -> None:
    site.write("nornflow.yaml", f"workspace: {disk}\n")
    outcome = child(site, "run", "ntp.yaml", "--yes", "--format", "json", TROUBLE=str(disk / "filler"))
    assert when_the_disk_was_full(outcome, network) == (1, "failed", [True, False, False])
    (disk / "filler").unlink()
    child(site, "db", "check").ok()
    assert gone_on_with(site, network) == "succeeded"


def test_so_does_a_limit_on_the_size_of_files(site: ProjectFolder, network: Fleet) -> None:
    outcome = child(site, "run", "ntp.yaml", "--yes", "--format", "json", TROUBLE="limit")
    assert when_the_disk_was_full(outcome, network) == (1, "failed", [True, False, False])
    assert gone_on_with(site, network) == "succeeded"


def test_the_plan_that_was_asked_about_is_shown_and_compared(site: ProjectFolder, network: Fleet) -> None:
    first = site.run("run", "ntp.yaml", "--yes", "--limit", "r1", "--format", "json").ok().json()["id"]
    site.write("ntp.yaml", CHANGE.replace("192.0.2.10", "192.0.2.11"))
    second = site.run("run", "ntp.yaml", "--yes", "--limit", "r1,r2", "--format", "json").ok().json()["id"]
    text = site.run("runs", "plan", first).ok().stdout
    assert "approved by" in text
    assert "r1:\n  configure:" in text
    assert "+ntp server 192.0.2.10 prefer" in text
    found = site.run("runs", "plan", second, "--format", "json").ok().json()
    assert [answer["answer"] for answer in found["answers"]] == ["approved"]
    assert [host["host"] for host in found["plan"]["hosts"]] == ["r1", "r2"]
    difference = site.run("runs", "diff", first, second).ok().stdout
    assert "planned lines on r1:" in difference
    assert "+configure: ntp server 192.0.2.11 prefer" in difference


class TestReadOnly:
    @pytest.fixture
    def locked(self, site: ProjectFolder, disk: Path) -> ProjectFolder:
        site.write("nornflow.yaml", f"workspace: {disk}\n")
        site.run("run", "ntp.yaml", "--yes", "--limit", "r1").ok()
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        return site

    def test_a_run_does_not_begin_and_history_is_read(self, locked: ProjectFolder, network: Fleet) -> None:
        outcome = child(locked, "run", "ntp.yaml", "--yes")
        assert outcome.exit_code == 1
        assert "hint: see who may write there" in outcome.stderr
        assert configured(network)[1:] == [0, 0]
        (run,) = child(locked, "runs", "list", "--format", "json").ok().json()
        assert "step.finished" in child(locked, "runs", "logs", run["id"]).ok().stdout
        child(locked, "db", "check").ok()

    def test_a_run_that_is_not_remembered_needs_no_disk(
        self, locked: ProjectFolder, network: Fleet, disk: Path
    ) -> None:
        locked.write("nornflow.yaml", f"workspace: {disk}\nstore: {{url: none}}\n")
        record = child(locked, "run", "ntp.yaml", "--yes", "--format", "json").ok().json()
        assert record["state"] == "succeeded"
        assert all("ntp server 192.0.2.10 prefer" in router.running_config for router in network)
        outcome = child(locked, "runs", "list")
        assert (outcome.exit_code, "not remembered here" in outcome.stderr) == (2, True)


@pytest.mark.parametrize("tcp", [True, False], ids=["tcp", "socket"])
def test_a_run_goes_on_when_its_database_is_back(site: ProjectFolder, network: Fleet, tcp: bool) -> None:
    absence = float(os.environ.get("NORNFLOW_TEST_ABSENCE", "2"))
    with postgres_server(tcp=tcp) as server:
        engine = open_engine(server.url, site.path)
        upgrade(engine)
        engine.dispose()
        site.write("nornflow.yaml", f"store: {{url: '{server.url}'}}\n")

        def away() -> None:
            assert soon(lambda: configured(network)[0] > 0, 60)
            server.stop()
            time.sleep(absence)
            server.start()

        absent = threading.Thread(target=away)
        absent.start()
        outcome = child(site, "run", "ntp.yaml", "--yes", "--format", "json")
        absent.join(90)
        assert outcome.json()["state"] == "succeeded", outcome.stderr
        assert "waiting up to 60 s" in outcome.stderr
        assert "the store is back" in outcome.stderr
        assert [router.running_config.count("ntp server 192.0.2.10") for router in network] == [1, 1, 1]
        run = outcome.json()["id"]
        with closing(open_store(server.url, site.path / ".nornflow")) as store:
            numbers = [stored.number for stored in store.events(run)]
            assert numbers == list(range(1, len(numbers) + 1))
            told = [stored.event for stored in store.events(run)]
        states = [each.data["state"] for each in told if each.kind is EventKind.HOST_STATE and each.step == "configure"]
        assert [state for state in states if state != "planned"] == ["changed"] * 3
