"""The guard in front of real FRR routers: planned unchanged, attacked without effect, applied exactly."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from nornir.core.task import Task
from nornir_netmiko.tasks import netmiko_save_config, netmiko_send_command, netmiko_send_config
from nornir_scrapli.tasks import send_command, send_configs

from nornflow.devices.guard import guarded_configure, guarded_read_config
from nornflow.errors import GuardDenied, LineRejected
from nornflow.model.permission import LineRule, Mode
from nornflow.testing import FrrLab
from nornflow.testing.guarded import GuardedNetwork
from nornflow_netmiko.guard import NetmikoGuard
from nornflow_scrapli.guard import ScrapliGuard

pytestmark = [pytest.mark.lab, pytest.mark.xdist_group("frr"), pytest.mark.timeout(400)]

CHANGE = ["router bgp 65001", "address-family ipv4 unicast", "network 203.0.113.0/24", "exit-address-family", "exit"]
ATTACKS: dict[str, Callable[[Any], Any]] = {
    "start-shell": lambda c: c.send_command_timing("start-shell bash"),
    "clear": lambda c: c.send_command("clear ip bgp *"),
    "copy into running": lambda c: c.send_command("copy /etc/passwd running-config"),
    "two lines": lambda c: c.send_command("show version\nconfigure\nno router bgp\nend"),
    "do": lambda c: c.send_config_set(["do clear ip bgp *"]),
    "write in configuration": lambda c: c.send_config_set(["write memory"]),
    "write_channel": lambda c: c.write_channel("configure\nno router bgp\nend\n"),
    "debug": lambda c: c.send_command("debug bgp updates"),
}


@pytest.fixture
def network(frr_lab: FrrLab) -> Any:
    with GuardedNetwork(frr_lab.inventory(), [NetmikoGuard()]) as network:
        yield network


def test_a_change_is_planned_without_a_trace_and_applied_as_planned(frr_lab: FrrLab, network: GuardedNetwork) -> None:
    before = frr_lab["r1"].running_config
    planned = network.plan("r1", netmiko_send_config, config_commands=CHANGE)
    saved = network.plan("r1", netmiko_save_config)

    assert planned.error is None
    assert planned.report.captured == CHANGE
    assert saved.report.captured == ["exec:write memory"]
    assert frr_lab["r1"].running_config == before

    grant = {"sealed": tuple(planned.report.captured)}
    applied = network.apply("r1", netmiko_send_config, grant=grant, config_commands=CHANGE)
    assert applied.error is None
    assert applied.report.sent == CHANGE
    assert "network 203.0.113.0/24" in frr_lab["r1"].running_config


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_leaves_the_router_as_it_was(attack: str, frr_lab: FrrLab, network: GuardedNetwork) -> None:
    before = frr_lab["r1"].running_config

    def task(task: Task) -> Any:
        return ATTACKS[attack](task.host.get_connection("netmiko", task.nornir.config))

    for outcome in (network.plan("r1", task), network.apply("r1", task, grant={"sealed": ()})):
        assert isinstance(outcome.error, GuardDenied), outcome
    assert frr_lab["r1"].running_config == before


def test_the_engines_push_reads_back_and_names_a_refused_line(frr_lab: FrrLab, network: GuardedNetwork) -> None:
    host = network.hosts["r1"]
    with network.lease("r1", Mode.APPLY, ["device.configure"], sealed=(*CHANGE, "exec:write memory")):
        guarded_configure(host, "netmiko", [*CHANGE, "exec:write memory"])
        assert "network 203.0.113.0/24" in guarded_read_config(host, "netmiko")
    with pytest.raises(LineRejected) as caught, network.lease("r1", Mode.APPLY, ["device.configure"]):
        guarded_configure(host, "netmiko", ["router bgp 65001", "neighbor nonsense remote-as x", "no bgp default"])
    assert caught.value.line == "neighbor nonsense remote-as x"
    assert "IPv4" in str(network.plan("r1", netmiko_send_command, command_string="show ip bgp summary").result)


def test_deny_rules_meet_abbreviations(frr_lab: FrrLab, network: GuardedNetwork) -> None:
    deny = (LineRule(r"^no router bgp"), LineRule(r"^router bgp \d+ / neighbor \S+ shutdown"))
    before = frr_lab["r1"].running_config
    for lines in (["no rou bgp 65001"], ["router bgp 65001", "nei 10.0.1.2 shut"], ["no router b"]):
        outcome = network.apply("r1", netmiko_send_config, grant={"deny": deny}, config_commands=lines)
        assert isinstance(outcome.error, GuardDenied), lines
    assert frr_lab["r1"].running_config == before


def test_scrapli_drives_vtysh_too(frr_lab: FrrLab) -> None:
    before = frr_lab["r1"].running_config
    with GuardedNetwork(frr_lab.inventory(), [ScrapliGuard()]) as network:
        planned = network.plan("r1", send_configs, configs=CHANGE)
        assert planned.error is None
        assert planned.report.captured == CHANGE
        assert frr_lab["r1"].running_config == before

        applied = network.apply("r1", send_configs, grant={"sealed": tuple(CHANGE)}, configs=CHANGE)
        assert applied.error is None
        assert applied.report.sent == CHANGE
        assert "network 203.0.113.0/24" in frr_lab["r1"].running_config

        refused = network.apply("r1", send_configs, configs=["router bgp 65001", "no such line"])
        assert isinstance(refused.error, LineRejected)
        assert "FRRouting" in network.plan("r1", send_command, command="show version").result
        assert isinstance(network.apply("r1", send_command, command="clear ip bgp *").error, GuardDenied)
        saved = network.apply("r1", send_command, grant={"sealed": ("exec:write memory",)}, command="write memory")
        assert saved.error is None
