"""Runs remembered from the command line: lists, logs, differences, figures, and a store that cannot be written."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from nornflow.cli.runs import STATES
from nornflow.model.run import RunState
from nornflow.store.migrations import REVISIONS
from nornflow.testing.project import ProjectFolder

FILES = {
    "inventory/hosts.yaml": """
        r1: {hostname: 198.18.0.1, platform: cisco_ios}
        r2: {hostname: 198.18.0.2, platform: cisco_ios}
        """,
    "tasks/words.py": """
        from nornir.core.task import Result, Task


        def say(task: Task, text: str, failing: str) -> Result:
            if task.host.name == failing:
                raise ValueError("no")
            return Result(host=task.host, result=text)
        """,
    "words.yaml": """
        name: words
        version: 1.0
        inputs:
          text: {type: string, default: hello}
          failing: {type: string, default: nobody}
        steps:
          - id: say
            type: nornir.task
            task: words.say
            access: read
            args: {text: "{{ inputs.text }}", failing: "{{ inputs.failing }}"}
        """,
    "slow.yaml": """
        name: slow
        version: 1.0
        steps:
          - {id: first, type: shell, command: "echo first"}
          - {id: wait, type: shell, command: "sleep 60", depends_on: [first]}
        """,
    "tell.yaml": """
        name: tell
        version: 1.0
        steps: [{id: tell, type: shell, command: "touch done"}]
        """,
}


@pytest.fixture
def site(project: Callable[..., ProjectFolder]) -> ProjectFolder:
    return project(FILES)


def ids(site: ProjectFolder, *words: str) -> list[str]:
    return [run["id"] for run in site.run("runs", "list", "--format", "json", *words).ok().json()]


def database(site: ProjectFolder, statement: str) -> None:
    with closing(sqlite3.connect(site.path / ".nornflow" / "nornflow.db")) as connection, connection:
        connection.execute(statement)


def test_the_help_knows_every_state() -> None:
    assert set(RunState) == set(STATES)


class TestHistory:
    def test_a_project_without_runs_says_so_and_stays_as_it_is(self, site: ProjectFolder) -> None:
        assert site.run("runs", "list").ok().stdout == "no runs\n"
        assert site.run("runs", "stats").ok().stdout == "no ended runs\n"
        assert site.run("runs", "show", "x").exit_code == 2
        assert "there is none yet" in site.run("db", "check").ok().stdout
        assert not (site.path / ".nornflow").exists()

    def test_runs_are_listed_by_what_one_asks_for(self, site: ProjectFolder) -> None:
        site.run("run", "words.yaml", "--yes").ok()
        assert site.run("run", "words.yaml", "--yes", "--limit", "r1", "-i", "failing=r1").exit_code == 1
        bad, good = ids(site)
        assert ids(site, "--status", "failed") == [bad]
        assert ids(site, "--host", "r2") == [good]
        assert ids(site, "--workflow", "other") == []
        assert ids(site, "--since", "1h", "--last", "1") == [bad]
        assert ids(site, "--since", "2999-01-01") == []
        text = site.run("runs", "list").ok().stdout.splitlines()
        assert text[0].split()[:3] == [bad, "failed", "words"]
        assert text[1].endswith("2 devices")
        outcome = site.run("runs", "list", "--since", "soon")
        assert (outcome.exit_code, outcome.stderr.count("hint:")) == (2, 1)

    def test_the_store_shows_what_the_record_file_says(self, site: ProjectFolder) -> None:
        site.run("run", "words.yaml", "--yes").ok()
        assert site.run("runs", "show", ids(site)[0]).ok().json() == site.record()

    def test_the_log_has_every_event_in_order(self, site: ProjectFolder) -> None:
        site.run("run", "words.yaml", "--yes").ok()
        lines = site.run("runs", "logs", ids(site)[0], "--format", "jsonl").ok().stdout.splitlines()
        events = [json.loads(line) for line in lines]
        assert [event["kind"] for event in events if event["kind"] != "host.state"] == [
            *("run.state", "batch.started", "step.started", "step.finished", "batch.finished"),
            *("run.state", "run.finished"),
        ]
        assert {event["host"] for event in events if event["kind"] == "host.state"} == {"r1", "r2"}
        text = site.run("runs", "logs", ids(site)[0], "--follow").ok().stdout  # it has ended, so this ends
        assert len(text.splitlines()) == len(events)
        assert "step.started        say" in text

    def test_two_runs_are_compared(self, site: ProjectFolder) -> None:
        site.run("run", "words.yaml", "--yes").ok()
        site.run("run", "words.yaml", "--yes", "-i", "failing=r2")
        second, first = ids(site)
        text = site.run("runs", "diff", first, second).ok().stdout
        assert '  failing: "nobody" -> "r2"' in text
        assert 'step say:\n  r2: "ok" -> "failed"' in text
        found = site.run("runs", "diff", first, second, "--format", "json").ok().json()
        assert found["run"]["state"] == ["succeeded", "failed"]
        assert "r1" not in found["hosts"]
        assert "no difference" in site.run("runs", "diff", first, first).ok().stdout

    def test_figures_are_told_per_workflow_step_and_platform(self, site: ProjectFolder) -> None:
        site.run("run", "words.yaml", "--yes").ok()
        site.run("run", "words.yaml", "--yes", "-i", "failing=r2")
        names = {}
        for by in ("workflow", "step", "platform"):
            (row,) = site.run("runs", "stats", "--by", by, "--format", "json").ok().json()
            names[row["name"]] = (row["count"], row["success"])
        assert names == {"words": (2, 0.5), "words / say": (4, 0.75), "cisco_ios": (4, 0.75)}
        assert "75.0%" in site.run("runs", "stats", "--by", "step").ok().stdout


class TestFollow:
    def test_a_run_of_another_process_is_read_while_it_is_at_work(self, site: ProjectFolder) -> None:
        words = [sys.executable, "-m", "nornflow"]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        run = subprocess.Popen([*words, "run", "slow.yaml", "--yes"], cwd=site.path, env=environment)
        try:
            end = time.monotonic() + 30
            while not ids(site) and time.monotonic() < end:
                time.sleep(0.05)
            follow = subprocess.Popen(
                [*words, "runs", "logs", ids(site)[0], "--follow"],
                cwd=site.path, env=environment, stdout=subprocess.PIPE, text=True,
            )  # fmt: skip
            assert follow.stdout is not None
            seen = [follow.stdout.readline()]
            while "step.started        wait" not in seen[-1]:
                seen.append(follow.stdout.readline())
                assert seen[-1], "the log ended before the run"
            assert ids(site, "--status", "running") == ids(site)
            run.terminate()
            run.terminate()
        finally:
            if run.poll() is None:
                time.sleep(0.2)
                run.terminate()
            run.wait(60)
        rest, _ = follow.communicate(timeout=60)
        assert follow.returncode == 0
        assert "run.finished" in rest.splitlines()[-1]
        assert ids(site, "--status", "cancelled") == ids(site)

    def test_following_ends_when_the_process_of_the_run_is_killed(self, site: ProjectFolder) -> None:
        words = [sys.executable, "-m", "nornflow"]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        run = subprocess.Popen([*words, "run", "slow.yaml", "--yes"], cwd=site.path, env=environment)
        try:
            end = time.monotonic() + 30
            while not ids(site, "--status", "running") and time.monotonic() < end:
                time.sleep(0.05)
            follow = subprocess.Popen(
                [*words, "runs", "logs", ids(site)[0], "--follow"],
                cwd=site.path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            )  # fmt: skip
            assert follow.stdout is not None
            while "step.started        wait" not in follow.stdout.readline():
                assert follow.poll() is None
        finally:
            run.kill()
            run.wait(60)
        _, told = follow.communicate(timeout=30)
        assert follow.returncode == 1
        assert "is dead" in told
        assert f"hint: nornflow runs resume {ids(site)[0]}" in told


class TestDatabase:
    def test_everything_is_exported(self, site: ProjectFolder, tmp_path: Path) -> None:
        site.run("run", "words.yaml", "--yes").ok()
        site.run("db", "export", "--output", "all.jsonl").ok()
        lines = [json.loads(line) for line in (site.path / "all.jsonl").read_text(encoding="utf-8").splitlines()]
        assert lines[0].pop("type") == "run"
        assert lines[0] == site.record()
        assert [line["number"] for line in lines[1:]] == list(range(1, len(lines)))
        assert site.run("db", "export").ok().stdout.count("\n") == len(lines)
        again = site.run("db", "export", "--output", "all.jsonl")
        assert (again.exit_code, "not there yet" in again.stderr) == (2, True)

    def test_old_runs_are_removed(self, site: ProjectFolder) -> None:
        site.run("run", "tell.yaml", "--yes").ok()
        (run,) = ids(site)
        assert "no run ended before" in site.run("db", "purge", "--older-than", "90d").ok().stdout
        database(site, "UPDATE runs SET completed_at = completed_at - 91 * 86400000000")
        assert "1 runs were removed" in site.run("db", "purge", "--older-than", "90d", "--files").ok().stdout
        assert ids(site) == []
        assert not (site.path / ".nornflow" / "runs" / run).exists()
        assert site.run("db", "purge", "--older-than", "forever").exit_code == 2

    def test_a_schema_of_later_is_refused_and_check_says_so(self, site: ProjectFolder) -> None:
        site.run("run", "tell.yaml", "--yes").ok()
        database(site, "UPDATE alembic_version SET version_num = 'later_0099'")
        outcome = site.run("run", "tell.yaml", "--yes")
        assert (outcome.exit_code, "a newer one wrote it" in outcome.stderr) == (1, True)
        assert site.run("db", "check").exit_code == 1
        assert site.run("db", "upgrade").exit_code == 1
        database(site, f"UPDATE alembic_version SET version_num = '{REVISIONS[-1]}'")
        assert "as before" in site.run("db", "upgrade").ok().stdout
        site.run("db", "check").ok()


class TestStoreThatCannotBeWritten:
    def test_a_run_does_not_start(self, site: ProjectFolder) -> None:
        site.run("run", "tell.yaml", "--yes").ok()
        file = site.path / ".nornflow" / "nornflow.db"
        site.write("nornflow.yaml", f"store: {{url: 'sqlite:///file:{file}?mode=ro&uri=true'}}\n")
        before = sorted(site.path.rglob("done"))
        outcome = site.run("run", "tell.yaml", "--yes")
        assert outcome.exit_code == 1
        assert "readonly" in outcome.stderr
        assert "hint: see who may write there" in outcome.stderr
        assert sorted(site.path.rglob("done")) == before
        assert len(ids(site)) == 1  # reading needs no more than it has

    def test_a_disk_that_fills_up_ends_the_run_with_the_reason(self, site: ProjectFolder) -> None:
        site.run("run", "tell.yaml", "--yes").ok()
        database(
            site,
            "CREATE TRIGGER full BEFORE INSERT ON events WHEN NEW.kind = 'step.started'"
            " BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END",
        )
        outcome = site.run("run", "tell.yaml", "--yes", "--format", "json")
        assert outcome.exit_code == 1
        record = outcome.json()
        assert (record["state"], record["reason"]) == ("failed", "store")
        assert "disk is full" in record["error"]
        assert "make room" in record["hint"]
        assert len(sorted(site.path.rglob("done"))) == 1
        assert site.record()["state"] == "failed"
        assert site.run("runs", "show", record["id"]).ok().json()["error"] == record["error"]

    def test_results_that_cannot_be_kept_are_told_and_stand_in_the_record_file(self, site: ProjectFolder) -> None:
        site.run("run", "tell.yaml", "--yes").ok()
        database(
            site,
            "CREATE TRIGGER full BEFORE INSERT ON step_results BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END",
        )
        outcome = site.run("run", "tell.yaml", "--yes")
        assert outcome.exit_code == 1
        assert "could not be ended" in outcome.stdout
        assert len(sorted(site.path.rglob("run.json"))) == 2


def test_validating_and_planning_do_not_load_the_database(site: ProjectFolder) -> None:
    code = (
        "import sys; from nornflow.cli.main import run_command\n"
        "codes = [run_command(['validate', 'words.yaml']), run_command(['plan', 'words.yaml'])]\n"
        "print(codes, 'sqlalchemy' in sys.modules)"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=site.path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "[0, 0] False"
    assert not (site.path / ".nornflow" / "nornflow.db").exists()
