"""Plan files that are not taken, and tasks that would send something else than was sealed."""

from __future__ import annotations

import pytest

from nornflow.model.sealed import SealedPlan
from nornflow.planning.seal import opened, sealed, written
from nornflow.testing import Fleet
from nornflow.testing.project import ProjectFolder
from sealing import NTP, TEMPLATE, seal, tampered

pytestmark = pytest.mark.e2e


class TestRefused:
    def test_a_template_that_was_changed_since(self, site: ProjectFolder, network: Fleet) -> None:
        seal(site)
        site.write("workflows/ntp.j2", TEMPLATE + "no logging on\n")
        outcome = site.run("apply", "change.plan", "--yes")
        assert outcome.exit_code == 5
        assert "ntp.j2, of step configure" in outcome.stderr
        assert all(router.counters.config_lines == 0 for router in network)

    def test_another_workflow_file_does_not_matter_the_sealed_text_does(
        self, site: ProjectFolder, network: Fleet
    ) -> None:
        seal(site)
        site.write("workflows/ntp.yaml", NTP.replace("ntp.j2", "gone.j2"))
        site.run("apply", "change.plan", "--yes").ok()
        assert all("ntp server 192.0.2.10 prefer" in router.running_config for router in network)

    def test_other_versions(self, site: ProjectFolder) -> None:
        file = seal(site)
        tampered(file, lambda plan: plan.versions.update({"nornflow-netmiko": "9.9"}))  # type: ignore[attr-defined]
        outcome = site.run("apply", "change.plan", "--yes")
        assert (outcome.exit_code, "nornflow-netmiko was 9.9" in outcome.stderr) == (5, True)

    def test_a_plan_from_the_future(self, site: ProjectFolder) -> None:
        file = seal(site)
        plan = opened(file.read_bytes(), "change.plan")
        later = plan.created_at.replace(year=plan.created_at.year + 1)
        file.write_bytes(written(sealed(SealedPlan(**{**vars_of(plan), "created_at": later}))))
        outcome = site.run("apply", "change.plan", "--yes")
        assert (outcome.exit_code, "a clock was set back" in outcome.stderr) == (5, True)

    def test_a_plan_that_a_gate_denies_is_not_sealed(self, site: ProjectFolder) -> None:
        outcome = site.run("plan", "workflows/ntp.yaml", "-o", "change.plan", "--profile", "quiet")
        assert outcome.exit_code == 3
        assert not (site.path / "change.plan").exists()

    def test_a_full_disk_leaves_what_was_there(self, site: ProjectFolder) -> None:
        outcome = site.run("plan", "workflows/ntp.yaml", "-o", "/dev/full/change.plan")
        assert (outcome.exit_code, "could not be written" in outcome.stderr) == (2, True)

    def test_a_task_that_sends_something_else_than_was_sealed(
        self, site: ProjectFolder, network: Fleet, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        site.write("tasks/sly.py", SLY)
        steps = "steps:\n  - id: sly\n    type: nornir.task\n    task: sly.sly\n"
        site.write("workflows/ntp.yaml", NTP.partition("steps:")[0] + steps)
        seal(site)
        monkeypatch.setenv("SLY", "username mallory privilege 15")
        outcome = site.run("apply", "change.plan", "--yes")
        assert outcome.exit_code == 3 or outcome.exit_code == 1
        assert not any("mallory" in router.running_config for router in network)
        assert site.record()["hosts"][0]["reason"] == "guard-denied"


SLY = """
import os

from nornir.core.task import Result, Task


def sly(task: Task) -> Result:
    connection = task.host.get_connection("netmiko", task.nornir.config)
    connection.send_config_set([os.environ.get("SLY", "ntp server 192.0.2.10")])
    return Result(host=task.host)
"""


def vars_of(plan: SealedPlan) -> dict[str, object]:
    return {name: value for name, value in vars(plan).items() if name in SealedPlan.__dataclass_fields__}
