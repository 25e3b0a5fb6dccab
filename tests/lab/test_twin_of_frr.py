"""A twin of FRR is a world of its own: it leaves nothing behind, and nothing that is typed leaves it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from nornflow.errors import DeviceError, LineRejected
from nornflow.model.device import HostView
from nornflow.planning.diff import unified
from nornflow.platforms.load import platform_for
from nornflow_frr.twin import FrrTwin

pytestmark = [pytest.mark.lab, pytest.mark.xdist_group("frr"), pytest.mark.timeout(400)]


FRR = platform_for("frr")
CONFIG = "frr version 8.4.4\nfrr defaults traditional\nhostname r1\n!\ninterface eth0\n ip address 192.0.2.1/24\nexit\n!\nend\n"


@pytest.fixture
def config() -> str:
    twin = FrrTwin()
    if problem := twin.obstacle():
        pytest.skip(problem)
    with twin.stage() as stage:
        return CONFIG.replace("8.4.4", stage.version)


def worlds() -> list[int]:
    """The processes of FRR on this machine that live in a world of a twin: their root cannot be written."""
    found = []
    for folder in Path("/proc").iterdir():
        try:
            comm, mounts = (folder / "comm").read_text().strip(), (folder / "mounts").read_text().splitlines()
        except OSError:
            continue
        if comm in ("zebra", "staticd", "bgpd") and any(
            line.split()[1] == "/tmp" and " tmpfs " in line for line in mounts
        ):
            found.append(int(folder.name))
    return found


def forebears(pid: int) -> set[int]:
    """The processes that a process comes from; other tests may have twins of their own at the same time."""
    found: set[int] = set()
    while pid > 1 and pid not in found:
        found.add(pid)
        try:
            pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            break
    return found


def test_after_kill_9_nothing_of_a_twin_is_left(config: str, tmp_path: Path) -> None:
    script = (
        "import sys, time\nfrom nornflow_frr.twin import FrrTwin\nfrom nornflow import HostView\n"
        "with FrrTwin().stage() as stage:\n"
        "    stage.load(HostView('r1'), sys.stdin.read(), [])\n    print('up', flush=True)\n    time.sleep(60)\n"
    )
    words = [sys.executable, "-c", script]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(config)
        process.stdin.close()
        assert process.stdout.readline() == "up\n"
        ours = {pid for pid in worlds() if process.pid in forebears(pid)}
        assert len(ours) == 3
        os.kill(process.pid, signal.SIGKILL)
    until = time.monotonic() + 10
    while ours & set(worlds()) and time.monotonic() < until:
        time.sleep(0.02)
    assert not ours & set(worlds())
    assert not list(Path("/etc/frr").glob("*twin*"))


def test_a_twin_that_dies_says_so_and_another_takes_its_place(config: str) -> None:
    with FrrTwin().stage() as stage:
        assert unified(config, stage.load(HostView("r1"), config, []), FRR) == ""
        stage.run("sh", "-c", "kill -9 -1")
        with pytest.raises(DeviceError, match="twin"):
            stage.apply(["hostname other"])
        assert unified(config, stage.load(HostView("r1"), config, []), FRR) == ""


@pytest.mark.parametrize("line", ["do start-shell", "do show run", "do write memory", "description \x1b[2J"])
def test_nothing_but_configuration_is_typed(config: str, line: str) -> None:
    with FrrTwin().stage() as stage:
        stage.load(HostView("r1"), config, [])
        with pytest.raises(LineRejected):
            stage.apply([line])


def test_lines_that_leave_the_configuration_do_not_reach_the_machine(config: str, tmp_path: Path) -> None:
    proof = tmp_path / "written"
    proof.parent.chmod(0o777)
    lines = ["exit", "start-shell sh", f"touch {proof}", "exit", "end", f"log file {proof}", "hostname r1"]
    with FrrTwin().stage() as stage:
        stage.load(HostView("r1"), config, lines)
        for line in lines:
            try:
                stage.apply(["exit", "exit", line])
            except LineRejected:
                continue
        with pytest.raises(DeviceError):
            stage.run("touch", "/etc/nornflow-was-here")
        shown = stage.run("ip", "-o", "link")
        assert all(name in ("lo", "eth0", "twin0") for name in names_of(shown))
        assert stage.run("ip", "route") == "192.0.2.0/24 dev eth0 proto kernel scope link src 192.0.2.1 \n"
    assert not proof.exists()


def names_of(links: str) -> list[str]:
    return [line.split(":")[1].strip().partition("@")[0] for line in links.splitlines()]


def test_another_version_is_another_router(config: str) -> None:
    with FrrTwin().stage() as stage, pytest.raises(DeviceError, match=r"r1 has 1\.0"):
        stage.load(HostView("r1"), config.replace(stage.version, "1.0"), [])
    with FrrTwin().stage() as stage, pytest.raises(DeviceError, match="does not say its version"):
        stage.load(HostView("r1"), "hostname r1\n", [])


def test_without_root_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert FrrTwin().obstacle() == "a twin of FRR needs root, for namespaces"
