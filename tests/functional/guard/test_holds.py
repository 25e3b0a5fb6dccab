"""Under a hold nothing is saved, whoever asks for it and in whatever words, and a device's own timer is the engine's alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from nornflow.devices.guard import guarded_arm, guarded_configure, guarded_confirm, guarded_pending, guarded_revert
from nornflow.errors import GuardDenied
from nornflow.model.confirm import Hold, OwnTimer
from nornflow.model.permission import Mode
from nornflow.testing import EosFleet, Router
from nornflow.testing.eos.sessions import State
from nornflow.testing.guarded import GuardedNetwork
from nornflow_frr.shell import FrrShellGuard
from nornflow_napalm.guard import NapalmGuard

HELD = {"permissions": ("device.read", "device.configure", "device.command"), "hold": Hold()}
TIMER = OwnTimer("EOS commit timer", "napalm", with_commit=True)
CONFIRM = "exec:confirm commit"


def save(task: Any) -> str:
    return str(task.host.get_connection("netmiko", None).save_config())


def write(command: str) -> Callable[[Any], str]:
    return lambda task: str(task.host.get_connection("netmiko", None).send_command_timing(command))


def commit(task: Any) -> None:
    driver = task.host.get_connection("napalm", None)
    driver.load_merge_candidate(config="ntp server 192.0.2.99\nno ntp server 192.0.2.99")
    driver.commit_config()


def shell_of_paramiko(task: Any) -> None:
    channel = task.host.get_connection("paramiko", None).invoke_shell()
    channel.send(b"write memory\n")


@pytest.mark.parametrize(
    "attack",
    [save, *map(write, ("write memory", "wr", "write", "copy running-config startup-config")), shell_of_paramiko],
    ids=["save_config", "write memory", "wr", "write", "copy", "a channel"],
)
def test_a_save_is_answered_here_and_does_not_reach_the_router(
    network: GuardedNetwork, unharmed: Router, attack: Callable[[Any], Any]
) -> None:
    outcome = network.apply("r1", attack, grant=HELD)
    assert outcome.error is None
    assert [line for line in outcome.report.sent if line.startswith("exec:")], outcome.report
    assert not any(heard.line.strip().startswith(("wr", "copy")) for heard in unharmed.log)


def test_a_commit_of_napalm_on_ios_does_not_save_either(network: GuardedNetwork, routers: Any) -> None:
    router = routers["r2"]
    before, saves = router.startup_config, router.counters.saves
    outcome = network.apply("r2", commit, grant=HELD)
    assert outcome.error is None
    assert outcome.report.sent[-1] == "exec:write memory"  # it counts as done, and is done once it is confirmed
    assert (router.startup_config, router.counters.saves) == (before, saves)


@pytest.mark.parametrize("line", ["do write memory", "do wr", "do copy running-config startup-config"])
def test_a_save_in_the_middle_of_configuration_is_refused(network: GuardedNetwork, unharmed: Router, line: str) -> None:
    def sneak(task: Any) -> None:
        task.host.get_connection("netmiko", None).send_config_set([line])

    assert isinstance(network.apply("r1", sneak, grant=HELD).error, GuardDenied)


def test_without_a_hold_a_save_is_a_save(network: GuardedNetwork, routers: Any) -> None:
    saves = routers["r2"].counters.saves
    assert network.apply("r2", save).error is None
    assert routers["r2"].counters.saves == saves + 1


@pytest.fixture
def switches() -> Iterator[EosFleet]:
    with EosFleet(1) as fleet:
        yield fleet


@pytest.fixture
def eos(switches: EosFleet) -> Iterator[GuardedNetwork]:
    with GuardedNetwork(switches.inventory(), [NapalmGuard()]) as network:
        yield network


def states(fleet: EosFleet) -> list[State]:
    return [session.state for session in fleet["sw1"].sessions.by_name.values()]


def test_whoever_commits_does_it_under_the_timer_and_closing_the_session_takes_nothing_back(
    eos: GuardedNetwork, switches: EosFleet
) -> None:
    startup = switches["sw1"].startup_config

    def change(task: Any) -> None:
        driver = task.host.get_connection("napalm", None)
        driver.load_merge_candidate(config="ntp server 192.0.2.99")
        driver.commit_config()

    grant = {"permissions": ("device.read", "device.configure"), "hold": Hold("nornflow-x-c1", 600), "run": "x"}
    assert eos.apply("sw1", change, grant=grant).error is None
    eos.close()
    assert switches["sw1"].sessions.by_name["nornflow-x-c1"].state is State.TIMED
    assert "192.0.2.99" in switches["sw1"].running_config
    assert switches["sw1"].startup_config == startup
    host = eos.hosts["sw1"]
    with eos.lease("sw1", Mode.APPLY, ("device.read",)):
        assert guarded_pending(host, TIMER, "nornflow-x-c1")
        assert not guarded_pending(host, TIMER, "nornflow-x-c2")
    with eos.lease("sw1", Mode.APPLY, ("device.configure",), sealed=(CONFIRM,)):
        guarded_confirm(host, TIMER, "nornflow-x-c1")
    assert "192.0.2.99" in switches["sw1"].startup_config


@pytest.mark.parametrize(
    ("attack", "said"),
    [
        (lambda driver: driver.commit_config(revert_in=86_000), "takes no options"),
        (lambda driver: driver.confirm_commit(), "the run confirms its changes itself"),
        (lambda driver: setattr(driver, "config_session", None), "not allowed"),
        (lambda driver: driver._run_commands(["configure session nornflow-x-c1 commit"]), "not allowed"),
    ],
)
def test_a_task_can_neither_lengthen_nor_end_the_timer(
    eos: GuardedNetwork, switches: EosFleet, attack: Callable[[Any], None], said: str
) -> None:
    def task(task: Any) -> None:
        driver = task.host.get_connection("napalm", None)
        driver.load_merge_candidate(config="ntp server 192.0.2.99")
        attack(driver)

    before = switches["sw1"].running_config
    grant = {"permissions": ("device.read", "device.configure"), "hold": Hold("nornflow-x-c1", 600), "run": "x"}
    outcome = eos.apply("sw1", task, grant=grant)
    assert isinstance(outcome.error, GuardDenied)
    assert said in str(outcome.error)
    assert switches["sw1"].running_config == before
    assert states(switches) == []


@pytest.mark.parametrize(
    "act",
    [
        lambda host: guarded_arm(host, TIMER, Hold("t", 60), ""),
        lambda host: guarded_confirm(host, TIMER, "t"),
        lambda host: guarded_revert(host, TIMER, "t"),
    ],
)
@pytest.mark.parametrize(
    ("mode", "permissions", "grant"),
    [
        (Mode.PLAN, ("device.read", "device.configure"), {}),
        (Mode.APPLY, ("device.read",), {}),
        (Mode.APPLY, ("device.configure",), {"sealed": ("ntp server 192.0.2.99",)}),
    ],
    ids=["while planning", "without the permission", "when something else is sealed"],
)
def test_a_timer_is_touched_only_under_a_lease_for_just_that(
    eos: GuardedNetwork, act: Callable[[Any], None], mode: Mode, permissions: tuple[str, ...], grant: dict[str, Any]
) -> None:
    with eos.lease("sw1", mode, permissions, **grant), pytest.raises(GuardDenied):
        act(eos.hosts["sw1"])


def test_a_timer_that_the_connection_does_not_have_is_refused(eos: GuardedNetwork) -> None:
    other = OwnTimer("another timer", "napalm")
    with eos.lease("sw1", Mode.APPLY, ("device.configure",)), pytest.raises(GuardDenied, match="has no another timer"):
        guarded_confirm(eos.hosts["sw1"], other, "t")


def test_no_task_gets_anything_of_a_shell_account(routers: Any) -> None:
    def look(task: Any) -> None:
        shell = task.host.get_connection("frr_shell", None)
        shell.run("reboot")

    with GuardedNetwork(routers.inventory(), [FrrShellGuard()]) as network:
        outcome = network.apply("r1", look, grant={"permissions": ("*",)})
        assert isinstance(outcome.error, GuardDenied)
        with network.lease("r1", Mode.APPLY, ("*",)), pytest.raises(Exception, match="no configuration lines"):
            guarded_configure(network.hosts["r1"], "frr_shell", ["hostname x"])
