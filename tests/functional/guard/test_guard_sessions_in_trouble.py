"""Sessions behind the guard that fail, hang or are wanted by two: told by name, cut, and opened anew."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from netmiko.cisco_base_connection import CiscoBaseConnection
from nornir.core.task import Task
from nornir_netmiko.tasks import (
    netmiko_send_command,
    netmiko_send_config,
)
from paramiko.packet import Packetizer

from nornflow.devices.guard import (
    Lease,
    abort_host,
    close_host,
    guarded_configure,
    guarded_read_config,
    held,
    revoke,
)
from nornflow.errors import (
    AuthenticationFailed,
    ConnectionLost,
    LineRejected,
    NornFlowError,
    UnexpectedPrompt,
    Unreachable,
)
from nornflow.model.device import LeaseReport
from nornflow.model.permission import Grant, Mode
from nornflow.platforms.load import platform_for
from nornflow.testing import Fleet
from nornflow.testing.guarded import GuardedNetwork
from nornflow_napalm.guard import NapalmGuard
from nornflow_netmiko.guard import NetmikoGuard
from nornflow_netmiko.paramiko_guard import ParamikoGuard
from nornflow_scrapli.guard import ScrapliGuard


@pytest.fixture
def network(fleet: Callable[..., Fleet]) -> Any:
    fleet_ = fleet(2)
    with GuardedNetwork(fleet_.inventory(), [NetmikoGuard(), NapalmGuard(), ParamikoGuard()]) as network:
        network.fleet = fleet_  # type: ignore[attr-defined]
        yield network


@pytest.mark.parametrize("connection", ["netmiko", "napalm", "paramiko", "scrapli"])
def test_a_login_that_fails_says_how(connection: str, fleet: Callable[..., Fleet]) -> None:
    routers = fleet(4)
    routers.fault("r1", "auth")
    routers.fault("r3", "prompt", text="rommon 1 > ")
    inventory = routers.inventory()
    inventory["r2"]["port"] = 1
    expected = {"r1": AuthenticationFailed, "r2": Unreachable}
    with GuardedNetwork(inventory, [NetmikoGuard(), NapalmGuard(), ParamikoGuard(), ScrapliGuard()]) as network:

        def read(task: Task) -> str:
            return str(task.host.get_connection(connection, task.nornir.config))

        for name, kind in expected.items():
            outcome = network.plan(name, read)
            assert type(outcome.error) is kind
            assert isinstance(outcome.error, NornFlowError)
            assert name in outcome.error.message
            assert "127.0.0.1" in outcome.error.message
            assert outcome.error.hint


def test_a_dropped_session_is_noticed_at_once_and_opened_anew_afterwards(network: Any) -> None:
    assert network.plan("r1", netmiko_send_command, command_string="show clock").error is None
    network.fleet.fault("r1", "drop", after=0)
    began = time.monotonic()

    outcome = network.plan("r1", netmiko_send_command, command_string="show version", read_timeout=60)

    assert isinstance(outcome.error, ConnectionLost)
    assert time.monotonic() - began < 30
    network.fleet.heal("r1")
    assert network.plan("r1", netmiko_send_command, command_string="show clock").error is None


def test_a_hanging_read_ends_when_the_watchdog_revokes_and_aborts(network: Any) -> None:
    host = network.hosts["r1"]
    assert network.plan("r1", netmiko_send_command, command_string="show clock").error is None
    network.fleet.fault("r1", "hang", after=0)
    lease = Lease(
        Grant("r1", "step", Mode.APPLY, frozenset(["device.read"]), sealed=()), platform_for("cisco_ios"), LeaseReport()
    )
    began = time.monotonic()

    def cut() -> None:
        revoke(lease)
        abort_host(host)

    watchdog = threading.Timer(0.3, cut)
    watchdog.start()
    with pytest.raises(NornFlowError), held(lease):
        guarded_read_config(host, "netmiko")
    watchdog.join()

    assert time.monotonic() - began < 30


@pytest.mark.parametrize("connection", ["netmiko", "napalm", "paramiko"])
def test_a_session_at_rest_costs_next_to_nothing_and_ends_at_once(
    connection: str, network: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its thread, paramiko's own, looked up ten times a second from a socket on which nothing comes."""
    looks: list[float] = []
    monkeypatch.setattr(Packetizer, "_check_keepalive", lambda self: looks.append(time.monotonic()))
    host, before = network.hosts["r1"], set(threading.enumerate())
    with network.lease("r1", Mode.PLAN, ["device.read"]):
        host.get_connection(connection, network.nornir.config)
    (session,) = set(threading.enumerate()) - before
    time.sleep(0.3)  # what is under way as it comes to rest is looked at too
    looks.clear()
    time.sleep(1.0)
    assert len(looks) < 5, "one every two seconds, and what still came; it were ten"
    close_host(host)
    session.join(10)
    assert not session.is_alive()


