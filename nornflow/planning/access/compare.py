"""What a configuration would do to the way in, held against one in which the controller does get in."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from nornflow.planning.access.filters import Address, Packet, permits
from nornflow.planning.access.findings import Finding, Path, Reach
from nornflow.planning.access.interfaces import Interface
from nornflow.planning.access.login import login_findings
from nornflow.planning.access.routes import Exit, exits
from nornflow.planning.access.view import View


@dataclass(slots=True)
class Baseline:
    """A configuration in which the controller gets in, and by which interface and routes it does as far as that shows."""

    view: View
    path: Path
    holder: str = ""
    exits: dict[Address, frozenset[Exit]] = field(default_factory=dict)

    @classmethod
    def of(cls, view: View, path: Path) -> Baseline:
        """Look for the interface that holds the device's address, and for the ways back to the controller."""
        found = next((p for p in view.interfaces.values() if any(p.holds(a) for a in path.addresses)), None)
        if found is None and path.interface:
            found = view.named(path.interface) or Interface(path.interface)
            view.interfaces.setdefault(found.name, found)
        baseline = cls(view, path, found.name if found else "")
        if found is not None:
            baseline.exits = {source: baseline.ways_back(view, source) for source in path.sources}
        return baseline

    @property
    def port(self) -> Interface:
        """The interface that holds the device's address."""
        return self.view.interfaces[self.holder]

    @property
    def listed(self) -> bool:
        """Whether the configuration lists the device's address: else it stands outside, and its network with it."""
        return any(self.port.holds(address) for address in self.path.addresses)

    def ways_back(self, view: View, source: Address) -> frozenset[Exit]:
        """Return by which interface and next hop an answer leaves."""
        routes = view.routes if view.ip_routing else [route for route in view.routes if route.distance == 254]
        return exits(source, self.port.vrf, view.interfaces.values(), routes)

    def arrivals(self) -> set[str]:
        """Return the interfaces by which the controller's packets are taken to come: its own, and those of the ways back."""
        return {self.holder} | {each.interface for found in self.exits.values() for each in found if each.interface}


def findings(base: Baseline, now: View) -> Iterator[Finding]:
    """Yield what stands between the controller and the device in this configuration and did not before."""
    if base.holder:
        held = list(_holder(base, now))
        yield from held
        yield from _carriers(base, now)
        if not any(found.certain for found in held):  # the way back goes with the interface: told once
            yield from _routes(base, now)
        for name in sorted(base.arrivals()):
            yield from _section(base, now, name)
    else:
        yield from _any_interface(base, now)
    yield from _filters(base, now)
    changed = sorted(line for line in base.view.others ^ now.others if line != "no ip routing")
    if changed:
        yield Finding(
            "other lines", f"what {changed[0]!r} does to packets of the controller cannot be told", certain=False
        )
    packets = _packets(base.path)
    vrf = base.port.vrf if base.holder else ""
    for aspect, why, certain in login_findings(base.view, now, packets, base.path.service, base.path.user, vrf):
        yield Finding(aspect, why, certain, Reach.LOGIN)


def _packets(path: Path) -> list[Packet]:
    destinations = path.addresses or (None,)
    return [Packet(source, there, path.port) for source in path.sources or (None,) for there in destinations[:1]]


def _holder(base: Baseline, now: View) -> Iterator[Finding]:
    old, new = base.port, now.interfaces.get(base.holder)
    own = [address for address in base.path.addresses if old.holds(address)]
    said = ", ".join(map(str, own or base.path.addresses)) or "its address"
    if own and (new is None or not any(new.holds(address) for address in own)):
        moved = next((p.name for p in now.interfaces.values() if p.up and any(p.holds(a) for a in own)), "")
        if moved:
            yield Finding("address", f"{said}, by which the device is reached, moves to {moved}", certain=False)
        else:
            yield Finding("address", f"{old.name} holds {said} no more, by which the device is reached")
        return
    if new is None:
        return
    if old.up and not new.up:
        yield Finding("address", f"{old.name}, which carries {said}, is shut: the device is reached by it")
    if new.vrf != old.vrf:
        yield Finding("address", f"{old.name}, which carries {said}, moves to the VRF {new.vrf or 'default'}")


