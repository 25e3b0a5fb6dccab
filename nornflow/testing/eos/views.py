"""What the simulated EOS device shows, as JSON and as text, derived from the configuration."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping
from typing import Any

from nornflow.record import record
from nornflow.testing.eos.device import MODEL, VERSION, Switch
from nornflow.testing.eos.sessions import State
from nornflow.testing.routers.config import Configuration, Item, Section


@record
class Output:
    """One command's result: the structured form (None where EOS has none) and the text."""

    json: dict[str, Any] | None
    text: str


View = Callable[[Switch, tuple[str, ...]], Output]


def listing(switch: Switch, config: Configuration, command: str) -> Output:
    """Return a configuration as `show` lists it, and as the nested commands of the JSON form."""
    header = ["! Command: " + command, f"! device: {switch.hostname} ({MODEL}, EOS-{VERSION})", "!"]
    header += ["! boot system flash:/vEOS-lab.swi", "!"]
    text = "\n".join([*header, *config.lines(), "!", "end", ""])
    return Output({"header": header, "cmds": _commands(config.root.ordered())}, text)


def _commands(items: list[Item]) -> dict[str, Any]:
    return {
        item.text: {"comments": [], "cmds": _commands(item.section.ordered())} if item.section is not None else None
        for item in items
    }


def version(switch: Switch, words: tuple[str, ...]) -> Output:
    """`show version`."""
    uptime = switch.timer.now() - switch.booted
    fields = {
        "modelName": MODEL,
        "internalVersion": f"{VERSION}-34554157.4312F",
        "version": VERSION,
        "serialNumber": switch.serial,
        "systemMacAddress": _mac(switch, 0),
        "hardwareRevision": "",
        "bootupTimestamp": switch.booted,
        "uptime": uptime,
        "memTotal": 2006696,
        "memFree": 1253008,
        "architecture": "x86_64",
        "isIntlVersion": False,
    }
    text = (
        f"Arista {MODEL}\nHardware version: \nSerial number: {switch.serial}\nSystem MAC address: {_mac(switch, 0)}\n\n"
        f"Software image version: {VERSION}\nArchitecture: x86_64\nInternal build version: {fields['internalVersion']}\n\n"
        f"Uptime: {int(uptime) // 60} minutes\nTotal memory: 2006696 kB\nFree memory: 1253008 kB\n\n"
    )
    return Output(fields, text)


def hostname(switch: Switch, words: tuple[str, ...]) -> Output:
    """`show hostname`."""
    domains = switch.config.root.values("dns", "domain") or switch.config.root.values("ip", "domain-name")
    name = switch.hostname
    fqdn = f"{name}.{domains[0]}" if domains else name
    return Output({"hostname": name, "fqdn": fqdn}, f"Hostname: {name}\nFQDN:     {fqdn}\n")


def interfaces(switch: Switch, words: tuple[str, ...]) -> Output:
    """`show interfaces`."""
    found = {}
    for number, (name, section) in enumerate(_interfaces(switch), 1):
        down = section.first("shutdown") is not None
        addresses = section.values("ip", "address")
        found[name] = {
            "name": name,
            "interfaceStatus": "disabled" if down else "connected",
            "lineProtocolStatus": "down" if down else "up",
            "description": "".join(section.values("description")),
            "hardware": "loopback" if name.startswith("Loopback") else "ethernet",
            "physicalAddress": _mac(switch, number),
            "mtu": int((section.values("mtu") or ["1500"])[0]),
            "bandwidth": 0 if name.startswith("Loopback") else 1_000_000_000,
            "forwardingModel": "routed" if addresses else "bridged",
            "interfaceAddress": [_address(addresses[0])] if addresses and "/" in addresses[0] else [],
            "interfaceCounters": dict.fromkeys(_COUNTERS, 0),
        }
    text = "".join(
        f"{name} is {'administratively down' if values['interfaceStatus'] == 'disabled' else 'up'}, "
        f"line protocol is {values['lineProtocolStatus']} ({values['interfaceStatus']})\n"
        f"  Description: {values['description']}\n  IP MTU {values['mtu']} bytes\n"
        for name, values in found.items()
    )
    return Output({"interfaces": found}, text)


_COUNTERS = (
    *("inOctets", "inUcastPkts", "inMulticastPkts", "inBroadcastPkts", "inDiscards", "totalInErrors"),
    *("outOctets", "outUcastPkts", "outMulticastPkts", "outBroadcastPkts", "outDiscards", "totalOutErrors"),
)


