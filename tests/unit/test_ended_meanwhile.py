"""A process that ends its run, and then goes, between two looks at it is not taken for one that died."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nornflow.app.build import Project, load_project
from nornflow.app.services.cancel import cancel_run
from nornflow.app.services.history import cut_off
from nornflow.errors import StateConflict
from nornflow.model.run import RunState
from nornflow.model.wish import Level
from nornflow.store.runs import SqlRunStore
from nornflow.store.workers import Workers
from nornflow.testing.run_store import NOON, ended_run, new_run


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project with a run at work whose process has no row any more."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "nornflow.yaml").write_text("profile: standard\n")
    project = load_project()
    with closing(project.store()) as store:
        store.begin(replace(new_run("run-1"), worker="gone"))
        store.move("run-1", RunState.PENDING, RunState.RUNNING, NOON)
    return project


@pytest.fixture
def ends_meanwhile(project: Project, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Have the run end just before somebody looks at its process; give who was looked at."""
    looked = list[str]()

    def first(look: Callable[..., Any]) -> Callable[..., Any]:
        def after(workers: Workers, worker: str) -> Any:
            if not looked:
                with closing(project.store()) as store:
                    store.finish(ended_run("run-1"), RunState.RUNNING)
            looked.append(worker)
            return look(workers, worker)

        return after

    for name in ("gone", "is_dead"):
        monkeypatch.setattr(Workers, name, first(getattr(Workers, name)))
    yield looked
    assert looked == ["gone"]


def test_who_cancels_it_is_told_that_it_has_ended(project: Project, ends_meanwhile: list[str]) -> None:
    assert cancel_run(project, "run-1", Level.AFTER_BATCH).ended


def test_it_is_not_listed_as_cut_off(project: Project, ends_meanwhile: list[str]) -> None:
    with closing(project.store()) as store:
        assert cut_off(store) == frozenset()


def test_one_that_did_die_is_told(project: Project) -> None:
    with pytest.raises(StateConflict, match="its process is dead"):
        cancel_run(project, "run-1", Level.AFTER_BATCH)
    with closing(project.store()) as store:
        assert isinstance(store, SqlRunStore)
        assert cut_off(store) == {"run-1"}
