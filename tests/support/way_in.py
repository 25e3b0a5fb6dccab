"""A router whose way in is known, and what is thought of changes to it."""

from __future__ import annotations

from collections.abc import Sequence

from nornflow.model.device import Way
from nornflow.model.plan import Risk
from nornflow.planning.lockout import Lockout
from nornflow.platforms.load import platform_for

IOS = """hostname r1
aaa new-model
username netops secret 9 hidden
ip access-list standard MGMT
 10 permit 198.51.100.0 0.0.0.255
access-list 10 permit 10.0.0.0 0.255.255.255
vlan 20
 name office
interface Loopback0
 ip address 10.255.0.1 255.255.255.255
interface GigabitEthernet1
 description to r2
 ip address 10.0.0.1 255.255.255.252
interface GigabitEthernet4
 description management
 ip address 192.0.2.2 255.255.255.0
ip route 0.0.0.0 0.0.0.0 192.0.2.1
ip ssh version 2
line con 0
line vty 0 4
 access-class MGMT in
 login local
 transport input ssh
"""
WAY = Way(("192.0.2.2",), ("198.51.100.9",), user="netops")


def risks(
    *lines: str, pre: str = IOS, way: Way = WAY, platform: str = "cisco_ios", at_once: bool = False
) -> tuple[Risk, ...]:
    return Lockout(pre, platform_for(platform), way).step("change", lines, at_once=at_once)


def verdict(found: Sequence[Risk]) -> str:
    return "cut" if any(risk.certain for risk in found) else "doubt" if found else "stays"