def test_an_inner_lease_of_the_same_thread_works_and_the_outer_one_goes_on(network: Any) -> None:
    host = network.hosts["r1"]
    with network.lease("r1", Mode.PLAN, ["device.read"]) as outer:
        connection = host.get_connection("netmiko", network.nornir.config)
        connection.config_mode()
        with network.lease("r1", Mode.APPLY, ["device.read"], sealed=()) as inner:
            assert "hostname r1" in guarded_read_config(host, "netmiko")
        assert connection.send_config_set(["hostname later"])
    assert outer.captured == ["hostname later"]
    assert inner.sent == []


def test_two_threads_take_turns_on_one_connection(network: Any) -> None:
    outcomes: list[Any] = []

    def work(number: int) -> None:
        lines = [f"ntp server 192.0.2.{number}", f"ntp server 192.0.3.{number}"]
        outcomes.append((lines, network.plan("r1", netmiko_send_config, config_commands=lines)))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [outcome.error for _, outcome in outcomes] == [None] * 4
    assert all(outcome.report.captured == lines for lines, outcome in outcomes)


def test_a_session_whose_thread_is_lost_does_not_block_the_next_step(network: Any) -> None:
    host, started, end = network.hosts["r1"], threading.Event(), threading.Event()

    def stuck(task: Task) -> None:
        task.host.get_connection("netmiko", task.nornir.config)
        started.set()
        end.wait(20)

    thread = threading.Thread(target=network.plan, args=("r1", stuck))
    thread.start()
    assert started.wait(10)
    abort_host(host)

    assert network.plan("r1", netmiko_send_command, command_string="show clock").error is None
    end.set()
    thread.join()


def test_a_device_without_its_prompt_is_told_as_that(fleet: Callable[..., Fleet]) -> None:
    routers = fleet(1)
    with GuardedNetwork(routers.inventory(), [NetmikoGuard(read_timeout=0.5)]) as network:
        with network.lease("r1", Mode.APPLY, ["device.read"], sealed=()):
            guarded_read_config(network.hosts["r1"], "netmiko")
        routers.fault("r1", "prompt", text="rommon 1 > ")
        with (
            network.lease("r1", Mode.APPLY, ["device.read"], sealed=()),
            pytest.raises(UnexpectedPrompt, match="rommon"),
        ):
            guarded_read_config(network.hosts["r1"], "netmiko")


def test_a_device_that_lets_nobody_configure_says_so_at_once(network: Any) -> None:
    network.fleet.fault("r1", "readonly")
    began = time.monotonic()

    task = network.apply("r1", netmiko_send_config, config_commands=["hostname x", "reload"])
    with pytest.raises(NornFlowError) as caught, network.lease("r1", Mode.APPLY, ["device.configure"]):
        guarded_configure(network.hosts["r1"], "netmiko", ["hostname x"])

    assert isinstance(task.error, NornFlowError)
    assert isinstance(caught.value, LineRejected)
    assert caught.value.line == "configure terminal"
    assert time.monotonic() - began < 20
    assert network.fleet["r1"].hostname == "r1"
    assert network.plan("r1", netmiko_send_command, command_string="show clock").error is None


def test_a_session_that_shows_its_prompt_ends_without_another_question(
    network: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(CiscoBaseConnection, "check_config_mode", lambda connection: asked.append(connection.host))
    with network.lease("r1", Mode.APPLY, ["device.read"], sealed=()):
        network.hosts["r1"].get_connection("netmiko", network.nornir.config).send_command("show clock")
        asked.clear()

    close_host(network.hosts["r1"])

    assert asked == []
    assert network.fleet["r1"].counters.logins == 1
