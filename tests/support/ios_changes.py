"""Changes of IOS configurations made up at random, with the configuration that they are meant for."""

from __future__ import annotations

from hypothesis import strategies as st

START = """\
hostname r1
vlan 10
 name users
interface Loopback0
 ip address 10.255.0.1 255.255.255.255
interface GigabitEthernet1
 description one
 ip address 10.0.1.1 255.255.255.0
interface GigabitEthernet2
 shutdown
router bgp 65001
 bgp log-neighbor-changes
 neighbor 10.0.1.2 remote-as 65002
ip route 10.9.0.0 255.255.0.0 10.0.1.2
ip access-list extended EDGE
 10 permit ip any any
ip prefix-list PL seq 5 permit 10.0.0.0/8
route-map RM permit 10
 set local-preference 100
ntp server 192.0.2.1
"""

number = st.integers(1, 3)
no = st.sampled_from(["", "no "])


def _lines(*patterns: str) -> st.SearchStrategy[str]:
    return st.builds(
        lambda pattern, negated, a, b: pattern.format(no=negated, a=a, b=b),
        st.sampled_from(patterns),
        no,
        number,
        number,
    )


def _section(opener: str, *patterns: str) -> st.SearchStrategy[list[str]]:
    body = st.lists(_lines(*patterns), max_size=4)
    return st.builds(lambda a, lines: [opener.format(a=a), *(f" {line}" for line in lines)], number, body)


one_line = _lines(
    "hostname r{a}",
    "{no}ntp server 192.0.2.{a}",
    "{no}ntp server 192.0.2.{a} prefer",
    "{no}ip route 10.{a}.0.0 255.255.0.0 10.0.1.{b}",
    "{no}ip prefix-list PL seq {a}0 deny 10.{b}.0.0/16",
    "{no}logging host 192.0.2.{a}",
    "{no}ip http server",
    "{no}cdp run",
    "{no}snmp-server location room {a}",
    "no vlan {a}0",
    "no interface Loopback{a}",
    "no route-map RM",
    "no ip access-list extended EDGE",
).map(lambda line: [line])

changes = st.lists(
    st.one_of(
        one_line,
        _section(
            "interface GigabitEthernet{a}",
            "{no}description d{a}",
            "{no}shutdown",
            "{no}mtu {a}500",
            "{no}ip ospf cost {a}",
        ),
        _section(
            "interface Loopback{a}", "{no}description d{a}", "ip address 10.25{a}.{b}.1 255.255.255.0", "no ip address"
        ),
        _section("interface Vlan{a}0", "{no}ip helper-address 10.8.0.{a}", "ip address 10.2{a}.0.1 255.255.255.0"),
        _section("vlan {a}0", "name n{a}"),
        _section("route-map RM permit {a}0", "description d{a}", "{no}match tag {b}"),
        _section("ip access-list extended EDGE", "{no}permit tcp any host 10.0.0.{a}", "no {a}0"),
        _section("ip access-list standard S{a}", "{no}permit 10.{b}.0.0 0.0.255.255", "{no}deny any"),
        _section("line vty 0 4", "exec-timeout {a} 0", "transport input ssh", "{no}login local"),
        _section(
            "router bgp 65001",
            "{no}bgp router-id 1.1.1.{a}",
            "neighbor 10.0.1.2 description d{a}",
            "{no}timers bgp {a} 9",
        ),
    ),
    min_size=1,
    max_size=6,
).map(lambda blocks: [line for block in blocks for line in block])
