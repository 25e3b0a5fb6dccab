"""The simulated access network: the first configuration of each router, in a ring or a chain."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nornflow.record import record

SITES = ("ams", "fra", "lon", "par")


@record
class Place:
    """A router's place in the network: its number from 1, its name and its neighbours' numbers."""

    number: int
    name: str
    site: str
    role: str
    ports: int
    links: tuple[Link, ...]

    def data(self) -> dict[str, Any]:
        """Return what an inventory says of the device there."""
        return {"role": self.role, "site": self.site, "asn": autonomous_system(self.number), "index": self.number}


@record
class Link:
    """One end of a link: the own and the other address, and who is there."""

    address: str
    other_address: str
    other: int
    other_name: str


def links(count: int, topology: str = "ring") -> list[tuple[int, int]]:
    """Return the pairs of router numbers that are connected: 1-2, 2-3 ..., and in a ring the last with the first."""
    pairs = [(number, number + 1) for number in range(1, count)]
    return [*pairs, (count, 1)] if topology == "ring" and count > 2 else pairs


def places(names: Sequence[str], *, topology: str = "ring", ports: int = 4) -> list[Place]:
    """Return every router's place; the first of each four is `core`, the others are `access`."""
    ends: dict[int, list[Link]] = {number: [] for number in range(1, len(names) + 1)}
    for index, (left, right) in enumerate(links(len(names), topology)):
        first = f"10.{index // 64 // 256}.{index // 64 % 256}.{index % 64 * 4 + 1}"
        second = first.rsplit(".", 1)[0] + f".{index % 64 * 4 + 2}"
        ends[left].append(Link(first, second, right, names[right - 1]))
        ends[right].append(Link(second, first, left, names[left - 1]))
    return [
        Place(
            number=number,
            name=name,
            site=SITES[(number - 1) // 2 % len(SITES)],
            role="core" if number % 4 == 1 else "access",
            ports=max(ports, len(ends[number]) + 1),
            links=tuple(ends[number]),
        )
        for number, name in enumerate(names, 1)
    ]


def autonomous_system(number: int) -> int:
    """Return the private AS number of a router."""
    return 65000 + number if number < 535 else 4200000000 + number


def loopback(number: int) -> str:
    """Return the loopback address of a router."""
    return f"10.255.{number // 250}.{number % 250 + 1}"


def first_configuration(place: Place) -> list[str]:
    """Return the lines that a router starts with the first time."""
    number = place.number
    lines = [
        "version 17.9",
        "service timestamps debug datetime msec",
        "service timestamps log datetime msec",
        "service password-encryption",
        f"hostname {place.name}",
        "logging buffered 16384",
        "no ip domain lookup",
        "ip domain name lab.example",
        "interface Loopback0",
        " description router id",
        f" ip address {loopback(number)} 255.255.255.255",
    ]
    for port in range(1, place.ports + 1):
        lines.append(f"interface GigabitEthernet{port}")
        lines += _port(place, port)
    lines += _bgp(place)
    lines += [
        "ip forward-protocol nd",
        "no ip http server",
        "no ip http secure-server",
        "ip ssh version 2",
        "logging trap warnings",
        "logging source-interface Loopback0",
        "logging host 192.0.2.50",
        "snmp-server location " + place.site,
        "snmp-server contact noc@lab.example",
        "line con 0",
        " logging synchronous",
        "line vty 0 4",
        " exec-timeout 30 0",
        " login local",
        " transport input ssh",
        "ntp source Loopback0",
        "ntp server 192.0.2.1",
    ]
    return lines


def _port(place: Place, port: int) -> list[str]:
    if port <= len(place.links):
        link = place.links[port - 1]
        return [f" description to {link.other_name}", f" ip address {link.address} 255.255.255.252"]
    if port == place.ports:
        third, fourth = divmod(place.number, 250)
        return [" description management", f" ip address 172.16.{third}.{fourth + 1} 255.255.0.0"]
    return [" description spare", " shutdown"]


def _bgp(place: Place) -> list[str]:
    own = loopback(place.number)
    lines = [f"router bgp {autonomous_system(place.number)}", f" bgp router-id {own}", " bgp log-neighbor-changes"]
    for link in place.links:
        lines.append(f" neighbor {link.other_address} remote-as {autonomous_system(link.other)}")
        lines.append(f" neighbor {link.other_address} description {link.other_name}")
    lines += [" address-family ipv4", f"  network {own} mask 255.255.255.255"]
    lines += [f"  neighbor {link.other_address} activate" for link in place.links]
    return lines
