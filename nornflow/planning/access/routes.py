"""Static and connected routes: by which interface and next hop an answer to the controller would leave a device."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping

from nornflow.planning.access.filters import Address
from nornflow.planning.access.interfaces import Interface
from nornflow.record import record

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_DISCARD = re.compile(r"(?:null ?0|blackhole|reject|discard|drop)$", re.IGNORECASE)
_NAMED = frozenset(("tag", "name", "metric", "track", "label", "table"))
_DEEPEST = 8


@record
class Route:
    """A static route; `distance` decides between routes of one prefix."""

    vrf: str
    prefix: Network
    next_hop: Address | None = None
    interface: str = ""
    discard: bool = False
    distance: int = 1


@record
class Exit:
    """How packets leave: by which interface, to which next hop (None: the destination is on the interface's network)."""

    interface: str
    next_hop: Address | None = None
    discard: bool = False
    static: bool = False


def static_route(words: list[str], vrf: str, names: Mapping[str, str]) -> Route | None:
    """Read what stands behind `ip route`; `names` are the interfaces as they are listed, by lower case. None: not understood."""
    if words[:1] == ["vrf"] and len(words) > 1:
        vrf, words = words[1], words[2:]
    prefix, rest = _prefix(words)
    if prefix is None:
        return None
    next_hop: Address | None = None
    interface, discard, distance = "", False, 1
    while rest:
        word = rest.pop(0)
        if word in _NAMED:
            rest[:1] = []
        elif word.isdecimal():
            distance = int(word)
        elif _DISCARD.match(word):
            discard = True
        elif (address := _address(word)) is not None:
            next_hop = address
        elif word not in ("permanent", "global", "multicast", "dhcp", "onlink"):
            interface = names.get(word.lower(), word)
    return Route(vrf, prefix, next_hop, interface, discard, distance)


def _prefix(words: list[str]) -> tuple[Network | None, list[str]]:
    texts = [words[0]] if words and ("/" in words[0] or ":" in words[0]) else ["/".join(words[:2])]
    try:
        return ipaddress.ip_network(texts[0], strict=False), words[1 if "/" in words[0] else 2 :]
    except (ValueError, IndexError):
        return None, []


def _address(word: str) -> Address | None:
    try:
        return ipaddress.ip_address(word)
    except ValueError:
        return None


def exits(
    target: Address, vrf: str, interfaces: Iterable[Interface], routes: Iterable[Route], depth: int = 0
) -> frozenset[Exit]:
    """Return how packets to an address leave, by the longest prefix and then the least distance; empty: by no such route.

    A static route counts only while its next hop is on a connected network, as on the device.
    """
    interfaces, routes = tuple(interfaces), tuple(routes)
    found: list[tuple[int, int, Exit]] = []
    for port in interfaces:
        if port.up and port.vrf == vrf:
            found += [(-network.prefixlen, 0, Exit(port.name)) for network in port.networks if target in network]
    for route in routes:
        if route.vrf != vrf or target.version != route.prefix.version or target not in route.prefix:
            continue
        found += [
            (-route.prefix.prefixlen, route.distance, each) for each in _through(route, vrf, interfaces, routes, depth)
        ]
    best = min((entry[:2] for entry in found), default=None)
    return frozenset(entry[2] for entry in found if entry[:2] == best)


def _through(
    route: Route, vrf: str, interfaces: tuple[Interface, ...], routes: tuple[Route, ...], depth: int
) -> Iterable[Exit]:
    if route.discard:
        return (Exit("", None, discard=True, static=True),)
    if route.interface:
        known = next((port for port in interfaces if port.name == route.interface), None)
        up = known is None or (known.up and known.vrf == vrf)
        return (Exit(route.interface, route.next_hop, static=True),) if up else ()
    if route.next_hop is None or depth >= _DEEPEST:
        return ()
    others = tuple(other for other in routes if other is not route)
    inner = exits(route.next_hop, vrf, interfaces, others, depth + 1)
    # a default route does not resolve the next hop of another one
    return tuple(Exit(each.interface, route.next_hop, each.discard, static=True) for each in inner)
