"""Attacks on live sessions: what devices and tasks write to open a way past the guard, and what becomes of the device."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from nornir.core.inventory import ConnectionOptions
from nornir.core.task import Task

from nornflow.devices.guard import Lease, held
from nornflow.devices.guard.wire import Phase, Wire
from nornflow.errors import GuardDenied, LineRejected
from nornflow.model.device import LeaseReport
from nornflow.model.permission import Grant, Mode
from nornflow.platforms.load import platform_for
from nornflow.testing import EosFleet, Fleet, Router
from nornflow.testing.guarded import GuardedNetwork, Outcome
from nornflow_napalm.guard import NapalmGuard
from nornflow_netmiko.guard import NetmikoGuard

EVERYTHING = {"permissions": ("device.*",)}


@pytest.fixture(scope="module")
def routers() -> Iterator[Fleet]:
    with Fleet(1, prefix="r") as fleet:
        yield fleet


@pytest.fixture
def network(routers: Fleet) -> Iterator[GuardedNetwork]:
    with GuardedNetwork(routers.inventory(), [NetmikoGuard()]) as network:
        yield network


@pytest.fixture
def unharmed(routers: Fleet) -> Iterator[Router]:
    """The router; whatever the test does must leave it as it was."""
    router = routers["r1"]
    before = router.running_config, router.startup_config, router.counters.config_lines
    yield router
    assert (router.running_config, router.startup_config, router.counters.config_lines) == before


def _netmiko(task: Task) -> Any:
    return task.host.get_connection("netmiko", task.nornir.config)


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("no ?ip ssh version 2", "shows help"),
        ("description x\u00cano ip ssh version 2", "other than ASCII"),
        (f"interface GigabitEthernet1{' ' * 300}0", "the device reads 254"),
    ],
)
def test_a_line_that_the_device_reads_otherwise_is_not_sent(
    line: str, what: str, network: GuardedNetwork, unharmed: Router
) -> None:
    for run in (network.plan, network.apply):
        outcome = run("r1", lambda task: _netmiko(task).send_config_set([line], cmd_verify=False))
        assert isinstance(outcome.error, GuardDenied)
        assert what in str(outcome.error)


@pytest.mark.parametrize("answer", [b"% Authorization failed.\r\nr1(config)#", b"r1(config)#"])
def test_a_banner_that_the_device_does_not_take_has_no_text(answer: bytes) -> None:
    # what follows would be commands that no rule has looked at
    platform = platform_for("cisco_ios")
    grant = Grant("r1", "it", Mode.APPLY, frozenset({"device.configure"}))
    with held(Lease(grant, platform, LeaseReport())) as lease:
        wire = Wire(platform)
        wire.phase = Phase.GUARDED
        wire.take(lease)
        wire.write(b"configure terminal\n")
        wire.read(b"configure terminal\r\nr1(config)#")
        wire.write(b"banner motd X\n")
        assert not wire.confirmed
        wire.read(b"banner motd X\r\n" + answer)
        with pytest.raises(LineRejected, match="banner motd X"):
            wire.write(b"no username admin\n")
        lease.rejected = None


def test_a_banner_is_sent_once_the_device_asks_for_its_text(network: GuardedNetwork, routers: Fleet) -> None:
    text = ["banner motd X", "no entry", "X"]
    outcome = network.apply("r1", lambda task: _netmiko(task).send_config_set(text))
    assert outcome.error is None
    assert "no entry" in routers["r1"].running_config
    routers["r1"].configure("no banner motd")


def test_a_prompt_that_a_device_writes_into_its_output_opens_nothing(
    network: GuardedNetwork, routers: Fleet, unharmed: Router
) -> None:
    unharmed.outputs["show clock"] = "r1(config)#"

    def attack(task: Task) -> Any:
        connection = _netmiko(task)
        connection.send_command_timing("show clock", last_read=0.2)
        return connection.send_command_timing("hostname pwned", last_read=0.2)

    try:
        outcome = network.apply("r1", attack)
    finally:
        unharmed.outputs.clear()
    assert isinstance(outcome.error, GuardDenied)
    assert "device.command" in str(outcome.error)


def test_a_line_that_was_never_ended_does_not_reach_into_the_next_step(
    network: GuardedNetwork, unharmed: Router
) -> None:
    network.apply("r1", lambda task: _netmiko(task).write_channel("show ver"), grant=EVERYTHING)
    outcome = network.apply("r1", lambda task: _netmiko(task).send_command("show clock"))
    assert outcome.error is None
    assert "UTC" in outcome.result


def test_lines_that_were_written_without_waiting_leave_no_mode_behind(network: GuardedNetwork, routers: Fleet) -> None:
    def hurry(task: Task) -> None:
        for text in ("configure terminal\n", "ntp server 192.0.2.77\n"):
            _netmiko(task).write_channel(text)

    network.apply("r1", hurry, grant=EVERYTHING)
    outcome = network.apply("r1", lambda task: _netmiko(task).send_command("show clock"))
    routers["r1"].configure("no ntp server 192.0.2.77")
    assert outcome.error is None


def test_a_copied_context_does_not_carry_the_lease_into_a_thread(network: GuardedNetwork, unharmed: Router) -> None:
    def spawn(task: Task) -> list[BaseException]:
        errors: list[BaseException] = []

        def use() -> None:
            try:
                _netmiko(task)
            except GuardDenied as error:
                errors.append(error)

        thread = threading.Thread(target=contextvars.copy_context().run, args=(use,))
        thread.start()
        thread.join()
        return errors

    assert len(network.plan("r1", spawn).result) == 1
    assert network.plan("r1", lambda task: _netmiko(task).send_command("show clock")).error is None


def _own_options(task: Task) -> None:
    task.host.connection_options["netmiko"] = ConnectionOptions(hostname="127.0.0.1", port=1)


def _own_defaults(task: Task) -> None:
    task.nornir.inventory.defaults.connection_options["netmiko"] = ConnectionOptions(hostname="127.0.0.1", port=1)


def _in_a_thread(task: Task) -> None:
    thread = threading.Thread(target=lambda: setattr(task.host, "port", 1))
    thread.start()
    thread.join()


@pytest.mark.parametrize("redirect", [_own_options, _own_defaults, _in_a_thread])
def test_no_task_can_lead_a_login_to_another_address(
    redirect: Callable[[Task], None], routers: Fleet, unharmed: Router
) -> None:
    def attack(task: Task) -> Any:
        redirect(task)
        return _netmiko(task).send_command("show clock")

    with GuardedNetwork(routers.inventory(), [NetmikoGuard()]) as network:
        outcome = network.apply("r1", attack)
        assert outcome.error is None  # it went where the inventory said when it was loaded
        assert "UTC" in outcome.result


CANDIDATES = [
    "hostname pwned\nwrite memory",
    "hostname pwned\ncommit",
    "hostname pwned\nend\nwrite memory",
    "hostname pwned\nexit\nenable",
    "hostname pwned\ndo write memory",
    "hostname pwned\nreload now",
    "hostname pwned\nbash rm -rf /",
]


@pytest.mark.parametrize("candidate", CANDIDATES)
def test_a_candidate_on_the_device_holds_configuration_alone_whatever_the_step_may_do(candidate: str) -> None:
    with EosFleet(1, prefix="e") as fleet, GuardedNetwork(fleet.inventory(), [NapalmGuard()]) as network:
        switch = fleet["e1"]
        before = switch.running_config, switch.startup_config

        def attack(task: Task) -> None:
            task.host.get_connection("napalm", None).load_merge_candidate(config=candidate)

        outcomes: list[Outcome] = [
            network.plan("e1", attack, grant=EVERYTHING),
            network.apply("e1", attack, grant=EVERYTHING),
        ]
        assert all(isinstance(outcome.error, GuardDenied) for outcome in outcomes), outcomes
        assert (switch.running_config, switch.startup_config) == before
        assert switch.count()["config_lines"] == 0


def test_a_text_with_methods_of_its_own_is_judged_as_what_is_sent() -> None:
    class Innocent(str):
        def split(self, *arguments: Any, **options: Any) -> Any:
            return ["show", "version"]

    with EosFleet(1, prefix="e") as fleet, GuardedNetwork(fleet.inventory(), [NapalmGuard()]) as network:
        outcome = network.plan(
            "e1", lambda task: task.host.get_connection("napalm", None).cli([Innocent("write memory")])
        )
        assert isinstance(outcome.error, GuardDenied)
        assert fleet["e1"].count()["saves"] == 0
