"""The configuration model of the simulated routers keeps its laws, whatever lines it is given."""

from __future__ import annotations

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from nornflow.testing import Router
from nornflow.testing.routers.config import Rejected
from nornflow.testing.routers.grammar import Ambiguous, Grammar, Incomplete, Invalid, Unparsed
from nornflow.testing.routers.ios_grammar import ios_modes
from nornflow.testing.routers.network import first_configuration, places
from nornflow.testing.routers.shell import Shell

octets = st.integers(1, 254)
addresses = st.builds("192.0.{}.{}".format, octets, octets)
words = st.text("abcdefghijklmnopqrstuvwxyzABCDEFGHXYZ0123456789-_.", min_size=1, max_size=12)
phrases = st.lists(words, min_size=1, max_size=4).map(" ".join)

# Lines that stand beside each other: taking one away leaves nothing of it.
GLOBAL_LINES = st.one_of(
    st.builds("ntp server {}".format, addresses),
    st.builds("ntp server {} prefer".format, addresses),
    st.builds("logging host {}".format, addresses),
    st.builds("ip route 10.{0}.{1}.0 255.255.255.0 {2}".format, octets, octets, addresses),
    st.builds("snmp-server community c{} RO".format, words),
    st.builds("username u{} privilege 15 secret {}".format, words, words),
    st.builds("interface Loopback{}".format, st.integers(100, 999)),
    st.builds("vlan {}".format, st.integers(2, 4000)),
    st.builds("ip access-list extended A{}".format, words),
    st.builds("ip prefix-list P{} permit 10.{}.0.0/16".format, words, octets),
    st.builds("route-map M{} permit {}".format, words, st.integers(1, 90)),
    st.sampled_from(["service tcp-keepalives-in", "lldp run", "ip multicast-routing", "no ip source-route"]),
)
INTERFACE_LINES = st.one_of(
    st.builds("description {}".format, phrases),
    st.builds("ip address 203.0.{}.1 255.255.255.0".format, octets),
    st.builds("ip helper-address {}".format, addresses),
    st.builds("mtu {}".format, st.integers(1400, 9000)),
    st.builds("ip ospf cost {}".format, st.integers(1, 999)),
    st.sampled_from(["shutdown", "no ip redirects", "no cdp enable", "no switchport"]),
)


def new_router() -> Router:
    [place, _] = places(["r1", "r2"])
    return Router("r1", lambda: first_configuration(place))


def opposite(line: str) -> str:
    return line.removeprefix("no ") if line.startswith("no ") else f"no {line}"


@given(st.lists(st.one_of(GLOBAL_LINES, INTERFACE_LINES.map("interface GigabitEthernet3\n{}".format)), max_size=12))
@settings(max_examples=60, deadline=None)
def test_a_listing_read_back_gives_the_same_listing(blocks: list[str]) -> None:
    router = new_router()
    for block in blocks:
        router.configure(*block.splitlines())
    listing = router.running_config
    again = Router("r1", listing.splitlines)
    assert again.running_config == listing
    again.configure("ntp server 198.51.100.1")
    assert again.running_config != listing


@given(GLOBAL_LINES)
@settings(max_examples=100, deadline=None)
def test_no_restores_what_was_before_a_global_line(line: str) -> None:
    router = new_router()
    before = router.running_config
    router.configure(line)
    assert router.running_config != before
    router.configure(opposite(line))
    assert router.running_config == before


@given(INTERFACE_LINES)
@settings(max_examples=100, deadline=None)
def test_no_restores_what_was_before_an_interface_line(line: str) -> None:
    router = new_router()
    router.configure("interface Loopback77")
    before = router.running_config
    router.configure("interface Loopback77", line)
    assert router.running_config != before
    router.configure("interface Loopback77", opposite(line))
    assert router.running_config == before


@given(GLOBAL_LINES, GLOBAL_LINES)
@settings(max_examples=60, deadline=None)
def test_the_listing_does_not_depend_on_the_order_of_typing(first: str, second: str) -> None:
    assume(first.split()[:3] != second.split()[:3])  # the same line with another value replaces the first one
    one, other = new_router(), new_router()
    one.configure(first)
    one.configure(second)
    other.configure(second)
    other.configure(first)
    assert one.running_config == other.running_config


