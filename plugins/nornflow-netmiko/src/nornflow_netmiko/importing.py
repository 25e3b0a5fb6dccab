"""Importing netmiko without what hardly any login needs."""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import Any

INVOKE = "invoke"


class LaterInvoke(ModuleType):
    """Stands in paramiko's configuration for `invoke`, which is imported when an ssh_config says `Match exec`.

    paramiko (config.py) imports it at once and asks it for nothing else; with the asyncio and unittest.mock that it brings it
    is a quarter of what importing netmiko takes.
    """

    def __getattr__(self, name: str) -> Any:
        return getattr(importlib.import_module(INVOKE), name)


def import_netmiko() -> None:
    """Import netmiko; `invoke` stays importable for everybody else."""
    if INVOKE not in sys.modules and "paramiko" not in sys.modules:
        sys.modules[INVOKE] = LaterInvoke(INVOKE)
        try:
            importlib.import_module("paramiko.config")
        finally:
            del sys.modules[INVOKE]
    importlib.import_module("netmiko.ssh_dispatcher")
