"""A fleet of simulated routers for ordinary, synchronous tests: hundreds of them in one thread."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import asyncssh

from nornflow.testing.listener import Listener
from nornflow.testing.routers.device import Neighbourhood, Router
from nornflow.testing.routers.faults import parse_faults
from nornflow.testing.routers.network import Place, first_configuration, places
from nornflow.testing.routers.server import SSHListener, server_options
from nornflow.testing.simulation import Credentials, Simulation, device_names
from nornflow.testing.timing import Timing


class Fleet(Simulation[Router]):
    """Simulated Cisco-IOS-like routers on loopback, each an SSH server with a configuration that survives sessions.

        with Fleet(count=4, latency=0.02) as fleet:
            connect(**fleet.login("r1"))
            assert "ntp server 192.0.2.1" in fleet["r1"].running_config
            fleet.fault("r2", "drop", after=3)

    `names` (or `count` with `prefix`) name the routers; `data` and `groups` add to what the inventory says of a host.
    `latency` and `jitter` are seconds for each answer. `port` 0 takes free ports; another one is the first of as many
    as there are routers. `faults` are specifications as in `faults.parse_fault`. `config` adds lines to every router's
    first configuration. `ntp_reachable` names the NTP servers that answer (None: all), `ntp_polls` is after how many
    polls they count. With an `enable_secret` sessions begin in user mode. Raises UsageError, and FleetError when a port
    is taken.
    """

    platform = "cisco_ios"

    def __init__(
        self,
        count: int = 4,
        *,
        names: Sequence[str] | None = None,
        prefix: str = "r",
        topology: str = "ring",
        interfaces: int = 4,
        config: Iterable[str] = (),
        data: Mapping[str, Mapping[str, Any]] | None = None,
        groups: Mapping[str, Sequence[str]] | None = None,
        latency: float = 0.0,
        jitter: float = 0.0,
        faults: Iterable[str] = (),
        address: str = "127.0.0.1",
        port: int = 0,
        credentials: Credentials | None = None,
        enable_secret: str | None = None,
        ntp_reachable: Iterable[str] | None = None,
        ntp_polls: int = 1,
        seed: int = 1,
    ) -> None:
        chosen = device_names(count, names, prefix)
        self.timing = Timing(latency, jitter, random.Random(seed))
        self.neighbourhood = Neighbourhood(routers=lambda: self.devices.values())
        self.ntp_reachable(ntp_reachable)
        extra = list(config)

        def router(place: Place) -> Router:
            return Router(
                name=place.name,
                lines=lambda: [*first_configuration(place), *extra],
                serial=f"9SIM{place.number:05d}",
                data={**place.data(), **(data or {}).get(place.name, {})},
                groups=tuple((groups or {}).get(place.name, ())),
                enable_secret=enable_secret,
                ntp_polls=ntp_polls,
                neighbourhood=self.neighbourhood,
            )

        routers = {place.name: router(place) for place in places(chosen, topology=topology, ports=interfaces)}
        for name, found in parse_faults(faults, chosen).items():
            for fault in found:
                routers[name].add_fault(fault)
        super().__init__(routers, credentials=credentials or Credentials(), address=address, port=port)
        self._options: asyncssh.SSHServerConnectionOptions | None = None

    async def listener(self, device: Router) -> Listener:
        """Return a new SSH server for a router; all of them share one host key."""
        if self._options is None:
            self._options = await server_options(asyncssh.generate_private_key("ssh-ed25519"))
        return SSHListener(device, self._options, self.credentials, self.timing)

    def login(self, name: str) -> dict[str, Any]:
        """Return what netmiko's ConnectHandler needs to log in to a router."""
        login: dict[str, Any] = {
            "device_type": self.platform,
            "host": self.address,
            "port": self.port(name),
            "username": self.credentials.username,
            "password": self.credentials.password,
        }
        secret = self.devices[name].enable_secret
        return login if secret is None else {**login, "secret": secret}

    def connection_options(self, name: str) -> dict[str, Any]:
        """Return the enable secret for netmiko, where there is one."""
        secret = self.devices[name].enable_secret
        return {} if secret is None else {"netmiko": {"extras": {"secret": secret}}}

    def ntp_reachable(self, servers: Iterable[str] | None) -> None:
        """Say which NTP servers answer from now on; None means all of them."""
        self.neighbourhood.ntp_reachable = None if servers is None else frozenset(servers)
