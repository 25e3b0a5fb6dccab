"""`runner.processes` on real SSH: devices shared among forked processes; whoever dies, the end is as one would leave it."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from freezing import frozen
from killed import BAD, WORKFLOW, CutRouter, End, Scene, routers
from nornflow.testing import Fleet
from nornflow.testing.project import ProjectFolder
from patience import soon

pytestmark = pytest.mark.e2e

FEW = ("r1", "r2", "r3", "r4", "r5", "r6", BAD)
CHANGE = ("run", "ntp.yaml", "--yes", "--limit", ",".join(FEW))


@contextmanager
def scene(folder: Path, processes: int, max_failures: int = 1) -> Iterator[Scene]:
    files = {
        "ntp.yaml": WORKFLOW.replace("MAX", str(max_failures)),
        "nornflow.yaml": f"runner: {{processes: {processes}}}\n",
    }
    with routers() as fleet:
        yield Scene.made_of(folder / str(processes), fleet, files)


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> End:
    """How the change ends that one process makes."""
    with scene(tmp_path_factory.mktemp("alone"), 1) as made:
        made.nornflow(*CHANGE)
        return made.end()


def children(pid: int) -> list[int]:
    """Return the processes below a process: the zygote and those that it forked, the oldest first."""
    direct = [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return [found for each in direct for found in (each, *children(each))]


def workers(pid: int) -> list[int]:
    """Return the forked processes that work on devices."""
    return children(pid)[1:]


def newest(made: Scene) -> str:
    return str(made.ask("runs", "list", "--format", "json")[0]["id"])


def test_a_change_is_what_one_process_makes_of_it_and_no_process_is_left(tmp_path: Path, alone: End) -> None:
    with scene(tmp_path, 3) as made:
        with made.start(*CHANGE) as process:
            assert soon(lambda: len(workers(process.pid)) == 3)
            pids = children(process.pid)
            out, err = process.communicate(timeout=100)
        assert process.returncode == 0, out + err
        assert made.end() == alone
        assert [pid for pid in pids if Path(f"/proc/{pid}").exists()] == []


@pytest.mark.faults
@pytest.mark.parametrize("lines", [2, 4])
def test_a_run_that_is_killed_is_dead_with_all_its_processes_and_goes_on(
    tmp_path: Path, alone: End, lines: int
) -> None:
    with scene(tmp_path, 2) as made:
        cut = CutRouter(made.fleet["r4"], lines)
        with made.start(*CHANGE) as process:
            cut.pid = process.pid
            assert soon(lambda: len(workers(process.pid)) == 2)
            pids = children(process.pid)
            assert process.wait(60) == -signal.SIGKILL
        assert soon(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids))
        assert made.resume(newest(made)) == 0
        assert made.end() == alone


@pytest.mark.faults
def test_the_one_that_forks_the_others_is_killed_and_the_run_goes_on_alone(tmp_path: Path, alone: End) -> None:
    with scene(tmp_path, 2) as made:
        cut = CutRouter(made.fleet["r5"], 1)
        with made.start(*CHANGE) as process:
            assert soon(lambda: len(workers(process.pid)) == 2)
            zygote, *forked = children(process.pid)
            cut.pid = zygote
            out, err = process.communicate(timeout=100)
        assert cut.cut.is_set()
        assert process.returncode == 0, out + err
        assert made.end() == alone
        assert soon(lambda: not any(Path(f"/proc/{pid}").exists() for pid in forked)), "they died with it"


@pytest.mark.faults
@pytest.mark.parametrize("lines", [1, 3])
def test_one_of_its_processes_is_killed_and_the_run_does_not_mind(tmp_path: Path, alone: End, lines: int) -> None:
    with scene(tmp_path, 2) as made:
        cut = CutRouter(made.fleet["r5"], lines)  # r1, r3, r5 ... are the first one's
        with made.start(*CHANGE) as process:
            assert soon(lambda: len(workers(process.pid)) == 2)
            cut.pid = workers(process.pid)[0]
            out, err = process.communicate(timeout=100)
        assert cut.cut.is_set()
        assert process.returncode == 0, out + err
        found = made.end()
        assert found.lines == alone.lines
        assert found == alone
        assert f"process {cut.pid} of the run died" in made.site.run("runs", "logs", newest(made)).stdout


@pytest.mark.faults
def test_a_stopped_run_sends_nothing_from_any_of_its_processes(tmp_path: Path) -> None:
    with scene(tmp_path, 2) as made:
        made.fleet.timing.latency = 0.05
        with made.start(*CHANGE) as process:
            while not any(made.written(host) for host in FEW[1:]):
                time.sleep(0.01)
                assert process.poll() is None
            with frozen(process, made.database):
                time.sleep(0.5)  # what was on its way has arrived: the next block asks the fence, which does not answer
                heard = {host: len(made.written(host)) for host in FEW}
                time.sleep(1.0)
                assert {host: len(made.written(host)) for host in FEW} == heard
            out, err = process.communicate(timeout=100)
        assert process.returncode == 0, out + err


def test_now_takes_back_what_all_processes_did(tmp_path: Path) -> None:
    with scene(tmp_path, 2) as made:
        before = {router.name: router.running_config for router in made.fleet}
        made.fleet.timing.latency = 0.1
        with made.start(*CHANGE) as process:
            assert soon(lambda: any(made.written(host) for host in FEW[1:]))
            made.site.run("runs", "cancel", newest(made), "--now-and-roll-back").ok()
            out, err = process.communicate(timeout=100)
        assert process.returncode == 1, out + err
        assert {router.name: router.running_config for router in made.fleet} == before


TASK = """
import os
import signal

