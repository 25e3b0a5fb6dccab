"""What the simulated router shows of its interfaces and of what is at their other ends."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from nornflow.testing.routers.arguments import interface_type
from nornflow.testing.routers.config import Section
from nornflow.testing.routers.device import Router


def interfaces(router: Router) -> list[tuple[str, Section]]:
    """Return names and sections of the router's interfaces in the order of the listing."""
    return [(name[0], section) for name, section in router.config.root.sections("interface")]


def is_down(section: Section) -> bool:
    """Tell whether an interface is shut down."""
    return section.first("shutdown") is not None


def addresses(router: Router) -> Iterator[tuple[str, ipaddress.IPv4Interface]]:
    """Yield the addresses of the interfaces that are not shut down."""
    for name, section in interfaces(router):
        for value in section.values("ip", "address"):
            words = value.split()
            if not is_down(section) and len(words) >= 2:
                yield name, ipaddress.IPv4Interface(f"{words[0]}/{words[1]}")


def brief(router: Router, words: tuple[str, ...]) -> str:
    """`show ip interface brief`."""
    rows = [f"{'Interface':<22} {'IP-Address':<15} OK? Method Status                Protocol"]
    for name, section in interfaces(router):
        address = next((value.split()[0] for value in section.values("ip", "address")), "unassigned")
        status = "administratively down" if is_down(section) else "up"
        method = "unset " if address == "unassigned" else "manual"
        protocol = "down" if is_down(section) else "up"
        rows.append(f"{name:<22} {address:<15} YES {method} {status:<21} {protocol:<8}")
    return "\n".join(rows) + "\n"


def descriptions(router: Router, words: tuple[str, ...]) -> str:
    """`show interfaces description`."""
    rows = [f"{'Interface':<30} {'Status':<14} {'Protocol':<8} Description"]
    for name, section in interfaces(router):
        text = "".join(section.values("description"))
        status, protocol = ("admin down", "down") if is_down(section) else ("up", "up")
        rows.append(f"{_short(name):<30} {status:<14} {protocol:<8} {text}".rstrip())
    return "\n".join(rows) + "\n"


def details(router: Router, words: tuple[str, ...]) -> str:
    """`show interfaces`, all of them or one."""
    wanted = words[2] if len(words) == 3 else None
    blocks = []
    for number, (name, section) in enumerate(interfaces(router), 1):
        if wanted not in (None, name):
            continue
        lines = [_state(name, section)]
        hardware = "Loopback" if name.startswith("Loopback") else f"vNIC, address is {_mac(router, number)}"
        lines.append(f"  Hardware is {hardware}" + ("" if hardware == "Loopback" else f" (bia {_mac(router, number)})"))
        lines += [f"  Description: {text}" for text in section.values("description")]
        lines += [f"  Internet address is {_prefix(value)}" for value in section.values("ip", "address")[:1]]
        mtu = (section.values("mtu") or ["1500"])[0]
        bandwidth = (section.values("bandwidth") or ["1000000"])[0]
        lines.append(f"  MTU {mtu} bytes, BW {bandwidth} Kbit/sec, DLY 10 usec, ")
        lines.append("     reliability 255/255, txload 1/255, rxload 1/255")
        lines.append("     0 packets input, 0 bytes, 0 no buffer")
        lines.append("     0 packets output, 0 bytes, 0 underruns")
        blocks.append("\n".join(lines) + "\n")
    return "".join(blocks) or "% Invalid input detected at '^' marker.\n\n"


def ip_details(router: Router, words: tuple[str, ...]) -> str:
    """`show ip interface`."""
    lines = []
    for name, section in interfaces(router):
        lines.append(_state(name, section))
        found = section.values("ip", "address")
        primary = [value for value in found if not value.endswith("secondary")]
        lines += [f"  Internet address is {_prefix(value)}" for value in primary] or [
            "  Internet protocol processing disabled"
        ]
        lines += [f"  Secondary address {_prefix(value)}" for value in found if value.endswith("secondary")]
    return "\n".join(lines) + "\n"


def cdp_neighbors(router: Router, words: tuple[str, ...]) -> str:
    """`show cdp neighbors`: the routers whose interfaces share a small network with one of ours."""
    rows = [
        "Capability Codes: R - Router, T - Trans Bridge, B - Source Route Bridge",
        "                  S - Switch, H - Host, I - IGMP, r - Repeater, P - Phone",
        "",
        "Device ID        Local Intrfce     Holdtme    Capability  Platform  Port ID",
    ]
    own = [(name, address) for name, address in addresses(router) if address.network.prefixlen in (30, 31)]
    count = 0
    for other in router.neighbourhood.routers():
        for port, address in addresses(other):
            for name, mine in own:
                if other is not router and address.network == mine.network:
                    count += 1
                    rows.append(f"{other.hostname:<17}{_cdp(name):<18}150              R    C8000V    {_cdp(port)}")
    return "\n".join([*rows, "", f"Total cdp entries displayed : {count}", ""])


def _state(name: str, section: Section) -> str:
    if is_down(section):
        return f"{name} is administratively down, line protocol is down "
    return f"{name} is up, line protocol is up "


def _prefix(value: str) -> str:
    words = value.split()
    return str(ipaddress.IPv4Interface(f"{words[0]}/{words[1]}")) if len(words) > 1 else "negotiated using DHCP"


def _mac(router: Router, port: int) -> str:
    number = int("".join(filter(str.isdecimal, router.serial)) or 0) % 65536
    return f"5254.00{number // 256:02x}.{number % 256:02x}{port % 256:02x}"


def _short(name: str) -> str:
    kind = interface_type(name)
    known = {"GigabitEthernet": "Gi", "Loopback": "Lo", "Port-channel": "Po", "Vlan": "Vl"}
    return known.get(kind, kind[:2]) + name[len(kind) :]


def _cdp(name: str) -> str:
    kind = interface_type(name)
    return f"{kind[:3]} {name[len(kind) :]}"
