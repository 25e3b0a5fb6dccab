"""The plan of an FRR lab: routers, links and addresses, and the configuration that each router starts with."""

from __future__ import annotations

from nornflow.errors import UsageError
from nornflow.record import record
from nornflow.testing.routers.network import SITES, links

MANAGEMENT = "198.18.0"
"""The management network (RFC 2544 benchmarking range, so it clashes with nothing real)."""

TOPOLOGIES = ("ring", "chain")
LARGEST = 100


@record
class Port:
    """One end of a link: the interface, its address, and the neighbour at the other end."""

    interface: str
    address: str
    other_address: str
    other: int


@record
class RouterPlan:
    """One router of the lab."""

    number: int
    ports: tuple[Port, ...]

    @property
    def name(self) -> str:
        """The router's name, `r1` and so on."""
        return f"r{self.number}"

    @property
    def asn(self) -> int:
        """The private AS number."""
        return 65000 + self.number

    @property
    def loopback(self) -> str:
        """The address of the loopback interface, which the router announces."""
        return f"10.255.0.{self.number}"

    @property
    def management(self) -> str:
        """The address that SSH listens on."""
        return f"{MANAGEMENT}.{self.number}"

    @property
    def data(self) -> dict[str, str | int]:
        """What the inventory says of the router."""
        role = "core" if self.number % 4 == 1 else "access"
        return {
            "role": role,
            "site": SITES[(self.number - 1) // 2 % len(SITES)],
            "asn": self.asn,
            "loopback": self.loopback,
            "management_interface": "mgmt0",
        }

    def configuration(self) -> str:
        """Return the text of the router's first `frr.conf`."""
        lines = ["frr defaults traditional", f"hostname {self.name}", "ip forwarding"]
        lines += ["service integrated-vtysh-config", "!"]
        lines += ["interface lo", f" ip address {self.loopback}/32", "exit", "!"]
        for port in self.ports:
            lines += [f"interface {port.interface}", f" description to r{port.other}", f" ip address {port.address}/30"]
            lines += ["exit", "!"]
        lines += [f"router bgp {self.asn}", f" bgp router-id {self.loopback}", " no bgp ebgp-requires-policy"]
        # Short timers bring the sessions up, and take them down, within seconds.
        lines += [" no bgp network import-check", " timers bgp 3 9"]
        for port in self.ports:
            lines += [
                f" neighbor {port.other_address} remote-as {65000 + port.other}",
                f" neighbor {port.other_address} description r{port.other}",
                f" neighbor {port.other_address} timers connect 2",
            ]
        lines += [" address-family ipv4 unicast", f"  network {self.loopback}/32", " exit-address-family", "exit", "!"]
        return "\n".join([*lines, "end", ""])


@record
class LabPlan:
    """A whole lab."""

    count: int
    topology: str
    routers: tuple[RouterPlan, ...]
    wires: tuple[tuple[tuple[int, str], tuple[int, str]], ...]

    @classmethod
    def of(cls, count: int, topology: str) -> LabPlan:
        """Return the plan of so many routers in a ring or a chain; raises UsageError."""
        if topology not in TOPOLOGIES:
            raise UsageError(f"there is no topology {topology!r}", hint=f"the topologies are: {', '.join(TOPOLOGIES)}")
        if not 1 <= count <= LARGEST:
            raise UsageError(f"an FRR lab has 1 to {LARGEST} routers, not {count}")
        ports: dict[int, list[Port]] = {number: [] for number in range(1, count + 1)}
        wires = []
        for index, (left, right) in enumerate(links(count, topology), 1):
            ends = (left, f"eth{len(ports[left])}"), (right, f"eth{len(ports[right])}")
            first, second = f"10.0.{index}.1", f"10.0.{index}.2"
            ports[left].append(Port(ends[0][1], first, second, right))
            ports[right].append(Port(ends[1][1], second, first, left))
            wires.append(ends)
        routers = tuple(RouterPlan(number, tuple(found)) for number, found in ports.items())
        return cls(count, topology, routers, tuple(wires))
