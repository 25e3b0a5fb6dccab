"""pytest fixtures for everybody who tests against devices: simulated routers that start on demand.

The plugin is loaded by its entry point as soon as NornFlow is installed. Fixtures:

- `fleet`: a function; `fleet(count=2, latency=0.01)` starts Cisco-IOS-like routers and stops them after the test.
- `eos_fleet`: the same for Arista-EOS-like devices that speak eAPI.
- `frr_lab`: a running lab of real FRR routers, one for the whole session; skips the test with the reason where the
  machine cannot run it.

Nothing of the kit is imported before a test asks for a fixture.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from nornflow.testing.eos.fleet import EosFleet
    from nornflow.testing.routers.fleet import Fleet


@pytest.fixture
def fleet() -> Iterator[Callable[..., Fleet]]:
    """Return a function that starts a `Fleet` with the given arguments; it is stopped after the test."""
    from nornflow.testing.routers.fleet import Fleet

    with ExitStack() as running:

        def start(*args: Any, **options: Any) -> Fleet:
            return running.enter_context(Fleet(*args, **options))

        yield start


@pytest.fixture
def eos_fleet() -> Iterator[Callable[..., EosFleet]]:
    """Return a function that starts an `EosFleet` with the given arguments; it is stopped after the test."""
    from nornflow.testing.eos.fleet import EosFleet

    with ExitStack() as running:

        def start(*args: Any, **options: Any) -> EosFleet:
            return running.enter_context(EosFleet(*args, **options))

        yield start
