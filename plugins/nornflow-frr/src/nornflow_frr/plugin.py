"""What this distribution brings to NornFlow."""

from __future__ import annotations

from collections.abc import Iterable

from nornflow import ConnectionGuard, Twin, hookimpl


@hookimpl
def nornflow_twins() -> Iterable[Twin]:
    """Yield the twin of FRR routers."""
    from nornflow_frr.twin import FrrTwin

    yield FrrTwin()


@hookimpl
def nornflow_connection_guards() -> Iterable[ConnectionGuard]:
    """Yield the guard of a router's shell account, over which its dead-man is armed."""
    from nornflow_frr.shell import FrrShellGuard

    yield FrrShellGuard()
