"""Changes of every kind are played on the twin and then made on a router: what says `proven` is what the router shows."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from frr_changes import CHANGES, MORE, PROVEN
from nornflow.engine.cancel import StopSwitch
from nornflow.engine.plans.twins import Case, Played, play
from nornflow.errors import LineRejected
from nornflow.model.device import HostView
from nornflow.planning.diff import unified
from nornflow.platforms.load import platform_for
from nornflow.testing import FrrLab
from nornflow.testing.project import ProjectFolder
from nornflow_frr.twin import FrrTwin
from nornflow_frr.vtysh import type_lines

pytestmark = [pytest.mark.lab, pytest.mark.xdist_group("frr"), pytest.mark.timeout(400)]

FRR = platform_for("frr")
FRESH = f"NEW{os.getpid()}"
"""A name that this lab has never seen: FRR remembers the place of a list that was once there, and nobody else knows it."""


EVERY = os.environ.get("EVERY_CHANGE") == "1"
"""Whether all of them are played, as `make lab` does; otherwise every fourth is."""


def parts(row: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in row.split("|"))


def changes(kind: str) -> list[tuple[str, ...]]:
    rows = CHANGES[kind].strip().splitlines()
    return [parts(row.replace("NEW", FRESH)) for row in (rows if EVERY else rows[::4])]


@pytest.fixture
def shown(frr_lab: FrrLab) -> str:
    """The router's configuration with more in it, as a session over SSH shows it."""
    typed(frr_lab, MORE.strip().splitlines())
    return running(frr_lab)


def typed(lab: FrrLab, lines: list[str] | tuple[str, ...]) -> None:
    type_lines(["vtysh", "-N", lab["r1"].space], lines)


def running(lab: FrrLab) -> str:
    return lab["r1"].vtysh("show running-config")


@pytest.mark.parametrize("kind", CHANGES)
def test_what_is_proven_is_what_the_router_shows_there_and_back(kind: str, frr_lab: FrrLab, shown: str) -> None:
    cases = [Case(HostView(" | ".join(lines)), FRR, shown, [lines]) for lines in changes(kind)]
    played = play(FrrTwin(), cases, StopSwitch())
    unproven = {name: found for name, found in played.items() if found.failure or found.remaining}
    wrong = []
    for name, found in played.items():
        if name in unproven:
            continue
        typed(frr_lab, parts(name))
        if other := unified(found.after[-1], running(frr_lab), FRR):
            wrong.append(f"{name}: the router shows otherwise\n{other}")
        typed(frr_lab, found.lines)
        if other := unified(shown, running(frr_lab), FRR):
            wrong.append(f"{name}: the router does not come back by {found.lines}\n{other}")
            back_by_hand(frr_lab)
    assert not wrong, "\n".join(wrong)
    if EVERY:
        assert len(played) - len(unproven) == PROVEN[kind], told(unproven)
    assert len(played) > len(unproven) * 3, told(unproven)
    for name in unproven:
        with pytest.raises(LineRejected):
            typed(frr_lab, parts(name))


def back_by_hand(lab: FrrLab) -> None:
    lab["r1"].restore()
    typed(lab, MORE.strip().splitlines())


def told(unproven: dict[str, Played]) -> str:
    return "\n".join(f"{name}: {found.failure or found.remaining}" for name, found in unproven.items())


LOOPBACK = """
name: loopback
version: 1.0
targets: "name in ['r1', 'r2']"
steps:
  - id: describe
    type: netmiko.config
    lines: ["interface lo", " description {{ host.name }} itself", " ip address 203.0.113.{{ host.asn - 65000 }}/32"]
  - id: announce
    type: netmiko.config
    depends_on: describe
    lines: ["router bgp {{ host.asn }}", " network 203.0.113.{{ host.asn - 65000 }}/32"]
"""
CAREFUL = "profiles: {careful: {extends: standard, rollback: proven}}\n"


def test_a_change_is_planned_on_twins_demanded_to_be_proven_made_and_taken_back_later(
    frr_lab: FrrLab, project: Callable[..., ProjectFolder]
) -> None:
    site = project({"loopback.yaml": LOOPBACK, "nornflow.yaml": CAREFUL})
    frr_lab.write_inventory(site.path / "inventory" / "hosts.yaml")
    before = {name: frr_lab[name].running_config for name in ("r1", "r2")}

    plan = site.run("plan", "loopback.yaml", "--profile", "careful", "--format", "json").ok().json()
    assert {host["rollback"]["method"] for host in plan["hosts"]} == {"proven"}
    assert {step["method"] for host in plan["hosts"] for step in host["steps"]} == {"proven"}
    shown = site.run("plan", "loopback.yaml", "--profile", "careful").ok().stdout
    assert "rollback: proven (played on the twin frr: the pre-image again, line for line, after 1 pass)" in shown

    site.run("run", "loopback.yaml", "--profile", "careful", "--yes").ok()
    made = site.record()
    for host in plan["hosts"]:
        done = {step["step_id"]: step["hosts"][host["host"]]["diff"] for step in made["steps"]}
        assert done == {step["step"]: step["diff"] for step in host["steps"]}, "what was planned is what it showed"

    site.run("rollback", made["id"], "--profile", "careful", "--yes").ok()
    assert {name: frr_lab[name].running_config for name in before} == before
    assert site.record()["inputs"]["run"] == made["id"]


def test_where_no_twin_can_run_the_plan_says_why_and_a_careful_profile_denies_it(
    frr_lab: FrrLab, project: Callable[..., ProjectFolder], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FrrTwin, "obstacle", lambda self: "a twin of FRR needs root, for namespaces")
    site = project({"loopback.yaml": LOOPBACK, "nornflow.yaml": CAREFUL})
    frr_lab.write_inventory(site.path / "inventory" / "hosts.yaml")
    said = "predicted on the text; not on the twin frr: a twin of FRR needs root, for namespaces"
    assert f"rollback: model ({said})" in site.run("plan", "loopback.yaml").ok().stdout
    denied = site.run("run", "loopback.yaml", "--profile", "careful", "--yes")
    assert (denied.exit_code, said in denied.stdout) == (3, True)
