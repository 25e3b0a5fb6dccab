"""Changes made up at random on simulated IOS routers: predictions hold, and every rollback comes back."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from nornflow.planning.diff import unified
from nornflow.planning.normalise import normalise
from nornflow.planning.predict import predict
from nornflow.planning.rollback import returns, rollback_lines
from nornflow.platforms.load import platform_for
from nornflow.testing import Router
from nornflow.testing.routers.config import Cursor, Rejected
from nornflow.testing.routers.grammar import Unparsed

IOS = platform_for("ios")

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


def _play(device: Router, lines: list[str]) -> list[str]:
    """Type lines in one session and return those that the device took."""
    taken: list[str] = []
    cursor: Cursor = ()
    for line in lines:
        try:
            cursor = device.config.apply(cursor, line.strip())
        except (Rejected, Unparsed):
            continue
        taken.append(line)
    return taken


@settings(deadline=None)
@given(changes)
def test_the_router_shows_what_was_predicted(lines: list[str]) -> None:
    device = Router("r1", lambda: START.splitlines())
    before = device.running_config

    taken = _play(device, lines)

    assert predict(before, taken, IOS).text == normalise(device.running_config, IOS)


@settings(deadline=None)
@given(changes)
def test_the_rollback_returns_to_the_text_before(lines: list[str]) -> None:
    after = predict(START, lines, IOS).text

    back = rollback_lines(after, START, IOS)

    assert returns(after, back, START, IOS)
    assert (back == ()) == (after == normalise(START, IOS))


@settings(deadline=None)
@given(changes)
def test_the_rollback_brings_a_router_back(lines: list[str]) -> None:
    device = Router("r1", lambda: START.splitlines())
    before = device.running_config
    _play(device, lines)

    device.configure(*(line for line in rollback_lines(device.running_config, before, IOS) if line.strip() != "exit"))

    assert sorted(normalise(device.running_config, IOS)) == sorted(normalise(before, IOS))


@settings(deadline=None)
@given(changes)
def test_what_is_there_already_changes_nothing(lines: list[str]) -> None:
    after = predict(START, [line for line in lines if "no " not in line], IOS).text

    assert unified(after, predict(after, after.splitlines(), IOS).text, IOS) == ""


def test_equal_configurations_need_no_lines() -> None:
    assert rollback_lines(START, START + "end\n", IOS) == ()


def test_a_platform_that_nobody_knows_gets_no_lines() -> None:
    generic = platform_for("acme_os")

    assert rollback_lines("a\n", "b\n", generic) == ()
    assert not returns("a\n", (), "b\n", generic)
