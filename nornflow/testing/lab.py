"""Labs that stay up between commands: simulated devices in a background process, or real FRR routers."""

from __future__ import annotations

import json
import os
import resource
import shutil
from collections.abc import Callable, Mapping
from dataclasses import field
from pathlib import Path
from typing import Any

from nornflow.errors import NornFlowError, UsageError
from nornflow.record import record
from nornflow.testing import background
from nornflow.testing.frr.lab import FrrLab
from nornflow.testing.frr.system import LabError
from nornflow.testing.simulation import Simulation

KINDS: Mapping[str, str] = {
    "ios": "simulated Cisco-IOS-like routers (SSH)",
    "eos": "simulated Arista-EOS-like devices (eAPI)",
    "frr": "real FRRouting routers in network namespaces (SSH; needs root and FRR)",
}
"""The kinds of lab by name, in words."""


@record
class LabSpec:
    """What lab is wanted. `latency` is in seconds for each answer; `port` 0 takes free ports."""

    kind: str = "ios"
    count: int = 4
    topology: str = "ring"
    latency: float = 0.0
    faults: tuple[str, ...] = ()
    port: int = 0

    def fleet(self) -> Simulation[Any]:
        """Return the simulated devices, not yet started; raises UsageError, and LabError without asyncssh."""
        options: dict[str, Any] = {
            "topology": self.topology,
            "latency": self.latency,
            "faults": self.faults,
            "port": self.port,
        }
        if self.kind == "eos":
            from nornflow.testing.eos.fleet import EosFleet

            return EosFleet(self.count, **options)
        try:
            from nornflow.testing.routers.fleet import Fleet
        except ModuleNotFoundError as error:
            hint = "pip install 'nornflow-netops[testing]'"
            raise LabError(f"simulated routers need {error.name}, which is not installed", hint=hint) from error
        return Fleet(self.count, **options)


@record
class LabState:
    """A lab that is up: its process (0 for FRR, which needs none), its inventory file and its devices."""

    kind: str
    pid: int
    born: str
    inventory: Path
    hosts: dict[str, dict[str, Any]] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the lab as JSON values, without the passwords."""
        devices = {
            name: {"address": host["hostname"], "port": host["port"], "username": host["username"], **host["data"]}
            for name, host in self.hosts.items()
        }
        return {
            "kind": self.kind,
            "pid": self.pid or None,
            "inventory": str(self.inventory),
            "devices": devices,
        }


class LabFolder:
    """The lab of one project folder; its state stands in `.nornflow/lab/`."""

    def __init__(self, project: Path) -> None:
        self._project = project
        self.folder = project / ".nornflow" / "lab"
        self._state = self.folder / "lab.json"

    def read(self) -> LabState | None:
        """Return the lab that was brought up here, or None; it may have died since. Raises LabError."""
        try:
            found = json.loads(self._state.read_text(encoding="utf-8"))
            return LabState(**{**found, "inventory": Path(found["inventory"])})
        except FileNotFoundError:
            return None
        except (ValueError, TypeError, KeyError) as error:
            raise LabError(
                f"{self._state} is damaged", hint=f"end the lab's process and remove {self.folder}"
            ) from error

    def running(self, state: LabState) -> bool:
        """Tell whether the process that serves the devices is alive, or the FRR lab of this folder is up."""
        if state.kind == "frr":
            return FrrLab.owner() == self._project
        return background.birth(state.pid) == state.born

    def up(self, spec: LabSpec, inventory: Path | None = None) -> LabState:
        """Bring a lab up and return when it can be used; has to be called before any thread is started.

        Raises UsageError for a lab that makes no sense, LabError when one is up or cannot be, FleetError for ports.
        """
        before = self.read()
        if before is not None and self.running(before):
            raise LabError(f"a lab of kind {before.kind!r} is already up here", hint="nornflow lab down")
        path = (inventory or self.folder / "hosts.yaml").absolute()
        if path.exists() and (before is None or before.inventory != path):
            raise UsageError(f"{path} is there already", hint="name another file with --inventory, or remove this one")
        if spec.kind == "frr":
            self._up_frr(spec, path)
        else:
            self._up_fleet(spec, path)
        state = self.read()
        assert state is not None  # it was written before the lab was ready
        return state

    def _up_frr(self, spec: LabSpec, inventory: Path) -> None:
        if spec.faults or spec.latency or spec.port:
            raise UsageError("faults, latency and ports are for simulated devices, not for FRR")
        lab = FrrLab(spec.count, topology=spec.topology)
        lab.up()
        self._write(LabState("frr", 0, "", lab.write_inventory(inventory), lab.inventory()))

    def _up_fleet(self, spec: LabSpec, inventory: Path) -> None:
        fleet = spec.fleet()  # a wrong specification is refused here, not in the background

        def serve(ready: Callable[[], None]) -> None:
            background.block_stop_signals()
            self.serve(fleet, spec.kind, inventory, ready)

        self.folder.mkdir(parents=True, exist_ok=True)
        log = self.folder / "lab.log"
        try:
            background.detach(serve, log)
        except NornFlowError:
            if not log.exists() or not log.stat().st_size:
                self.clean(None)
            raise

    def serve(self, fleet: Simulation[Any], kind: str, inventory: Path, ready: Callable[[], None]) -> None:
        """Serve the devices in this process until it is asked to stop; says `ready` when they can be reached."""
        _raise_open_files()
        with fleet:
            pid = os.getpid()
            born = background.birth(pid) or ""
            self._write(LabState(kind, pid, born, fleet.write_inventory(inventory), fleet.inventory()))
            ready()
            background.wait_for_stop()

    def _write(self, state: LabState) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        fields = {"kind": state.kind, "pid": state.pid, "born": state.born, "hosts": state.hosts}
        whole = json.dumps({**fields, "inventory": str(state.inventory)})
        draft = self._state.with_suffix(".new")
        draft.write_text(whole, encoding="utf-8")
        draft.replace(self._state)

    def down(self) -> LabState | None:
        """Take the lab down and away, with its inventory file; returns what was up, or None. Raises LabError."""
        state = self.read()
        if state is not None:
            if state.kind != "frr":
                background.end(state.pid, state.born)
            elif self.running(state):
                FrrLab().down()
        self.clean(state)
        return state

    def clean(self, state: LabState | None) -> None:
        """Remove the files of a lab: its inventory, and the folder of its state and its log."""
        if state is not None:
            state.inventory.unlink(missing_ok=True)
        shutil.rmtree(self.folder, ignore_errors=True)
        if self.folder.parent.is_dir() and not any(self.folder.parent.iterdir()):
            self.folder.parent.rmdir()


def down_frr() -> None:
    """Take the machine's FRR lab down, wherever it was started, and what is left of a broken one. Raises LabError."""
    FrrLab().down()


def _raise_open_files() -> None:
    """Allow as many open files as the machine lets us: each device needs a few."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard if hard != resource.RLIM_INFINITY else 65536, hard))
