"""The device step types from the command line, under the guard: what is sent, what is refused, what is left alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from nornflow.testing import Fleet
from nornflow.testing.eos.fleet import EosFleet
from nornflow.testing.project import ProjectFolder

pytestmark = pytest.mark.e2e

Stage = Any  # conftest.py
BANNER = (
    "banner motd ^C\n! welcome\n\n  keep out #\n^C\ninterface Loopback5\n description five\n!\nntp server 192.0.2.55\n"
)


def of_host(record: dict[str, Any], step: str, host: str = "r1") -> dict[str, Any]:
    found: dict[str, Any] = next(one for one in record["steps"] if one["step_id"] == step)["hosts"][host]
    return found


def test_banners_go_through_the_guard_as_planned_and_the_second_run_touches_nothing(stage: Stage) -> None:
    routers = stage.routers(count=1)
    stage.write("banner", "{id: configure, type: netmiko.config, config_file: banner.cfg, save: true}")
    (stage.folder / "banner.cfg").write_text(BANNER)
    record = stage.run("banner", routers)
    assert "banner motd ^C\n! welcome\n\n  keep out #\n^C\n" in routers["r1"].running_config
    assert not routers["r1"].unsaved
    assert "+! welcome" in of_host(record, "configure")["diff"]
    lines = routers["r1"].counters.config_lines
    again = stage.run("banner", routers)
    assert of_host(again, "configure")["status"] == "ok"
    assert of_host(again, "configure")["changed"] is False
    assert routers["r1"].counters.config_lines == lines


def test_a_refused_line_is_named_and_what_follows_stays_at_home(stage: Stage) -> None:
    routers = stage.routers(count=2)
    routers.fault("r2", "reject", at="192.0.2.66", text="% Invalid address")
    stage.write(
        "reject", "{id: configure, type: netmiko.config, lines: [ntp server 192.0.2.66, ntp server 192.0.2.77]}"
    )
    record = stage.run("reject", routers, exit_code=1)
    failed = of_host(record, "configure", "r2")
    assert (failed["status"], failed["reason"]) == ("failed", "line-rejected")
    assert "ntp server 192.0.2.66" in failed["error"]
    assert "% Invalid address" in failed["error"]
    assert "192.0.2.77" not in routers["r2"].running_config
    assert "192.0.2.77" in routers["r1"].running_config


def test_a_command_that_is_no_read_has_to_say_so(stage: Stage) -> None:
    routers = stage.routers(count=1)
    stage.write("quiet", "{id: clear, type: netmiko.command, command: clear counters}")
    denied = of_host(stage.run("quiet", routers, exit_code=1), "clear")
    assert (denied["status"], denied["reason"]) == ("failed", "guard-denied")
    stage.write("open", "{id: clear, type: netmiko.command, command: clear counters, changes: true}")
    assert "exec:clear counters" in stage.nornflow(
        "plan", "open.yaml", "--inventory", str(stage.inventory(routers)), "--format", "json"
    )
    assert of_host(stage.run("open", routers), "clear")["status"] in ("ok", "changed")


def test_a_backup_of_one_run_is_restored_by_another(stage: Stage) -> None:
    routers = stage.routers(count=1)
    before = routers["r1"].running_config
    kept = of_host(stage.run("backup", routers), "running")["outputs"]["backup_file"]
    routers["r1"].configure("no ntp server 192.0.2.1", "interface GigabitEthernet1", "description somebody was here")
    stage.write("restore", f"{{id: back, type: netmiko.restore, file: {kept}, require_exact: true}}")
    result = of_host(stage.run("restore", routers), "back")
    assert routers["r1"].running_config == before
    assert result["outputs"]["exact"] is True


def test_napalm_changes_an_ios_router_without_files_on_it(stage: Stage) -> None:
    routers = stage.routers(count=1)
    stage.write(
        "napalm",
        "{id: rows, type: textfsm.show, command: show ip interface brief, connection: napalm}",
        "{id: change, type: napalm.config, lines: [ntp server 192.0.2.10, interface Loopback5, ' description five']}",
        "{id: check, type: napalm.validate, depends_on: change, rules:"
        " [{get_interfaces: {Loopback5: {description: five}}}]}",
    )
    record = stage.run("napalm", routers)
    assert of_host(record, "rows")["outputs"]["parsed"][0]["interface"] == "Loopback0"
    assert of_host(record, "change")["status"] == "changed"
    assert "interface Loopback5\n description five\n" in routers["r1"].running_config
    assert of_host(stage.run("napalm", routers), "change")["changed"] is False


def test_napalm_names_the_line_that_ios_refuses_and_the_run_takes_the_rest_back(stage: Stage) -> None:
    routers = stage.routers(count=1)
    routers.fault("r1", "reject", at="Loopback9", text="% Invalid input")
    before = routers["r1"].running_config
    step = "{id: change, type: napalm.config, lines: [ntp server 192.0.2.44, interface Loopback9]}"
    stage.write("napalm", step, on_failure="rollback")
    record = stage.run("napalm", routers, exit_code=1)
    assert "interface Loopback9" in of_host(record, "change")["error"]
    assert record["state"] == "rolled_back"
    assert routers["r1"].running_config == before


def test_a_switch_takes_back_what_is_not_confirmed_and_the_run_says_so(stage: Stage) -> None:
    switches = stage.switches(count=1)
    before = switches["sw1"].running_config
    stage.write(
        "unconfirmed",
        "{id: change, type: napalm.config, lines: [ntp server 192.0.2.10], revert_in: 60}",
        "{id: check, type: napalm.validate, depends_on: change, rules: [{get_facts: {hostname: other}}]}",
        "{id: confirm, type: napalm.confirm, depends_on: check, when: steps.change.changed}",
        on_failure="rollback",
    )
    record = stage.run("unconfirmed", switches, exit_code=1)
    assert of_host(record, "check", "sw1")["reason"] == "check-failed"
    assert of_host(record, "confirm", "sw1")["status"] == "skipped"
    assert record["state"] == "rolled_back"
    assert switches["sw1"].running_config == before


def test_a_commit_under_a_timer_that_nobody_confirms_is_refused_before_anything_is_done(stage: Stage) -> None:
    switches = stage.switches(count=1)
    change = "{id: change, type: napalm.config, lines: [ntp server 192.0.2.10], revert_in: 60}"
    stage.write("forgotten", change, "{id: confirm, type: napalm.confirm}")
    words = ("run", "forgotten.yaml", "--inventory", str(stage.inventory(switches)), "--yes")
    stage.nornflow(*words, expect=2)
    assert "NAPALM001" in stage.nornflow("validate", "forgotten.yaml", "--format", "json", expect=2)
    assert switches["sw1"].counters.connections == 0
    stage.write("kept", change, "{id: confirm, type: napalm.confirm, depends_on: change, when: steps.change.changed}")
    stage.run("kept", switches)
    assert "192.0.2.10" in switches["sw1"].running_config


def test_a_napalm_task_that_never_heard_of_plans_changes_once_and_then_reports_no_change(
    eos_fleet: Callable[..., EosFleet], project: Callable[..., ProjectFolder]
) -> None:
    switches = eos_fleet(count=2)
    site = project(
        {
            "workflows/ntp.yaml": """
                name: ntp
                version: 1.0
                steps:
                  - id: ntp
                    type: nornir.task
                    task: nornir_napalm.plugins.tasks.napalm_configure
                    args: {configuration: ntp server 192.0.2.77}
                """
        },
        fleet=switches,
    )
    first = site.run("run", "workflows/ntp.yaml", "--yes").ok()
    assert "devices: 2 changed; +2 -0 lines" in first.stdout
    assert all("ntp server 192.0.2.77" in switch.running_config for switch in switches)
    again = site.run("run", "workflows/ntp.yaml", "--yes").ok()
    assert "devices: 2 ok; +0 -0 lines" in again.stdout


def test_netmiko_tasks_that_never_heard_of_plans_change_once_and_then_report_no_change(
    fleet: Callable[..., Fleet], project: Callable[..., ProjectFolder]
) -> None:
    routers = fleet(count=2)
    site = project(
        {
            "workflows/ntp.yaml": """
                name: ntp
                version: 1.0
                steps:
                  - id: ntp
                    type: nornir.task
                    task: nornir_netmiko.tasks.netmiko_send_config
                    args: {config_commands: [ntp server 192.0.2.77]}
                  - id: save
                    type: nornir.task
                    task: nornir_netmiko.tasks.netmiko_save_config
                    depends_on: ntp
                """
        },
        fleet=routers,
    )
    assert "devices: 2 changed; +2 -0 lines" in site.run("run", "workflows/ntp.yaml", "--yes").ok().stdout
    assert all("ntp server 192.0.2.77" in (router.startup_config or "") for router in routers)
    assert "devices: 2 ok; +0 -0 lines" in site.run("run", "workflows/ntp.yaml", "--yes").ok().stdout
