from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nornflow.platforms.load import platform_for
from nornflow.platforms.tree import Node, SectionTracker, parse, render

IOS, FRR, EOS, JUNOS = (platform_for(name) for name in ("ios", "frr", "eos", "junos"))


def told(platform_name: str, text: str) -> list[str]:
    tracker = SectionTracker(platform_for(platform_name))
    return [tracker.feed(line) for line in text.strip("\n").splitlines()]


def test_lines_are_told_with_their_section_and_in_full_words() -> None:
    assert told("ios", "int vl10\n ip add 10.0.0.1 255.255.255.0\n no shut\n desc x") == [
        "interface Vlan10",
        "interface Vlan10 / ip address 10.0.0.1 255.255.255.0",
        "interface Vlan10 / no shutdown",
        "interface Vlan10 / description x",
    ]


def test_indentation_that_somebody_typed_does_not_fool_the_tracker() -> None:
    assert told("ios", "interface Vlan10\n    ip route 0.0.0.0 0.0.0.0 10.0.0.1\nshutdown") == [
        "interface Vlan10",
        "ip route 0.0.0.0 0.0.0.0 10.0.0.1",
        "shutdown",
    ]


def test_a_line_that_the_inner_section_does_not_know_closes_it() -> None:
    text = "router bgp 1\naddress-family ipv4\nneighbor 10.0.0.2 activate\nbgp router-id 1.1.1.1\nhostname x"

    assert told("ios", text)[3:] == ["router bgp 1 / bgp router-id 1.1.1.1", "hostname x"]


def test_exit_leaves_one_section_and_end_all() -> None:
    text = "router bgp 1\naddress-family ipv4\nexit\nbgp log-neighbor-changes\nend\nshutdown"

    assert told("ios", text)[2:] == ["exit", "router bgp 1 / bgp log-neighbor-changes", "end", "shutdown"]


@pytest.mark.parametrize(
    ("typed", "told_as"),
    [
        ("no ip ro 0.0.0.0 0.0.0.0 10.0.0.1", "no ip route 0.0.0.0 0.0.0.0 10.0.0.1"),
        ("NO IP ROUTE 0.0.0.0 0.0.0.0", "no ip route 0.0.0.0 0.0.0.0"),
        ("ip ro 0.0.0.0 0.0.0.0 what is this", "ip route 0.0.0.0 0.0.0.0 what is this"),
        ("def int gi1", "default interface GigabitEthernet1"),
        ("no us admin", "no username admin"),
        ("ena sec x", "enable secret x"),
        ("line v 0 4", "line vty 0 4"),
        ("   \t", ""),
        ("! comment", ""),
    ],
)
def test_lines_that_cut_access_are_recognised_however_they_are_typed(typed: str, told_as: str) -> None:
    assert told("ios", f"interface Vlan10\n{typed}")[1] == told_as


def test_the_text_of_a_banner_is_no_configuration() -> None:
    text = "banner motd #\nno ip route 0.0.0.0 0.0.0.0\n#\nhostname x"

    assert told("ios", text) == ["banner motd #", "banner / no ip route 0.0.0.0 0.0.0.0", "banner / #", "hostname x"]
    assert told("eos", "banner login\nreload\nEOF\nhostname x")[1:] == ["banner / reload", "banner / EOF", "hostname x"]


def test_a_banner_on_one_line_ends_there() -> None:
    assert told("ios", "banner motd #hello#\nhostname x")[1] == "hostname x"


def test_unknown_sections_are_followed_by_their_indentation() -> None:
    assert told("ios", "widget one\n  colour red\n  size 5\nwidget two\nhostname x") == [
        "widget one",
        "widget one / colour red",
        "widget one / size 5",
        "widget two",
        "hostname x",
    ]


def test_junos_lines_are_told_from_the_top() -> None:
    text = "edit protocols bgp\nset group X type external\nexit\ndelete system ntp\nedit interfaces\ntop set system x"

    assert told("junos", text) == [
        "edit protocols bgp",
        "set protocols bgp group X type external",
        "exit",
        "delete system ntp",
        "edit interfaces",
        "set system x",
    ]


LISTING = """\
hostname r1
!
router bgp 65001
 neighbor 10.0.0.2 remote-as 65002
 !
 address-family ipv4 unicast
  network 10.0.0.0/8
 exit-address-family
exit
!
end
"""


def test_a_listing_becomes_paths_and_separators_are_left_out() -> None:
    assert list(parse(LISTING, FRR).paths()) == [
        ("hostname r1",),
        ("router bgp 65001",),
        ("router bgp 65001", "neighbor 10.0.0.2 remote-as 65002"),
        ("router bgp 65001", "address-family ipv4 unicast"),
        ("router bgp 65001", "address-family ipv4 unicast", "network 10.0.0.0/8"),
    ]