from nornir.core.task import Result, Task


def deadly(task: Task) -> Result:
    if task.host.name == "r3":
        os.kill(os.getpid(), signal.SIGKILL)
    return Result(host=task.host, result=str(os.getpid()))
"""


def test_a_device_whose_task_kills_its_process_every_time_is_named_and_the_others_go_on(tmp_path: Path) -> None:
    files = {
        "tasks/deadly.py": TASK,
        "nornflow.yaml": "runner: {processes: 2}\n",
        "deadly.yaml": """
            name: deadly
            version: 1.0
            rollout: {max_failures: 100%}
            steps:
              - {id: die, type: nornir.task, task: deadly.deadly}
            """,
    }
    with Fleet(6) as fleet:
        site = ProjectFolder.made(tmp_path, files, fleet)
        made = Scene(site, fleet)
        assert made.nornflow("run", "deadly.yaml", "--yes") in (0, 1)
    record = site.record()
    assert {host["host"]: host["state"] for host in record["hosts"]} == {
        "r1": "ok",
        "r2": "ok",
        "r3": "failed",
        "r4": "ok",
        "r5": "ok",
        "r6": "ok",
    }
    results = record["steps"][0]["hosts"]
    assert results["r3"]["error"] == "r3: 3 processes of the run died while they worked on it"
    assert int(results["r1"]["outputs"]["result"]) != os.getpid()


ODD = """
import threading

from nornir.core.task import Result, Task


class Odd:
    def __init__(self):
        self.lock = threading.Lock()  # cannot be pickled

    def __str__(self):
        return "odd"


def odd(task: Task) -> Result:
    return Result(host=task.host, result={"thing": Odd()})
"""


@pytest.mark.parametrize("processes", [1, 2])
def test_what_cannot_go_from_one_process_to_another_is_kept_as_its_text(tmp_path: Path, processes: int) -> None:
    files = {
        "tasks/odd.py": ODD,
        "nornflow.yaml": f"runner: {{processes: {processes}}}\n",
        "odd.yaml": "name: odd\nversion: 1.0\nsteps:\n  - {id: odd, type: nornir.task, task: odd.odd}\n",
    }
    with Fleet(2) as fleet:
        site = ProjectFolder.made(tmp_path, files, fleet)
        assert Scene(site, fleet).nornflow("run", "odd.yaml", "--yes") == 0
    results = site.record()["steps"][0]["hosts"]
    assert [results[host]["outputs"]["result"] for host in ("r1", "r2")] == [{"thing": "odd"}] * 2
