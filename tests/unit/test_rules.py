"""Line rules: what the built-in ones refuse, in full words and abbreviated, wherever a line hides."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nornflow.errors import ConfigurationError
from nornflow.model.permission import LineRule
from nornflow.policy.profiles import load_profiles
from nornflow.policy.rules import RuleBook, expand, judge, readable, sections

PROFILES = load_profiles()

DESTRUCTIVE_EXEC = [
    "reload",
    "rel in 5",
    "write erase",
    "wr er",
    "erase startup-config",
    "format flash:",
    "delete /force flash:vlan.dat",
    "factory-reset all",
    "crypto key zeroize rsa",
    "request system zeroize",
    "request system reboot",
    "copy null: startup-config",
]
LOCKOUT = [
    "no ip route 0.0.0.0 0.0.0.0 10.0.0.1",
    "no ip route 0.0.0.0/0 10.0.0.1",
    "no  ip   route   0.0.0.0 0.0.0.0",
    "NO IP ROUTE 0.0.0.0 0.0.0.0",
    "interface Management1 / shutdown",
    "interface mgmt0 / shut",
    "int gi0/0 / sh",
    "interface GigabitEthernet0 / no ip address",
    "interface Loopback0 / vrf forwarding MGMT",
    "no interface Loopback0",
    "no username admin",
    "interface Vlan10 / no username admin",
    "line vty 0 4 / transport input none",
    "no ip ssh version 2",
    "delete system services ssh",
    "set interfaces fxp0 disable",
]
ACCESS = [
    "aaa new-model",
    "no aaa authentication login default",
    "line vty 0 4",
    "line vty 0 4 / access-class 10 in",
    "line vty 0 4 / transport input ssh",
    "username bob privilege 15 secret x",
    "enable secret 0 x",
    "ip ssh version 2",
    "crypto key generate rsa",
    "tacacs-server host 10.0.0.1",
    "interface Management1 / ip address 10.0.0.9/24",
]
HARMLESS = [
    "ntp server 10.0.0.1",
    "no ntp server 10.0.0.1",
    "interface Vlan10 / ip address 10.1.0.1 255.255.255.0",
    "interface Vlan10 / shutdown",
    "interface GigabitEthernet0/1 / shutdown",
    "interface GigabitEthernet0/0/1 / shutdown",
    "no interface GigabitEthernet0/1",
    "no ip route 10.0.0.0 255.0.0.0 10.0.0.1",
    "ip route 0.0.0.0 0.0.0.0 10.0.0.1",
    "router bgp 65001 / neighbor 10.0.0.2 remote-as 65002",
    "snmp-server location Amsterdam",
    "logging host 10.0.0.5",
    "interface Vlan10 / description no username is shown here",
]


@pytest.mark.parametrize("command", DESTRUCTIVE_EXEC)
@pytest.mark.parametrize("profile", ["restricted", "standard", "elevated"])
def test_destructive_commands_are_refused_by_every_profile_in_exec_and_behind_do(profile: str, command: str) -> None:
    rules = PROFILES[profile].deny_rules
    for rule in (judge(command, rules, on="exec"), judge(f"do {command}", rules)):
        assert rule is not None
        assert rule.reason
        assert "profiles.toml" in rule.where


@pytest.mark.parametrize("line", LOCKOUT)
def test_lines_that_cut_the_access_are_refused_by_standard_and_restricted(line: str) -> None:
    assert judge(line, PROFILES["standard"].deny_rules) is not None
    assert judge(line, PROFILES["restricted"].deny_rules) is not None
    assert judge(line, PROFILES["elevated"].deny_rules) is None


@pytest.mark.parametrize("line", ACCESS)
def test_lines_about_access_are_refused_by_restricted_alone(line: str) -> None:
    assert judge(line, PROFILES["restricted"].deny_rules) is not None
    assert judge(line, PROFILES["standard"].deny_rules) is None


@pytest.mark.parametrize("line", HARMLESS)
def test_ordinary_lines_pass_every_profile_that_configures(line: str) -> None:
    for profile in ("restricted", "standard", "elevated"):
        assert judge(line, PROFILES[profile].deny_rules) is None


@pytest.mark.parametrize(
    "line", ["alias exec sh reload", "event manager applet X", "kron occurrence X", "scheduler job name x"]
)
def test_lines_that_act_later_are_refused_by_standard(line: str) -> None:
    assert judge(line, PROFILES["standard"].deny_rules) is not None


@pytest.mark.parametrize(
    ("command", "reads"),
    [
        ("show version", True),
        ("sh ip route", True),
        ("ping 10.0.0.1", True),
        ("traceroute 10.0.0.1", True),
        ("clear counters", False),
    ],
)
def test_restricted_reads_with_show_ping_and_traceroute(command: str, reads: bool) -> None:
    assert (judge(command, PROFILES["restricted"].read_rules, on="exec") is not None) is reads


def test_management_interfaces_are_the_sites_choice() -> None:
    site = load_profiles({"site": {"extends": "standard", "management_interfaces": ["Vlan99"]}})["site"]
    assert judge("interface Vlan99 / shutdown", site.deny_rules) is not None
    assert judge("interface Management1 / shutdown", site.deny_rules) is None


def test_abbreviations_are_written_short() -> None:
    book = RuleBook([LineRule("^" + expand("<<sh|utdown>>") + "$")])
    assert [word for word in ("s", "sh", "shut", "shutdown", "shutdowns", "show") if book.judge(word)] == [
        "sh",
        "shut",
        "shutdown",
    ]


def test_a_pattern_is_shown_as_people_write_abbreviations() -> None:
    assert readable(expand("^<<wr|ite>> <<er|ase>>\\b")) == "^wr[ite] er[ase]\\b"
    assert readable(expand("<<fact|ory-reset>>")) == "fact[ory-reset]"
    assert readable("(?:a|b)? (?:no )?x") == "(?:a|b)? (?:no )?x"


def test_an_unknown_shorthand_and_a_pattern_beyond_re2_are_told() -> None:
    with pytest.raises(ConfigurationError, match="<<managment>> in the pattern"):
        expand("interface <<managment>>")
    with pytest.raises(ConfigurationError, match="RE2"):
        RuleBook([LineRule(r"(a)\1")])


def test_sections_are_told_by_indentation() -> None:
    lines = [
        "interface Vlan10",
        " ip address 10.0.0.1 255.0.0.0",
        "router bgp 1",
        " address-family ipv4",
        "  network 10.0.0.0",
        "!",
        "exec:write memory",
    ]
    assert list(sections(lines)) == [
        ("interface Vlan10", "interface Vlan10"),
        ("ip address 10.0.0.1 255.0.0.0", "interface Vlan10 / ip address 10.0.0.1 255.0.0.0"),
        ("router bgp 1", "router bgp 1"),
        ("address-family ipv4", "router bgp 1 / address-family ipv4"),
        ("network 10.0.0.0", "router bgp 1 / address-family ipv4 / network 10.0.0.0"),
        ("exec:write memory", "exec:write memory"),
    ]


@settings(deadline=None)
@given(
    st.lists(st.sampled_from(["interface Vlan10", "router bgp 1", "line con 0", "x"]), max_size=3),
    st.sampled_from(["no username bob", "NO   Username bob", "no user bob"]),
    st.sampled_from(["", " / x", " / exit / y"]),
)
def test_a_denied_line_is_found_wherever_it_stands(path: list[str], line: str, tail: str) -> None:
    assert judge(" / ".join([*path, line]) + tail, PROFILES["standard"].deny_rules) is not None


@settings(deadline=None)
@given(st.text(max_size=200))
def test_any_text_gets_an_answer(text: str) -> None:
    rule = judge(text, PROFILES["restricted"].deny_rules)
    assert rule is None or rule in PROFILES["restricted"].deny_rules