def test_a_banner_in_a_listing_is_one_line_whatever_stands_in_it() -> None:
    text = "banner motd ^C\n! all of this\n  is text\nend\n^C\nhostname x\n"

    assert [node.line for node in parse(text, IOS).children] == [
        "banner motd ^C\n! all of this\n  is text\nend\n^C",
        "hostname x",
    ]
    assert render(parse(text, IOS), IOS) == text


def test_a_banner_that_never_ends_loses_nothing() -> None:
    assert [node.line for node in parse("banner motd ^C\nhostname x\n", IOS).children] == [
        "banner motd ^C",
        "hostname x",
    ]


words = st.from_regex(r"[a-z][a-z0-9./-]{0,8}( [a-z0-9./-]{1,6}){0,3}", fullmatch=True).filter(
    lambda line: line not in ("end", "exit", "quit") and not line.startswith(("exit-", "banner"))
)
nodes = st.recursive(
    st.builds(Node, words), lambda inner: st.builds(Node, words, st.lists(inner, max_size=3)), max_leaves=12
)


@given(st.lists(nodes, max_size=5))
def test_a_tree_survives_being_written_and_read(children: list[Node]) -> None:
    for known in (IOS, FRR, EOS):
        assert parse(render(Node("", children), known), known) == Node("", children)


@given(st.lists(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=30), max_size=12))
def test_whatever_is_typed_comes_back_on_one_line_with_its_last_word(lines: list[str]) -> None:
    tracker = SectionTracker(platform_for("generic"))
    for line in lines:
        answer = tracker.feed(line)

        assert "\n" not in answer
        assert answer.split()[-1:] in ([], line.split()[-1:])
        assert bool(answer) == (bool(line.strip()) and not line.strip().startswith("!"))


CUTS_ACCESS = {
    "ios": (
        "no ip route 0.0.0.0 0.0.0.0 10.0.0.1",
        "no username admin",
        "aaa new-model",
        "no aaa authentication login default local",
        "no aaa new-model",
        "enable secret x",
        "no enable secret",
        "line vty 0 4",
        "no line vty 5 15",
        "no interface Vlan10",
        "interface GigabitEthernet1",
        "no router bgp 65001",
        "no ip access-list extended X",
        "no access-list 10",
        "crypto key zeroize rsa",
        "no ip ssh version 2",
        "no ip domain name lab.example",
        "tacacs-server host 10.0.0.1",
        "no tacacs server T",
        "no snmp-server community x",
        "privilege exec level 0 reload",
        "alias exec show reload",
        "event manager applet X",
        "no vlan 10",
        "no vrf definition X",
        "no spanning-tree vlan 1-4094",
        "hostname x",
        "boot system flash:x",
        "control-plane",
        "no logging host 10.0.0.1",
        "no ntp server 10.0.0.1",
        "banner motd #x#",
    ),
    "frr": ("no ip route 0.0.0.0/0 10.0.0.1", "no router bgp 65001", "hostname x", "password x", "no ip prefix-list X"),
    "eos": (
        "no ip route 0.0.0.0/0 10.0.0.1",
        "no username admin",
        "aaa root secret x",
        "management ssh",
        "no management api http-commands",
        "no interface Vlan10",
        "no router bgp 65001",
        "hostname x",
    ),
    "nxos": (
        "no ip route 0.0.0.0/0 10.0.0.1",
        "no username admin",
        "no feature ssh",
        "no interface Vlan10",
        "no router bgp 65001",
        "aaa authentication login default none",
        "hostname x",
    ),
}


def _openers(name: str) -> list[str]:
    """Return one line for each mode that the platform's global mode opens."""
    words = {
        "WORD": "X1",
        "INT": "7",
        "ASN": "65009",
        "VLANS": "30",
        "LINE": "X9",
        "IP": "10.9.9.9",
        "PREFIX": "10.0.0.0/8",
    }
    words |= {"SVI": "Vlan77", "IFACE": "Tunnel5" if name != "frr" else "eth5"}
    found: dict[str, str] = {}
    for rule in platform_for(name).mode("global").rules:
        if rule.opens and "existing" not in rule.flags and rule.opens not in found:
            body = re.sub(r" > .*|\[[^\]]*\]|[{}]", "", rule.pattern)
            body = re.sub(r"\(([^|)]*)[^)]*\)", r"\1", body)
            found[rule.opens] = " ".join(words.get(word, word.partition("=")[0]) for word in body.split())
    return list(found.values())


@pytest.mark.parametrize(
    ("name", "opener", "line"),
    [
        (name, opener, line)
        for name, lines in CUTS_ACCESS.items()
        for opener in _openers(name)
        for line in lines
        if not (opener.startswith("vrf") and "ip route" in line)  # a VRF has routes of its own
    ],
)
def test_no_section_hides_a_global_line_that_cuts_access(name: str, opener: str, line: str) -> None:
    opened, answer = told(name, f"{opener}\n{line}")

    assert opened.split()[0] == opener.split()[0]
    assert answer == line
