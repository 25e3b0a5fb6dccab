"""`nornflow lab` keeps simulated devices up between commands and leaves nothing when they go."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from napalm import get_network_driver
from netmiko import ConnectHandler
from netmiko.exceptions import NetmikoAuthenticationException

from nornflow.testing import LabError, background
from nornflow.testing.lab import LabSpec


class Project:
    """A project folder in which commands are run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def run(self, *words: str, code: int = 0) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "nornflow", "lab", *words],
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    def status(self, code: int = 0) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.run("status", "--format", "json", code=code))
        return found

    def hosts(self, path: str = ".nornflow/lab/hosts.yaml") -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = yaml.safe_load((self.folder / path).read_text())
        return found


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    project = Project(tmp_path)
    yield project
    project.run("down")


def login(host: dict[str, Any]) -> dict[str, Any]:
    access = {"host": host["hostname"], **{word: host[word] for word in ("port", "username", "password")}}
    return {"device_type": "cisco_ios", **access}


def test_a_lab_stays_up_between_commands_and_goes_without_a_trace(project: Project) -> None:
    said = project.run("up", "--count", "3")
    assert "3 devices are up" in said
    hosts = project.hosts()
    with ConnectHandler(**login(hosts["r2"])) as session:
        session.send_config_set(["ntp server 192.0.2.9"])
    with ConnectHandler(**login(hosts["r2"])) as session:
        assert "192.0.2.9" in str(session.send_command("show running-config | include ntp"))
    found = project.status()
    assert found["running"]
    assert set(found["devices"]) == {"r1", "r2", "r3"}
    assert hosts["r1"]["password"] not in json.dumps(found)
    project.run("down")
    assert background.birth(found["pid"]) is None
    assert list(project.folder.iterdir()) == []
    assert project.status(code=1) == {"running": False}


def test_faults_and_a_place_for_the_inventory_can_be_given(project: Project) -> None:
    project.run("up", "--count", "2", "--fault", "auth:r1", "--inventory", "inventory/hosts.yaml", "--latency", "1")
    hosts = project.hosts("inventory/hosts.yaml")
    with pytest.raises(NetmikoAuthenticationException):
        ConnectHandler(**login(hosts["r1"]))
    ConnectHandler(**login(hosts["r2"])).disconnect()


def test_an_eos_lab_answers_napalm(project: Project) -> None:
    project.run("up", "--kind", "eos", "--count", "1")
    host = project.hosts()["sw1"]
    extras = host["connection_options"]["napalm"]["extras"]
    driver = get_network_driver("eos")(host["hostname"], host["username"], host["password"], **extras)
    driver.open()
    assert driver.get_facts()["hostname"] == "sw1"
    driver.close()


def test_a_second_lab_in_a_folder_is_refused(project: Project) -> None:
    project.run("up", "--count", "1")
    assert "already up here" in project.run("up", code=1)
    assert project.status()["running"]


def test_a_lab_that_died_is_told_and_replaced(project: Project) -> None:
    project.run("up", "--count", "1")
    pid = project.status()["pid"]
    os.kill(pid, signal.SIGKILL)
    while background.birth(pid) is not None:
        pass
    assert not project.status(code=1)["running"]
    project.run("up", "--count", "2")
    assert set(project.status()["devices"]) == {"r1", "r2"}


def test_a_file_of_somebody_else_is_not_overwritten(project: Project) -> None:
    mine = project.folder / "hosts.yaml"
    mine.write_text("mine: {}\n")
    assert "is there already" in project.run("up", "--inventory", "hosts.yaml", code=2)
    project.run("down")
    assert mine.read_text() == "mine: {}\n"


def test_a_taken_port_is_told_and_leaves_nothing(project: Project) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        said = project.run("up", "--count", "1", "--port", str(taken.getsockname()[1]), code=1)
    assert "cannot listen on 127.0.0.1" in said
    assert "hint: " in said
    assert list(project.folder.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        (["--fault", "melt:r1"], "there is no fault 'melt'"),
        (["--kind", "frr", "--latency", "5"], "not for FRR"),
        (["--count", "0"], "--count"),
        (["--kind", "junos"], "--kind"),
    ],
)
def test_a_lab_that_makes_no_sense_is_refused(project: Project, words: list[str], answer: str) -> None:
    assert answer in project.run("up", *words, code=2)
    assert list(project.folder.iterdir()) == []


def test_a_damaged_state_is_told_with_the_way_out(tmp_path: Path) -> None:
    project = Project(tmp_path)
    state = tmp_path / ".nornflow" / "lab" / "lab.json"
    state.parent.mkdir(parents=True)
    state.write_text("{half")
    said = project.run("status", code=1)
    assert "is damaged" in said
    assert "Traceback" not in said


def test_the_foreground_server_ends_on_request_and_cleans_up(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "nornflow.testing.routers", "--count", "2", "--inventory", "hosts.yaml"]
    with subprocess.Popen(words, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        assert server.stdout.readline() == "ready\n"
        with ConnectHandler(**login(Project(tmp_path).hosts("hosts.yaml")["r1"])) as session:
            assert session.find_prompt() == "r1#"
        server.terminate()
        assert server.wait(timeout=10) == 0
    assert list(tmp_path.iterdir()) == []


def test_an_error_in_the_background_reaches_the_foreground(tmp_path: Path) -> None:
    script = (
        "from pathlib import Path\n"
        "from nornflow.errors import NornFlowError\n"
        "from nornflow.testing.background import detach\n"
        "def work(ready):\n"
        "    raise NornFlowError('the port is taken', hint='take another')\n"
        "try:\n"
        "    detach(work, Path('log'))\n"
        "except NornFlowError as error:\n"
        "    print(error.message, '/', error.hint)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=30, check=True
    )
    assert done.stdout == "the port is taken / take another\n"


def test_without_asyncssh_the_way_to_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "nornflow.testing.routers.fleet", raising=False)
    monkeypatch.setitem(sys.modules, "nornflow.testing.routers.server", None)
    with pytest.raises(LabError, match="not installed") as caught:
        LabSpec().fleet()
    assert "nornflow-netops[testing]" in caught.value.hint
    assert len(LabSpec(kind="eos", count=2).fleet()) == 2


def test_a_process_is_named_by_number_and_birth() -> None:
    born = background.birth(os.getpid())
    assert born is not None
    background.end(os.getpid(), "another birth")  # would end this test run if the number alone counted
    assert background.birth(2**22 + 1) is None
