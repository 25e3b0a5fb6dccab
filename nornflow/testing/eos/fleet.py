"""A fleet of simulated EOS devices for ordinary, synchronous tests."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from nornflow.testing.eos.device import Switch
from nornflow.testing.eos.network import first_configuration
from nornflow.testing.eos.server import EapiListener
from nornflow.testing.eos.timer import Timer, WallTimer
from nornflow.testing.listener import Listener
from nornflow.testing.routers.faults import parse_faults
from nornflow.testing.routers.network import Place, places
from nornflow.testing.simulation import Credentials, Simulation, device_names
from nornflow.testing.timing import Timing


class EosFleet(Simulation[Switch]):
    """Simulated Arista-EOS-like devices on loopback that speak eAPI over HTTP.

        with EosFleet(count=2, timer=ManualTimer()) as fleet:
            driver = get_network_driver("eos")(**fleet.login("sw1"))

    The arguments are those of `Fleet`, as far as they mean something here. `timer` runs the commit timers; a
    `ManualTimer` lets a test decide when the time is over. Raises UsageError and FleetError.
    """

    platform = "eos"

    def __init__(
        self,
        count: int = 2,
        *,
        names: Sequence[str] | None = None,
        prefix: str = "sw",
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
        timer: Timer | None = None,
        seed: int = 1,
    ) -> None:
        chosen = device_names(count, names, prefix)
        self.timing = Timing(latency, jitter, random.Random(seed))
        self.timer = timer or WallTimer()
        extra = list(config)

        def switch(place: Place) -> Switch:
            return Switch(
                name=place.name,
                lines=lambda: [*first_configuration(place), *extra],
                serial=f"SIM{place.number:05d}",
                data={**place.data(), **(data or {}).get(place.name, {})},
                groups=tuple((groups or {}).get(place.name, ())),
                timer=self.timer,
            )

        switches = {place.name: switch(place) for place in places(chosen, topology=topology, ports=interfaces)}
        for name, found in parse_faults(faults, chosen).items():
            for fault in found:
                switches[name].add_fault(fault)
        super().__init__(switches, credentials=credentials or Credentials(), address=address, port=port)

    async def listener(self, device: Switch) -> Listener:
        """Return a new eAPI endpoint for a device."""
        return EapiListener(device, self.credentials, self.timing)

    def login(self, name: str) -> dict[str, Any]:
        """Return the arguments of NAPALM's `eos` driver for a device."""
        return {
            "hostname": self.address,
            "username": self.credentials.username,
            "password": self.credentials.password,
            "optional_args": {"transport": "http", "port": self.port(name)},
        }

    def connection_options(self, name: str) -> dict[str, Any]:
        """Tell NAPALM to speak plain HTTP."""
        return {"napalm": {"extras": {"optional_args": {"transport": "http", "port": self.port(name)}}}}
