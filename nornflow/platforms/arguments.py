"""The arguments of configuration lines: what a device takes for each kind, and how it writes it down itself."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

Argument = Callable[[Sequence[str]], "tuple[str, int] | None"]
"""Given the words that are left, returns the canonical text and how many words it took; None when it does not fit."""

_IP = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}$")
_DECIMAL = re.compile(r"\d+$")
_INTERFACE = re.compile(r"([A-Za-z][A-Za-z-]*?)(\d[\w/.:-]*)$")


def canonical_interface(name: str, types: Sequence[str]) -> str:
    """Return the name as the device lists it (`gi1/0/1` -> `GigabitEthernet1/0/1`); unknown names come back as they are."""
    found = _INTERFACE.match(name)
    if found is None:
        return name
    typed = found[1].lower()
    fits = [full for full in types if full.lower() == typed] or [
        full for full in types if full.lower().startswith(typed)
    ]
    return fits[0] + found[2] if len(fits) == 1 else name


def _word(words: Sequence[str]) -> tuple[str, int] | None:
    return words[0], 1


def _integer(words: Sequence[str]) -> tuple[str, int] | None:
    return (words[0], 1) if _DECIMAL.match(words[0]) else None


def _asn(words: Sequence[str]) -> tuple[str, int] | None:
    return (words[0], 1) if re.match(r"\d+(?:\.\d+)?$", words[0]) else None


def _ip(words: Sequence[str]) -> tuple[str, int] | None:
    return (words[0], 1) if _IP.match(words[0]) else None


def _prefix(words: Sequence[str]) -> tuple[str, int] | None:
    """Take `10.0.0.1/24` and give `10.0.0.0/24`: the device clears the host bits."""
    if "/" not in words[0]:
        return None
    try:
        return str(ipaddress.ip_network(words[0], strict=False)), 1
    except ValueError:
        return None


def _network(words: Sequence[str]) -> tuple[str, int] | None:
    """Take `10.0.0.0/24` or `10.0.0.0 255.255.255.0` (or `mask`) and give the prefix form."""
    if len(words) > 1 and _IP.match(words[0]):
        mask = 2 if words[1] == "mask" and len(words) > 2 else 1
        if _IP.match(words[mask]):
            found = _prefix([f"{words[0]}/{words[mask]}"])
            return (found[0], mask + 1) if found else None
    return _prefix(words)


def _interface_prefix(words: Sequence[str]) -> tuple[str, int] | None:
    return (words[0], 1) if re.match(r"[0-9A-Fa-f.:]+/\d+$", words[0]) else None


def _vlans(words: Sequence[str]) -> tuple[str, int] | None:
    return (words[0], 1) if re.match(r"\d[\d,-]*$", words[0]) else None


_ARGUMENTS: Mapping[str, Argument] = MappingProxyType(
    {
        "WORD": _word,
        "INT": _integer,
        "ASN": _asn,
        "IP": _ip,
        "PREFIX": _prefix,
        "NETWORK": _network,
        "IFPREFIX": _interface_prefix,
        "VLANS": _vlans,
    }
)


def arguments_for(interface_types: Sequence[str]) -> Mapping[str, Argument]:
    """Return the kinds of argument by name for a device with these types of interface.

    `IFACE` needs one of the types when there are any (`gi 1/0/1` may be typed apart); without types it is any word.
    `SVI` is the interface of a VLAN, whose defaults differ from those of a port.
    """

    def interface(words: Sequence[str]) -> tuple[str, int] | None:
        for taken in (1, 2):
            name = canonical_interface("".join(words[:taken]), interface_types)
            if len(words) >= taken and any(name.startswith(full) and name != full for full in interface_types):
                return name, taken
        return None

    def vlan_interface(words: Sequence[str]) -> tuple[str, int] | None:
        found = interface(words)
        return found if found is not None and found[0].startswith("Vlan") else None

    return MappingProxyType({**_ARGUMENTS, "IFACE": interface if interface_types else _word, "SVI": vlan_interface})
