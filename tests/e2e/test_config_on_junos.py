"""`netmiko.config` where lines go into a candidate: committed, only rehearsed, refused, taken back, never left pending."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from junos_router import CONFIG, JunosRouter, JunosServer
from nornflow.testing.project import ProjectFolder

pytestmark = pytest.mark.e2e

LINES = "lines: [set system ntp server 192.0.2.9, set system location building ams, delete system ntp server 192.0.2.1]"


@pytest.fixture
def junos() -> Iterator[JunosServer]:
    server = JunosServer(JunosRouter())
    yield server
    server.close()


@pytest.fixture
def router(junos: JunosServer) -> JunosRouter:
    return junos.router


@pytest.fixture
def site(junos: JunosServer, project: Callable[..., ProjectFolder]) -> ProjectFolder:
    return project({"inventory/hosts.yaml": junos.inventory()})


def write(site: ProjectFolder, *keys: str, more: str = "", head: str = "on_failure: stop") -> None:
    step = ", ".join(("id: change", "type: netmiko.config", LINES, *keys))
    site.write("w.yaml", f"name: junos\nversion: 1.0\n{head}\nsteps:\n  - {{{step}}}\n{more}")


def run(site: ProjectFolder, *, exit_code: int = 0) -> dict[str, Any]:
    outcome = site.run("run", "w.yaml", "--yes")
    assert outcome.exit_code == exit_code, outcome.stdout + outcome.stderr
    step: dict[str, Any] = site.record()["steps"][0]["hosts"]["j1"]
    return step


def test_the_candidate_is_committed_and_the_second_run_changes_nothing(
    site: ProjectFolder, router: JunosRouter
) -> None:
    write(site, "save: true")
    plan = site.run("plan", "w.yaml").ok().stdout
    assert "+set system ntp server 192.0.2.9" in plan
    assert "-set system ntp server 192.0.2.1" in plan
    assert (router.commits, "configure exclusive" in router.typed) == (0, False)
    result = run(site)
    assert result["status"] == "changed"
    wanted = {*CONFIG, "set system ntp server 192.0.2.9", "set system location building ams"}
    assert set(router.running) == wanted - {"set system ntp server 192.0.2.1"}
    outputs = result["outputs"]
    assert {name: outputs[name] for name in ("committed", "validation_passed", "config_deployed", "saved")} == {
        "committed": True, "validation_passed": True, "config_deployed": True, "saved": True,
    }  # fmt: skip
    assert "set system ntp server 192.0.2.1" in Path(outputs["backup_file"]).read_text()
    again = run(site)
    assert (again["status"], again["changed"], router.commits) == ("ok", False, 1)


def test_without_commit_the_device_compares_and_checks_and_nothing_is_left(
    site: ProjectFolder, router: JunosRouter
) -> None:
    write(site, "commit: false")
    result = run(site)
    assert (result["status"], result["changed"], result["diff"]) == ("ok", False, "")
    assert "+ set system ntp server 192.0.2.9" in result["outputs"]["output"]
    assert "configuration check succeeds" in result["outputs"]["output"]
    assert (result["outputs"]["committed"], result["outputs"]["config_deployed"]) == (False, False)
    assert (router.running, router.commits, router.pending) == (list(CONFIG), 0, False)


def test_a_refused_line_leaves_nothing_pending(site: ProjectFolder, router: JunosRouter) -> None:
    router.refuses = "location"
    write(site)
    result = run(site, exit_code=1)
    assert (result["status"], result["reason"], result["changed"]) == ("failed", "line-rejected", False)
    assert "set system location building ams" in result["error"]
    assert (router.running, router.commits, router.pending) == (list(CONFIG), 0, False)
    assert result["outputs"]["rollback_attempted"] is False  # nothing was in force: there was nothing to take back
    assert "delete system ntp server 192.0.2.1" not in router.typed


def test_a_commit_that_the_device_refuses_is_a_refused_line(site: ProjectFolder, router: JunosRouter) -> None:
    router.fails_commit = "location"
    write(site)
    result = run(site, exit_code=1)
    assert result["reason"] == "line-rejected"
    assert "refused the line 'commit': error: commit failed" in result["error"]
    assert (router.running, router.commits, router.pending) == (list(CONFIG), 0, False)


def test_a_failed_check_takes_the_commit_back_by_another(site: ProjectFolder, router: JunosRouter) -> None:
    check = "  - {id: check, type: assert, depends_on: change, condition: 'false'}\n"
    write(site, more=check, head="on_failure: rollback")
    run(site, exit_code=1)
    assert site.record()["state"] == "rolled_back"
    assert sorted(router.running) == sorted(CONFIG)
    assert (router.commits, router.pending) == (2, False)


def test_what_is_not_as_planned_is_taken_back_at_once(site: ProjectFolder, router: JunosRouter) -> None:
    router.ignores = "location"
    write(site)
    result = run(site, exit_code=1)
    assert result["reason"] == "not-as-planned"
    assert "`set system location building ams` is not there" in result["error"]
    assert result["outputs"]["rollback_successful"] is True
    assert sorted(router.running) == sorted(CONFIG)


def test_a_backup_is_merged_back(site: ProjectFolder, router: JunosRouter) -> None:
    site.write("keep.yaml", "name: keep\nversion: 1.0\nsteps:\n  - {id: keep, type: netmiko.backup}\n")
    site.run("run", "keep.yaml", "--yes").ok()
    kept = site.record()["steps"][0]["hosts"]["j1"]["outputs"]["backup_file"]
    router.running.remove("set system ntp server 192.0.2.1")
    site.write("w.yaml", f"name: back\nversion: 1.0\nsteps:\n  - {{id: back, type: netmiko.restore, file: {kept}}}\n")
    result = run(site)
    assert (result["outputs"]["exact"], result["outputs"]["missing"]) == (True, [])
    assert sorted(router.running) == sorted(CONFIG)
