"""What runs read from devices lies in the workspace: others on the machine have no business there."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from nornflow.store.blobs import LIMIT, Blobs
from nornflow.store.folders import made
from nornflow.store.opening import open_engine
from nornflow.store.vault import Vault


@pytest.fixture(autouse=True)
def umask() -> Iterator[None]:
    """The usual one, whatever the tests run under."""
    before = os.umask(0o022)
    yield
    os.umask(before)


def mode(folder: Path) -> int:
    return stat.S_IMODE(folder.stat().st_mode)


def test_a_folder_and_those_above_it_are_for_owner_and_group(tmp_path: Path) -> None:
    made(tmp_path / "a" / "b")
    assert mode(tmp_path / "a") == mode(tmp_path / "a" / "b") == 0o750


def test_one_that_is_there_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    assert mode(made(tmp_path / "a")) == 0o755


@pytest.mark.parametrize("first", ["store", "key", "output"])
def test_whatever_is_first_in_a_workspace_makes_it_so(tmp_path: Path, first: str) -> None:
    workspace = tmp_path / ".nornflow"
    if first == "store":
        open_engine("", workspace).dispose()
    elif first == "key":
        Vault(workspace).seal("x")
    else:
        Blobs(workspace).put("x" * (LIMIT + 1))
    assert mode(workspace) == 0o750
