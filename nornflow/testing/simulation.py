"""What every fleet of simulated devices can do: start, stop, fail on demand, and tell how to reach it."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Generic, Self, TypeVar

from nornflow.errors import NornFlowError, UsageError
from nornflow.record import record
from nornflow.testing.listener import Listener
from nornflow.testing.loop import LoopThread
from nornflow.testing.routers.faults import Faulty


class FleetError(NornFlowError):
    """The simulated devices could not be started."""

    reason = "simulator"


@record
class Credentials:
    """The login that every simulated device accepts."""

    username: str = "netops"
    password: str = "simulated-login"


class Simulated(Faulty, ABC):
    """One simulated device, as its fleet needs it."""

    name: str
    data: dict[str, Any]
    groups: tuple[str, ...]

    @abstractmethod
    def reload(self) -> None:
        """Start again with the saved configuration."""

    @abstractmethod
    def count(self) -> Mapping[str, int]:
        """Return the counters by name."""


Device = TypeVar("Device", bound=Simulated)


class Simulation(ABC, Generic[Device]):
    """Simulated devices by name, served on loopback by one background thread."""

    platform: str

    def __init__(self, devices: Mapping[str, Device], *, credentials: Credentials, address: str, port: int) -> None:
        self.devices = dict(devices)
        self.credentials, self.address, self._first_port = credentials, address, port
        self._servers: dict[str, Listener] = {}
        self._loop: LoopThread | None = None

    @abstractmethod
    async def listener(self, device: Device) -> Listener:
        """Return a new server for a device."""

    def connection_options(self, name: str) -> dict[str, Any]:
        """Return what the inventory says of connections to a device, by connection plugin."""
        return {}

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def __getitem__(self, name: str) -> Device:
        return self.devices[name]

    def __iter__(self) -> Iterator[Device]:
        return iter(self.devices.values())

    def __len__(self) -> int:
        return len(self.devices)

    def start(self) -> None:
        """Start to serve every device; raises FleetError when a port cannot be had."""
        if self._loop is not None:
            raise FleetError("the fleet is already up")
        self._loop = LoopThread("simulated-devices")
        try:
            self._loop.run(self._start())
        except OSError as error:
            self.stop()
            raise FleetError(
                f"cannot listen on {self.address}: {error.strerror or error}",
                hint="leave the port at 0 to take free ones, or stop what uses it (`nornflow lab down`)",
            ) from error

    async def _start(self) -> None:
        for index, device in enumerate(self):
            server = await self.listener(device)
            self._servers[device.name] = server
            device.on_faults_changed = partial(self._in_loop, server.update)
            server.bind(self.address, self._first_port and self._first_port + index)

    def stop(self) -> None:
        """Stop every device and cut its sessions; what they hold can still be read."""
        if self._loop is None:
            return
        for device in self:
            device.on_faults_changed = None
        self._loop.run(self._close())
        self._loop.stop()
        self._loop = None
        self._servers.clear()

    async def _close(self) -> None:
        for server in self._servers.values():
            await server.close()

    def port(self, name: str) -> int:
        """Return the TCP port of a device; raises FleetError while the fleet is down."""
        if name not in self._servers:
            raise FleetError(f"{name!r} is not served", hint="start the fleet first, and name one of its devices")
        return self._servers[name].port

    def fault(self, name: str, kind: str, *, after: float | None = None, at: str = "", text: str = "") -> None:
        """Make a device misbehave from now on, also in the sessions that are open; see `faults.KINDS`."""
        self.devices[name].fault(kind, after=after, at=at, text=text)

    def heal(self, name: str, kind: str | None = None) -> None:
        """End one fault of a device, or all of them."""
        self.devices[name].heal(kind)

    def reload(self, name: str) -> None:
        """Pull the plug of a device: its sessions end and it starts with what was saved."""
        self.devices[name].reload()
        if name in self._servers:
            self._in_loop(self._servers[name].drop)

    def _in_loop(self, function: Callable[[], None]) -> None:
        if self._loop is not None:
            self._loop.call(function)

    def open_sessions(self) -> dict[str, int]:
        """Return the devices to which clients hold connections at this moment, with how many."""
        found: dict[str, int] = {}
        self._in_loop(lambda: found.update({name: server.open() for name, server in self._servers.items()}))
        return {name: count for name, count in found.items() if count}

    def inventory(self) -> dict[str, dict[str, Any]]:
        """Return the hosts as Nornir's SimpleInventory takes them."""
        return {device.name: self._host(device) for device in self}

    def _host(self, device: Device) -> dict[str, Any]:
        host: dict[str, Any] = {
            "hostname": self.address,
            "port": self.port(device.name),
            "username": self.credentials.username,
            "password": self.credentials.password,
            "platform": self.platform,
            "groups": list(device.groups),
            "data": dict(device.data),
        }
        options = self.connection_options(device.name)
        return {**host, "connection_options": options} if options else host

    def write_inventory(self, path: Path) -> Path:
        """Write the hosts to a file (JSON is YAML) that SimpleInventory reads, and return its path."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(self.inventory(), indent=1) + "\n", encoding="utf-8")
        return path

    def counters(self) -> dict[str, int]:
        """Return the counters of all the devices together."""
        total: dict[str, int] = {}
        for device in self:
            for counter, value in device.count().items():
                total[counter] = total.get(counter, 0) + value
        return total


def device_names(count: int, names: Sequence[str] | None, prefix: str) -> list[str]:
    """Return the names of a fleet's devices: the given ones, or the prefix with numbers; raises UsageError."""
    if names is None and count < 1:
        raise UsageError(f"a fleet needs at least one device, not {count}")
    width = 4 if prefix == "sim" else 1
    chosen = list(names) if names is not None else [f"{prefix}{number:0{width}}" for number in range(1, count + 1)]
    if not chosen or len(set(chosen)) != len(chosen):
        raise UsageError("the devices of a fleet need names, each a different one")
    return chosen
