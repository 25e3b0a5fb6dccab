"""pytest fixtures for everybody who tests against devices: simulated routers that start on demand.

The plugin is loaded by its entry point as soon as NornFlow is installed. Fixtures:

- `fleet`: a function; `fleet(count=2, latency=0.01)` starts Cisco-IOS-like routers and stops them after the test.
- `eos_fleet`: the same for Arista-EOS-like devices that speak eAPI.
- `project`: a function; `project({"workflows/hello.yaml": "..."})` writes a project and runs commands in it.
- `frr_lab`: a ring of four real FRR routers, which the test has for itself and which are as at first afterwards; skips
  the test with the reason where the machine cannot run it. Several test processes take turns.

Nothing of the kit is imported before a test asks for a fixture.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from nornflow.testing.eos.fleet import EosFleet
    from nornflow.testing.frr.lab import FrrLab
    from nornflow.testing.project import ProjectFolder
    from nornflow.testing.routers.fleet import Fleet
    from nornflow.testing.simulation import Simulation


@pytest.fixture
def fleet() -> Iterator[Callable[..., Fleet]]:
    """Return a function that starts a `Fleet` with the given arguments; it is stopped after the test."""
    from nornflow.testing.routers.fleet import Fleet

    with ExitStack() as running:

        def start(*args: Any, **options: Any) -> Fleet:
            return running.enter_context(Fleet(*args, **options))

        yield start


@pytest.fixture
def project(tmp_path: Path) -> Callable[..., ProjectFolder]:
    """Return a function that writes a project's files into an empty folder; see `nornflow.testing.project`."""
    from nornflow.testing.project import ProjectFolder

    def make(files: Mapping[str, str] | None = None, *, fleet: Simulation[Any] | None = None) -> ProjectFolder:
        return ProjectFolder.made(tmp_path / "project", files or {}, fleet)

    return make


@pytest.fixture
def eos_fleet() -> Iterator[Callable[..., EosFleet]]:
    """Return a function that starts an `EosFleet` with the given arguments; it is stopped after the test."""
    from nornflow.testing.eos.fleet import EosFleet

    with ExitStack() as running:

        def start(*args: Any, **options: Any) -> EosFleet:
            return running.enter_context(EosFleet(*args, **options))

        yield start


@pytest.fixture(scope="session")
def shared_frr_lab() -> Iterator[FrrLab]:
    """Keep the lab up until the last test process of the machine is done; `frr_lab` is the fixture for tests."""
    from nornflow.testing.frr.lab import FrrLab
    from nornflow.testing.frr.sharing import joined
    from nornflow.testing.frr.system import obstacle

    problem = obstacle()
    if problem is not None:
        pytest.skip(f"{problem.message} ({problem.hint})")
    with joined(FrrLab(4)) as lab:
        yield lab


@pytest.fixture
def frr_lab(shared_frr_lab: FrrLab) -> Iterator[FrrLab]:
    """Return the running lab, alone in it; every router returns to its first configuration after the test."""
    from nornflow.testing.frr.sharing import turn

    with turn(shared_frr_lab) as lab:
        yield lab
