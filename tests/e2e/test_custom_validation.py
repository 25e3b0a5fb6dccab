"""A script of the author's own among the checks of `netmiko.validate`: what it gets, what it may say, what stops it."""

from __future__ import annotations

from collections.abc import Callable
from textwrap import indent
from typing import Any

import pytest

from nornflow.testing import Fleet
from nornflow.testing.project import ProjectFolder

pytestmark = pytest.mark.e2e

MakeFleet = Callable[..., Fleet]
MakeProject = Callable[..., ProjectFolder]


def validating(script: str, *keys: str, before: str = "") -> str:
    lines = [
        "name: checked",
        "version: 1.0",
        "steps:",
        *([f"  - {before}"] if before else []),
        "  - id: check",
        "    type: netmiko.validate",
        "    expected_patterns: {show version: Cisco IOS}",
        "    environment: {WANTED: Loopback0}",
        *(f"    {key}" for key in keys),
        "    custom_validation: |",
        indent(script.strip(), "      "),
    ]
    return "\n".join(lines) + "\n"


def check_of(site: ProjectFolder, host: str = "r1") -> dict[str, Any]:
    step = next(one for one in site.record()["steps"] if one["step_id"] == "check")
    found: dict[str, Any] = step["hosts"][host]
    return found


def custom(result: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [
        (check["command"], check["status"], check["found"])
        for check in result["outputs"]["checks"]
        if check["kind"] == "custom"
    ]


def run(site: ProjectFolder, *, exit_code: int = 0, profile: str = "elevated") -> str:
    outcome = site.run("run", "w.yaml", "--yes", "--profile", profile)
    assert outcome.exit_code == exit_code, outcome.stdout + outcome.stderr
    return outcome.stdout + outcome.stderr


def test_the_script_reads_the_outputs_and_its_checks_stand_beside_the_others(
    fleet: MakeFleet, project: MakeProject
) -> None:
    script = """
python3 -c '
import json, os, sys
outputs = json.load(sys.stdin)
lines = outputs["show ip interface brief"].splitlines()
print(json.dumps([
    {"name": "loopback", "passed": any(line.startswith(os.environ["WANTED"]) for line in lines)},
    {"name": "where", "passed": True, "message": os.environ["NORNFLOW_HOST"] + " " + os.environ["NORNFLOW_PLATFORM"]},
]))'
"""
    site = project({"w.yaml": validating(script, "commands: [show ip interface brief]")}, fleet=fleet(count=2))
    run(site)
    result = check_of(site, "r2")
    assert result["outputs"]["passed"] is True
    assert [check["kind"] for check in result["outputs"]["checks"]] == [
        "accepted", "accepted", "expected", "custom", "custom",
    ]  # fmt: skip
    assert custom(result) == [("loopback", "passed", ""), ("where", "passed", "r2 cisco_ios")]
    workspace = next((site.path / ".nornflow" / "runs").iterdir())
    assert not [file.name for file in workspace.rglob(".script-*")]  # nothing of script and input is left


def test_a_check_that_did_not_pass_fails_the_step_and_is_named(fleet: MakeFleet, project: MakeProject) -> None:
    script = """echo '{"checks": [{"name": "tunnels", "passed": false, "message": "2 of 3 are down"}]}'"""
    site = project({"w.yaml": validating(script)}, fleet=fleet(count=1))
    run(site, exit_code=1)
    result = check_of(site)
    assert (result["status"], result["reason"]) == ("failed", "check-failed")
    assert "1 of 3 checks failed on r1: tunnels: 2 of 3 are down" in result["error"]


def test_an_exit_code_is_a_check_too_and_the_others_are_told_beside_it(fleet: MakeFleet, project: MakeProject) -> None:
    script = "echo looking\necho 'no neighbour is up' >&2\nexit 3"
    site = project({"w.yaml": validating(script)}, fleet=fleet(count=1))
    run(site, exit_code=1)
    result = check_of(site)
    assert custom(result) == [("custom_validation", "failed", "the script exited with 3: no neighbour is up")]
    assert [check["status"] for check in result["outputs"]["checks"]] == ["passed", "passed", "failed"]


def test_a_script_that_prints_good_checks_and_exits_badly_has_failed(fleet: MakeFleet, project: MakeProject) -> None:
    script = """echo '[{"name": "one", "passed": true}]'; exit 1"""
    site = project({"w.yaml": validating(script)}, fleet=fleet(count=1))
    run(site, exit_code=1)
    assert custom(check_of(site)) == [
        ("custom_validation", "failed", "the script exited with 1"),
        ("one", "passed", ""),
    ]


def test_plain_words_are_kept_and_the_exit_code_decides(fleet: MakeFleet, project: MakeProject) -> None:
    site = project({"w.yaml": validating("echo all is well")}, fleet=fleet(count=1))
    run(site)
    assert custom(check_of(site)) == [("custom_validation", "passed", "all is well")]


@pytest.mark.parametrize(
    ("printed", "told"),
    [
        ("[{", "the script printed what is not JSON"),
        ('{"passed": true}', "the script printed checks that are none"),
        ('[{"name": "one"}]', "the script printed checks that are none: [0][passed] Field required"),
        ('[{"name": "one", "passed": "maybe"}]', "[0][passed] Input should be a valid boolean"),
    ],
)
def test_nonsense_is_no_pass(fleet: MakeFleet, project: MakeProject, printed: str, told: str) -> None:
    site = project({"w.yaml": validating(f"echo '{printed}'")}, fleet=fleet(count=1))
    run(site, exit_code=1)
    ((name, status, found),) = custom(check_of(site))
    assert (name, status) == ("custom_validation", "failed")
    assert told in found


def test_a_script_that_hangs_is_ended_and_the_other_checks_are_kept(fleet: MakeFleet, project: MakeProject) -> None:
    site = project({"w.yaml": validating("sleep 60", "custom_timeout: 0.5")}, fleet=fleet(count=1))
    run(site, exit_code=1)
    result = check_of(site)
    assert custom(result) == [("custom_validation", "failed", "the script did not end within 0.5 s")]
    assert result["outputs"]["checks"][1]["status"] == "passed"


def test_without_the_permission_nothing_is_begun(fleet: MakeFleet, project: MakeProject) -> None:
    routers = fleet(count=1)
    site = project({"w.yaml": validating("true")}, fleet=routers)
    told = run(site, exit_code=3, profile="standard")
    assert "shell.script" in told
    assert routers["r1"].counters.connections == 0


def test_the_script_is_not_run_while_planning(fleet: MakeFleet, project: MakeProject) -> None:
    routers = fleet(count=1)
    marker = "touch seen"
    change = "{id: change, type: netmiko.config, depends_on: check, lines: [ntp server 192.0.2.99]}"
    site = project({"w.yaml": validating(marker) + f"  - {change}\n"}, fleet=routers)
    site.run("plan", "w.yaml", "--profile", "elevated").ok()
    assert not list(site.path.rglob("seen"))
    run(site)
    assert len(list(site.path.rglob("seen"))) == 1
    assert "ntp server 192.0.2.99" in routers["r1"].running_config
