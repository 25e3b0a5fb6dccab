"""What the simulated router shows: each view is derived from the configuration at the moment of the command."""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Callable, Mapping

from nornflow.testing.routers.arguments import interface_type
from nornflow.testing.routers.config import Section
from nornflow.testing.routers.device import Router
from nornflow.testing.routers.interface_views import addresses, brief, cdp_neighbors, descriptions, details, interfaces
from nornflow.testing.routers.interface_views import ip_details as ip_interfaces

View = Callable[[Router, tuple[str, ...]], str]
"""Returns a command's output; the second argument is the command in canonical words."""

_SOFTWARE = "Cisco IOS Software [Cupertino], Virtual XE Software (X86_64_LINUX_IOSD-UNIVERSALK9-M)"
_VERSION = """Cisco IOS XE Software, Version 17.09.04a
{software}, Version 17.9.4a, RELEASE SOFTWARE (fc3)
Technical Support: http://www.cisco.com/techsupport
Copyright (c) 1986-2023 by Cisco Systems, Inc.
Compiled Fri 20-Oct-23 10:44 by mcpre


ROM: IOS-XE ROMMON
{name} uptime is {uptime}
Uptime for this control processor is {uptime}
System returned to ROM by reload
System image file is "bootflash:packages.conf"
Last reload reason: reload

License Level: ax
License Type: N/A(Smart License Enabled)
Next reload license Level: ax

cisco C8000V (VXE) processor (revision VXE) with 2028465K/3075K bytes of memory.
Processor board ID {serial}
Router operating mode: Autonomous
{ports} Gigabit Ethernet interfaces
32768K bytes of non-volatile configuration memory.
3965112K bytes of physical memory.
5234688K bytes of virtual hard disk at bootflash:.

Configuration register is 0x2102

"""


