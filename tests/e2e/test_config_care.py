"""What `netmiko.config` does around its lines: a backup before, a look afterwards, and the way back when it fails."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nornflow.testing import Fleet
from nornflow.testing.project import ProjectFolder

pytestmark = pytest.mark.e2e

MakeFleet = Callable[..., Fleet]
MakeProject = Callable[..., ProjectFolder]
LINES = "lines: [ntp server 192.0.2.50, ntp server 192.0.2.66]"
UNCHANGED = {
    "config_deployed": False,
    "validation_passed": None,
    "committed": False,
    "backup_file": "",
    "rollback_attempted": False,
    "rollback_successful": None,
}


def workflow(*steps: str, head: str = "on_failure: stop") -> str:
    return f"name: care\nversion: 1.0\n{head}\nsteps:\n" + "".join(f"  - {step}\n" for step in steps)


def change(*keys: str, lines: str = LINES) -> str:
    return f"{{{', '.join(('id: change', 'type: netmiko.config', lines, *keys))}}}"


def run(site: ProjectFolder, text: str, *, exit_code: int = 0) -> dict[str, Any]:
    site.write("w.yaml", text)
    outcome = site.run("run", "w.yaml", "--yes")
    assert outcome.exit_code == exit_code, outcome.stdout + outcome.stderr
    return site.record()


def of_host(record: dict[str, Any], host: str = "r1", step: str = "change") -> dict[str, Any]:
    found: dict[str, Any] = next(one for one in record["steps"] if one["step_id"] == step)["hosts"][host]
    return found


def care(record: dict[str, Any], host: str = "r1") -> dict[str, Any]:
    return {name: of_host(record, host)["outputs"][name] for name in UNCHANGED}


class TestWhenAllGoesWell:
    def test_what_was_found_is_kept_and_what_was_planned_is_verified(
        self, fleet: MakeFleet, project: MakeProject
    ) -> None:
        routers = fleet(count=2)
        found = {router.name: router.running_config for router in routers}
        site = project({}, fleet=routers)
        reads = "{id: look, type: assert, depends_on: change, condition: host.name in steps.change.backup_file}"
        record = run(site, workflow(change("save: true"), reads))
        for router in routers:
            told = care(record, router.name)
            backup = Path(told.pop("backup_file"))
            assert found[router.name].strip() in backup.read_text()
            assert backup.name.startswith(f"{router.name}_change_")
            assert backup.parent.name == "backups"
            assert backup.stat().st_mode & 0o077 == 0  # a configuration holds secrets
            assert told == {
                "config_deployed": True,
                "validation_passed": True,
                "committed": True,
                "rollback_attempted": False,
                "rollback_successful": None,
            }

    def test_the_second_run_changes_nothing_and_keeps_nothing(self, fleet: MakeFleet, project: MakeProject) -> None:
        routers = fleet(count=1)
        site = project({}, fleet=routers)
        run(site, workflow(change("save: true")))
        lines = routers["r1"].counters.config_lines
        again = run(site, workflow(change("save: true")))
        result = of_host(again)
        assert (result["status"], result["changed"], result["outputs"]["saved"]) == ("ok", False, False)
        assert care(again) == UNCHANGED
        assert routers["r1"].counters.config_lines == lines
        assert len(list(site.path.rglob("backups/*.cfg"))) == 1

    def test_a_plan_writes_no_file_and_no_line(self, fleet: MakeFleet, project: MakeProject) -> None:
        routers = fleet(count=1)
        site = project({"w.yaml": workflow(change())}, fleet=routers)
        for profile in ("plan_only", "standard"):
            site.run("plan", "w.yaml", "--profile", profile).ok()
        assert not list(site.path.rglob("*.cfg"))
        assert routers["r1"].counters.config_lines == 0

    def test_a_step_for_each_item_is_one_change_with_one_backup(self, fleet: MakeFleet, project: MakeProject) -> None:
        site = project({}, fleet=fleet(count=1))
        each = change("for_each: [192.0.2.50, 192.0.2.51]", lines="lines: ['ntp server {{ item }}']")
        record = run(site, workflow(each))
        assert care(record)["validation_passed"] is True
        (backup,) = site.path.rglob("backups/*.cfg")
        assert care(record)["backup_file"] == str(backup)

    def test_each_wish_can_be_left_out(self, fleet: MakeFleet, project: MakeProject) -> None:
        site = project({}, fleet=fleet(count=1))
        head = "permissions: [workflow.execute, device.read, device.configure]"
        bare = ("backup_before: false", "validate_after: false", "rollback_on_error: false")
        record = run(site, workflow(change(*bare), head=head))
        assert care(record) == {**UNCHANGED, "config_deployed": True, "committed": True}
        assert not list(site.path.rglob("backups"))
        site.write("w.yaml", workflow(change(), head=head))
        denied = site.run("run", "w.yaml", "--yes")
        assert denied.exit_code == 3
        assert "step 'change' needs file.write" in denied.stdout + denied.stderr


class TestARejectedLine:
    def test_the_device_is_taken_back_at_once_and_the_others_go_on(
        self, fleet: MakeFleet, project: MakeProject
    ) -> None:
        routers = fleet(count=2)
        before = routers["r1"].running_config
        routers.fault("r1", "reject", at="192.0.2.66", text="% Invalid address")
        record = run(project({}, fleet=routers), workflow(change(), head="rollout: {max_failures: 1}"), exit_code=0)
        assert routers["r1"].running_config == before
        assert "ntp server 192.0.2.66" in routers["r2"].running_config
        failed = of_host(record)
        assert (failed["status"], failed["reason"], failed["changed"]) == ("failed", "line-rejected", False)
        assert failed["diff"] == ""
        assert failed["error"].endswith("% Invalid address; what the step changed was taken back")
        told = care(record)
        assert before.strip() in Path(told.pop("backup_file")).read_text()
        assert told == {
            "config_deployed": False,
            "validation_passed": None,
            "committed": False,
            "rollback_attempted": True,
            "rollback_successful": True,
        }

    def test_left_as_it_is_when_that_is_wanted_and_it_says_so(self, fleet: MakeFleet, project: MakeProject) -> None:
        routers = fleet(count=1)
        routers.fault("r1", "reject", at="192.0.2.66")
        record = run(project({}, fleet=routers), workflow(change("rollback_on_error: false")), exit_code=1)
        assert "ntp server 192.0.2.50" in routers["r1"].running_config
        failed = of_host(record)
        assert (failed["status"], failed["changed"]) == ("failed", True)
        assert "+ntp server 192.0.2.50" in failed["diff"]
        assert failed["error"].endswith("what the step changed was left as it is")
        assert care(record)["rollback_attempted"] is False

    def test_what_a_step_says_of_its_rollback_goes_before_it(self, fleet: MakeFleet, project: MakeProject) -> None:
        routers = fleet(count=1)
        routers.fault("r1", "reject", at="192.0.2.66")
        record = run(project({}, fleet=routers), workflow(change("rollback: false")), exit_code=1)
        assert "ntp server 192.0.2.50" in routers["r1"].running_config
        assert care(record)["rollback_attempted"] is False
        assert "left as it is" in of_host(record)["error"]

    @pytest.mark.parametrize("at_once", ["true", "false"])
    def test_a_workflow_that_rolls_back_takes_the_whole_device_back_either_way(
        self, fleet: MakeFleet, project: MakeProject, at_once: str
    ) -> None:
        routers = fleet(count=1)
        before = routers["r1"].running_config
        routers.fault("r1", "reject", at="192.0.2.66")
        first = "{id: first, type: netmiko.config, lines: [logging host 192.0.2.9]}"
        text = workflow(
            first, change("depends_on: first", f"rollback_on_error: {at_once}"), head="on_failure: rollback"
        )
        record = run(project({}, fleet=routers), text, exit_code=1)
        assert routers["r1"].running_config == before
        assert record["state"] == record["hosts"][0]["state"] == "rolled_back"
        assert care(record)["rollback_attempted"] is (at_once == "true")

    def test_a_run_whose_only_change_took_itself_back_is_rolled_back_too(
        self, fleet: MakeFleet, project: MakeProject
    ) -> None:
        routers = fleet(count=1)
        routers.fault("r1", "reject", at="192.0.2.66")
        record = run(project({}, fleet=routers), workflow(change(), head="on_failure: rollback"), exit_code=1)
        assert record["state"] == record["hosts"][0]["state"] == "rolled_back"
        assert record["hosts"][0]["rollback"] == "running == pre-image"

    def test_a_failure_that_is_borne_leaves_no_half_a_change(self, fleet: MakeFleet, project: MakeProject) -> None:
        routers = fleet(count=1)
        before = routers["r1"].running_config
        routers.fault("r1", "reject", at="192.0.2.66")
        record = run(project({}, fleet=routers), workflow(change("on_failure: warn"), head="on_failure: rollback"))
        assert routers["r1"].running_config == before
        assert record["state"] == "succeeded"
        assert care(record)["rollback_successful"] is True

    def test_a_way_back_that_fails_is_no_quiet_success(self, fleet: MakeFleet, project: MakeProject) -> None:
        routers = fleet(count=1)
        routers.fault("r1", "reject", at="192.0.2.66|no ntp server")
        record = run(project({}, fleet=routers), workflow(change()), exit_code=1)
        assert "ntp server 192.0.2.50" in routers["r1"].running_config
        failed = of_host(record)
        assert (failed["status"], failed["changed"]) == ("failed", True)
        assert "could not be taken back: r1: the configuration is not back at its pre-image" in failed["error"]
        assert (care(record)["rollback_attempted"], care(record)["rollback_successful"]) == (True, False)


class TestAChangeThatIsNotAsPlanned:
    """The device takes a line without a word of refusal, and does not have it afterwards."""

    @pytest.fixture
    def routers(self, fleet: MakeFleet) -> Fleet:
        running = fleet(count=1)
        running["r1"].save()
        running.fault("r1", "reject", at="192.0.2.66", text="ignored for now")
        return running

    def test_it_fails_the_step_and_is_taken_back_also_from_what_was_saved(
        self, routers: Fleet, project: MakeProject
    ) -> None:
        before = routers["r1"].running_config
        record = run(project({}, fleet=routers), workflow(change("save: true")), exit_code=1)
        failed = of_host(record)
        assert (failed["status"], failed["reason"]) == ("failed", "not-as-planned")
        assert "`ntp server 192.0.2.66` is not there" in failed["error"]
        told = care(record)
        assert (told["validation_passed"], told["committed"], told["config_deployed"]) == (False, True, False)
        assert told["rollback_successful"] is True
        assert routers["r1"].running_config == before
        assert routers["r1"].startup_config == before

    def test_without_the_check_the_difference_is_only_shown(self, routers: Fleet, project: MakeProject) -> None:
        record = run(project({}, fleet=routers), workflow(change("validate_after: false")))
        assert (of_host(record)["status"], care(record)["validation_passed"]) == ("changed", None)
        assert "192.0.2.66" not in of_host(record)["diff"]


def test_without_a_place_for_the_backup_nothing_is_sent(fleet: MakeFleet, project: MakeProject) -> None:
    routers = fleet(count=1)
    in_the_way = "{id: file, type: template, text: in the way, output: backups}"
    record = run(project({}, fleet=routers), workflow(in_the_way, change("depends_on: file")), exit_code=1)
    failed = of_host(record)
    assert (failed["status"], failed["changed"]) == ("failed", False)
    assert "backups" in failed["error"]
    assert routers["r1"].counters.config_lines == 0
    assert care(record)["rollback_attempted"] is False
