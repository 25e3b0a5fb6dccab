from __future__ import annotations

import re
from importlib.resources import files

import pytest

from nornflow.platforms import grammar as notation
from nornflow.platforms.arguments import canonical_interface
from nornflow.platforms.expand import expand
from nornflow.platforms.grammar import read_modes
from nornflow.platforms.load import platform_for, platform_names
from nornflow.platforms.platform import Style

NAMES = ("arista_eos", "cisco_ios", "cisco_nxos", "frr", "juniper_junos")


def test_five_platforms_are_known() -> None:
    assert platform_names() == NAMES


@pytest.mark.parametrize(
    ("alias", "name"),
    [
        ("cisco_xe", "cisco_ios"),
        ("ios", "cisco_ios"),
        ("IOS-XE", "cisco_ios"),
        ("nxos_ssh", "cisco_nxos"),
        ("eos", "arista_eos"),
        ("junos", "juniper_junos"),
        ("frrouting", "frr"),
    ],
)
def test_the_names_that_inventories_use_lead_to_the_platform(alias: str, name: str) -> None:
    assert platform_for(alias).name == name
    assert platform_for(alias) is platform_for(name)


def test_an_unknown_platform_is_generic_and_knows_nothing() -> None:
    generic = platform_for("acme_os")

    assert generic.name == "generic"
    assert generic.style is Style.UNKNOWN
    assert not generic.known


def test_no_two_platforms_claim_one_alias() -> None:
    claims = [alias for name in NAMES for alias in (name, *platform_for(name).aliases)]

    assert len(claims) == len(set(claims))


@pytest.mark.parametrize("name", NAMES)
def test_every_section_of_a_grammar_opens_a_mode_that_exists(name: str) -> None:
    platform = platform_for(name)

    opened = {rule.opens for mode in platform.modes.values() for rule in mode.rules if rule.opens}

    assert opened <= set(platform.modes)


def test_every_flag_of_the_grammars_is_explained_where_the_notation_stands() -> None:
    explained = set(re.findall(r"@(\w+)", notation.__doc__ or ""))
    used = {
        flag
        for name in NAMES
        for mode in platform_for(name).modes.values()
        for rule in mode.rules
        for flag in rule.flags
    }

    assert used
    assert used <= explained


def test_every_grammar_file_belongs_to_a_platform() -> None:
    names = [entry.name for entry in files("nornflow.platforms").joinpath("data").iterdir()]

    assert {name.partition(".")[0] for name in names if name.endswith(".grammar")} <= set(NAMES)


def test_a_pattern_outside_a_mode_and_an_unknown_include_are_refused() -> None:
    with pytest.raises(ValueError, match="pattern before the first mode: hostname"):
        read_modes("hostname {WORD}", {})
    with pytest.raises(ValueError, match="include of an unknown mode: nowhere"):
        read_modes("[global]\ninclude nowhere", {})


@pytest.mark.parametrize(
    ("typed", "full"),
    [
        ("no shut", "no shutdown"),
        ("desc to the core", "description to the core"),
        ("sw mo acc", "switchport mode access"),
        ("ip add 10.0.0.1 255.255.255.0 sec", "ip address 10.0.0.1 255.255.255.0 secondary"),
        ("IP HELPER 10.0.0.9", "ip helper-address 10.0.0.9"),
        ("s", "s"),
        ("frobnicate all", "frobnicate all"),
        ("descriptions x", "descriptions x"),
    ],
)
def test_abbreviations_become_full_words_and_what_is_ambiguous_or_unknown_stays(typed: str, full: str) -> None:
    assert expand(typed, platform_for("ios"), "interface") == full


@pytest.mark.parametrize(
    ("typed", "full"),
    [
        ("gi1/0/1", "GigabitEthernet1/0/1"),
        ("Te1/1", "TenGigabitEthernet1/1"),
        ("vl10", "Vlan10"),
        ("lo0", "Loopback0"),
        ("po1.20", "Port-channel1.20"),
        ("GIGABITETHERNET2", "GigabitEthernet2"),
        ("t1", "t1"),
        ("xyz1", "xyz1"),
        ("vlan", "vlan"),
    ],
)
def test_interface_names_are_written_as_the_device_lists_them(typed: str, full: str) -> None:
    assert canonical_interface(typed, platform_for("ios").interfaces) == full


REFUSALS = {
    "cisco_ios": (
        ["% Invalid input detected at '^' marker.", "% Incomplete command."],
        ["%SYS-5-CONFIG_I: Configured", "ok"],
    ),
    "cisco_nxos": (["% Invalid command at '^' marker.", "ERROR: VLAN does not exist"], ["done"]),
    "frr": (["% Unknown command: foo", "% Configuration failed."], ["% OSPF: Reference bandwidth is changed."]),
    "arista_eos": (["% Invalid input", "% Unavailable command"], ["! a hint", "sw1(config)#"]),
    "juniper_junos": (["error: configuration check-out failed", "                ^"], ["commit complete"]),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_a_refusal_is_told_from_what_a_device_only_mentions(name: str) -> None:
    refused, mentioned = REFUSALS[name]
    platform = platform_for(name)

    assert [platform.error_in(f"x\n{answer}\n") for answer in refused] == [answer.strip() for answer in refused]
    assert [platform.error_in(answer) for answer in mentioned] == [""] * len(mentioned)
