"""The first configuration of a simulated EOS device in the access network."""

from __future__ import annotations

from nornflow.testing.routers.network import Place, autonomous_system, loopback


def first_configuration(place: Place) -> list[str]:
    """Return the lines that a device starts with the first time."""
    own = loopback(place.number)
    lines = [
        "service routing protocols model multi-agent",
        "logging host 192.0.2.50",
        f"hostname {place.name}",
        "dns domain lab.example",
        "ntp server 192.0.2.1",
        f"snmp-server location {place.site}",
        "spanning-tree mode mstp",
    ]
    for port in range(1, place.ports):
        lines.append(f"interface Ethernet{port}")
        if port <= len(place.links):
            link = place.links[port - 1]
            lines += [f"   description to {link.other_name}", "   no switchport", f"   ip address {link.address}/30"]
        else:
            lines += ["   description spare", "   shutdown"]
    third, fourth = divmod(place.number, 250)
    lines += ["interface Loopback0", f"   ip address {own}/32"]
    lines += ["interface Management1", "   description management", f"   ip address 172.16.{third}.{fourth + 1}/16"]
    lines += ["ip routing", f"router bgp {autonomous_system(place.number)}", f"   router-id {own}"]
    for link in place.links:
        lines.append(f"   neighbor {link.other_address} remote-as {autonomous_system(link.other)}")
        lines.append(f"   neighbor {link.other_address} description {link.other_name}")
    lines.append(f"   network {own}/32")
    lines += ["management api http-commands", "   protocol http", "   no shutdown"]
    return lines