def _carriers(base: Baseline, now: View) -> Iterator[Finding]:
    """Look at what carries the interface: its parent, its VLAN, its members."""
    name = base.holder
    parent = now.interfaces.get(name.partition(".")[0]) if "." in name else None
    before = base.view.interfaces.get(parent.name) if parent is not None else None
    if parent is not None and before is not None:
        if before.up and not parent.up:
            yield Finding("carrier", f"{parent.name}, which carries {name}, is shut")
        elif (before.rest, before.switchport, before.channel) != (parent.rest, parent.switchport, parent.channel):
            yield Finding("carrier", f"{parent.name}, which carries {name}, is set up otherwise", certain=False)
    vlan = re.fullmatch(r"[Vv]lan(\d+)", name)
    if vlan is not None:
        yield from _vlan(base.view, now, int(vlan[1]))
    channel = re.fullmatch(r"[Pp]ort-?[Cc]hannel(\d+)", name)
    if channel is not None:
        yield from _lost_ports(_members(base.view, channel[1]), _members(now, channel[1]), name, one_is_enough=True)


def _vlan(before: View, now: View, vlan: int) -> Iterator[Finding]:
    if (vlan in now.vlans_off and vlan not in before.vlans_off) or (vlan in before.vlans and vlan not in now.vlans):
        yield Finding("carrier", f"VLAN {vlan}, by which the device is reached, is taken away or shut")
    yield from _lost_ports(_carrying(before, vlan), _carrying(now, vlan), f"VLAN {vlan}", one_is_enough=False)


def _carrying(view: View, vlan: int) -> set[str]:
    ports = (p for p in view.interfaces.values() if p.up and not p.addresses and not p.dhcp and not p.channel)
    physical = (
        port for port in ports if not re.match(r"vlan|loopback|tunnel|null|nve|vxlan|mgmt|management", port.name, re.I)
    )
    return {port.name for port in physical if port.vlans is None or vlan in port.vlans}


def _members(view: View, channel: str) -> set[str]:
    return {port.name for port in view.interfaces.values() if port.up and port.channel == channel}


def _lost_ports(before: set[str], now: set[str], what: str, *, one_is_enough: bool) -> Iterator[Finding]:
    lost = sorted(before - now)
    if not lost or (one_is_enough and now):
        return
    if not now:
        yield Finding("carrier", f"{lost[0]} was the last port that carries {what}, by which the device is reached")
    else:
        yield Finding("carrier", f"{lost[0]} carries {what} no more: the way may lead through it", certain=False)


def _routes(base: Baseline, now: View) -> Iterator[Finding]:
    new = now.interfaces.get(base.holder)
    if base.path.sources == () or new is None:
        yield from _default_routes(base, now)
        return
    for source, old in base.exits.items():
        found = base.ways_back(now, source)
        if found == old:
            if not old and base.listed:
                yield from _learned(base, now, source)
            continue
        lost, gained = old - found, found - old
        told = f"the way back to the controller {source}"
        if any(each.discard for each in found) and not any(each.discard for each in old):
            yield Finding("route", f"{told} leads into nothing")
        elif old and not found:
            yield Finding("route", f"{told} is gone: it led by {_told(lost)}")
        elif gained:
            yield Finding("route", f"{told} leads by {_told(gained)} instead of {_told(old)}", certain=False)


def _told(found: Iterable[Exit]) -> str:
    words = sorted(str(each.next_hop or each.interface or "nothing") for each in found)
    return ", ".join(words) or "what it learned from others"


def _default_routes(base: Baseline, now: View) -> Iterator[Finding]:
    """Without the controller's address: whatever route goes may be the way back."""
    gone = [route for route in base.view.routes if route not in now.routes and not route.discard]
    if gone:
        yield Finding("route", f"the route to {gone[0].prefix} goes, and it may be the way back", certain=False)
    wide = [route for route in now.routes if route not in base.view.routes and route.prefix.prefixlen == 0]
    if wide:
        yield Finding("route", "there is another default route, and it may be the way back", certain=False)


