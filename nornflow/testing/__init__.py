"""The public test kit: simulated routers, a lab of real FRR routers, and the pytest fixtures that hand them out.

The names are imported at first use, so that loading the pytest plugin costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nornflow.testing.eos.device import Switch
    from nornflow.testing.eos.fleet import EosFleet
    from nornflow.testing.eos.timer import ManualTimer
    from nornflow.testing.frr.lab import FrrLab
    from nornflow.testing.frr.system import LabError
    from nornflow.testing.idempotence import TwoRuns, configurations, second_run_is_empty
    from nornflow.testing.routers.device import Router
    from nornflow.testing.routers.faults import Fault
    from nornflow.testing.routers.fleet import Fleet
    from nornflow.testing.simulation import Credentials, FleetError

__all__ = [
    "Credentials",
    "EosFleet",
    "Fault",
    "Fleet",
    "FleetError",
    "FrrLab",
    "LabError",
    "ManualTimer",
    "Router",
    "Switch",
    "TwoRuns",
    "configurations",
    "second_run_is_empty",
]

_HOMES = {
    "Credentials": "nornflow.testing.simulation",
    "EosFleet": "nornflow.testing.eos.fleet",
    "Fault": "nornflow.testing.routers.faults",
    "Fleet": "nornflow.testing.routers.fleet",
    "FleetError": "nornflow.testing.simulation",
    "FrrLab": "nornflow.testing.frr.lab",
    "LabError": "nornflow.testing.frr.system",
    "ManualTimer": "nornflow.testing.eos.timer",
    "Router": "nornflow.testing.routers.device",
    "Switch": "nornflow.testing.eos.device",
    "TwoRuns": "nornflow.testing.idempotence",
    "configurations": "nornflow.testing.idempotence",
    "second_run_is_empty": "nornflow.testing.idempotence",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
