"""Three routers and a project whose changes are sealed, for the stories of plan files; whoever asks may be somebody else."""

from __future__ import annotations

import os
import pwd
from collections.abc import Callable

import pytest

from nornflow.testing import Fleet
from nornflow.testing.project import ProjectFolder
from sealing import FILES, As


@pytest.fixture
def network(fleet: Callable[..., Fleet]) -> Fleet:
    return fleet(count=3)


@pytest.fixture
def site(network: Fleet, project: Callable[..., ProjectFolder]) -> ProjectFolder:
    return project(FILES, fleet=network)


@pytest.fixture
def become(monkeypatch: pytest.MonkeyPatch) -> As:
    """Be another user of the system, as far as this process can tell."""

    def become(name: str) -> None:
        uid = pwd.getpwnam(name).pw_uid
        monkeypatch.setattr(os, "getuid", lambda: uid)

    return become
