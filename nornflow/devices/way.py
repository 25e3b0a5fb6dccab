"""By which way the controller reaches a device: what the inventory says, and what this machine's routes add."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from nornflow.model.device import HostView, Way

PORTS: Mapping[str, int] = {"ssh": 22, "telnet": 23, "web": 443, "netconf": 830}
_ELSEWHERE = ("sock", "ssh_config_file", "proxy_command", "proxyjump")
"""Options of connections that go through another machine: the device sees that one come."""


def way_to(view: HostView, service: str, hostname: str, port: int | None, user: str, extras: Mapping[str, Any]) -> Way:
    """Return the way to a device by one connection; asks the resolver and this machine's routes, never a device.

    The device's data decides where it says something: `management_address` (its own address, behind NAT for one),
    `management_interface` and `controller_address` (from where the device sees the controller come, each one or a list).
    """
    named = tuple(_addresses(_texts(view.data.get("management_address"))))
    found = named or tuple(_resolved(hostname or view.name))
    sources = tuple(_addresses(_texts(view.data.get("controller_address"))))
    if not sources and not _goes_round(extras):
        reached = tuple(_resolved(hostname or view.name)) if named else found
        sources = tuple(dict.fromkeys(source for address in reached if (source := _source(address))))
    return Way(found, sources, port or PORTS[service], service, user, str(view.data.get("management_interface") or ""))


def _texts(value: object) -> Iterable[str]:
    if value is None:
        return ()
    return [str(each) for each in value] if isinstance(value, (list, tuple)) else (str(value),)


def _addresses(texts: Iterable[str]) -> Iterator[str]:
    for text in texts:
        try:
            yield str(ipaddress.ip_interface(text).ip)
        except ValueError:
            yield from _resolved(text)


def _resolved(name: str) -> Iterator[str]:
    """Yield the addresses of a name; none when nobody knows it."""
    try:
        yield str(ipaddress.ip_address(name))
        return
    except ValueError:
        pass
    try:
        found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except OSError:
        return
    yield from dict.fromkeys(str(each[4][0]).partition("%")[0] for each in found)


def _goes_round(extras: Mapping[str, Any]) -> bool:
    options = {**extras, **dict(extras.get("optional_args") or {})}
    return any(options.get(name) for name in _ELSEWHERE)


def _source(address: str) -> str:
    """Return the address from which this machine would send to another one; nothing is sent. Empty without a route."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((address, 9))
        except OSError:
            return ""
        return str(probe.getsockname()[0])
