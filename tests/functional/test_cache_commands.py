"""Results of steps that later runs use, from the command line: hits in record, log and figures, and what is kept."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nornflow.testing import Fleet
from nornflow.testing.project import ProjectFolder

MakeProject = Callable[..., ProjectFolder]
AUDIT = """
    name: audit
    version: 1.0
    steps:
      - {id: version, type: netmiko.command, command: show version, cache: {ttl: 3600}}
    """
NTP = """
    name: ntp
    version: 1.0
    targets: {hosts: [r1]}
    steps:
      - {id: ntp, type: netmiko.config, config: ntp server 192.0.2.9}
    """
TELL = """
    name: tell
    version: 1.0
    steps:
      - {{id: read, type: shell, command: cat {file}, read_only: true, cache: true}}
    """


def states(folder: ProjectFolder) -> dict[str, str]:
    (step,) = folder.record()["steps"]
    return {host: result["status"] for host, result in step["hosts"].items()}


def test_devices_are_asked_once_until_a_run_changes_them(tmp_path: Path, fleet: Callable[..., Fleet]) -> None:
    folder = ProjectFolder.made(tmp_path, {"audit.yaml": AUDIT, "ntp.yaml": NTP}, fleet(count=2))
    folder.run("run", "audit.yaml", "--yes").ok()
    first = folder.record()
    assert states(folder) == {"r1": "ok", "r2": "ok"}
    folder.run("run", "audit.yaml", "--yes").ok()
    second = folder.record()
    assert states(folder) == {"r1": "cached", "r2": "cached"}
    before, after = (record["steps"][0]["hosts"]["r1"] for record in (first, second))
    assert (after["outputs"], after["cached"], after["cache_key"]) == (before["outputs"], True, before["cache_key"])
    assert after["cache_age"] > 0
    log = folder.run("runs", "logs", second["id"]).ok().stdout
    assert "cache.hit" in log
    assert "count=2" in log
    assert "cached" in folder.run("runs", "show", second["id"], "--format", "markdown").ok().stdout

    folder.run("run", "ntp.yaml", "--yes").ok()
    folder.run("run", "audit.yaml", "--yes").ok()
    assert states(folder) == {"r1": "ok", "r2": "cached"}

    (figures,) = [
        one
        for one in folder.run("runs", "stats", "--by", "step", "--format", "json").ok().json()
        if "audit" in one["name"]
    ]
    assert (figures["cache_hits"], figures["cache_misses"]) == (3, 3)
    assert "50.0%" in folder.run("runs", "stats", "--by", "step").ok().stdout


@pytest.fixture
def told(project: MakeProject) -> ProjectFolder:
    folder = project({"data.txt": "one\n"})
    folder.write("tell.yaml", TELL.format(file=folder.path / "data.txt"))
    folder.run("run", "tell.yaml", "--yes", "--profile", "elevated").ok()
    return folder


def again(folder: ProjectFolder, *words: str) -> Any:
    folder.run("run", "tell.yaml", "--yes", "--profile", "elevated", *words).ok()
    return folder.record()["steps"][0]


def test_another_process_uses_what_this_one_left(told: ProjectFolder) -> None:
    command = [sys.executable, "-m", "nornflow", "run", "tell.yaml", "--yes", "--profile", "elevated"]
    ended = subprocess.run(command, cwd=told.path, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 0, ended.stderr
    assert told.record()["steps"][0]["status"] == "cached"


def test_a_file_that_the_step_names_counts_by_what_is_in_it(told: ProjectFolder) -> None:
    assert again(told)["status"] == "cached"
    told.write("data.txt", "two\n")
    assert again(told)["status"] == "ok"
    told.write("data.txt", "one\n")
    assert again(told)["status"] == "cached"


def test_a_local_plugin_counts_by_what_is_in_it(project: MakeProject) -> None:
    plugin = """
        from typing import Any

        from pydantic import BaseModel

        from nornflow import Scope, StepResult, StepType, hookimpl


        class Params(BaseModel):
            pass


        class Tell(StepType):
            "Tells something."

            name = "own.tell"
            scope = Scope.RUN
            read_only = True
            Params = Params

            def apply(self, context: Any, params: Any) -> StepResult:
                return StepResult(stdout="one")


        @hookimpl
        def nornflow_step_types() -> list[StepType]:
            return [Tell()]
        """
    folder = project(
        {
            "nornflow.yaml": "plugins: {local: [own.py]}\n",
            "own.py": plugin,
            "own.yaml": "name: own\nversion: 1.0\nsteps: [{id: it, type: own.tell, cache: true}]\n",
        }
    )
    found = []
    for text in ("one", "one", "two"):
        folder.write("own.py", plugin.replace('"one"', f'"{text}"'))
        folder.run("run", "own.yaml", "--yes").ok()
        found.append((folder.record()["steps"][0]["status"], folder.record()["steps"][0]["result"]["stdout"]))
    assert found == [("ok", "one"), ("cached", "one"), ("ok", "two")]


def test_what_is_kept_is_listed_and_cleared(told: ProjectFolder) -> None:
    again(told)
    (entry,) = told.run("cache", "list", "--format", "json").ok().json()
    assert (entry["workflow"], entry["step"], entry["host"], entry["hits"]) == ("tell", "read", "", 1)
    assert 0 < entry["ttl_left"] <= 3600
    assert entry["size"] > 0
    text = told.run("cache", "list").ok().stdout
    assert "tell/read" in text
    assert "1 result" in text
    assert told.run("cache", "list", "--workflow", "other").ok().stdout == "nothing is kept\n"
    assert told.run("cache", "clear", "--expired").ok().stdout == "removed 0 results\n"
    assert told.run("cache", "clear", "other/*").ok().stdout == "removed 0 results\n"
    assert told.run("cache", "clear", "tell/*").ok().stdout == "removed 1 result\n"
    assert again(told)["status"] == "ok"


def test_the_settings_bound_it(told: ProjectFolder) -> None:
    told.write("nornflow.yaml", "cache: {max_entries: 0}\n")
    assert again(told)["status"] == "ok"
    assert again(told)["result"]["cache_key"] == ""


def test_without_a_store_every_step_is_done(told: ProjectFolder) -> None:
    told.write("nornflow.yaml", "store: {url: none}\n")
    told.write("data.txt", "two\n")
    outcome = told.run("run", "tell.yaml", "--yes", "--profile", "elevated").ok()
    assert "two" in outcome.stdout
    refused = told.run("cache", "list")
    assert refused.exit_code == 2
    assert "store.url" in refused.stderr


def test_a_project_without_runs_keeps_nothing(project: MakeProject) -> None:
    folder = project({})
    assert folder.run("cache", "list").ok().stdout == "nothing is kept\n"
    assert folder.run("cache", "clear").ok().stdout == "removed 0 results\n"


def test_a_step_that_may_write_is_refused_with_place_and_page(project: MakeProject) -> None:
    folder = project(
        {"w.yaml": "name: w\nversion: 1.0\nsteps:\n  - {id: a, type: shell, command: date, cache: true}\n"}
    )
    outcome = folder.run("validate", "w.yaml")
    assert outcome.exit_code != 0
    said = outcome.stdout + outcome.stderr
    assert "w.yaml:4:" in said
    assert "NF406" in said
    assert "read_only: true" in said
