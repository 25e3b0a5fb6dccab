"""What commands say of runs that wait when they come too late, twice, or together with a worker."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from nornflow.app.services.waits import going_on
from nornflow.errors import StateConflict
from nornflow.model.journal import Entry, EntryKind
from nornflow.store.runs import SqlRunStore
from nornflow.testing.project import ProjectFolder
from waiting_site import PIPELINE, latest

TWICE = """
    name: twice
    version: 1.0
    steps:
      - {id: one, type: wait, signal: go}
      - {id: two, type: wait, signal: go, depends_on: [one]}
      - {id: end, type: wait, signal: end, depends_on: [two]}
    """

CALLS = """
    name: calls
    version: 1.0
    steps:
      - {id: part, type: workflow, file: pipeline.yaml}
    """

OWN = """
    name: own
    version: 1.0
    steps:
      - {id: go, type: wait, signal: go}
      - {id: say, type: own.say, depends_on: [go]}
    """
PLUGIN = """
    from nornflow import StepResult, hookimpl, run_step


    @run_step("own.say")
    def say(text: str = "") -> StepResult:
        \"\"\"Say it.\"\"\"
        return StepResult()


    @hookimpl
    def nornflow_step_types():
        yield say
    """


@pytest.fixture
def site(project: Callable[..., ProjectFolder]) -> ProjectFolder:
    return project({"pipeline.yaml": PIPELINE, "twice.yaml": TWICE})


def begun(site: ProjectFolder, workflow: str) -> str:
    """Begin a run that waits and return its id."""
    assert site.run("run", workflow, "--yes").exit_code == 4
    run: str = latest(site)["id"]
    return run


class TestSignals:
    def test_each_ends_one_wait_and_one_too_many_is_refused(self, site: ProjectFolder) -> None:
        run = begun(site, "twice.yaml")
        assert "step one of run" in site.run("runs", "signal", run, "go").ok().stdout
        assert "it is kept until one does" in site.run("runs", "signal", run, "go").ok().stdout  # for step two
        assert site.run("runs", "resume", run).exit_code == 4
        refused = site.run("runs", "signal", run, "go")
        assert refused.exit_code == 1
        assert (
            f"no step of run {run} waits for the signal go any more: step two: the signal go has come" in refused.stderr
        )
        site.run("runs", "signal", run, "end").ok()
        site.run("runs", "resume", run).ok()


class TestCancel:
    def test_a_worker_that_ends_the_run_first_is_no_error(
        self, site: ProjectFolder, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        run = begun(site, "pipeline.yaml")
        resume = going_on.resume_run

        def quicker(*given: Any) -> Any:
            resume(*given)
            raise StateConflict(f"run {run} was taken over by a worker meanwhile")

        monkeypatch.setattr(going_on, "resume_run", quicker)
        ended = site.run("runs", "cancel", run, "--after-batch", "--format", "json").ok().json()
        assert (ended["state"], ended["ended"], ended["heard"]) == ("cancelled", True, True)

    def test_files_that_changed_meanwhile_keep_nobody_from_ending_it(self, site: ProjectFolder) -> None:
        site.write("calls.yaml", CALLS)
        run = begun(site, "calls.yaml")
        site.write("pipeline.yaml", PIPELINE.replace("build", "is another one"))
        refused = site.run("runs", "resume", run)  # it waits
        assert (refused.exit_code, "waits for the signal ci-done" in refused.stderr) == (4, True)
        site.run("runs", "signal", run, "ci-done", "--data", '{"build": 7}').ok()
        refused = site.run("runs", "resume", run)
        assert refused.exit_code == 2
        assert "cannot go on: something is not what it was when it was begun" in refused.stderr
        assert f"run {run} has ended: cancelled" in site.run("runs", "cancel", run, "--after-device").ok().stdout

    @pytest.mark.parametrize("changed", [False, True])
    def test_a_run_that_nobody_can_go_on_with_is_ended_unless_it_has_sent_something(
        self, site: ProjectFolder, monkeypatch: pytest.MonkeyPatch, changed: bool
    ) -> None:
        site.write("plugin.py", PLUGIN)
        site.write("nornflow.yaml", "plugins: {local: [plugin.py]}")
        site.write("own.yaml", OWN)
        run = begun(site, "own.yaml")
        if changed:
            entries = [Entry(EntryKind.INTENT, "say", "r1", {})]
            monkeypatch.setattr(SqlRunStore, "entries", lambda store, run: entries)
        site.write("nornflow.yaml", "# the plugin is gone")
        ended = site.run("runs", "cancel", run, "--after-device")
        if changed:
            assert (ended.exit_code, ended.stdout) == (2, "")
            assert "there is no step type 'own.say'" in ended.stderr
            assert latest(site)["state"] == "waiting"
        else:
            assert f"run {run} has ended: cancelled" in ended.ok().stdout
            shown = site.run("runs", "show", run).ok().json()
            assert shown["error"].endswith("it waited, nothing had been sent to a device")
