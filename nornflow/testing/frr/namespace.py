"""The network namespaces of an FRR lab: routers, a management switch, and the wires between them."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

from nornflow.testing.frr.system import run
from nornflow.testing.frr.topology import MANAGEMENT, LabPlan, RouterPlan

PREFIX = "nnlab-"
SWITCH = f"{PREFIX}switch"
GATEWAY = "nnlab-mgmt"
_ROUTE = ("unreachable", f"{MANAGEMENT}.0/24", "metric", "42000")


def namespace(router: RouterPlan) -> str:
    """Return the name of a router's network namespace."""
    return f"{PREFIX}{router.name}"


def existing() -> list[str]:
    """Return the namespaces of a lab that are there now."""
    names = [line.split()[0] for line in run("ip", "netns", "list").splitlines() if line.strip()]
    return [name for name in names if name.startswith(PREFIX)]


def wire(plan: LabPlan) -> None:
    """Build the namespaces and the links; raises LabError."""
    for router in plan.routers:
        run("ip", "netns", "add", namespace(router))
        run("ip", "-n", namespace(router), "link", "set", "lo", "up")
    _management(plan)
    for (left, left_port), (right, right_port) in plan.wires:
        one, other = f"{PREFIX}r{left}", f"{PREFIX}r{right}"
        run("ip", "-n", one, "link", "add", left_port, "type", "veth", "peer", "name", right_port, "netns", other)
        run("ip", "-n", one, "link", "set", left_port, "up")
        run("ip", "-n", other, "link", "set", right_port, "up")


def _management(plan: LabPlan) -> None:
    run("ip", "netns", "add", SWITCH)
    run("ip", "-n", SWITCH, "link", "add", "br0", "type", "bridge")
    run("ip", "-n", SWITCH, "link", "set", "br0", "up")
    run("ip", "link", "add", GATEWAY, "type", "veth", "peer", "name", "up0", "netns", SWITCH)
    run("ip", "-n", SWITCH, "link", "set", "up0", "master", "br0", "up")
    # Packets to a router that is not there must not leave by the machine's default route.
    run("ip", "route", "replace", *_ROUTE)
    run("ip", "address", "add", f"{MANAGEMENT}.254/24", "dev", GATEWAY)
    run("ip", "link", "set", GATEWAY, "up")
    for router in plan.routers:
        port = f"p{router.number}"
        run(
            "ip", "-n", SWITCH, "link", "add", port, "type", "veth", "peer", "name", "mgmt0", "netns", namespace(router)
        )
        run("ip", "-n", SWITCH, "link", "set", port, "master", "br0", "up")
        run("ip", "-n", namespace(router), "address", "add", f"{router.management}/24", "dev", "mgmt0")
        run("ip", "-n", namespace(router), "link", "set", "mgmt0", "up")


def enter(router: RouterPlan, *command: str | Path) -> str:
    """Run a command in a router's network namespace, with the router's name as host name."""
    inner = 'hostname "$0" && exec "$@"'
    return run("ip", "netns", "exec", namespace(router), "unshare", "--uts", "sh", "-c", inner, router.name, *command)


def processes(name: str) -> list[int]:
    """Return the processes that live in a namespace."""
    return [int(pid) for pid in run("ip", "netns", "pids", name, check=False).split()]


def end_processes(names: list[str], *, sleep: Callable[[float], None] = time.sleep, patience: float = 3.0) -> None:
    """End every process in the namespaces: asked first, killed when they have not gone after `patience` seconds."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        left = [pid for name in names for pid in processes(name)]
        for pid in left:
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                continue
        for _ in range(round(patience / 0.05)):
            left = [pid for pid in left if _alive(pid)]
            if not left:
                return
            sleep(0.05)


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def unwire() -> None:
    """Take the namespaces and all that hangs on them away; what is not there is passed over."""
    run("ip", "link", "delete", GATEWAY, check=False)
    run("ip", "route", "delete", *_ROUTE, check=False)
    for name in existing():
        run("ip", "netns", "delete", name)
