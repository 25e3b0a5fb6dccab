"""Interfaces as the way into a device sees them: addresses, VRF, whether they are up, and what filters them."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

from nornflow.planning.access.filters import Address
from nornflow.platforms.platform import Platform
from nornflow.record import record

IPInterface = ipaddress.IPv4Interface | ipaddress.IPv6Interface

_ADDRESS = re.compile(r"ip(?:v6)? address (?:virtual )?([0-9A-Fa-f.:]+)(?:/(\d+)| (\d+\.\d+\.\d+\.\d+))?")
_VRF = re.compile(r"(?:ip )?vrf (?:forwarding |member )?(\S+)$")
_INBOUND = re.compile(r"(?:ip access-group|ipv6 (?:traffic-filter|access-group)) (\S+) in$")
_BENIGN = re.compile(
    r"(?:no )?(?:description|bandwidth|delay|load-interval|carrier-delay|logging|snmp|cdp|lldp|link-detect|nmsp|arp timeout"
    r"|ip (?:helper-address|redirects|unreachables|proxy-arp|directed-broadcast|flow|nbar|igmp|pim|mtu|tcp adjust-mss"
    r"|access-group \S+ out|rip|ospf cost|ospf priority)|ipv6 (?:redirects|unreachables|mtu)|mop|shutdown$|vrf|ip vrf"
    r"|ip address|ipv6 (?:address|enable|nd)|ip(?:v6)? (?:access-group|traffic-filter) \S+ in|switchport|channel-group)\b"
)
"""Lines that neither cut a way nor are looked at elsewhere; the rest of an interface's lines may do either."""


@record
class Interface:
    """One interface. `inbound` are the access lists for what comes in, `rest` the lines that nothing else here reads."""

    name: str
    addresses: tuple[IPInterface, ...] = ()
    vrf: str = ""
    up: bool = True
    dhcp: bool = False
    inbound: tuple[str, ...] = ()
    rest: frozenset[str] = frozenset()
    mentions: frozenset[str] = frozenset()
    switchport: tuple[str, ...] = ()
    channel: str = ""

    @property
    def networks(self) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
        """The connected networks."""
        return tuple(address.network for address in self.addresses)

    def holds(self, address: Address) -> bool:
        """Tell whether the address is one of the interface's own, or a virtual one that it answers for."""
        return any(own.ip == address for own in self.addresses) or str(address) in self.mentions

    @property
    def vlans(self) -> frozenset[int] | None:
        """The VLANs that a switch port carries while it is up; None when it carries all of them."""
        return _carried(self.switchport)


@lru_cache(maxsize=65_536)
def interface(opener: str, lines: tuple[str, ...], platform: Platform) -> Interface:
    """Read an interface's section, given by its first line and the lines below."""
    words = opener.split(" ")
    name = words[1]
    match = platform.mode("global").match(opener)
    mode = platform.mode(match.rule.opens if match.rule is not None else "interface")
    told = [mode.match(line).line for line in lines]
    shut = mode.match("shutdown").rule
    up = "no shutdown" in told if shut is not None and shut.default_on else "shutdown" not in told
    vrfs = [found[1] for line in told if (found := _VRF.match(line))]
    if len(words) > 3 and words[2] == "vrf":
        vrfs.append(words[3])
    channels = [line.split(" ")[1] for line in told if line.startswith("channel-group ")]
    return Interface(
        name=name,
        addresses=tuple(_addresses(told)),
        vrf=vrfs[-1] if vrfs else "",
        up=up,
        dhcp="ip address dhcp" in told,
        inbound=tuple(found[1] for line in told if (found := _INBOUND.match(line))),
        rest=frozenset(line for line in told if not _BENIGN.match(line)),
        mentions=frozenset(
            word
            for line in told
            if re.match(r"standby|vrrp|glbp|hsrp|ip virtual-router", line)
            for word in line.split()
        ),
        switchport=tuple(line for line in told if re.match(r"(?:no )?switchport\b", line)),
        channel=channels[-1] if channels else "",
    )


def _addresses(lines: Iterable[str]) -> Iterator[IPInterface]:
    for line in lines:
        found = _ADDRESS.match(line)
        if found is None:
            continue
        mask = found[2] or found[3]
        try:
            yield ipaddress.ip_interface(f"{found[1]}/{mask}" if mask else found[1])
        except ValueError:
            continue  # a default or a keyword: not an address


def numbers(text: str) -> frozenset[int]:
    """Return the numbers of a list such as `1-3,7`; what is no number is left out."""
    found: set[int] = set()
    for part in text.replace(" ", "").split(","):
        low, _, high = part.partition("-")
        if low.isdecimal() and (high or low).isdecimal():
            found |= set(range(int(low), min(int(high or low), 4094) + 1))
    return frozenset(found)


def _carried(lines: Sequence[str]) -> frozenset[int] | None:
    """Return what a port carries, by its `switchport` lines; a routed port carries nothing."""
    if "no switchport" in lines:
        return frozenset()
    values = {key: text for key, text in (_split(line) for line in lines) if key}
    if values.get("mode") == "trunk":
        allowed = [text for key, text in (_split(line) for line in lines) if key == "trunk allowed vlan"]
        if not allowed or allowed == ["all"]:
            return None
        return frozenset().union(*(numbers(text.removeprefix("add ")) for text in allowed))
    return numbers(values.get("access vlan", "1"))


def _split(line: str) -> tuple[str, str]:
    found = re.match(r"switchport (mode|access vlan|trunk allowed vlan|trunk native vlan) (.+)", line)
    return (found[1], found[2]) if found else ("", "")
