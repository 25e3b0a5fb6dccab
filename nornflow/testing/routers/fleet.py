"""A fleet of simulated routers for ordinary, synchronous tests: hundreds of them in one thread."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import asyncssh

from nornflow.errors import NornFlowError, UsageError
from nornflow.testing.loop import LoopThread
from nornflow.testing.routers.device import Neighbourhood, Router
from nornflow.testing.routers.faults import Fault, parse_faults
from nornflow.testing.routers.network import autonomous_system, first_configuration, places
from nornflow.testing.routers.server import Credentials, Server, server_options
from nornflow.testing.routers.session import Timing


class FleetError(NornFlowError):
    """The simulated routers could not be started."""

    reason = "simulator"


class Fleet:
    """Simulated Cisco-IOS-like routers on loopback, each an SSH server with a configuration that survives sessions.

        with Fleet(count=4, latency=0.02) as fleet:
            connect(**fleet.login("r1"))
            assert "ntp server 192.0.2.1" in fleet["r1"].running_config
            fleet.fault("r2", "drop", after=3)

    `names` (or `count` with `prefix`) name the routers; `data` and `groups` add to what the inventory says of a host.
    `latency` and `jitter` are seconds for each answer. `port` 0 takes free ports; another one is the first of as many
    as there are routers. `faults` are specifications as in `faults.parse_fault`. `config` adds lines to every router's
    first configuration. `ntp_reachable` names the NTP servers that answer (None: all), `ntp_polls` is after how many
    polls they count. With an `enable_secret` sessions begin in user mode. Raises FleetError when a port is taken.
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
        if names is None and count < 1:
            raise UsageError(f"a fleet needs at least one router, not {count}")
        width = 4 if prefix == "sim" else 1
        chosen = list(names) if names is not None else [f"{prefix}{number:0{width}}" for number in range(1, count + 1)]
        if len(set(chosen)) != len(chosen):
            raise UsageError("two routers of the fleet have the same name")
        self.credentials = credentials or Credentials()
        self.timing = Timing(latency, jitter, random.Random(seed))
        self.address, self._first_port = address, port
        reachable = None if ntp_reachable is None else frozenset(ntp_reachable)
        self.neighbourhood = Neighbourhood(reachable, lambda: self.routers.values())
        extra = list(config)
        self.routers: dict[str, Router] = {}
        for place in places(chosen, topology=topology, ports=interfaces):
            host = {
                "role": place.role,
                "site": place.site,
                "asn": autonomous_system(place.number),
                "index": place.number,
            }
            self.routers[place.name] = Router(
                name=place.name,
                lines=lambda place=place: [*first_configuration(place), *extra],  # type: ignore[misc]
                serial=f"9SIM{place.number:05d}",
                data={**host, **(data or {}).get(place.name, {})},
                groups=tuple((groups or {}).get(place.name, ())),
                enable_secret=enable_secret,
                ntp_polls=ntp_polls,
                neighbourhood=self.neighbourhood,
            )
        for name, found in parse_faults(faults, chosen).items():
            for fault in found:
                self.routers[name].add_fault(fault)
        self._servers: dict[str, Server] = {}
        self._loop: LoopThread | None = None

    def __enter__(self) -> Fleet:
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def __getitem__(self, name: str) -> Router:
        return self.routers[name]

    def __iter__(self) -> Iterator[Router]:
        return iter(self.routers.values())

    def __len__(self) -> int:
        return len(self.routers)

    def start(self) -> None:
        """Start to serve every router; raises FleetError when a port cannot be had."""
        if self._loop is not None:
            raise FleetError("the fleet is already up")
        self._loop = LoopThread("simulated-routers")
        try:
            self._loop.run(self._start())
        except OSError as error:
            self.stop()
            raise FleetError(
                f"cannot listen on {self.address}: {error.strerror or error}",
                hint="leave the port at 0 to take free ones, or stop what uses it (`nornflow lab down`)",
            ) from error

    async def _start(self) -> None:
        options = await server_options(asyncssh.generate_private_key("ssh-ed25519"))
        for index, router in enumerate(self.routers.values()):
            server = Server(router, options, self.credentials, self.timing)
            server.bind(self.address, self._first_port and self._first_port + index)
            self._servers[router.name] = server

    def stop(self) -> None:
        """Stop every router and cut its sessions; what they hold can still be read."""
        if self._loop is None:
            return
        self._loop.run(self._close())
        self._loop.stop()
        self._loop = None
        self._servers.clear()

    async def _close(self) -> None:
        for server in self._servers.values():
            await server.close()

    def port(self, name: str) -> int:
        """Return the TCP port of a router; raises FleetError while the fleet is down."""
        if name not in self._servers:
            raise FleetError(f"{name!r} is not served", hint="start the fleet first, and name one of its routers")
        return self._servers[name].port

    def login(self, name: str) -> dict[str, Any]:
        """Return what netmiko's ConnectHandler needs to log in to a router."""
        login: dict[str, Any] = {
            "device_type": self.platform,
            "host": self.address,
            "port": self.port(name),
            "username": self.credentials.username,
            "password": self.credentials.password,
        }
        secret = self.routers[name].enable_secret
        return login if secret is None else {**login, "secret": secret}

    def fault(self, name: str, kind: str, *, after: float | None = None, at: str = "", text: str = "") -> None:
        """Make a router misbehave from now on, also in the sessions that are open; see `faults.KINDS`."""
        self.routers[name].add_fault(Fault(kind, after, at, text))
        self._update(name)

    def heal(self, name: str, kind: str | None = None) -> None:
        """End one fault of a router, or all of them."""
        self.routers[name].heal(kind)
        self._update(name)

    def reload(self, name: str) -> None:
        """Pull the plug of a router: its sessions end and it starts with what was saved."""
        self.routers[name].reload()
        self._in_loop(name, "drop")

    def _update(self, name: str) -> None:
        self._in_loop(name, "update")

    def _in_loop(self, name: str, method: str) -> None:
        if self._loop is None:
            return

        async def call() -> None:
            getattr(self._servers[name], method)()

        self._loop.run(call())

    def ntp_reachable(self, servers: Iterable[str] | None) -> None:
        """Say which NTP servers answer from now on; None means all of them."""
        self.neighbourhood.ntp_reachable = None if servers is None else frozenset(servers)

    def inventory(self) -> dict[str, dict[str, Any]]:
        """Return the hosts as Nornir's SimpleInventory takes them."""
        return {
            router.name: {
                "hostname": self.address,
                "port": self.port(router.name),
                "username": self.credentials.username,
                "password": self.credentials.password,
                "platform": self.platform,
                "groups": list(router.groups),
                "data": dict(router.data),
            }
            for router in self
        }

    def write_inventory(self, path: Path) -> Path:
        """Write the hosts to a file (JSON is YAML) that SimpleInventory reads, and return its path."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(self.inventory(), indent=1) + "\n", encoding="utf-8")
        return path

    def counters(self) -> dict[str, int]:
        """Return the counters of all the routers together."""
        total: dict[str, int] = {}
        for router in self:
            for counter, value in router.counters.to_json().items():
                total[counter] = total.get(counter, 0) + value
        return total
