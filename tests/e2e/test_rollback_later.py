"""`nornflow rollback RUN`: what a run changed is taken back any time later, planned, drift-checked, journalled and proved."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from killed import CutRouter, Scene
from nornflow.planning.normalise import normalise
from nornflow.platforms.load import platform_for
from nornflow.testing import Fleet
from nornflow.testing.project import ProjectFolder

pytestmark = pytest.mark.e2e
IOS = platform_for("ios")

NTP = """
name: ntp
version: 1.0
rollout: {max_failures: 100%}
steps:
  - id: configure
    type: netmiko.config
    lines: ["ntp server 192.0.2.10 prefer", "no ntp server 192.0.2.1", "interface Loopback0", " description changed"]
    save: true
"""


@pytest.fixture
def network(fleet: Callable[..., Fleet]) -> Fleet:
    return fleet(count=3)


@pytest.fixture
def site(network: Fleet, project: Callable[..., ProjectFolder]) -> ProjectFolder:
    return project({"workflows/ntp.yaml": NTP}, fleet=network)


def configurations(network: Fleet) -> dict[str, str]:
    return {router.name: normalise(router.running_config, IOS) for router in network}


def saved(network: Fleet) -> bool:
    return all(normalise(router.startup_config, IOS) == normalise(router.running_config, IOS) for router in network)


def changed(site: ProjectFolder) -> str:
    site.run("run", "workflows/ntp.yaml", "--yes").ok()
    return str(site.record()["id"])


def fates(site: ProjectFolder) -> dict[str, str]:
    return {host["host"]: host["state"] for host in site.record()["hosts"]}


def test_a_run_that_succeeded_is_taken_back_and_saved_and_its_taking_back_too(
    site: ProjectFolder, network: Fleet
) -> None:
    before = configurations(network)
    run = changed(site)
    after = configurations(network)
    assert after != before

    shown = site.run("rollback", run, "--plan").ok().stdout
    assert "-ntp server 192.0.2.10 prefer" in shown
    assert "+ntp server 192.0.2.1" in shown
    assert configurations(network) == after, "a plan writes nothing"

    done = site.run("rollback", run, "--yes").ok()
    assert configurations(network) == before
    assert saved(network), "the run had saved its change"
    record = site.record()
    assert (record["workflow"], record["inputs"]) == ("rollback", {"run": run, "merge": False})
    assert fates(site) == {"r1": "changed", "r2": "changed", "r3": "changed"}
    assert "batch 1 of 2: r1" in done.stdout

    site.run("rollback", record["id"], "--yes").ok()
    assert configurations(network) == after


def test_only_the_named_devices_are_taken_back_and_unknown_ones_are_refused(
    site: ProjectFolder, network: Fleet
) -> None:
    before = configurations(network)
    run = changed(site)
    site.run("rollback", run, "--hosts", "r2", "--yes").ok()
    now = configurations(network)
    assert [now[name] == before[name] for name in ("r1", "r2", "r3")] == [False, True, False]
    refused = site.run("rollback", run, "--hosts", "r2,r9", "--yes")
    assert (refused.exit_code, f"run {run} left no change on r9" in refused.stderr) == (2, True)
    assert site.run("rollback", "20990101", "--yes").exit_code == 2


def test_a_device_that_was_changed_since_is_stale_and_left_alone_and_the_others_go_back(
    site: ProjectFolder, network: Fleet
) -> None:
    before = configurations(network)
    run = changed(site)
    network["r2"].configure("snmp-server contact somebody else")
    touched = network["r2"].running_config

    outcome = site.run("rollback", run, "--yes")

    assert outcome.exit_code == 1
    assert "r2 is not as run" in outcome.stdout
    assert "+snmp-server contact somebody else" in outcome.stdout
    assert fates(site) == {"r1": "changed", "r2": "stale", "r3": "changed"}
    assert network["r2"].running_config == touched
    assert {**configurations(network), "r2": ""} == {**before, "r2": ""}
    assert site.run("rollback", run, "--hosts", "r2", "--yes").exit_code == 5


def test_with_merge_only_the_runs_own_difference_is_reversed(site: ProjectFolder, network: Fleet) -> None:
    run = changed(site)
    network["r2"].configure("snmp-server contact somebody else")
    site.run("rollback", run, "--merge", "--hosts", "r2", "--yes").ok()
    lines = network["r2"].running_config.splitlines()
    assert "snmp-server contact somebody else" in lines
    assert "ntp server 192.0.2.1" in lines
    assert "ntp server 192.0.2.10 prefer" not in lines


def test_what_was_taken_back_already_is_not_taken_back_again(site: ProjectFolder) -> None:
    run = changed(site)
    site.run("rollback", run, "--yes").ok()
    again = site.run("rollback", run, "--yes")
    # they are at the pre-image, whoever brought them there
    assert again.exit_code == 0, again.stdout
    assert fates(site) == {"r1": "ok", "r2": "ok", "r3": "ok"}


def test_what_a_failed_run_took_back_itself_is_none_of_its_business(site: ProjectFolder, network: Fleet) -> None:
    failing = NTP.replace("max_failures: 100%", "max_failures: 0").replace("steps:", "on_failure: rollback\nsteps:")
    failing += '  - {id: check, type: assert, depends_on: configure, condition: "false"}\n'
    site.write("workflows/failing.yaml", failing)
    assert site.run("run", "workflows/failing.yaml", "--yes").exit_code == 1
    refused = site.run("rollback", site.record()["id"], "--yes")
    assert refused.exit_code == 2
    assert "left no change on any device" in refused.stderr


def test_what_did_not_come_back_is_taken_back_later(site: ProjectFolder, network: Fleet) -> None:
    before = configurations(network)
    failing = NTP.replace("max_failures: 100%", "max_failures: 0").replace("steps:", "on_failure: rollback\nsteps:")
    failing += '  - {id: check, type: assert, depends_on: configure, condition: "false"}\n'
    site.write("workflows/failing.yaml", failing)
    network["r1"].fault("reject", at=r"no ntp server 192\.0\.2\.10")
    site.run("run", "workflows/failing.yaml", "--yes")
    run = site.record()["id"]
    assert fates(site) == {"r1": "rollback_failed", "r2": "rolled_back", "r3": "rolled_back"}
    network["r1"].heal()

    site.run("rollback", run, "--yes").ok()

    assert fates(site) == {"r1": "changed"}, "the others had come back"
    assert configurations(network) == before


def test_what_does_not_come_back_has_failed_and_says_what_is_left(site: ProjectFolder, network: Fleet) -> None:
    run = changed(site)
    network["r1"].fault("reject", at=r"no ntp server 192\.0\.2\.10")
    outcome = site.run("rollback", run, "--yes")
    assert outcome.exit_code == 1
    assert fates(site) == {"r1": "failed", "r2": "changed", "r3": "changed"}
    assert "no ntp server 192.0.2.10 prefer" in outcome.stdout


def test_a_profile_judges_the_way_back_as_any_change(site: ProjectFolder, network: Fleet) -> None:
    run = changed(site)
    after = configurations(network)
    assert site.run("rollback", run, "--profile", "plan_only", "--yes").exit_code == 3
    site.write(
        "nornflow.yaml",
        """
        profiles:
          careful: {extends: standard, rules: [{pattern: "^no ntp server", reason: "clocks are the clock team's"}]}
        """,
    )
    denied = site.run("rollback", run, "--profile", "careful", "--yes")
    assert (denied.exit_code, "clocks are the clock team's" in denied.stdout) == (3, True)
    assert configurations(network) == after
    assert site.run("rollback", run).exit_code == 4, "there is nobody to ask, so nothing is done"
    assert configurations(network) == after


@pytest.mark.timeout(240)
@pytest.mark.parametrize("lines", [0, 2])
def test_a_taking_back_that_is_killed_is_gone_on_with(tmp_path: Path, lines: int) -> None:
    with Fleet(3) as fleet:
        scene = Scene.made_of(tmp_path / "project", fleet, {"ntp.yaml": NTP})
        before = configurations(fleet)
        scene.nornflow("run", "ntp.yaml", "--yes")
        run = scene.site.record()["id"]
        if lines:  # in the middle of a device
            cut = CutRouter(fleet["r2"], lines)
            with scene.start("rollback", run, "--yes") as process:
                cut.pid = process.pid
                process.communicate(timeout=110)
        else:  # behind an intent
            scene.nornflow("rollback", run, "--yes", entry=3, after=True)
        (killed,) = [each for each in scene.ask("runs", "list", "--format", "json") if each["id"] != run]
        assert killed["state"] == "running"
        scene.resume(killed["id"])
        assert configurations(fleet) == before
        assert saved(fleet)
        assert scene.ask("runs", "show", killed["id"])["state"] == "succeeded"
