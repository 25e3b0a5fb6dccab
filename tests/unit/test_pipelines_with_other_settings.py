"""A pipeline that was begun with other settings than a worker has: who leads it, who is told why nobody does, and who ends it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from nornflow.app.build import load_project
from nornflow.app.services.pipelines import desk
from nornflow.app.services.pipelines.desk import pipelines_of, resume_all
from nornflow.app.services.pipelines.lead import PipelineRequest
from nornflow.app.services.pipelines.spec import PipelineSpec, settings_of
from nornflow.app.services.pipelines.work import leave_run
from nornflow.cli.pipeline_view import view_lines
from nornflow.errors import UsageError
from nornflow.model.pipeline import EntryState, PipelineState, PipelineWish, kept_pipeline
from nornflow.model.submission import RUNS, Post
from nornflow.model.wish import Level
from nornflow.store.posts import Posts
from nornflow.store.workers import Workers
from nornflow.testing.pipeline_store import new_pipeline
from pipeline_worker import WINDOW, Site, site_in


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.chdir(tmp_path)
    with site_in(tmp_path) as made:
        yield made


STRICT = {"profile": "plan_only", "inventory": "lab"}


def strict(site: Site) -> Site:
    """Return a worker of the same store and folder with the settings of `STRICT`."""
    Path("strict.yaml").write_text("profile: plan_only\ninventory: lab\n")
    return Site(load_project(config_file=Path("strict.yaml")), site.store)


def test_what_was_begun_with_other_settings_is_left_to_a_worker_that_has_them(site: Site) -> None:
    site.begin("p", settings=STRICT)
    for _ in range(3):
        site.look()
    assert site.said == [
        "pipeline p is not led here, its settings are others: the profile: it was plan_only and would be standard; "
        "the inventory: it was lab and would be inventory"
    ]
    assert (site.desk.record("p").worker, site.processes) == ("", [])
    other = strict(site)
    other.look()
    assert site.desk.record("p").worker == other.workers.id
    other.workers.leave()
    site.look()
    assert site.desk.record("p").worker == other.workers.id, "its leader is dead, and it is left to one that fits"


def test_a_run_is_not_begun_under_another_profile_or_inventory(site: Site) -> None:
    site.begin("p", settings=STRICT)
    other = strict(site)
    other.look()
    run = site.desk.record("p").entries[0].run
    with pytest.raises(
        UsageError, match="the profile: it was plan_only and would be standard; the inventory: it was lab"
    ):
        leave_run(site.project, "p", "a", run)
    other.processes[0].over = True
    other.look()
    told = site.desk.record("p").entries[0]
    assert (told.state, told.exit_code) == (EntryState.FAILED, 2)
    assert "it was plan_only and would be standard" in told.error
    here = replace(PipelineSpec({}, "", "."), settings=settings_of(site.project))
    assert here.changes(settings_of(site.project)) == []
    assert settings_of(site.project, Path("lab")) == {"profile": "standard"}, "that one is kept as it was named"


def test_what_is_to_end_is_ended_under_any_settings(site: Site) -> None:
    site.begin("p", settings=STRICT)
    site.look()
    site.desk.ask("p", PipelineWish(Level.NOW, "ada"))
    site.look()
    record = site.desk.record("p")
    assert (record.state, record.worker, site.processes) == (PipelineState.CANCELLED, site.workers.id, [])


def test_people_are_told_why_no_worker_takes_a_pipeline(site: Site) -> None:
    site.begin("strict", settings=STRICT)
    site.begin("elsewhere", project="/other/project")
    site.begin("fine", settings=settings_of(site.project))

    def told() -> dict[str, tuple[bool, str]]:
        return {view.record.id: (view.followed, view.untaken) for view in pipelines_of(site.project)}

    assert told() == dict.fromkeys(("strict", "elsewhere", "fine"), (False, ""))
    home = str(site.project.folder.resolve())
    Posts(site.store.engine).take(site.workers.id, Post((RUNS,), 1, {}, home, settings_of(site.project)))
    changes = "the profile: it was plan_only and would be standard; the inventory: it was lab and would be inventory"
    assert told() == {
        "strict": (False, f"no worker has its settings: {changes}"),
        "elsewhere": (False, "it was begun in /other/project, where no worker is"),
        "fine": (True, ""),
    }
    lines = {view.record.id: "\n".join(view_lines(view)) for view in pipelines_of(site.project)}
    assert f"no worker has its settings: {changes}" in lines["strict"]
    assert "it waits for a worker with them; to lead it from here: nornflow pipeline resume strict" in lines["strict"]
    assert "a worker takes it up in a moment" in lines["fine"]
    other = strict(site)
    Posts(site.store.engine).take(other.workers.id, Post((RUNS,), 1, {}, home, settings_of(other.project)))
    assert told()["strict"] == (True, "")


def test_a_timer_goes_on_with_what_no_worker_takes(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    led: list[str] = []
    monkeypatch.setattr(desk, "starter", lambda project, one, request: SimpleNamespace(lead=led.append))
    dead = Workers(site.store.engine)
    dead.register()
    for name, settings in (("strict", STRICT), ("fine", settings_of(site.project))):
        spec = {**PipelineSpec(kept_pipeline(WINDOW), "", ".").kept(), "settings": settings}
        site.desk.begin(replace(new_pipeline(name), worker=dead.id), spec)
    dead.leave()
    home = str(site.project.folder.resolve())
    Posts(site.store.engine).take(site.workers.id, Post((RUNS,), 1, {}, home, settings_of(site.project)))
    assert resume_all(site.project, PipelineRequest(Path())) == []
    assert resume_all(strict(site).project, PipelineRequest(Path())) == ["strict"] == led