@given(st.text(st.characters(blacklist_categories=("Cs",)), max_size=60))
@settings(max_examples=200, deadline=None)
def test_no_text_breaks_the_shell(line: str) -> None:
    shell = Shell(new_router())
    shell.execute("configure terminal")
    assert shell.execute(line).text is not None
    shell.end()
    assert isinstance(shell.execute("show clock").text, str)


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("int gi 2", "interface GigabitEthernet2"),
        ("host edge", "hostname edge"),
        ("ip domain-name lab.test", "ip domain name lab.test"),
        ("no ip domain-lookup", "no ip domain lookup"),
        ("line console 0", "line con 0"),
        ("NTP SERVER 192.0.2.4 PREF", "ntp server 192.0.2.4 prefer"),
        ("router ospf 10", "router ospf 10"),
        ("int vl20", "interface Vlan20"),
        ("ip prefix-list P permit 10.0.0.0/8 le 24", "ip prefix-list P seq 5 permit 10.0.0.0/8 le 24"),
        ("route-map OUT", "route-map OUT permit 10"),
        ("snmp-s loc the cellar", "snmp-server location the cellar"),
    ],
)
def test_lines_are_stored_in_full(typed: str, stored: str) -> None:
    router = new_router()
    router.configure(typed)
    assert stored in router.running_config.splitlines()


@pytest.mark.parametrize(
    ("lines", "kept", "gone"),
    [
        (["ip access-list extended A", "permit ip any any", "deny tcp any any"], " 20 deny tcp any any", ""),
        (["ip access-list extended A", "permit ip any any", "no 10"], "ip access-list extended A", "permit ip"),
        (["ip access-list extended A", "permit ip any any", "no permit ip any any"], "ip access-list", "permit ip"),
        (["router bgp 65001", "no neighbor 10.0.0.2"], "router bgp 65001", "neighbor 10.0.0.2 remote"),
        (["no router bgp 65001"], "interface", "router bgp"),
        (["no ntp"], "hostname", "ntp"),
        (["default interface gi1"], "interface GigabitEthernet1", "description to r2"),
        (["interface gi1", "no ip address"], " no ip address", "10.0.0.1 "),
        (["interface gi1", "default description"], " ip address 10.0.0.1", "to r2"),
        (["router ospf 1", "passive-interface default", "no passive-interface gi1"], " no passive-interface Gig", ""),
        (["interface gi1", "router ospf 1", "network 10.0.0.0 0.0.0.255 area 0"], " network 10.0.0.0 0.0.0.255", ""),
        (["vrf definition RED", "rd 1:1", "address-family ipv4", "exit-address-family"], " rd 1:1", "vrf forwarding"),
    ],
)
def test_lines_do_what_they_do_on_ios(lines: list[str], kept: str, gone: str) -> None:
    shell = Shell(new_router())
    shell.execute("configure terminal")
    for line in lines:
        assert shell.execute(line).text == "", line
    running = shell.router.running_config
    assert kept in running
    assert not gone or gone not in running


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (["router bgp 65009"], "BGP is already running; AS is 65001"),
        (["router bgp 65001", "neighbor 192.0.2.1 description x"], "Specify remote-as"),
        (["no interface gi1"], "Removal of physical interfaces"),
        (["interface gi3", "ip address 10.0.0.3 255.255.255.0"], "overlaps with GigabitEthernet1"),
        (["interface gi1", "no ip address 9.9.9.9 255.0.0.0"], "not the configured one"),
    ],
)
def test_the_device_refuses_what_its_state_forbids(lines: list[str], words: str) -> None:
    router = new_router()
    before = router.running_config
    with pytest.raises(Rejected, match=words):
        router.configure(*lines)
    assert router.running_config == before


def test_an_interface_that_the_box_does_not_have_is_invalid() -> None:
    with pytest.raises(Invalid):
        new_router().configure("interface GigabitEthernet99")


def test_a_grammar_answers_in_the_three_ways_of_a_device() -> None:
    grammar = Grammar(["show ip route", "show ip interface brief", "show inventory", "show interfaces"])
    assert grammar.match("sh ip r").words == ("show", "ip", "route")
    with pytest.raises(Ambiguous):
        grammar.match("show in")
    with pytest.raises(Incomplete):
        grammar.match("show ip")
    with pytest.raises(Invalid) as caught:
        grammar.match("show ip arp")
    assert caught.value.column == len("show ip ")
    assert grammar.completions("show i") == ["interfaces", "inventory", "ip"]
    with pytest.raises(Unparsed):
        grammar.match("shw ip route")


def test_every_mode_that_a_line_opens_has_a_table() -> None:
    modes = ios_modes()
    opened = {rule.opens for mode in modes.values() for rule in mode.grammar.rules if rule.opens}
    assert opened == set(modes) - {"global"}
