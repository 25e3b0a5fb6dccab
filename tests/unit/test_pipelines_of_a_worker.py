"""A worker looks at pipelines each second: it takes up what nobody leads, and rests while nothing has changed."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from nornflow.app.build import Project
from nornflow.app.clock import now
from nornflow.app.services.asking import Voices
from nornflow.app.services.pipelines import desk, lead
from nornflow.app.services.pipelines.desk import resume_all
from nornflow.app.services.pipelines.lead import PipelineRequest, resume_pipeline
from nornflow.app.services.pipelines.spec import PipelineSpec, request_for
from nornflow.errors import StoreError, UsageError
from nornflow.model.pipeline import Entry, EntryRecord, EntryState, Pipeline, PipelineState, kept_pipeline
from nornflow.model.run import RunState
from nornflow.store.pipelines import SqlPipelines
from nornflow.testing.pipeline_store import NOON, new_pipeline
from nornflow.testing.run_store import new_run
from pipeline_worker import WINDOW, Site, site_in


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.chdir(tmp_path)
    with site_in(tmp_path) as made:
        yield made


def test_what_nobody_leads_is_led_and_left_alone_while_nothing_changes(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.begin("p")
    for _ in range(3):
        site.look()
    assert site.desk.record("p").worker == site.workers.id
    (process,) = site.processes
    assert [(one.pipeline, one.entry) for one in process.errands] == [("p", "a")]
    run = site.leave("p")
    for _ in range(3):
        site.look()
    steps: list[str] = []
    record = SqlPipelines.record
    monkeypatch.setattr(SqlPipelines, "record", lambda desk, name: steps.append(name) or record(desk, name))
    for _ in range(3):
        site.look()
    assert steps == [], "nothing has changed, so nothing is done"
    site.store.move(run, RunState.QUEUED, RunState.CANCELLED, NOON)
    site.look()
    assert steps
    assert site.desk.record("p").entry("a").state == "cancelled"


def test_a_drained_worker_leaves_its_pipelines_to_another_one(site: Site) -> None:
    site.begin("p")
    site.look()
    site.here.release()
    assert site.desk.record("p").worker == ""
    other = Site(site.project, site.store)
    other.look()
    record = site.desk.record("p")
    assert (record.worker, record.fence) == (other.workers.id, 3)
    assert other.processes[0].errands[0].run != site.processes[0].errands[0].run, (
        "nobody knows of the first one any more"
    )
    site.look()
    assert len(site.processes) == 1, "it is another one's"


def test_of_a_dead_leader_and_only_of_a_dead_one_it_is_taken_over(site: Site) -> None:
    other = Site(site.project, site.store)
    site.begin("p")
    other.look()
    site.look()
    assert site.desk.record("p").worker == other.workers.id
    other.workers.leave()
    site.look()
    assert site.desk.record("p").worker == site.workers.id
    other.look()
    assert len(other.processes) == 1, "who comes back finds that it is another one's"


def test_a_pipeline_that_cannot_be_led_costs_the_others_nothing(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.begin("elsewhere", project="/another/folder")
    site.begin("newer", colour="blue")
    site.begin("broken")
    site.begin("fine")
    record = SqlPipelines.record

    def breaks(desk: SqlPipelines, name: str) -> Any:
        if name == "broken":
            raise ValueError("an entry does not move so")
        return record(desk, name)

    monkeypatch.setattr(SqlPipelines, "record", breaks)
    for _ in range(2):
        site.look()
    workers = {one.id: one.worker for one in site.desk.unended()}
    assert workers == {"elsewhere": "", "newer": "", "broken": "", "fine": site.workers.id}
    assert [line for line in site.said if "fine" not in line and "is led here" not in line] == [
        "pipeline newer is not led here: it is not known here what the pipeline was begun with",
        "pipeline broken is not led here any more: ValueError('an entry does not move so')",
    ]


def test_what_became_ours_without_a_word_is_led_and_a_machine_without_room_is_waited_for(site: Site) -> None:
    site.begin("p")
    site.desk.take_over("p", 1, site.workers.id)  # and the database went away before it could say so
    make, site.starter.carrier = site.starter.carrier, full
    for _ in range(2):
        with pytest.raises(
            StoreError, match=r"no process could be started for run .*: Resource temporarily unavailable"
        ):
            site.look()
    site.starter.carrier = make
    site.look()
    assert site.desk.record("p").fence == 3
    assert [process.errands[0].run for process in site.processes] == [site.desk.record("p").entry("a").run]


def full() -> Any:
    raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))


def test_what_is_left_to_workers_is_at_home_in_another_checkout() -> None:
    here, there = Path("/opt/net"), Path("/srv/net")
    spec = PipelineSpec(
        kept_pipeline(WINDOW), "/opt/net/pipelines", "/opt/net", {"n": 1}, "/etc/net/hosts.yaml", yes=True
    )
    assert (spec.is_of(str(here)), spec.is_of(str(there)), spec.at_home(there)) == (True, False, spec)
    left = PipelineSpec.read(spec.portable().kept())
    assert (left.folder, left.inventory, left.is_of(str(there))) == ("pipelines", "/etc/net/hosts.yaml", True)
    assert left.at_home(there) == replace(spec, folder="/srv/net/pipelines", project="/srv/net")
    assert replace(spec, inventory="").portable().at_home(there).inventory == ""


def test_no_more_processes_than_may_be_at_once_begin_runs(site: Site) -> None:
    for name in "pqr":
        site.begin(name)
    site.look()
    assert len(site.processes) == 2
    site.leave("p")
    site.look()
    assert [process.errands[0].pipeline for process in site.processes] == ["p", "q", "r"]
    assert site.starter.busy
    site.here.release()
    site.starter.close()
    assert not site.starter.busy


def test_a_timer_goes_on_with_what_waits_when_a_time_of_its_own_is_over(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting = EntryRecord("a", "a.yaml", EntryState.WAITING, "r-1", 1, started_at=now() - timedelta(seconds=60))
    others = (
        ("early", 90, ".", {}),
        ("elsewhere", 30, "/other/project", {}),
        ("strict", 30, ".", {"profile": "plan_only"}),
    )
    for name, timeout, home, settings in (("late", 30, ".", {}), *others):
        pipeline = Pipeline("window", (Entry("a", "a.yaml", timeout=timeout),))
        record = replace(new_pipeline(name, "a"), state=PipelineState.WAITING, entries=(waiting,), worker="")
        spec = PipelineSpec(kept_pipeline(pipeline), "", home, settings=settings).kept()
        site.desk.begin(record, spec)
    site.begin("newer", color="blue")
    ended, untimed = replace(waiting, run="r-2"), PipelineSpec(kept_pipeline(WINDOW), "", ".").kept()
    site.desk.begin(replace(new_pipeline("moved"), state=PipelineState.WAITING, entries=(ended,), worker=""), untimed)
    site.store.begin(replace(new_run("r-2"), worker=""))  # somebody has resumed the run itself
    led: list[str] = []
    monkeypatch.setattr(desk, "starter", lambda project, one, request: SimpleNamespace(lead=led.append))
    assert resume_all(site.project, PipelineRequest(Path())) == ["late", "moved"] == led


@pytest.mark.parametrize(
    ("given", "limit"),
    [("r1", "r1"), (["r1", "r2"], "r1, r2"), ([], None), ("", None), (" ,", None), ([""], None), (None, None)],
)
def test_a_limit_that_comes_to_nothing_is_never_all_devices(site: Site, given: Any, limit: str | None) -> None:
    entry = Entry("b", "b.yaml", limit="{{ runs.a.outputs.hosts }}")
    spec = PipelineSpec(kept_pipeline(replace(WINDOW, entries=(WINDOW.entries[0], entry))), "", ".")
    names = {"runs": {"a": {"outputs": {"hosts": given}}}}
    if limit is None:
        with pytest.raises(UsageError, match="entry b: no device is targeted"):
            request_for(site.project, spec, entry, names)
    else:
        assert request_for(site.project, spec, entry, names).limit == limit


@pytest.mark.parametrize(("then", "now", "yes"), [(True, False, True), (False, True, True), (False, False, False)])
def test_who_goes_on_with_a_pipeline_need_not_say_yes_once_more(
    site: Site, monkeypatch: pytest.MonkeyPatch, then: bool, now: bool, yes: bool
) -> None:
    site.begin("p", yes=then)
    said: list[bool] = []

    def starter(project: Project, pipeline: str, request: PipelineRequest) -> Any:
        said.append(request.yes)
        raise InterruptedError("that is all there is to see")

    monkeypatch.setattr(lead, "starter", starter)
    with pytest.raises(InterruptedError):
        resume_pipeline(site.project, "p", Voices(), PipelineRequest(Path(), yes=now))
    assert said == [yes]
