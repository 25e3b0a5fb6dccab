"""A device as the parts of NornFlow see it: its view, how to log in to it, and what happened under a lease."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from nornflow.record import record
from nornflow.redaction import Secret

if TYPE_CHECKING:
    from socket import socket


@record
class HostView:
    """A device as expressions, templates and reports see it; `data` is merged from host, groups and defaults."""

    name: str
    hostname: str = ""
    platform: str = ""
    groups: tuple[str, ...] = ()
    data: Mapping[str, Any] = field(default_factory=dict)

    @property
    def nos(self) -> str:
        """The network operating system whose grammar holds: `nos` of the data where a driver's platform says another."""
        return str(self.data.get("nos") or self.platform)


@record
class Way:
    """The way from the controller into a device, as far as it is known; what is unknown is empty.

    `addresses` are the device's own (IPv4 or IPv6), `sources` those from which the device sees the controller come,
    `port` is the TCP port, `service` what listens there (`ssh`, `telnet`, `web` or `netconf`) and `user` the login.
    `interface` names the interface that carries the address where the configuration does not list it.
    """

    addresses: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    port: int = 22
    service: str = "ssh"
    user: str = ""
    interface: str = ""


@record
class Target:
    """Where and how to log in to a device; exists only inside an opener. `extras` are Nornir's connection options.

    An opener that makes its own socket tells `opened` of it at once: then also a login that hangs can be ended.
    """

    host: str
    hostname: str
    port: int | None
    username: str
    password: Secret
    platform: str
    extras: Mapping[str, Any] = field(default_factory=dict)
    opened: Callable[[socket], None] = field(default=lambda connected: None, repr=False, compare=False)


@dataclass(slots=True)
class LeaseReport:
    """What happened under a lease: captured lines (plan), lines sent, denials, connections used and a native diff."""

    captured: list[str] = field(default_factory=list)
    sent: list[str] = field(default_factory=list)
    denials: list[str] = field(default_factory=list)
    connections: list[str] = field(default_factory=list)
    native_diff: str | None = None


@dataclass(slots=True)
class Change:
    """One step's change of a device while it is applied: what the step found there, and what it asks the engine for.

    `before` is the running configuration that the engine read just before. A step sets `verify` to have the device held
    against the plan afterwards (the result tells it in `validation_passed`), and `take_back` to have the device brought
    back to `before` when the step fails (`rollback_attempted`, `rollback_successful`); false means that it is said that
    nothing of the kind is done, None that the step has no such notion. `outputs` stand in the record however the step ends.
    """

    before: str
    verify: bool | None = None
    take_back: bool | None = None
    outputs: dict[str, Any] = field(default_factory=dict)