def interface_status(switch: Switch, words: tuple[str, ...]) -> Output:
    """`show ip interface brief`."""
    rows, found = [f"{'Interface':<16} {'IP Address':<18} {'Status':<12} Protocol"], {}
    for name, section in _interfaces(switch):
        address = next(iter(section.values("ip", "address")), None)
        if address is None or "/" not in address:
            continue
        state = "down" if section.first("shutdown") else "up"
        rows.append(f"{name:<16} {address.split()[0]:<18} {state:<12} {state}")
        found[name] = {"name": name, "lineProtocolStatus": state, "interfaceAddress": _address(address)}
    return Output({"interfaces": found}, "\n".join(rows) + "\n")


def ntp_associations(switch: Switch, words: tuple[str, ...]) -> Output:
    """`show ntp associations`: every configured server answers."""
    servers = [value.split() for value in switch.config.root.values("ntp", "server")]
    names = [server[2] if server[0] == "vrf" else server[0] for server in servers]
    rows = ["     remote          refid      st t when poll reach   delay   offset  jitter", "=" * 78]
    rows += [
        f"{'*' if place == 0 else '+'}{name:<15} .GPS.            1 u   32   64  377    1.000    0.500   0.100"
        for place, name in enumerate(names)
    ]
    return Output(None, "\n".join(rows) + "\n")


def sessions(switch: Switch, words: tuple[str, ...]) -> Output:
    """`show configuration sessions [detail]`; `commitBy` counts from the start of the device, as on EOS."""
    found: dict[str, dict[str, Any]] = {}
    for session in switch.sessions.by_name.values():
        found[session.name] = {"state": str(session.state), "description": "", "instances": {}}
        if session.state is State.TIMED:
            found[session.name]["commitBy"] = session.commit_by - switch.booted
    rows = [f"Maximum number of completed sessions: 1\nMaximum number of pending sessions: {switch.sessions.limit}", ""]
    rows += [f"{name} {fields['state']}" for name, fields in found.items()]
    return Output(
        {"sessions": found, "maxSavedSessions": 1, "maxOpenSessions": switch.sessions.limit}, "\n".join(rows) + "\n"
    )


def running_config(switch: Switch, words: tuple[str, ...]) -> Output:
    """`show running-config`, or one section of it."""
    whole = listing(switch, switch.config, "show running-config")
    if len(words) > 3 and words[2] == "interfaces":
        section = dict(_interfaces(switch)).get(words[3])
        lines = [f"interface {words[3]}", *(f"   {item.text}" for item in section.ordered())] if section else []
        return Output(None, "".join(f"{line}\n" for line in lines))
    return whole


def startup_config(switch: Switch, words: tuple[str, ...]) -> Output:
    """`show startup-config`."""
    return listing(switch, switch.build(switch.startup), "show startup-config")


def session_config(switch: Switch, words: tuple[str, ...]) -> Output:
    """`show session-config named X [diffs]`."""
    if words[-1] == "diffs":
        return Output(None, switch.sessions.diff(words[3]))
    candidate = switch.sessions.existing(words[3]).candidate
    return listing(switch, candidate, " ".join(words))


def _interfaces(switch: Switch) -> list[tuple[str, Section]]:
    return [(name[0], section) for name, section in switch.config.root.sections("interface")]


def _address(value: str) -> dict[str, Any]:
    interface = ipaddress.ip_interface(value.split()[0])
    return {"primaryIp": {"address": str(interface.ip), "maskLen": interface.network.prefixlen}, "secondaryIps": {}}


def _mac(switch: Switch, port: int) -> str:
    number = int("".join(filter(str.isdecimal, switch.serial)) or 0)
    return f"00:1c:73:{number // 256 % 256:02x}:{number % 256:02x}:{port % 256:02x}"


VIEWS: Mapping[str, View] = {
    "show version": version,
    "show hostname": hostname,
    "show interfaces": interfaces,
    "show ip interface brief": interface_status,
    "show ntp associations": ntp_associations,
    "show configuration sessions [detail]": sessions,
    "show running-config [all] [sanitized]": running_config,
    "show running-config interfaces EOSIFACE": running_config,
    "show startup-config": startup_config,
    "show session-config named WORD [diffs|sanitized]": session_config,
}
"""The views by the pattern of their command."""
