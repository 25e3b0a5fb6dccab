"""What a scratch router has to have for a configuration: its daemons, interfaces, version and forwarding switches."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

ALWAYS = ("zebra", "staticd", "bgpd")
"""Daemons that every twin runs: route maps and lists are kept by all of them together."""

_BY_WORD: Mapping[str, str] = {
    "ospfd": r"router ospf\b|ip ospf\b",
    "ospf6d": r"router ospf6\b|ipv6 ospf6\b",
    "isisd": r"router isis\b|(ip|ipv6) router isis\b|isis ",
    "ripd": r"router rip\b|ip rip\b",
    "ripngd": r"router ripng\b|ipv6 ripng\b",
    "eigrpd": r"router eigrp\b",
    "babeld": r"router babel\b|babel ",
    "pimd": r"ip (pim|igmp|mroute|msdp)\b",
    "bfdd": r"bfd\b|neighbor \S+ bfd\b|ip ospf bfd\b",
    "vrrpd": r"vrrp ",
    "ldpd": r"mpls ldp\b",
    "nhrpd": r"ip nhrp\b",
    "pbrd": r"pbr-(map|policy)\b",
}
_PATTERNS = {daemon: re.compile(rf"^\s*(?:no )?(?:{words})", re.MULTILINE) for daemon, words in _BY_WORD.items()}
_INTERFACE = re.compile(r"^\s*(?:no )?int\w* (\w[\w.:-]{0,14})(?=\s|$)", re.MULTILINE)
"""An interface by a name that Linux takes: at most 15 characters."""
_VERSION = re.compile(r"^frr version (\S+)", re.MULTILINE)
_HOSTNAME = re.compile(r"^hostname (\S+)", re.MULTILINE)
_VTYSH = re.compile(r"^(?:hostname|domainname|(?:no )?service integrated-vtysh-config|username) ?.*", re.MULTILINE)


def daemons(text: str) -> tuple[str, ...]:
    """Return the daemons that understand these lines, zebra first."""
    return (*ALWAYS, *(daemon for daemon, pattern in _PATTERNS.items() if pattern.search(text)))


def interfaces(text: str) -> tuple[str, ...]:
    """Return the interfaces that lines name, without the loopback."""
    names: Iterable[str] = _INTERFACE.findall(text)
    return tuple(dict.fromkeys(name for name in names if name != "lo"))


def version(running: str) -> str:
    """Return the version that a running configuration was shown by; empty when it does not say."""
    found = _VERSION.search(running)
    return found[1] if found else ""


def hostname(running: str) -> str:
    """Return the host name that a configuration sets."""
    found = _HOSTNAME.search(running)
    return found[1] if found else "twin"


def vtysh_lines(running: str) -> str:
    """Return the lines that vtysh keeps itself, for its own file."""
    return "".join(f"{line}\n" for line in _VTYSH.findall(running))


def forwarding(running: str) -> tuple[bool, bool]:
    """Return the switches of the kernel that FRR shows as configuration: whether it forwards IPv4, and IPv6."""
    lines = frozenset(line.strip() for line in running.splitlines())
    return "no ip forwarding" not in lines, "no ipv6 forwarding" not in lines


def bare(running: str) -> str:
    """Return a running configuration without what `show running-config` says before it."""
    return running.replace("\r", "").partition("Current configuration:\n")[2] or running.replace("\r", "")
