"""Deny rules meet a line in every spelling that a device would take for it."""

from __future__ import annotations

import pytest

from nornflow.devices.guard.rules import RuleBook
from nornflow.errors import ConfigurationError
from nornflow.model.permission import LineRule
from nornflow.platforms.load import platform_for
from nornflow.platforms.tree import SectionTracker

DENY = (
    LineRule(r"^interface Vlan10 / shutdown$", where="profiles.yaml:7"),
    LineRule(r"^no ip route 0\.0\.0\.0"),
    LineRule(r"^aaa\b"),
    LineRule(r"^line vty .*/ (no )?transport input"),
    LineRule(r"^router bgp \d+ / no neighbor"),
    LineRule(r"^reload\b", on="exec"),
    LineRule(r"^write erase", on="exec"),
    LineRule(r"^clear ip bgp", on="exec"),
)

DENIED = [
    ["interface Vlan10", "shutdown"],
    ["int vl10", "sh"],
    ["INT VL 10", " SHUT"],
    ["interface  vlan10", "  shutdown  "],
    ["interface Vlan11", "interface Vlan10", "shutdow"],
    ["interface Vlan10", "description x", "exit", "interface vlan10", "shut"],
    ["no ip route 0.0.0.0 0.0.0.0 192.0.2.1"],
    ["no ip rou 0.0.0.0 0.0.0.0"],
    ["interface Vlan11", "no ip route 0.0.0.0 0.0.0.0"],
    ["aaa new-model"],
    ["aa new-model"],
    ["line vty 0 4", "transport input none"],
    ["line vty 0 4", "no transport input"],
    ["lin v 0 4", "tran in none"],
    ["router bgp 65001", "no neighbor 192.0.2.1 remote-as 2"],
    ["router b 65001", "no nei 192.0.2.1"],
]
ALLOWED = [
    ["interface Vlan10", "no shutdown"],
    ["interface Vlan11", "shutdown"],
    ["interface Vlan10", "exit", "interface Vlan11", "shutdown"],
    ["interface Vlan10", "description shutdown a while"],
    ["ip route 0.0.0.0 0.0.0.0 192.0.2.1"],
    ["no ip route 10.0.0.0 255.0.0.0 192.0.2.1"],
    ["ntp server 192.0.2.1", "hostname r", "logging host 192.0.2.9"],
    ["router bgp 65001", "neighbor 192.0.2.1 remote-as 2"],
]


def _denial(lines: list[str], platform: str = "cisco_ios") -> LineRule | None:
    known = platform_for(platform)
    book, tracker = RuleBook(DENY, (), known), SectionTracker(known)
    for line in lines:
        rule = book.denies_config(tracker.feed(line), line, understood=tracker.understood)
        if rule is not None:
            return rule
    return None


@pytest.mark.parametrize("lines", DENIED, ids=" / ".join)
def test_no_spelling_slips_through(lines: list[str]) -> None:
    assert _denial(lines) is not None


@pytest.mark.parametrize("lines", ALLOWED, ids=" / ".join)
def test_what_no_rule_names_passes(lines: list[str]) -> None:
    assert _denial(lines) is None


def test_the_rule_that_decided_is_named_with_its_place() -> None:
    rule = _denial(["int vl10", "shut"])

    assert rule is not None
    assert rule.where == "profiles.yaml:7"


@pytest.mark.parametrize(
    ("canonical", "raw"),
    [
        ("reload in 5", "relo in 5"),
        ("rel", "rel"),
        ("write erase", "wr er"),
        ("write er", "write er"),
        ("CLEAR IP BGP *", "x"),
    ],
)
def test_exec_rules_meet_abbreviations_that_no_grammar_knows(canonical: str, raw: str) -> None:
    assert RuleBook(DENY, (), platform_for("nobody-knows-it")).denies_exec(canonical, raw) is not None


def test_words_of_an_unknown_platform_are_matched_as_typed_and_in_full() -> None:
    book = RuleBook((LineRule(r"^system shutdown"),), (), platform_for("nobody-knows-it"))

    assert book.denies_config("sys shut", "sys shut") is not None
    assert book.denies_config("set shut", "set shut") is None


def test_a_line_that_could_mean_too_much_is_refused() -> None:
    words = " ".join(["a"] * 12)
    book = RuleBook((LineRule(r"^alpha apple abacus amber$"),), (), platform_for("nobody-knows-it"))

    assert book.denies_config(words, words) is not None


def test_an_allow_list_limits_reads() -> None:
    book = RuleBook((), (LineRule(r"^(show|ping|traceroute)\b", on="exec"),), platform_for("cisco_ios"))

    assert book.allows_exec("show version")
    assert not book.allows_exec("dir")


def test_a_rule_that_is_no_expression_is_an_error_and_not_a_rule_that_never_fits() -> None:
    book = RuleBook((LineRule(r"(unclosed"),), (), platform_for("cisco_ios"))

    with pytest.raises(ConfigurationError, match="unclosed"):
        book.denies_config("hostname x", "hostname x")
