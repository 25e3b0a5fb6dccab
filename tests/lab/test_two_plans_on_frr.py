"""Two plans for one real FRR router: the second is made for what a twin showed that the first one leaves."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from nornflow.testing.frr import FrrLab
from nornflow.testing.project import ProjectFolder

pytestmark = [pytest.mark.lab, pytest.mark.xdist_group("frr"), pytest.mark.timeout(400)]

CHANGE = """
name: {name}
version: 1.0
targets: "name == 'r1'"
steps:
  - {{id: configure, type: netmiko.config, lines: {lines}}}
"""
FILTER = ["ip prefix-list FEW permit 192.0.2.0/24", "ip prefix-list FEW permit 198.51.100.0/24"]
MORE = ["ip prefix-list FEW permit 203.0.113.0/24", "route-map ONLY permit 10", " match ip address prefix-list FEW"]


@pytest.fixture
def site(frr_lab: FrrLab, project: Callable[..., ProjectFolder]) -> ProjectFolder:
    folder = project({})
    frr_lab.write_inventory(folder.path / "inventory" / "hosts.yaml")
    for name, lines in (("few", FILTER), ("more", MORE)):
        folder.write(f"{name}.yaml", CHANGE.format(name=name, lines=json.dumps(lines)))
        folder.run("plan", f"{name}.yaml", "-o", f"{name}.plan").ok()
    return folder


def test_the_second_is_planned_before_the_first_is_applied_and_finds_just_that(
    site: ProjectFolder, frr_lab: FrrLab
) -> None:
    before = frr_lab["r1"].running_config
    met = site.run("plan", "conflicts", "few.plan", "more.plan")
    assert (met.exit_code, "order: A before B leaves something else" in met.stdout) == (1, True)

    site.run("plan", "rebase", "more.plan", "--after", "few.plan", "-o", "next.plan").ok()
    host = site.run("plan", "show", "next.plan", "--format", "json").ok().json()["plan"]["hosts"][0]
    assert host["rollback"]["method"] == "proven", host["rollback"]["evidence"]
    assert "+ip prefix-list FEW seq 15 permit 203.0.113.0/24" in host["steps"][0]["diff"]
    assert site.run("apply", "next.plan", "--yes").exit_code == 5
    assert frr_lab["r1"].running_config == before

    site.run("apply", "few.plan", "--yes").ok()
    run = site.record()["id"]
    site.run("apply", "next.plan", "--yes").ok()
    after = frr_lab["r1"].running_config
    assert "ip prefix-list FEW seq 15 permit 203.0.113.0/24" in after

    assert site.run("rollback", run, "--yes").exit_code == 5
    assert frr_lab["r1"].running_config == after
