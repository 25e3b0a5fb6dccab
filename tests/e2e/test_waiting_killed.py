"""The story of a run that waits, on real processes, each of which is killed at the worst moment."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nornflow.testing import Fleet
from nornflow.testing.project import ProjectFolder
from waiting_site import latest, site_of, written

pytestmark = [pytest.mark.e2e, pytest.mark.faults, pytest.mark.timeout(120)]

SCRIPT = Path(__file__).parents[1] / "support" / "dying_at.py"


@pytest.fixture
def network(fleet: Callable[..., Fleet]) -> Fleet:
    return fleet(count=3)


@pytest.fixture
def site(network: Fleet, project: Callable[..., ProjectFolder]) -> ProjectFolder:
    return site_of(project, network)


def test_whoever_dies_and_when_nothing_is_lost_and_nothing_is_done_twice(site: ProjectFolder, network: Fleet) -> None:
    die(site, "ask", "before", "run", "ntp.yaml", "--yes")
    run = latest(site)["id"]
    die(site, "ask", "after", "runs", "resume", run, "--yes")
    die(site, "move.waiting", "before", "runs", "resume", run, "--yes")
    assert site.run("runs", "list").ok().stdout.count("cut off") == 1
    die(site, "move.waiting", "after", "runs", "resume", run, "--yes")
    assert (latest(site)["state"], latest(site)["cut_off"]) == ("waiting", False)
    die(site, "answer", "before", "approve", run)
    assert site.run("runs", "resume", run, "--yes").exit_code == 4
    die(site, "answer", "after", "approve", run)
    assert site.run("approve", run).exit_code == 1  # it is decided
    die(site, "take_over", "after", "runs", "resume", run, "--yes")
    both_resume(site, run)
    assert (latest(site)["state"], written(network)) == ("waiting", [1, 1, 1])


def die(site: ProjectFolder, call: str, when: str, *words: str) -> None:
    done = subprocess.run(
        [sys.executable, str(SCRIPT), call, when, *words],
        cwd=site.path,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=60,
    )
    assert done.returncode == -signal.SIGKILL, f"{call} {words}: {done.returncode}\n{done.stdout}\n{done.stderr}"


def both_resume(site: ProjectFolder, run: str) -> None:
    """Let two processes go on at once: one does, the other is told that it came too late."""
    command = [sys.executable, "-m", "nornflow", "runs", "resume", run, "--yes"]
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    processes = [subprocess.Popen(command, cwd=site.path, stdin=subprocess.DEVNULL, **pipes) for _ in range(2)]
    told = [process.communicate(timeout=60) for process in processes]
    assert sorted(process.returncode for process in processes) in ([1, 4], [4, 4]), told
