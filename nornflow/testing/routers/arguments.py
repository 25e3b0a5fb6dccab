"""Argument types of the command grammar: how a typed word is checked and in which form the device stores it."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping, Sequence

# Canonical interface types in the order in which a device lists them.
INTERFACE_TYPES = (
    "Loopback",
    "Port-channel",
    "Tunnel",
    "FastEthernet",
    "GigabitEthernet",
    "TwoGigabitEthernet",
    "TenGigabitEthernet",
    "TwentyFiveGigE",
    "FortyGigabitEthernet",
    "HundredGigE",
    "Ethernet",
    "Management",
    "Vlan",
    "Null",
)
VIRTUAL_TYPES = ("Loopback", "Port-channel", "Tunnel", "Vlan")

_INTERFACE = re.compile(r"(?P<type>[A-Za-z][A-Za-z-]*)(?P<number>\d+(?:[/.:]\d+)*)\Z")


class BadArgument(ValueError):
    """A word does not fit the argument type of its place in the grammar."""


EOS_TYPES = ("Port-Channel", "Ethernet", "Loopback", "Management", "Tunnel", "Vlan", "Vxlan")


def interface_name(word: str, types: Sequence[str] = INTERFACE_TYPES) -> str:
    """Return the canonical name of an interface (`gi0/1` becomes `GigabitEthernet0/1`), or raise BadArgument."""
    match = _INTERFACE.match(word)
    if match is None:
        raise BadArgument(word)
    prefix = match["type"].lower()
    exact = [kind for kind in types if kind.lower() == prefix]
    kinds = exact or [kind for kind in types if kind.lower().startswith(prefix)]
    if len(kinds) != 1:
        raise BadArgument(word)
    return f"{kinds[0]}{match['number']}"


def interface_type(name: str) -> str:
    """Return the type part of a canonical interface name."""
    return name.rstrip("0123456789/.:")


def listing_place(name: str) -> int:
    """Return where the interface's type stands in a listing."""
    kinds = [kind.lower() for kind in INTERFACE_TYPES]
    kind = interface_type(name).lower()
    return kinds.index(kind) if kind in kinds else len(kinds)


def _eos_interface(word: str) -> str:
    return interface_name(word, EOS_TYPES)


def _address(word: str) -> str:
    try:
        return str(ipaddress.IPv4Address(word))
    except ValueError as error:
        raise BadArgument(word) from error


def _address6(word: str) -> str:
    try:
        return str(ipaddress.IPv6Address(word)).upper()
    except ValueError as error:
        raise BadArgument(word) from error


def _mask(word: str) -> str:
    text = _address(word)
    bits = f"{int(ipaddress.IPv4Address(text)):032b}"
    if "01" in bits:
        raise BadArgument(word)
    return text


def _prefix(word: str) -> str:
    if "/" not in word:
        raise BadArgument(word)
    try:
        return str(ipaddress.ip_network(word, strict=False))
    except ValueError as error:
        raise BadArgument(word) from error


def _interface_prefix(word: str) -> str:
    if "/" not in word:
        raise BadArgument(word)
    try:
        return str(ipaddress.ip_interface(word))
    except ValueError as error:
        raise BadArgument(word) from error


def _integer(word: str) -> str:
    if not word.isdecimal() or not word.isascii():
        raise BadArgument(word)
    return str(int(word))


def _host(word: str) -> str:
    """An address or a host name; a word of digits and dots alone has to be an address."""
    if re.fullmatch(r"[\d.]+", word):
        return _address(word)
    if ":" in word:
        return _address6(word)
    if re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?", word) is None:
        raise BadArgument(word)
    return word


def _hostname(word: str) -> str:
    if re.fullmatch(r"[A-Za-z][A-Za-z0-9_.-]{0,62}", word) is None:
        raise BadArgument(word)
    return word


def _as_typed(word: str) -> str:
    return word


ARGUMENTS: Mapping[str, Callable[[str], str]] = {
    "INT": _integer,
    "IP": _address,
    "IP6": _address6,
    "MASK": _mask,
    "WILDCARD": _address,
    "PREFIX": _prefix,
    "IFPREFIX": _interface_prefix,
    "IFACE": interface_name,
    "EOSIFACE": _eos_interface,
    "HOST": _host,
    "HOSTNAME": _hostname,
    "WORD": _as_typed,
    "LINE": _as_typed,
}
"""Argument types by name. LINE takes the rest of the line, whatever it holds."""
