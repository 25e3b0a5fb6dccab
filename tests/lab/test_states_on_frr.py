"""States before and after a change on real FRR routers: a session that is shut is meant, one that goes with it is not."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from nornflow.testing.frr import FrrLab
from nornflow.testing.project import ProjectFolder

pytestmark = [pytest.mark.lab, pytest.mark.xdist_group("frr"), pytest.mark.timeout(400)]

WATCH = """
name: watch
version: 1.0
targets: "name == 'r1'"
on_failure: rollback
snapshot:
  take:
    - id: sessions
      type: regex.show
      command: show bgp summary
      pattern: '^(?P<neighbor>\\d\\S+)\\s+4(?:\\s+\\d+){6}\\s+(?P<up_down>\\S+)\\s+(?P<state>[A-Z]\\w+)?'
    - id: routes
      type: regex.show
      command: show ip route
      pattern: '^(?P<code>[BCOSK])[>* ]+(?P<prefix>\\d\\S+)'
  settle: 3
  learn: 1
  unexplained: fail
steps:
  - {id: change, type: netmiko.config, lines: LINES}
"""


def stand(lab: FrrLab) -> None:
    """Wait until both sessions of r1 stand."""
    end = time.monotonic() + 40
    while "".join(lab["r1"].vtysh("show bgp summary json").split()).count('"state":"Established"') < 2:
        assert time.monotonic() < end, "the sessions of r1 do not come up"
        time.sleep(0.3)


def run(site: ProjectFolder, lines: list[str]) -> tuple[Any, dict[str, str]]:
    site.write("watch.yaml", WATCH.replace("LINES", str(lines)))
    site.run("run", "watch.yaml", "--yes")
    record = site.record()
    (compared,) = [step for step in record["steps"] if step["step_id"] == "state:differences"]
    found = compared["hosts"]["r1"]["outputs"]["differences"]
    return record["hosts"][0], {each["path"]: each["class"] for each in found}


def test_what_a_line_names_is_meant_and_what_falls_with_it_is_taken_back(
    frr_lab: FrrLab, project: Callable[..., ProjectFolder]
) -> None:
    site = project({})
    frr_lab.write_inventory(site.path / "inventory" / "hosts.yaml")
    before = frr_lab["r1"].running_config
    stand(frr_lab)
    drained, found = run(site, ["router bgp 65001", "neighbor 10.0.1.2 shutdown"])
    assert drained["state"] == "changed"
    assert found["sessions.10.0.1.2.state"] == "intended"
    assert "collateral" not in found.values()
    run(site, ["router bgp 65001", "no neighbor 10.0.1.2 shutdown"])
    stand(frr_lab)
    cut, found = run(site, ["interface eth0", "shutdown"])
    assert (cut["state"], cut["failed_step"], cut["rollback"]) == (
        *("rolled_back", "state:differences", "running == pre-image"),
    )
    assert found["sessions.10.0.1.2.state"] == "collateral"
    assert frr_lab["r1"].running_config == before
