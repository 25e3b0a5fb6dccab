"""Two simulated routers behind the guard, and a watch that the first of them is left as it was."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from nornflow.testing import Fleet, Router
from nornflow.testing.guarded import GuardedNetwork
from nornflow_napalm.guard import NapalmGuard
from nornflow_netmiko.guard import NetmikoGuard
from nornflow_netmiko.paramiko_guard import ParamikoGuard


@pytest.fixture(scope="module")
def routers() -> Iterator[Fleet]:
    with Fleet(2, prefix="r") as fleet:
        yield fleet


@pytest.fixture(scope="module")
def network(routers: Fleet) -> Iterator[GuardedNetwork]:
    with GuardedNetwork(routers.inventory(), [NetmikoGuard(), NapalmGuard(), ParamikoGuard()]) as network:
        yield network


@pytest.fixture
def unharmed(routers: Fleet) -> Iterator[Router]:
    """The router; whatever the test does must leave it as it was."""
    router = routers["r1"]

    def state() -> tuple[str, str, int, int, int]:
        counters = router.counters
        return router.running_config, router.startup_config, counters.saves, counters.reloads, counters.config_lines

    before = state()
    yield router
    assert state() == before
