"""Lines made up at random, spelt as people and attackers spell them: whatever cuts the way in on a router is told."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from nornflow.model.device import Way
from nornflow.planning.lockout import Lockout
from nornflow.platforms.load import platform_for
from nornflow.testing import Router
from nornflow.testing.routers.config import Cursor, Rejected
from nornflow.testing.routers.grammar import Unparsed

IOS = platform_for("ios")
WAY = Way(("192.0.2.2",), ("198.51.100.9",), user="netops")
START = """\
hostname r1
interface Loopback0
 ip address 10.255.0.1 255.255.255.255
interface GigabitEthernet1
 ip address 10.0.1.1 255.255.255.0
interface GigabitEthernet2
 ip address 192.0.2.2 255.255.255.0
interface GigabitEthernet3
 no ip address
 shutdown
ip route 0.0.0.0 0.0.0.0 192.0.2.1
ip access-list standard DOOR
 10 permit 198.51.100.0 0.0.0.255
ip access-list extended YARD
 10 permit ip any any
line con 0
line vty 0 4
 access-class DOOR in
 login local
 transport input ssh
"""

openers = st.sampled_from(
    [
        *(
            "interface GigabitEthernet1",
            "interface GigabitEthernet2",
            "interface GigabitEthernet3",
            "int gi2",
            "int gi 2",
        ),
        *("INTERFACE GI2", "interface range GigabitEthernet1 - 2", "int range gi2 , gi3", "interface gigabit2"),
        *("ip access-list standard DOOR", "ip access-list st DOOR", "ip access-list extended YARD"),
        *("line vty 0 4", "lin vty 0 4", "default interface GigabitEthernet2", "def int gi1", "exit", "end"),
    ]
)
lines = st.sampled_from(
    [
        *("shutdown", "shut", "no shut", "SHUTDOWN", "no ip address", "no ip addr 192.0.2.2 255.255.255.0"),
        *(
            "ip address 192.0.2.2 255.255.255.0",
            "ip address 192.0.2.3 255.255.255.0",
            "description x",
            "default shutdown",
        ),
        *("ip access-group YARD in", "no ip access-group YARD in", "ip access-group YARD out"),
        *(
            "no 10",
            "5 deny any",
            "20 permit any",
            "permit 10.0.0.0 0.255.255.255",
            "5 deny ip any any",
            "deny udp any any",
        ),
        *("access-class DOOR in", "no access-class DOOR in", "transport input telnet", "transport input ssh"),
        *("no ip route 0.0.0.0 0.0.0.0", "no ip route 0.0.0.0 0.0.0.0 192.0.2.1", "ip route 0.0.0.0 0.0.0.0 192.0.2.1"),
        *("ip route 198.51.100.0 255.255.255.0 Null0", "no ip route 198.51.100.0 255.255.255.0 Null0"),
        *(
            "no interface Loopback0",
            "no ip access-list standard DOOR",
            "no ip access-list extended YARD",
            "ntp server 192.0.2.9",
        ),
    ]
)
changes = st.lists(st.one_of(openers, lines), min_size=1, max_size=7)


def cuts(config: str) -> bool:
    """Tell whether this configuration as a whole cuts the way in, by itself."""
    found = Lockout(START, IOS, WAY).step("all", ["exec:replace configuration", *config.splitlines()], at_once=True)
    return any(risk.certain for risk in found)


@settings(deadline=None, max_examples=150)
@given(changes, st.randoms(use_true_random=False))
def test_what_cuts_the_way_in_on_a_router_is_told(typed: list[str], shuffle: random.Random) -> None:
    typed = [line if shuffle.random() < 0.8 else f"  {line}  " for line in typed]
    device = Router("r1", lambda: START.splitlines())
    cursor: Cursor = ()
    taken: list[str] = []
    for line in typed:
        try:
            cursor = device.config.apply(cursor, line.strip())
        except (Rejected, Unparsed):
            cursor = () if line.strip() in ("exit", "end") else cursor
            if line.strip() not in ("exit", "end"):
                continue
        taken.append(line)

    if cuts(device.running_config):
        assert Lockout(START, IOS, WAY).step("change", taken), taken
