"""Nornir tasks that never heard of NornFlow, planned and applied unchanged behind the guard."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from nornir.core.task import Result, Task
from nornir_napalm.plugins.tasks import napalm_cli, napalm_configure, napalm_get, napalm_ping
from nornir_netmiko.tasks import (
    netmiko_commit,
    netmiko_multiline,
    netmiko_save_config,
    netmiko_send_command,
    netmiko_send_config,
)

from nornflow.devices.guard import (
    guarded_configure,
    guarded_read_config,
    guarded_replace,
)
from nornflow.errors import (
    DeviceError,
    GuardDenied,
    LineRejected,
)
from nornflow.model.permission import Mode
from nornflow.testing import EosFleet, Fleet
from nornflow.testing.guarded import GuardedNetwork
from nornflow_napalm.guard import NapalmGuard
from nornflow_netmiko.guard import NetmikoGuard
from nornflow_netmiko.paramiko_guard import ParamikoGuard

CHANGE = [
    "interface Loopback0",
    "description planned",
    "exit",
    "ntp server 192.0.2.77",
    "banner motd ^",
    "hi % there",
    "^",
]


@pytest.fixture
def network(fleet: Callable[..., Fleet]) -> Any:
    fleet_ = fleet(2)
    with GuardedNetwork(fleet_.inventory(), [NetmikoGuard(), NapalmGuard(), ParamikoGuard()]) as network:
        network.fleet = fleet_  # type: ignore[attr-defined]
        yield network


def test_a_configuration_is_planned_captured_and_then_applied_exactly(network: Any) -> None:
    router = network.fleet["r1"]
    before = router.running_config

    planned = network.plan("r1", netmiko_send_config, config_commands=CHANGE)

    assert planned.error is None
    assert planned.report.captured == CHANGE
    assert planned.report.connections == ["netmiko"]
    assert "r1(config)#ntp server 192.0.2.77" in planned.result
    assert router.running_config == before
    assert router.counters.config_lines == 0

    grant = {"sealed": tuple(planned.report.captured)}
    applied = network.apply("r1", netmiko_send_config, grant=grant, config_commands=CHANGE)

    assert applied.error is None
    assert applied.report.sent == CHANGE
    assert "ntp server 192.0.2.77" in router.running_config
    assert "hi % there" in router.running_config


def test_another_change_than_the_planned_one_is_denied_before_its_first_line(network: Any) -> None:
    grant = {"sealed": tuple(CHANGE)}
    outcome = network.apply("r1", netmiko_send_config, grant=grant, config_commands=[*CHANGE[:-1], "^C", "hostname x"])

    assert isinstance(outcome.error, GuardDenied)
    assert network.fleet["r1"].counters.config_lines == 0


def test_a_configuration_file_is_planned_too(network: Any, tmp_path: Path) -> None:
    file = tmp_path / "change.cfg"
    file.write_text("interface Loopback0\n description from a file\n")

    outcome = network.plan("r1", netmiko_send_config, config_file=str(file))

    assert outcome.report.captured == ["interface Loopback0", " description from a file"]


def test_saving_is_planned_and_applied(network: Any) -> None:
    router = network.fleet["r1"]

    assert network.plan("r1", netmiko_save_config).report.captured == ["exec:write memory"]
    assert router.counters.saves == 0
    assert network.apply("r1", netmiko_save_config, grant={"sealed": ("exec:write memory",)}).error is None
    assert router.counters.saves == 1


def test_reads_reach_the_device_while_planning(network: Any) -> None:
    outputs = [
        network.plan("r1", netmiko_send_command, command_string="show version"),
        network.plan("r1", netmiko_send_command, command_string="show version", use_timing=True, last_read=0.1),
        network.plan("r1", netmiko_multiline, commands=["show version", "show clock"]),
        network.plan("r1", netmiko_multiline, commands=[["show version", ""], ["show clock", "#"]]),
    ]

    assert all("IOS XE" in outcome.result for outcome in outputs)
    assert not any(outcome.report.denials for outcome in outputs)


def test_a_multiline_dialogue_into_configuration_mode_is_planned(network: Any) -> None:
    commands = [["configure terminal", r"\)#"], ["hostname elsewhere", r"\)#"], ["end", "#"]]
    outcome = network.plan("r1", netmiko_multiline, commands=commands)

    assert outcome.error is None
    assert outcome.report.captured == ["hostname elsewhere"]
    assert network.fleet["r1"].hostname == "r1"


def test_commit_says_what_netmiko_says_of_a_platform_without_one(network: Any) -> None:
    outcome = network.plan("r1", netmiko_commit)

    assert isinstance(outcome.error, AttributeError)
    assert "commit" in str(outcome.error)


def test_a_task_of_ones_own_that_reads_then_configures_is_planned(network: Any) -> None:
    def harden(task: Task, vty: str) -> Result:
        connection = task.host.get_connection("netmiko", task.nornir.config)
        running = connection.send_command("show running-config")
        with_exec = [] if "exec-timeout 5 0" in running else ["exec-timeout 5 0"]
        answer = task.run(netmiko_send_config, config_commands=[f"line vty {vty}", *with_exec])
        assert connection.check_config_mode() is False
        return Result(task.host, result=answer[0].result, changed=True)

    outcome = network.plan("r1", harden, vty="0 4")

    assert outcome.error is None
    assert outcome.report.captured == ["line vty 0 4", "exec-timeout 5 0"]


def test_a_session_left_in_configuration_mode_is_brought_back_between_steps(network: Any) -> None:
    def leave_open(task: Task) -> None:
        task.host.get_connection("netmiko", task.nornir.config).send_config_set(["hostname r1"], exit_config_mode=False)

    for way in (network.plan, network.apply):
        assert way("r1", leave_open).error is None
        assert "IOS XE" in network.plan("r1", netmiko_send_command, command_string="show version").result


def test_a_rejected_line_fails_the_device_by_name_and_stops_the_rest(network: Any) -> None:
    lines = ["interface Loopback0", "bogus line", "shutdown"]
    outcome = network.apply("r1", netmiko_send_config, config_commands=lines)

    assert isinstance(outcome.error, LineRejected)
    assert outcome.error.line == "bogus line"
    assert "shutdown" not in network.fleet["r1"].running_config.partition("interface Loopback0")[2].partition("!")[0]


def test_a_rejected_last_line_is_told_although_the_task_never_looked(network: Any) -> None:
    outcome = network.apply("r1", netmiko_send_config, config_commands=["hostname r1", "bogus"], cmd_verify=False)

    assert isinstance(outcome.error, LineRejected)
    assert outcome.error.line == "bogus"


def test_lines_written_without_waiting_stop_at_the_first_rejected_one(network: Any) -> None:
    lines = ["interface Loopback0", "router bgp nonsense", "shutdown"]
    outcome = network.apply("r1", netmiko_send_config, config_commands=lines, cmd_verify=False)

    assert isinstance(outcome.error, LineRejected)
    assert outcome.error.line == "router bgp nonsense"
    assert outcome.report.sent == lines[:2]


def test_the_engines_own_push_and_reading_go_over_the_wire(network: Any) -> None:
    host, router = network.hosts["r1"], network.fleet["r1"]
    lines = ["interface Loopback0", " description engine", "exit", *CHANGE[3:], "exec:write memory"]
    for connection in ("netmiko", "napalm", "paramiko"):
        router.configure("interface Loopback0", "description before")
        with network.lease("r1", Mode.APPLY, ["device.configure"], sealed=tuple(lines)) as report:
            guarded_configure(host, connection, lines)
            running = guarded_read_config(host, connection)
        assert report.sent == lines
        assert " description engine\n" in running
        assert not router.unsaved


def test_the_engines_push_names_the_rejected_line_and_leaves_configuration_mode(network: Any) -> None:
    host = network.hosts["r1"]
    with pytest.raises(LineRejected) as caught, network.lease("r1", Mode.APPLY, ["device.configure"]):
        guarded_configure(host, "netmiko", ["interface Loopback0", "bogus line", "shutdown"])
    assert caught.value.line == "bogus line"
    assert network.plan("r1", netmiko_send_command, command_string="show clock").error is None


def test_napalm_tasks_are_planned_and_applied_without_files_on_the_device(network: Any) -> None:
    router = network.fleet["r1"]
    before = router.running_config
    text = "interface Loopback0\n description napalm\n!\nntp server 192.0.2.78\n"
    lines = ["interface Loopback0", " description napalm", "ntp server 192.0.2.78", "exec:write memory"]

    planned = network.plan("r1", napalm_configure, configuration=text)

    assert planned.error is None
    assert planned.diff.splitlines() == ["+interface Loopback0", "+ description napalm", "+ntp server 192.0.2.78"]
    assert planned.report.captured == lines
    assert router.running_config == before

    applied = network.apply("r1", napalm_configure, grant={"sealed": tuple(lines)}, configuration=text)

    assert applied.error is None
    assert applied.report.sent == lines
    assert "ntp server 192.0.2.78" in router.startup_config


def test_napalm_reads_are_planned(network: Any) -> None:
    assert "IOS XE" in network.plan("r1", napalm_cli, commands=["show version"]).result["show version"]
    assert "hostname r1" in network.plan("r1", napalm_get, getters=["config"]).result["config"]["running"]
    assert network.plan("r1", napalm_ping, dest="192.0.2.1").error is None


def test_napalm_options_that_need_files_are_refused_with_a_way_out(network: Any) -> None:
    for options in ({"revert_in": 60}, {"commit_message": "x"}):
        outcome = network.plan("r1", napalm_configure, configuration="hostname r1", **options)
        assert isinstance(outcome.error, DeviceError)
        assert outcome.error.hint


def test_paramiko_commands_and_shells_are_guarded_alike(network: Any) -> None:
    def commands(task: Task) -> str:
        client = task.host.get_connection("paramiko", task.nornir.config)
        with client.get_transport().open_session() as session:
            session.exec_command("show clock")
            assert session.recv_exit_status() == 0
            clock = session.makefile().read().decode()
        _, output, _ = client.exec_command("show version")
        return clock + output.read().decode()

    def shell(task: Task) -> str:
        channel = task.host.get_connection("paramiko", task.nornir.config).invoke_shell()
        seen = ""
        for line in ("configure terminal", "hostname elsewhere", "end"):
            channel.send(line + "\n")
            seen += channel.recv(4096).decode()
        return seen

    assert "IOS XE" in network.plan("r1", commands).result
    outcome = network.plan("r1", shell)
    assert outcome.report.captured == ["hostname elsewhere"]
    assert "r1(config)#" in outcome.result


def test_an_eos_candidate_is_compared_on_the_device_and_thrown_away(eos_fleet: Callable[..., EosFleet]) -> None:
    fleet = eos_fleet(1)
    switch = fleet["sw1"]
    before = switch.running_config
    text = "interface Ethernet1\n   description native\nntp server 192.0.2.79\n"
    with GuardedNetwork(fleet.inventory(), [NapalmGuard()]) as network:
        planned = network.plan("sw1", napalm_configure, configuration=text)

        assert planned.error is None
        assert "+ntp server 192.0.2.79" in planned.report.native_diff
        assert planned.report.captured == ["interface Ethernet1", "   description native", "ntp server 192.0.2.79"]
        assert switch.running_config == before

        grant = {"sealed": tuple(planned.report.captured)}
        applied = network.apply("sw1", napalm_configure, grant=grant, configuration=text)
        assert applied.error is None
        assert "description native" in switch.running_config

        with network.lease("sw1", Mode.APPLY, ["device.configure"]):
            guarded_replace(network.hosts["sw1"], "napalm", before)
        assert switch.running_config == before


@pytest.mark.parametrize(
    "line",
    ["reload now", "commit", "end\nwrite memory", "bash rm -rf /", "copy running-config flash:x", "rel", "show tech"],
)
def test_an_eos_candidate_holds_no_commands(line: str, eos_fleet: Callable[..., EosFleet]) -> None:
    fleet = eos_fleet(1)
    before = fleet["sw1"].running_config
    with GuardedNetwork(fleet.inventory(), [NapalmGuard()]) as network:
        for outcome in (
            network.plan("sw1", napalm_configure, configuration=f"ntp server 192.0.2.80\n{line}"),
            network.apply("sw1", napalm_configure, configuration=f"ntp server 192.0.2.80\n{line}"),
        ):
            assert isinstance(outcome.error, GuardDenied), outcome
        assert network.plan("sw1", napalm_cli, commands=["reload now"]).report.denials
    assert fleet["sw1"].running_config == before


def test_what_cannot_be_replaced_says_so(network: Any) -> None:
    with network.lease("r1", Mode.APPLY, ["device.configure"]), pytest.raises(DeviceError, match="cannot replace"):
        guarded_replace(network.hosts["r1"], "netmiko", "hostname x")
