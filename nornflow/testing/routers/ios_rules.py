"""What IOS looks at before it takes a line: interfaces that exist, one BGP process, neighbours that are known."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable

from nornflow.testing.routers.arguments import VIRTUAL_TYPES, interface_type
from nornflow.testing.routers.config import Configuration, Cursor, Rejected, Section, Words
from nornflow.testing.routers.grammar import Invalid, Match


def ios_check(physical: Callable[[], frozenset[str]]) -> Callable[[Configuration, Cursor, Match], None]:
    """Return the checks of a device that has the given physical interfaces; an empty set allows any."""

    def check(config: Configuration, cursor: Cursor, match: Match) -> None:
        words = match.words
        if words[0] == "interface" and not cursor:
            _check_interface(words[1], match.negated, physical())
        elif words[:2] == ("router", "bgp") and not match.negated:
            _check_one_bgp(config.root, words[2])
        elif words[0] == "neighbor" and not match.negated:
            _check_neighbor(config, cursor, words)
        elif words[:2] == ("ip", "address") and len(words) >= 4 and cursor and not match.negated:
            _check_overlap(config.root, cursor[-1].words[1], words)

    return check


def ios_complete(section: Section, match: Match) -> str:
    """Return the line with the number that IOS gives it: steps of 10 in access lists, of 5 in prefix lists."""
    words = match.words
    if words[0] == "route-map":
        return f"route-map {words[1]} permit 10"
    if words[:2] == ("ip", "prefix-list"):
        used = [
            int(item.words[4]) for item in section.items.values() if item.words[:3] == words[:3] and "seq" in item.words
        ]
        return " ".join((*words[:3], "seq", str(_next(used, 5)), *words[3:]))
    for item in section.items.values():
        if item.words[1:] == words:
            return item.text
    return " ".join((str(_next([int(item.words[0]) for item in section.items.values()], 10)), *words))


def _next(used: list[int], step: int) -> int:
    return max(used, default=0) // step * step + step


def _check_interface(name: str, negated: bool, physical: frozenset[str]) -> None:
    if interface_type(name) in VIRTUAL_TYPES or "." in name:
        return
    if negated:
        raise Rejected("% Removal of physical interfaces is not permitted\n")
    if physical and name not in physical:
        raise Invalid(len("interface "))


def _check_one_bgp(root: Section, number: str) -> None:
    running = root.first("router", "bgp")
    if running is not None and running.words[2] != number:
        raise Rejected(f"BGP is already running; AS is {running.words[2]}\n")


def _check_neighbor(config: Configuration, cursor: Cursor, words: Words) -> None:
    if words[2] in ("remote-as", "peer-group"):
        return
    levels = [config.section(cursor[:depth]) for depth in range(1, len(cursor) + 1)]
    known = {item.words[1] for level in levels for item in level.items.values() if item.words[0] == "neighbor"}
    if words[1] not in known:
        raise Rejected("% Specify remote-as or peer-group commands first\n")


def _check_overlap(root: Section, interface: str, words: Words) -> None:
    wanted = ipaddress.IPv4Interface(f"{words[2]}/{words[3]}")
    for name, section in root.sections("interface"):
        if name[0] == interface or section.first("vrf", "forwarding") is not None:
            continue
        for held in section.values("ip", "address"):
            if held[0].isdecimal():
                address, mask = held.split()[:2]
                other = ipaddress.IPv4Interface(f"{address}/{mask}").network
                if wanted.network.overlaps(other):
                    raise Rejected(f"% {wanted.network.network_address} overlaps with {name[0]}\n")
