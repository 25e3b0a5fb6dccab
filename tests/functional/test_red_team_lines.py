"""Denied lines in other clothes: what passes neither the guard's judge nor the gate that judges the plan."""

from __future__ import annotations

import pytest

from nornflow.devices.guard import Lease, held, refused_lines
from nornflow.devices.guard.judge import Judge
from nornflow.errors import GuardDenied
from nornflow.model.device import LeaseReport
from nornflow.model.permission import Grant, Mode
from nornflow.platforms.load import platform_for
from nornflow.platforms.spellings import MOST, spellings
from nornflow.policy.profiles import load_profiles

SITE = {"extends": "standard", "management_interfaces": ["eth0", "<<gi|gabitethernet>> ?0/0"]}
PROFILES = load_profiles({"site": SITE})
EVERYTHING = frozenset({"device.read", "device.configure", "device.command"})

# platform, profile, lines: each sequence ends in what the profile refuses, spelled as the device takes it too
SPELLED: list[tuple[str, str, list[str]]] = [
    ("cisco_ios", "standard", ["li vt 0 4", "tr i n"]),
    ("cisco_ios", "standard", ["line vty 0 4", "tr i n"]),
    ("cisco_ios", "standard", ["lin vt 0 4", "no exec"]),
    ("cisco_ios", "standard", ["line vty 0 4", "autoc reload"]),
    ("cisco_ios", "standard", ["user bob autocommand reload"]),
    ("cisco_ios", "standard", ["shell processing full"]),
    ("cisco_ios", "elevated", ["interface Loopback0", "do rel"]),
    ("cisco_ios", "standard", ["interface range GigabitEthernet0/0 - 1", "shutdown"]),
    ("cisco_ios", "standard", ["interface range gi0/1 , gi0/0", "shutdown"]),
    ("cisco_ios", "standard", ["int ran gi0/1,gi0/0", "shut"]),
    ("cisco_ios", "standard", ["default interface range gi0/0 - 1"]),
    ("cisco_ios", "standard", ["interface Gi0/00", "shutdown"]),
    ("cisco_ios", "standard", ["interface Gi00/0", "shutdown"]),
    ("cisco_ios", "standard", ["interface gi0/0 point-to-point", "shutdown"]),
    ("cisco_ios", "standard", ["interface gi0/0", "default shutdown"]),
    ("cisco_ios", "standard", ["interface gi0/0", "default ip address"]),
    ("cisco_ios", "standard", ["interface gi0/0", "source template down"]),
    ("cisco_ios", "standard", ["default ip route 0.0.0.0 0.0.0.0 192.0.2.1"]),
    ("cisco_ios", "standard", ["no ip route 00.0.0.0 0.0.0.0 192.0.2.1"]),
    ("cisco_ios", "standard", ["no ip routing"]),
    ("cisco_ios", "standard", ["default username admin"]),
    ("cisco_ios", "standard", ["line vty 0 4", "default transport input"]),
    ("cisco_ios", "standard", ["line vty 0 4", "transport input telnet"]),
    ("cisco_ios", "standard", ["banner motd ^Chello^", "line vty 0 4", "transport input none", "^C"]),
    ("cisco_ios", "standard", ["banner motd ^C hello ^", "no username ada", "^C"]),
    ("cisco_ios", "restricted", ["lin 2 6"]),
    ("cisco_ios", "restricted", ["line 0 4"]),
    ("cisco_ios", "restricted", ["interface range gi0/0 - 1", "ip access-group 1 in"]),
    ("cisco_ios", "restricted", ["crypto pki trustpoint x"]),
    ("cisco_ios", "restricted", ["default ip default-gateway"]),
    ("cisco_ios", "restricted", ["ip http authentication local"]),
    ("arista_eos", "standard", ["interface Et1,Ma1", "shutdown"]),
    ("arista_eos", "standard", ["interface Et1-2 , Management1", "shut"]),
    ("arista_eos", "standard", ["default ip route 0.0.0.0/0"]),
    ("arista_eos", "standard", ["no ipv6 route 0::/0"]),
    ("arista_eos", "standard", ["no ip route 0/0"]),
    ("cisco_nxos", "standard", ["interface e1/1,mgmt0", "shutdown"]),
    ("frr", "site", ["interface eth0 vrf default", "shutdown"]),
    ("frr", "site", ["int eth0 vrf default", "shut"]),
    ("frr", "standard", ["no ipv6 route 0::/0 fe80::1"]),
    ("frr", "standard", ["vrf default", "no ip route 0.0.0.0/0 192.0.2.1"]),
    ("frr", "restricted", ["password x"]),
    ("juniper_junos", "standard", ["delete"]),
    ("juniper_junos", "standard", ["delete system"]),
    ("juniper_junos", "standard", ["delete interfaces"]),
    ("juniper_junos", "standard", ["delete routing-options static"]),
    ("juniper_junos", "standard", ["delete routing-options static route 0/0"]),
]

