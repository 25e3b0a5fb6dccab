"""The FRR lab: comes up, tells how it is, and goes without leaving anything behind."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nornflow.testing.frr import namespace
from nornflow.testing.frr.lock import held
from nornflow.testing.frr.router import SHELL_PORT, FrrRouter
from nornflow.testing.frr.system import LabError, ensure_user, obstacle, remove_user, write
from nornflow.testing.frr.topology import LabPlan

STATE = Path("/run/nornflow-lab")
USER, PASSWORD = "nornflow-lab", "frr-lab-login"


class FrrLab:
    """Real FRR routers with eBGP between them, reached over SSH like any router.

        with FrrLab(count=4, topology="ring") as lab:
            ConnectHandler(**lab.login("r1"))

    There is one lab on a machine, because the management addresses are one network of the machine. Everything raises
    LabError with a hint when the machine cannot do it.
    """

    def __init__(self, count: int = 4, *, topology: str = "ring", state: Path = STATE) -> None:
        self.plan = LabPlan.of(count, topology)
        self.state = state
        self.routers = {router.name: FrrRouter(router, state / router.name) for router in self.plan.routers}

    @classmethod
    def current(cls, state: Path = STATE) -> FrrLab | None:
        """Return the lab that is up on this machine, or None."""
        found = _read(state)
        return None if found is None else cls(found["count"], topology=found["topology"], state=state)

    @classmethod
    def owner(cls, state: Path = STATE) -> Path | None:
        """Return the folder from which the lab of this machine was started, or None when none is up."""
        found = _read(state)
        return None if found is None else Path(found["directory"])

    def __enter__(self) -> FrrLab:
        self.up()
        return self

    def __exit__(self, *exc: object) -> None:
        self.down()

    def __getitem__(self, name: str) -> FrrRouter:
        return self.routers[name]

    def up(
        self,
        *,
        wait: float = 60.0,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Build the lab and wait until every BGP session stands, at most `wait` seconds.

        Raises LabError: when the machine cannot, when a lab is up, and when BGP does not converge; the lab is then
        taken down again.
        """
        problem = obstacle()
        if problem is not None:
            raise problem
        with held(self.state.with_name(f"{self.state.name}.lock")):
            self._refuse_if_up()
            try:
                self._build()
                self._wait(clock() + wait, clock, sleep)
            except BaseException:
                self._take_down()
                raise

    def _refuse_if_up(self) -> None:
        found = _read(self.state)
        if found is not None:
            where = found["directory"]
            raise LabError(f"a lab is already up, started from {where}", hint=f"cd {where} && nornflow lab down")
        left = namespace.existing()
        if left:
            raise LabError(f"there are namespaces of a lab: {', '.join(left)}", hint="nornflow lab down --kind frr")

    def _build(self) -> None:
        state = {"count": self.plan.count, "topology": self.plan.topology, "directory": str(Path.cwd())}
        write(self.state / "lab.json", json.dumps({**state, "made": []}))
        home = self.state / "home"
        home.mkdir(exist_ok=True)
        made = ["user"] if ensure_user(USER, PASSWORD, home) else []
        privsep = Path("/run/sshd")
        if not privsep.exists():
            privsep.mkdir()
            made.append("privsep")
        write(self.state / "lab.json", json.dumps({**state, "made": made}))
        shutil.chown(home, USER, USER)
        namespace.wire(self.plan)
        for router in self.routers.values():
            router.start(USER)

    def _wait(self, until: float, clock: Callable[[], float], sleep: Callable[[float], None]) -> None:
        waiting = list(self.routers.values())
        while waiting:
            waiting = [router for router in waiting if not router.converged]
            if waiting and clock() > until:
                names = ", ".join(router.plan.name for router in waiting)
                raise LabError(f"BGP did not converge on {names}", hint="try again with more --wait, or fewer routers")
            if waiting:
                sleep(0.2)

    def down(self) -> None:
        """Take the lab down and away: processes, namespaces, files, the login; does nothing when none is up."""
        if os.geteuid() != 0:
            raise LabError("taking an FRR lab down needs root", hint="run it as root, or with sudo")
        with held(self.state.with_name(f"{self.state.name}.lock")):
            self._take_down()

    def _take_down(self) -> None:
        made = (_read(self.state) or {}).get("made", [])
        names = namespace.existing()
        namespace.end_processes(names)
        namespace.unwire()
        for name in names:
            for folder in (Path("/etc/frr") / name, Path("/var/run/frr") / name):
                shutil.rmtree(folder, ignore_errors=True)
        if "user" in made:
            remove_user(USER)
        if "privsep" in made:
            shutil.rmtree("/run/sshd", ignore_errors=True)
        shutil.rmtree(self.state, ignore_errors=True)

    def status(self) -> list[dict[str, Any]]:
        """Return one row per router: name, address, whether it is up, processes, and the state of each BGP session."""
        alive = set(namespace.existing())
        rows = []
        for router in self.routers.values():
            up = router.space in alive
            peers = router.peers() if up else {}
            rows.append(
                {
                    "name": router.plan.name,
                    "address": router.plan.management,
                    "up": up,
                    "processes": len(namespace.processes(router.space)) if up else 0,
                    "bgp": {address: peer["state"] for address, peer in peers.items()},
                }
            )
        return rows

    def inventory(self) -> dict[str, dict[str, Any]]:
        """Return the hosts as Nornir's SimpleInventory takes them.

        The platform is `frr`; netmiko drives vtysh best with its `cisco_ios` type. `frr_shell` is a login to the router's
        shell, for its dead-man.
        """
        return {
            router.plan.name: {
                "hostname": router.plan.management,
                "port": 22,
                "username": USER,
                "password": PASSWORD,
                "platform": "frr",
                "groups": [],
                "data": dict(router.plan.data),
                "connection_options": {
                    "netmiko": {"platform": "cisco_ios"},
                    "frr_shell": {"port": SHELL_PORT, "extras": {"pathspace": router.space}},
                },
            }
            for router in self.routers.values()
        }

    def write_inventory(self, path: Path) -> Path:
        """Write the hosts to a file (JSON is YAML) that SimpleInventory reads, and return its path."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(self.inventory(), indent=1) + "\n", encoding="utf-8")
        return path

    def login(self, name: str) -> dict[str, Any]:
        """Return what netmiko's ConnectHandler needs to log in to a router."""
        address = self.routers[name].plan.management
        return {"device_type": "cisco_ios", "host": address, "username": USER, "password": PASSWORD}

    def restore(self) -> None:
        """Bring every router back to its first configuration; raises LabError."""
        for router in self.routers.values():
            router.restore()


def _read(state: Path) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = json.loads((state / "lab.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise LabError(f"{state / 'lab.json'} is damaged", hint=f"rm -r {state}, then nornflow lab down") from error
    return found