def version(router: Router, words: tuple[str, ...]) -> str:
    """`show version`."""
    minutes = int(router.clock() - router.booted) // 60
    parts = [(minutes // 10080, "week"), (minutes // 1440 % 7, "day"), (minutes // 60 % 24, "hour")]
    uptime = [f"{count} {unit}{'s' * (count != 1)}" for count, unit in parts if count]
    uptime.append(f"{minutes % 60} minute{'s' * (minutes % 60 != 1)}")
    ports = sum(interface_type(name) == "GigabitEthernet" for name, _ in interfaces(router))
    return _VERSION.format(
        software=_SOFTWARE, name=router.hostname, uptime=", ".join(uptime), serial=router.serial, ports=ports
    )


def running_config(router: Router, words: tuple[str, ...]) -> str:
    """`show running-config`, all of it or one interface."""
    lines = router.config.lines()
    if len(words) == 4:
        name = words[3]
        section = dict(interfaces(router)).get(name)
        if section is None:
            return "% Invalid input detected at '^' marker.\n"
        start = lines.index(f"interface {name}")
        end = next((n for n in range(start + 1, len(lines)) if not lines[n].startswith(" ")), len(lines))
        lines = lines[start:end]
        body = "\n".join(["!", *lines, "end", "", ""])
        return f"Building configuration...\n\nCurrent configuration : {len(body) - 1} bytes\n{body}"
    body = "\n".join(["!", *lines, "!", "end", "", ""])
    return f"Building configuration...\n\nCurrent configuration : {len(body) - 1} bytes\n{body}"


def startup_config(router: Router, words: tuple[str, ...]) -> str:
    """`show startup-config`."""
    body = "\n".join(["!", *router.startup_config.splitlines(), "!", "end", "", ""])
    return f"Using {len(body) - 1} out of 33554432 bytes\n{body}"


def ntp_associations(router: Router, words: tuple[str, ...]) -> str:
    """`show ntp associations`: reachable servers become synchronised, one of them is the system peer."""
    rows = ["", "  address         ref clock       st   when   poll reach  delay  offset   disp"]
    associations = router.ntp_associations()
    synchronised = [name for name, (synced, _) in associations.items() if synced]
    peer = next((name for name in synchronised if associations[name][1]), synchronised[0] if synchronised else None)
    for name, (synced, _) in associations.items():
        mark = "*" if name == peer else "+" if synced else " "
        if synced:
            rows.append(f"{mark}~{name:<15} .GPS.            1     32     64   377  1.000   0.500  1.072")
        else:
            rows.append(f"{mark}~{name:<15} .INIT.          16      -     64     0  0.000   0.000 15937.")
    rows.append(" * sys.peer, # selected, + candidate, - outlyer, x falseticker, ~ configured")
    return "\n".join(rows) + "\n"


def ntp_status(router: Router, words: tuple[str, ...]) -> str:
    """`show ntp status`."""
    synchronised = [name for name, (synced, _) in router.ntp_associations(poll=False).items() if synced]
    if synchronised:
        return f"Clock is synchronized, stratum 2, reference is {synchronised[0]}\n"
    return "Clock is unsynchronized, stratum 16, no reference clock\n"


def clock(router: Router, words: tuple[str, ...]) -> str:
    """`show clock`; the star says that the time was not set by NTP."""
    synced = any(synced for synced, _ in router.ntp_associations(poll=False).values())
    return time.strftime(f"{'' if synced else '*'}%H:%M:%S.000 UTC %a %b %d %Y\n", time.gmtime(router.clock()))


def inventory(router: Router, words: tuple[str, ...]) -> str:
    """`show inventory`."""
    return (
        'NAME: "Chassis", DESCR: "Cisco Catalyst 8000V Edge Chassis"\n'
        f"PID: C8000V            , VID: V00  , SN: {router.serial}\n\n"
    )


def ip_route(router: Router, words: tuple[str, ...]) -> str:
    """`show ip route`: connected and static routes."""
    routes = [
        "Codes: L - local, C - connected, S - static, R - RIP, M - mobile, B - BGP",
        "       D - EIGRP, EX - EIGRP external, O - OSPF, IA - OSPF inter area",
        "",
    ]
    static = [value.split() for value in router.config.root.values("ip", "route") if not value.startswith("vrf")]
    default = next((words[2] for words in static if words[:2] == ["0.0.0.0", "0.0.0.0"]), None)
    routes += [
        f"Gateway of last resort is {default} to network 0.0.0.0" if default else "Gateway of last resort is not set",
        "",
    ]
    found: list[tuple[int, str]] = []
    for name, address in addresses(router):
        found.append(
            (int(address.network.network_address), f"C        {address.network} is directly connected, {name}")
        )
        found.append((int(address.ip), f"L        {address.ip}/32 is directly connected, {name}"))
    for route in static:
        network = ipaddress.IPv4Network(f"{route[0]}/{route[1]}", strict=False)
        star = "*" if network.prefixlen == 0 else " "
        direct = f"is directly connected, {route[2]}" if route[2][0].isalpha() else f"[1/0] via {route[2]}"
        found.append((int(network.network_address), f"S{star}       {network} {direct}"))
    return "\n".join([*routes, *(text for _, text in sorted(found))]) + "\n"


def bgp_summary(router: Router, words: tuple[str, ...]) -> str:
    """`show ip bgp summary`: a session stands when the neighbour's own configuration answers to it."""
    process = router.config.root.first("router", "bgp")
    if process is None or process.section is None:
        return "% BGP not active\n"
    local = process.words[2]
    routers = list(router.neighbourhood.routers())
    rows = [
        f"BGP router identifier {_router_id(router, process.section)}, local AS number {local}",
        "BGP table version is 1, main routing table version 1",
        "",
        "Neighbor        V           AS MsgRcvd MsgSent   TblVer  InQ OutQ Up/Down  State/PfxRcd",
    ]
    own = {str(address.ip) for _, address in addresses(router)}
    for item in process.section.ordered():
        if item.words[0] != "neighbor" or item.words[2] != "remote-as":
            continue
        neighbor, remote = item.words[1], item.words[3]
        shut = process.section.first("neighbor", neighbor, "shutdown") is not None
        received = None if shut else _prefixes(routers, neighbor, remote, own, local)
        state = "Idle (Admin)" if shut else "Active" if received is None else str(received)
        up = "00:10:00" if received is not None else "never"
        rows.append(f"{neighbor:<15} 4 {remote:>12}      12      12        1    0    0 {up:<8} {state}")
    return "\n".join(rows) + "\n"


def hosts(router: Router, words: tuple[str, ...]) -> str:
    """`show hosts`."""
    domain = (router.config.root.values("ip", "domain", "name") or ["not set"])[0]
    return f"Default domain is {domain}\nName servers are {', '.join(router.config.root.values('ip', 'name-server'))}\n"


def privilege(router: Router, words: tuple[str, ...]) -> str:
    """`show privilege` of a privileged session."""
    return "Current privilege level is 15\n"


def _router_id(router: Router, process: Section) -> str:
    configured = process.values("bgp", "router-id")
    return (
        configured[0] if configured else max((str(address.ip) for _, address in addresses(router)), default="0.0.0.0")
    )


def _prefixes(routers: list[Router], neighbor: str, remote: str, own: set[str], local: str) -> int | None:
    """Return how many networks the neighbour announces, or None when no router answers to the session."""
    for other in routers:
        process = other.config.root.first("router", "bgp", remote)
        if process is None or process.section is None or neighbor not in {str(a.ip) for _, a in addresses(other)}:
            continue
        answers = {f"{address} remote-as {local}" for address in own} & set(process.section.values("neighbor"))
        peer = next((answer.split()[0] for answer in answers), None)
        if peer is None or process.section.first("neighbor", peer, "shutdown"):
            return None
        family = process.section.first("address-family", "ipv4")
        levels = [process.section] + ([family.section] if family and family.section else [])
        return sum(len(level.values("network")) for level in levels)
    return None


VIEWS: Mapping[str, View] = {
    "show version": version,
    "show running-config [all|brief]": running_config,
    "show running-config interface IFACE": running_config,
    "show startup-config": startup_config,
    "show ip interface brief": brief,
    "show ip interface": ip_interfaces,
    "show interfaces description": descriptions,
    "show interfaces [IFACE]": details,
    "show cdp neighbors": cdp_neighbors,
    "show hosts": hosts,
    "show ntp associations": ntp_associations,
    "show ntp status": ntp_status,
    "show clock": clock,
    "show inventory": inventory,
    "show ip route": ip_route,
    "show ip bgp summary": bgp_summary,
    "show bgp summary": bgp_summary,
    "show privilege": privilege,
}
"""The views by the pattern of their command."""
