"""Simulated routers that are reached over scrapli, behind its guard."""

from __future__ import annotations

import shutil
from typing import Any

import pytest
from nornir.core.task import Task

from nornflow.testing import Fleet
from nornflow.testing.guarded import GuardedNetwork
from nornflow_scrapli.guard import ScrapliGuard

PASSWORD = "simulated-login"
PWNED = "hostname PWNED"
EVERYTHING = {"permissions": ("device.*",)}
no_client = pytest.mark.skipif(shutil.which("ssh") is None, reason="the transport `system` needs OpenSSH's client")
TRANSPORTS = ("ssh2", "paramiko", pytest.param("system", marks=no_client))


def behind(routers: Fleet, transport: str = "", **extras: Any) -> GuardedNetwork:
    inventory = routers.inventory()
    for entry in inventory.values():
        given = {**extras, **({"transport": transport} if transport else {})}
        entry.setdefault("connection_options", {})["scrapli"] = {"extras": given}
    return GuardedNetwork(inventory, [ScrapliGuard()])


def scrapli(task: Task) -> Any:
    return task.host.get_connection("scrapli", task.nornir.config)