def _learned(base: Baseline, now: View, source: Address) -> Iterator[Finding]:
    """The way back comes from a routing protocol: what takes away from it, or a link, may take it too."""
    told = f"the way back to the controller {source} is learned by a routing protocol"
    for section, paths in base.view.routing.items():
        if not paths <= now.routing.get(section, frozenset()):
            yield Finding("route", f"{told}, and {section} loses lines", certain=False)
    for section, paths in now.routing.items():
        added = paths - base.view.routing.get(section, paths)
        if any(re.match(r"passive-interface|distribute-list|shutdown|.* shutdown$", path[-1]) for path in added):
            yield Finding("route", f"{told}, and {section} is closed in part", certain=False)
    for name, why in _losses(base.view, now):
        if name != base.holder:
            yield Finding("route", f"{told}, and {name} {why}", certain=False)


def _losses(before: View, now: View) -> Iterator[tuple[str, str]]:
    """Yield each interface with addresses that goes down or loses some."""
    for name, old in before.interfaces.items():
        if not old.up or not (old.addresses or old.dhcp):
            continue
        new = now.interfaces.get(name)
        if new is None:
            yield name, "is taken away"
        elif not new.up:
            yield name, "is shut"
        elif new.vrf != old.vrf:
            yield name, f"moves to the VRF {new.vrf or 'default'}"
        elif not set(old.addresses) <= set(new.addresses) or (old.dhcp and not new.dhcp):
            yield name, "loses an address"


def _any_interface(base: Baseline, now: View) -> Iterator[Finding]:
    """Nobody knows by which interface the device is reached: each that has an address may be the one."""
    for name, why in _losses(base.view, now):
        yield Finding(
            f"address of {name}",
            f"{name} {why}; by which interface the device is reached does not show in its configuration",
            certain=False,
        )
    yield from _default_routes(base, now)


def _section(base: Baseline, now: View, name: str) -> Iterator[Finding]:
    """Lines of the interface that nothing else here understands: they may stop packets."""
    old, new = base.view.interfaces.get(name), now.interfaces.get(name)
    if old is None or new is None:
        return
    changed = sorted(old.rest ^ new.rest)
    if changed:
        yield Finding(
            "section", f"what {changed[0]!r} does to {name} cannot be told, and the way in leads by it", False
        )
    if not old.switchport and new.switchport and "no switchport" not in new.switchport:
        yield Finding("section", f"{name} becomes a switch port, and the way in leads by it")
    if new.channel != old.channel:
        yield Finding("section", f"{name} joins or leaves a bundle, and the way in leads by it", certain=False)


def _filters(base: Baseline, now: View) -> Iterator[Finding]:
    """Hold the controller's packets against the lists on the interfaces they come by."""
    for name in sorted(base.arrivals() if base.holder else base.view.interfaces):
        old, new = base.view.interfaces.get(name), now.interfaces.get(name)
        for filtering in new.inbound if new is not None else ():
            known = old is not None and filtering in old.inbound
            if not known or base.view.list_text(filtering) != now.list_text(filtering):
                yield from _filter(base, now, filtering, f"{name} takes in by {filtering}", known)


def _filter(base: Baseline, now: View, name: str, where: str, known: bool) -> Iterator[Finding]:
    before, entries = base.view.lists.get(name), now.lists.get(name)
    aspect = f"filter {name}"
    for packet in _packets(base.path):
        if not entries:
            yield Finding(aspect, f"{where}, a list without entries: devices differ in what that means", certain=False)
            continue
        verdict = permits(entries, packet)
        if verdict is True:
            continue
        if verdict is False and not (known and before and permits(before, packet) is False):
            yield Finding(aspect, f"{where}, which lets {_packet(packet)} in no more")
        else:
            yield Finding(aspect, f"{where}, and whether it lets {_packet(packet)} in cannot be told", certain=False)


def _packet(packet: Packet) -> str:
    return f"{packet.source or 'the controller'} to TCP port {packet.port}"
