"""What every ConnectionGuard has to keep, whoever ships it: one suite over all guards of this repository."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from nornflow import (
    AuthenticationFailed,
    ConnectionGuard,
    ConnectionLost,
    DeviceError,
    LineRejected,
    NornFlowError,
    Secret,
    Target,
    Unreachable,
)
from nornflow.devices.guard import close_host, guarded_configure, guarded_read_config, guarded_replace
from nornflow.errors import GuardDenied
from nornflow.model.permission import Mode
from nornflow.testing import EosFleet, Fleet
from nornflow.testing.guarded import GuardedNetwork
from nornflow_napalm.guard import NapalmGuard
from nornflow_netmiko.guard import NetmikoGuard
from nornflow_netmiko.paramiko_guard import ParamikoGuard
from nornflow_scrapli.guard import ScrapliGuard


@dataclass(frozen=True)
class Case:
    """A guard, the devices it is tried on, and lines that these devices take."""

    guard: Callable[[], ConnectionGuard]
    fleet: Callable[..., Any]
    name: str
    lines: tuple[str, ...]
    replaces: bool = False


IOS_LINES = ("interface Loopback0", " description contract", "exit", "ntp server 192.0.2.88")
CASES = {
    "netmiko": Case(NetmikoGuard, Fleet, "r1", IOS_LINES),
    "paramiko": Case(ParamikoGuard, Fleet, "r1", IOS_LINES),
    "scrapli": Case(ScrapliGuard, Fleet, "r1", IOS_LINES),
    "napalm ios": Case(NapalmGuard, Fleet, "r1", IOS_LINES),
    "napalm eos": Case(NapalmGuard, EosFleet, "sw1", ("interface Ethernet1", "   description contract"), replaces=True),
}


@dataclass
class Stand:
    """One guard in front of one simulated device."""

    case: Case
    fleet: Any
    network: GuardedNetwork

    @property
    def device(self) -> Any:
        return self.fleet[self.case.name]

    @property
    def host(self) -> Any:
        return self.network.hosts[self.case.name]

    @property
    def connection(self) -> str:
        return self.case.guard().connection


@pytest.fixture(params=CASES, ids=list(CASES))
def stand(request: pytest.FixtureRequest) -> Iterator[Stand]:
    case = CASES[request.param]
    with case.fleet(1) as fleet, GuardedNetwork(fleet.inventory(), [case.guard()]) as network:
        yield Stand(case, fleet, network)


def test_it_reads_the_running_configuration_and_changes_nothing(stand: Stand) -> None:
    before = stand.device.running_config
    with stand.network.lease(stand.case.name, Mode.APPLY, ["device.read"], sealed=()) as report:
        text = guarded_read_config(stand.host, stand.connection)

    assert stand.device.running_config == before
    assert all(line in text for line in before.splitlines() if line.strip(" !"))
    assert report.sent == []
    assert report.connections == [stand.connection]


def test_it_sends_exactly_the_lines_and_reads_back_what_it_sent(stand: Stand) -> None:
    with stand.network.lease(stand.case.name, Mode.APPLY, ["device.configure"], sealed=stand.case.lines) as report:
        guarded_configure(stand.host, stand.connection, stand.case.lines)
    with stand.network.lease(stand.case.name, Mode.APPLY, ["device.read"], sealed=()):
        text = guarded_read_config(stand.host, stand.connection)

    assert report.sent == list(stand.case.lines)
    assert "description contract" in text


def test_it_names_the_line_that_the_device_refused(stand: Stand) -> None:
    lines = [stand.case.lines[0], "bogus line", "hostname gone-wrong"]
    with (
        pytest.raises(LineRejected) as caught,
        stand.network.lease(stand.case.name, Mode.APPLY, ["device.configure"]),
    ):
        guarded_configure(stand.host, stand.connection, lines)

    assert caught.value.line == "bogus line"
    assert caught.value.marker
    assert caught.value.hint
    assert "gone-wrong" not in stand.device.running_config


def test_it_sends_nothing_when_one_line_of_the_block_is_not_sealed(stand: Stand) -> None:
    before = stand.device.running_config
    sealed = stand.case.lines
    with (
        pytest.raises(GuardDenied),
        stand.network.lease(stand.case.name, Mode.APPLY, ["device.configure"], sealed=sealed) as report,
    ):
        guarded_configure(stand.host, stand.connection, [*sealed, "hostname more"])

    assert report.sent == []
    assert stand.device.running_config == before


def test_it_replaces_a_whole_configuration_or_says_that_it_cannot(stand: Stand) -> None:
    before = stand.device.running_config
    with stand.network.lease(stand.case.name, Mode.APPLY, ["device.configure"]):
        guarded_configure(stand.host, stand.connection, stand.case.lines)
    with stand.network.lease(stand.case.name, Mode.APPLY, ["device.configure"]):
        if stand.case.replaces:
            guarded_replace(stand.host, stand.connection, before)
        else:
            with pytest.raises(DeviceError, match="cannot replace"):
                guarded_replace(stand.host, stand.connection, before)

    assert (stand.device.running_config == before) is stand.case.replaces


def test_a_closed_session_is_opened_anew(stand: Stand) -> None:
    for _ in range(2):
        with stand.network.lease(stand.case.name, Mode.APPLY, ["device.read"], sealed=()):
            assert guarded_read_config(stand.host, stand.connection)
        close_host(stand.host)


def test_no_error_of_a_library_comes_out(stand: Stand) -> None:
    def login(password: str, port: int | None) -> NornFlowError:
        entry = stand.fleet.inventory()[stand.case.name]
        extras = entry.get("connection_options", {}).get(stand.connection, {}).get("extras", {})
        optional = {key: value for key, value in extras.get("optional_args", {}).items() if key != "port"}
        target = Target(
            stand.case.name,
            entry["hostname"],
            port or entry["port"],
            entry["username"],
            Secret(password),
            entry["platform"],
            {**extras, "optional_args": optional} if optional else extras,
        )
        with pytest.raises(DeviceError) as caught:
            stand.case.guard().open(target, lambda channel: channel)
        return caught.value

    assert isinstance(login("not-the-password", None), AuthenticationFailed)
    assert isinstance(login("simulated-login", 1), Unreachable)
    stand.fleet.fault(stand.case.name, "drop", after=0)
    with (
        stand.network.lease(stand.case.name, Mode.APPLY, ["device.read"], sealed=()),
        pytest.raises(DeviceError) as caught,
    ):
        guarded_read_config(stand.host, stand.connection)
    assert isinstance(caught.value, (ConnectionLost, Unreachable))


def test_no_name_of_its_surface_gives_the_driver_away(stand: Stand) -> None:
    surface = stand.case.guard().surface
    dangerous = {
        "write_channel",
        "remote_conn",
        "remote_conn_pre",
        "channel",
        "device",
        "_netmiko_device",
        "session_log",
    }
    allowed = {*surface.attributes, *surface.calls, *surface.reads, *surface.commands, *surface.configures}

    assert not allowed & dangerous
    assert not any(name.startswith("_") for name in allowed)
    assert not {"password", "secret", "username"} & allowed


def test_every_name_of_its_surface_exists_on_the_driver(stand: Stand) -> None:
    guard = stand.case.guard()
    surface = guard.surface
    named = {*surface.calls, *surface.commands, *surface.configures, *surface.configure_files, *surface.reads}
    found: list[type] = []

    def look(task: Any) -> None:
        found.append(task.host.get_connection(stand.connection, task.nornir.config).__class__)

    assert stand.network.plan(stand.case.name, look).error is None
    assert [name for name in sorted(named) if not hasattr(found[0], name)] == []
