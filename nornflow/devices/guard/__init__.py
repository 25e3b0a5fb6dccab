"""The guard: what stands between a task and a device, down to the bytes on the wire."""

from nornflow.devices.guard.foresight import refused_lines
from nornflow.devices.guard.host import (
    GuardedHost,
    abort_host,
    close_host,
    guard_hosts,
    guarded_compare_replace,
    guarded_configure,
    guarded_read_config,
    guarded_replace,
    guarded_way,
)
from nornflow.devices.guard.lease import Lease, current_lease, held, revoke
from nornflow.devices.guard.timers import guarded_arm, guarded_confirm, guarded_pending, guarded_revert

__all__ = [
    "GuardedHost",
    "Lease",
    "abort_host",
    "close_host",
    "current_lease",
    "guard_hosts",
    "guarded_arm",
    "guarded_compare_replace",
    "guarded_configure",
    "guarded_confirm",
    "guarded_pending",
    "guarded_read_config",
    "guarded_replace",
    "guarded_revert",
    "guarded_way",
    "held",
    "refused_lines",
    "revoke",
]
