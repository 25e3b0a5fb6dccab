"""The two simulated routers of the guard's tests, reached over scrapli; `own` are two that a test may harm."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from nornflow.testing import Fleet
from nornflow.testing.guarded import GuardedNetwork
from scrapli_network import behind


@pytest.fixture(scope="module")
def network(routers: Fleet) -> Iterator[GuardedNetwork]:
    with behind(routers) as network:
        yield network


@pytest.fixture
def own(fleet: Callable[..., Fleet]) -> Iterator[tuple[Fleet, GuardedNetwork]]:
    routers = fleet(2)
    with behind(routers) as network:
        yield routers, network
