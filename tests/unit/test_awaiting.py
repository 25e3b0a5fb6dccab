"""`run --after`: a run waits for others, on how they end, for so long; what can never end by itself is told."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from nornflow.app.build import Project, load_project
from nornflow.app.services.asking import Voices
from nornflow.app.services.waits.awaiting import after_run, await_runs, seconds_of
from nornflow.errors import StateConflict, UsageError
from nornflow.model.run import RunState
from nornflow.store.runs import SqlRunStore
from nornflow.testing.pipeline_store import NOON
from nornflow.testing.run_store import new_run


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "nornflow.yaml").write_text("profile: standard\n")
    project = load_project()
    with closing(project.store()) as store:
        assert isinstance(store, SqlRunStore)
        store.begin(replace(new_run("bad-1"), worker=""))
        store.move("bad-1", RunState.PENDING, RunState.CANCELLED, NOON)
        store.begin(replace(new_run("dead-1"), worker="gone"))
    return project


def awaited(project: Project, word: str, within: float = 5) -> list[str]:
    """Wait for a run, each look a second later than the one before, and return what is said meanwhile."""
    said: list[str] = []
    seconds = count()
    switch: Any = SimpleNamespace(wait=lambda seconds: False)
    voices = Voices(switch=switch, notice=said.append)
    try:
        await_runs(project, [after_run(word)], within, voices, lambda: float(next(seconds)))
    except StateConflict as error:
        said.append(error.message)
    return said


def test_a_run_that_has_ended_is_waited_for_no_more(project: Project) -> None:
    assert awaited(project, "bad:failure") == awaited(project, "bad-1:completion") == []
    (said,) = awaited(project, "bad")
    assert "bad-1 is cancelled, and this one was to come after its success" in said


def test_one_that_nobody_carries_out_is_told_and_waited_for_only_so_long(project: Project) -> None:
    waits, dead, late = awaited(project, "dead", within=3)
    assert waits == "waiting for dead-1"
    assert "nornflow runs resume dead-1" in dead
    assert "dead-1 has not ended within 3 s" in late


@pytest.mark.parametrize("word", ["", ":success", "bad:well", "bad:Success"])
def test_what_is_no_condition_is_refused(word: str) -> None:
    with pytest.raises(UsageError, match="RUN:success, RUN:failure or RUN:completion"):
        after_run(word)


def test_a_run_that_is_not_there_and_a_time_that_is_none_are_refused(project: Project) -> None:
    with pytest.raises(UsageError, match="there is no run 'none'"):
        awaited(project, "none")
    assert [seconds_of(text) for text in ("90", "30s", "5m", "2h")] == [90, 30, 300, 7200]
    for text in ("", "-1", "1.5h", "soon", "²"):
        with pytest.raises(UsageError, match="a length of time"):
            seconds_of(text)
