"""A large device is planned in well under a second of CPU: prediction, diff, way back and lock-out check."""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from nornflow.planning.planner import Planner


@pytest.fixture
def by_itself() -> Iterator[None]:
    """Keep what other tests left in memory from being looked through on the planner's time."""
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.mark.parametrize("change", ["SMALL", "LARGE"])
def test_a_change_on_five_thousand_lines_is_planned_within_a_second(
    monkeypatch: pytest.MonkeyPatch, by_itself: None, change: str
) -> None:
    monkeypatch.setattr(sys, "path", [str(Path(__file__).parents[2] / "benchmarks"), *sys.path])
    import planning

    configuration = planning.configuration()
    assert 4900 <= configuration.count("\n") <= 5100
    planner = Planner("r1", configuration, planning.IOS, planning.WAY)
    began = time.process_time()
    planned = planner.plan("change", getattr(planning, change))
    assert time.process_time() - began < 1.0
    assert planned.changes
    assert planned.rollback
