"""What this distribution brings to NornFlow."""

from __future__ import annotations

from collections.abc import Iterable

from nornflow import Twin, hookimpl


@hookimpl
def nornflow_twins() -> Iterable[Twin]:
    """Yield the twin of FRR routers."""
    from nornflow_frr.twin import FrrTwin

    yield FrrTwin()
