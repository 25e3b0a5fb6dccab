"""Runs that wait for resources, and runs that come after others."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from nornflow.testing.project import ProjectFolder
from patience import soon
from running import SAY, SITE, ended, over, running, runs

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

MakeProject = Callable[..., ProjectFolder]
NEEDS = """
name: NAME
version: 1.0
resources: {licences: 2, cpu: 1, memory: 1.5Gi}
steps: [{id: wait, type: script, script: "echo > ../../../../NAME; while [ ! -e ../../../../over ]; do sleep 0.05; done"}]
"""


def test_runs_wait_for_resources_and_people_see_for_which(project: MakeProject) -> None:
    files = {f"{name}.yaml": NEEDS.replace("NAME", name) for name in ("one", "two")}
    site = project({**files, "nornflow.yaml": "profile: elevated\npools: {licences: 3, memory: 16G}\n"})
    with running(site, "run", "one.yaml", "--yes") as one, running(site, "run", "two.yaml", "--yes") as two:
        assert soon(lambda: (site.path / "one").exists() or (site.path / "two").exists(), 60)
        assert soon(lambda: any(pool["waiting"] for pool in pools(site)), 60, every=0.2)
        found = {pool["name"]: pool for pool in pools(site)}
        assert (found["licences"]["used"], found["licences"]["total"]) == (2, 3)
        assert (found["cpu"]["used"], found["cpu"]["total"]) == (1, 8)
        assert len(found["licences"]["waiting"]) == 1
        assert "place 1 in the queue for licences 2, cpu 1, memory 1.5Gi" in site.run("runs", "list").ok().stdout
        shown = site.run("pools", "list").ok().stdout
        assert "licences   2/3" in shown
        assert "memory     1.5Gi/16G" in shown
        over(site)
        assert ended(one)[0] == ended(two)[0] == 0
    assert all(pool["used"] == 0 for pool in pools(site))
    site.write("nornflow.yaml", "profile: elevated\npools: {licences: 1}\n")
    refused = site.run("run", "one.yaml", "--yes")
    assert refused.exit_code == 2
    assert "licences 2 is asked for, and there is 1 in all" in refused.stderr


def pools(site: ProjectFolder) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(site.run("pools", "list", "--format", "json").ok().stdout)
    return found


def test_a_run_comes_after_another_one_or_not_at_all(project: MakeProject) -> None:
    site = project(
        {
            **SITE,
            "say.yaml": SAY,
            "fails.yaml": "name: fails\nversion: 1.0\nsteps: [{id: a, type: shell, command: ls /none}]\n",
        }
    )
    assert site.run("run", "fails.yaml", "--yes").exit_code == 1
    failed = site.record()["id"]
    refused = site.run("run", "say.yaml", "-i", "text=x", "--after", failed)
    assert refused.exit_code == 1
    assert "is failed, and this one was to come after its success" in refused.stderr
    site.run("run", "say.yaml", "-i", "text=x", "--after", f"{failed}:failure", "--within", "5m").ok()
    wrong = (
        ("--after", f"{failed}:whenever"),
        ("--after", "nope"),
        ("--after", failed, "--within", "soon"),
        ("--within", "5m"),
    )
    for words in wrong:
        assert site.run("run", "say.yaml", "-i", "text=x", *words).exit_code == 2
    assert runs(site) == [("fails", "failed"), ("say", "succeeded")]
