"""Changes with a corner: a new host name, a save that is refused, branches on one device, what reports must survive."""

from __future__ import annotations

import json
from collections.abc import Callable
from xml.etree import ElementTree

import pytest

from nornflow.testing import Fleet
from nornflow.testing.project import ProjectFolder

pytestmark = pytest.mark.e2e

MakeFleet = Callable[..., Fleet]
MakeProject = Callable[..., ProjectFolder]


def workflow(*steps: str, head: str = "on_failure: rollback") -> str:
    return f"name: corner\nversion: 1.0\n{head}\nsteps:\n" + "".join(f"  - {step}\n" for step in steps)


FAILS = "{id: verify, type: assert, depends_on: change, condition: 'false'}"


def test_a_new_host_name_is_saved_and_the_session_goes_on(fleet: MakeFleet, project: MakeProject) -> None:
    routers = fleet(count=1)
    steps = (
        "{id: change, type: netmiko.config, lines: [hostname other], save: true}",
        "{id: save, type: netmiko.save, depends_on: change}",
        "{id: look, type: netmiko.command, depends_on: save, command: show version}",
    )
    site = project({"w.yaml": workflow(*steps)}, fleet=routers)
    site.run("run", "w.yaml", "--yes").ok()
    assert routers["r1"].hostname == "other"
    assert not routers["r1"].unsaved


def test_a_save_that_is_refused_is_no_save(fleet: MakeFleet, project: MakeProject) -> None:
    routers = fleet(count=1)
    site = project({"w.yaml": workflow("{id: save, type: netmiko.save}")}, fleet=routers)
    routers.fault("r1", "readonly")
    assert site.run("run", "w.yaml", "--yes").exit_code == 1
    host = site.record()["hosts"][0]
    assert (host["state"], host["reason"]) == ("failed", "line-rejected")
    assert "Authorization failed" in host["error"]


def test_what_a_step_of_its_own_saved_is_taken_back_too(fleet: MakeFleet, project: MakeProject) -> None:
    routers = fleet(count=1)
    routers["r1"].save()
    before = routers["r1"].startup_config
    change = "{id: change, type: netmiko.config, lines: [ntp server 192.0.2.10]}"
    save = "{id: save, type: netmiko.save, depends_on: change}"
    site = project({"w.yaml": workflow(change, save, FAILS.replace("change", "save"))}, fleet=routers)
    assert site.run("run", "w.yaml", "--yes").exit_code == 1
    assert site.record()["hosts"][0]["state"] == "rolled_back"
    assert routers["r1"].startup_config == before


def test_branches_change_one_device_in_one_order(fleet: MakeFleet, project: MakeProject) -> None:
    routers = fleet(count=3, latency=0.002, jitter=0.005)
    steps = [f"{{id: b{n}, type: netmiko.config, lines: [ntp server 198.51.100.{n}]}}" for n in range(3)]
    site = project({"w.yaml": workflow(*steps)}, fleet=routers)
    out = site.run("run", "w.yaml", "--yes").ok().stdout
    assert "devices: 3 changed; +9 -0 lines" in out
    plan = json.loads(site.run("plan", "w.yaml", "--format", "json").ok().stdout)
    assert plan["changes"] is False


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_password_is_masked_in_the_plan_that_a_run_shows(fleet: MakeFleet, project: MakeProject, form: str) -> None:
    routers = fleet(count=1)
    password = routers.credentials.password
    change = f"{{id: change, type: netmiko.config, lines: [snmp-server community {password} RO]}}"
    site = project({"w.yaml": workflow(change)}, fleet=routers)
    outcome = site.run("run", "w.yaml", "--yes", "--format", form).ok()
    assert f"community {password}" in routers["r1"].running_config
    assert "+snmp-server community" in outcome.stdout
    assert password not in outcome.stdout + outcome.stderr + json.dumps(site.record())


def test_what_a_device_sends_moves_no_cursor(fleet: MakeFleet, project: MakeProject) -> None:
    routers = fleet(count=1)
    routers["r1"].configure("interface Loopback0", "description \x1b[2Jgone \x07")
    change = "{id: change, type: netmiko.config, lines: [interface Loopback0, ' description plain']}"
    site = project({"w.yaml": workflow(change)}, fleet=routers)
    for words in (("plan",), ("plan", "--format", "markdown"), ("run", "--yes", "--format", "markdown")):
        out = site.run(words[0], "w.yaml", *words[1:]).stdout
        assert "plain" in out
        assert "\x1b" not in out
        assert "\x07" not in out


def test_reports_survive_what_a_device_says(fleet: MakeFleet, project: MakeProject) -> None:
    routers = fleet(count=2)
    for router in ("r1", "r2"):
        routers.fault(router, "reject", at="192.0.2.11", text="% Bad \x1b[31m\x07 & <line> ``` \ufffe")
    art = "{id: art, type: netmiko.config, lines: [interface Loopback0, ' description ```']}"
    change = "{id: change, type: netmiko.config, depends_on: art, lines: [ntp server 192.0.2.11]}"
    site = project({"w.yaml": workflow(art, change, head="rollout: {max_failures: 0}")}, fleet=routers)
    tree = ElementTree.fromstring(site.run("run", "w.yaml", "--yes", "--format", "junit").stdout)
    assert tree.get("failures") == "2"
    for router in routers:
        router.configure("interface Loopback0", "description plain")
    text = site.run("run", "w.yaml", "--yes", "--format", "markdown").stdout
    assert "### r1, r2" in text
    assert "````diff" in text
    assert text.count("````") == 2