# what hides a line from whoever reads lines one by one
HIDDEN: list[tuple[str, list[str]]] = [
    ("cisco_nxos", ["run bash sudo reboot"]),
    ("cisco_nxos", ["python bootflash:x.py"]),
    ("cisco_nxos", ["install all nxos bootflash:x"]),
    ("cisco_nxos", ["guestshell destroy"]),
    ("cisco_nxos", ["attach module 1"]),
    ("cisco_nxos", ["vsh -c reload"]),
    ("cisco_nxos", ["terminal alias x reload"]),
    ("cisco_ios", ["interface Gi0/1", "description hi\rno username admin"]),
    ("arista_eos", ["interface Et1", "description hi\nno username admin"]),
    ("arista_eos", ["interface Et1", "description hi\u2028no username admin"]),
    ("cisco_ios", ["interface Gi0/1", "description hi\x85no username admin"]),
    ("cisco_ios", ["interface Gi0/1", "description hi\x0bno username admin"]),
    ("cisco_nxos", ["vlan 10 ; no username admin"]),
    ("cisco_nxos", ["interface mgmt0 ; shutdown"]),
    ("generic", ["vlan 10 ; no username admin"]),
    ("cisco_ios", ["define interface-range X gi0/0"]),
    ("cisco_ios", ["interface range macro X", "shutdown"]),
    ("arista_eos", ["interface profile P", "command shutdown"]),
    ("juniper_junos", ["wildcard delete interfaces fxp*"]),
    ("juniper_junos", ["replace pattern fxp0 with fxp1"]),
    ("juniper_junos", ["rename interfaces fxp0 to fxp1"]),
    ("juniper_junos", ["run run request system reboot"]),
    ("cisco_ios", ["do do reload"]),
    ("cisco_ios", ["interface Loopback0", "do configure terminal"]),
    ("cisco_ios", ["reload"]),
    ("arista_eos", ["reload now"]),
    ("arista_eos", ["write erase"]),
    ("cisco_nxos", ["reload"]),
    ("generic", ["reload"]),
    ("cisco_ios", ["exec:no username admin"]),
    ("cisco_ios", ["exec:no ip route 0.0.0.0 0.0.0.0 192.0.2.1"]),
]

HARMLESS: list[tuple[str, list[str]]] = [
    ("cisco_ios", ["interface Gi1/0/1", "auto qos trust", "exit", "line vty 0 4", "exec-timeout 5 0"]),
    ("cisco_nxos", ["monitor session 1", "source interface Ethernet1/1", "install-default x"]),
    ("cisco_ios", ["interface range Gi1/0/1 - 24 , Gi2/0/1", "description users", "no shutdown", "shutdown"]),
    ("cisco_ios", ["default interface GigabitEthernet1/0/5"]),
    ("cisco_ios", ["interface GigabitEthernet1", "default ip ospf cost", "exit", "ip route 0.0.0.0 0.0.0.0 192.0.2.1"]),
    ("cisco_ios", ["interface Vlan10", "description a; b", "shutdown"]),
    (
        "cisco_ios",
        ["do show version", "no ip route 10.0.0.0 255.0.0.0 192.0.2.1", "line vty 0 4", "transport input ssh"],
    ),
    ("arista_eos", ["interface Ethernet1-4", "shutdown", "default interface Ethernet9"]),
    ("frr", ["interface eth1 vrf blue", "shutdown", "exit", "no ip route 10.0.0.0/8 192.0.2.1"]),
    ("juniper_junos", ["delete interfaces ge-0/0/1 description", "set system host-name r1"]),
]


def judged(platform: str, lines: list[str], profile: str) -> None:
    rules = PROFILES[profile]
    grant = Grant("r1", "it", Mode.APPLY, EVERYTHING, None, rules.deny_rules, ())
    with held(Lease(grant, platform_for(platform), LeaseReport())) as lease:
        judge = Judge(lease)
        for line in lines:
            if line.startswith("exec:"):
                judge.exec_line(line.removeprefix("exec:"))
            else:
                judge.config_line(line)


@pytest.mark.parametrize(("platform", "profile", "lines"), SPELLED, ids=lambda value: str(value))
def test_a_denied_line_is_denied_in_every_spelling_by_guard_and_gate_alike(
    platform: str, profile: str, lines: list[str]
) -> None:
    with pytest.raises(GuardDenied):
        judged(platform, lines, profile)
    assert refused_lines(platform, lines, PROFILES[profile].deny_rules)


@pytest.mark.parametrize(("platform", "lines"), HIDDEN, ids=repr)
def test_a_line_that_hides_another_is_denied(platform: str, lines: list[str]) -> None:
    with pytest.raises(GuardDenied):
        judged(platform, lines, "standard")


@pytest.mark.parametrize(("platform", "lines"), HARMLESS, ids=repr)
def test_what_is_harmless_passes_guard_and_gate(platform: str, lines: list[str]) -> None:
    judged(platform, lines, "standard")
    assert refused_lines(platform, lines, PROFILES["standard"].deny_rules) == []


def test_a_range_is_every_interface_in_it() -> None:
    told = spellings("interface range Gi1/0/1 - 3 , Te1/1 / shutdown")
    assert told is not None
    assert {"interface Gi1/0/2 / shutdown", "interface Gi1/0/3 / shutdown", "interface Te1/1 / shutdown"} <= set(told)
    assert spellings("interface Vlan10 / description x") == ()


def test_a_range_that_nobody_can_look_at_is_refused() -> None:
    assert spellings(f"interface Ethernet1-{MOST * 2} / shutdown") is None
    with pytest.raises(GuardDenied, match="nobody can say"):
        judged("arista_eos", [f"interface Ethernet1-{MOST * 2}"], "standard")


def test_a_configuration_line_does_not_pass_for_a_command_in_the_plan() -> None:
    grant = Grant("r1", "it", Mode.PLAN, EVERYTHING, None, (), ())
    with held(Lease(grant, platform_for("cisco_ios"), LeaseReport())) as lease:
        with pytest.raises(GuardDenied, match="is no configuration"):
            Judge(lease).config_line(" exec:write memory")
        assert lease.report.captured == []
