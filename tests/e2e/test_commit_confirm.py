"""Changes on trial on switches with a commit timer: confirmed once all are verified, and back by themselves otherwise."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from killed import Scene
from nornflow.testing import EosFleet
from nornflow.testing.eos.sessions import State
from trials import DeadlyTimer, configs, cut_off, of, timed, workflow

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]
BY = "EOS commit timer"


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Callable[..., Scene]]:
    with EosFleet(3) as fleet:
        yield lambda *options: Scene.made_of(tmp_path / "project", fleet, workflow(*options))


def test_what_was_verified_is_confirmed_from_a_new_session_and_saved(made: Callable[..., Scene]) -> None:
    scene = made()
    plan = scene.site.run("plan", "ntp.yaml").ok().stdout
    assert f"  confirm within 5m: native ({BY})" in plan
    out = scene.site.run("run", "ntp.yaml", "--yes").ok().stdout
    assert f"confirm within 5m, native ({BY}): 3 of 3 devices confirmed" in out
    (run,) = scene.ask("runs", "list", "--format", "json")
    record = scene.ask("runs", "show", run["id"])
    assert [confirm["token"] for confirm in of(record, "confirm")] == [f"nornflow-{run['id']}-c1"] * 3
    assert all(confirm["confirmed_at"] for confirm in of(record, "confirm"))
    assert timed(scene) == []
    for switch in scene.fleet:
        assert "ntp server 192.0.2.77" in switch.running_config
        assert switch.startup_config == switch.running_config


def test_one_of_three_that_is_not_verified_takes_all_three_back(made: Callable[..., Scene]) -> None:
    scene = made("5m", "sw3")
    before = configs(scene)
    assert scene.site.run("run", "ntp.yaml", "--yes").exit_code == 1
    assert configs(scene) == before  # running, and nothing of it was ever saved
    assert timed(scene) == []
    record = scene.site.record()
    assert record["state"] == "rolled_back"
    assert of(record, "state") == ["rolled_back"] * 3
    assert of(record, "rollback") == ["running == pre-image"] * 3


def test_switches_whose_controller_was_killed_come_back_by_themselves(made: Callable[..., Scene]) -> None:
    scene = made("5s")
    before = configs(scene)
    run = cut_off(scene)
    assert timed(scene)
    end = time.monotonic() + 20
    while timed(scene) and time.monotonic() < end:
        time.sleep(0.1)
    assert configs(scene) == before  # nobody has touched them since
    told = scene.site.run("run", "ntp.yaml", "--yes").stderr
    assert f"run {run} of ntp was cut off before it confirmed its change of" in told
    scene.site.run("runs", "list").ok()


def test_recover_says_so_and_ends_the_run(made: Callable[..., Scene]) -> None:
    scene = made("5m")
    before = configs(scene)
    run = cut_off(scene)
    (waiting,) = scene.ask("recover", "--list", "--format", "json")
    assert waiting["run"] == run
    assert sorted(waiting["hosts"]) == ["sw1", "sw2", "sw3"]
    for switch in scene.fleet:  # as if one's time were over, and the others still had some
        if switch.name == "sw2":
            switch.sessions.abort(f"nornflow-{run}-c1")
    out = scene.site.run("recover").ok().stdout
    assert configs(scene) == before
    assert timed(scene) == []
    assert "ntp 1.0: rolled_back" in out
    record = scene.ask("runs", "show", run)
    assert "batch 1 was not confirmed: the run's process died before that" in record["error"]
    assert set(of(record, "state")) <= {"rolled_back", "cancelled"}
    assert "nothing to recover" in scene.site.run("recover").ok().stdout
    refused = scene.site.run("recover", "--run", run)
    assert (refused.exit_code, "has ended" in refused.stderr) == (2, True)


def test_resume_in_time_goes_on_and_confirms(made: Callable[..., Scene]) -> None:
    scene = made("5m")
    run = cut_off(scene)
    scene.site.run("runs", "resume", run, "--yes").ok()
    assert timed(scene) == []
    assert all(running == startup for running, startup in configs(scene).values())
    record = scene.ask("runs", "show", run)
    assert of(record, "state") == ["changed"] * 3
    assert all(confirm["confirmed_at"] for confirm in of(record, "confirm"))


def test_resume_behind_the_deadline_takes_back_and_says_so(made: Callable[..., Scene]) -> None:
    scene = made("5s")
    before = configs(scene)
    run = cut_off(scene)
    end = time.monotonic() + 20
    while timed(scene) and time.monotonic() < end:
        time.sleep(0.1)
    assert scene.resume(run) == 1
    record = scene.ask("runs", "show", run)
    assert record["state"] == "rolled_back"
    assert "its time was over before the run was gone on with" in record["error"]
    assert configs(scene) == before


def test_a_commit_of_somebody_else_that_waits_to_be_confirmed_is_not_touched(made: Callable[..., Scene]) -> None:
    scene = made()
    sessions = scene.fleet["sw2"].sessions
    before = configs(scene)
    sessions.enter("maintenance")
    sessions.commit_timed("maintenance", 600)
    assert scene.site.run("run", "ntp.yaml", "--yes").exit_code == 1
    assert timed(scene) == ["maintenance"]
    assert configs(scene) == before
    sessions.abort("maintenance")


# ------------------------------------------------------------------ a timer that a step set itself

OWN_TIMER = """
name: ntp
version: 1.0
on_failure: rollback
steps:
  - {id: configure, type: napalm.config, lines: [ntp server 192.0.2.77], revert_in: SECONDS}
  - {id: confirm, type: napalm.confirm, depends_on: configure, when: steps.configure.changed}
"""


def own_timer(made: Callable[..., Scene], seconds: int) -> tuple[Scene, str]:
    scene = made()
    scene.site.write("ntp.yaml", OWN_TIMER.replace("SECONDS", str(seconds)))
    return scene, cut_off(scene)


def test_a_commit_of_a_step_is_confirmed_by_the_process_that_goes_on(made: Callable[..., Scene]) -> None:
    scene, run = own_timer(made, 600)
    assert timed(scene)
    scene.site.run("runs", "resume", run, "--yes").ok()
    assert timed(scene) == []
    assert all(running == startup and "192.0.2.77" in running for running, startup in configs(scene).values())


def test_a_commit_of_a_step_that_was_taken_back_meanwhile_fails_and_says_so(made: Callable[..., Scene]) -> None:
    scene = made()
    scene.site.write("ntp.yaml", OWN_TIMER.replace("SECONDS", "600"))
    before = {name: running for name, (running, _) in configs(scene).items()}
    run = scene.killed_run(8, after=True)  # the plan, the batch, three intents and three outcomes are written down
    assert len(timed(scene)) == 3
    for switch in scene.fleet:  # their timers are over
        for name in [name for name, session in switch.sessions.by_name.items() if session.state is State.TIMED]:
            switch.sessions.abort(name)
    assert scene.resume(run) == 1
    record = scene.ask("runs", "show", run)
    assert {name: running for name, (running, _) in configs(scene).items()} == before
    assert record["state"] == "rolled_back"
    (confirm,) = [step for step in record["steps"] if step["step_id"] == "confirm"]
    hints = [result["hint"] for result in confirm["hosts"].values()]
    assert hints == ["somebody else changed the device, or its own timer took the change back"] * 3


# ------------------------------------------------------------------ a sealed plan


def test_a_sealed_plan_says_how_its_change_is_held_and_is_applied_so(made: Callable[..., Scene]) -> None:
    scene = made()
    scene.site.run("plan", "ntp.yaml", "-o", "change.plan").ok()
    assert f"confirm within 5m: native ({BY})" in scene.site.run("plan", "show", "change.plan").ok().stdout
    scene.site.run("apply", "change.plan", "--yes").ok()
    record = scene.site.record()
    assert all(host["confirm"]["confirmed_at"] for host in record["hosts"])
    (run,) = scene.ask("runs", "list", "--format", "json")
    markdown = scene.site.run("runs", "show", run["id"], "--format", "markdown").ok().stdout
    assert f"native ({BY}): 3 of 3 devices confirmed" in markdown


def test_a_run_of_a_sealed_plan_that_was_cut_off_is_recovered(made: Callable[..., Scene]) -> None:
    scene = made()
    before = configs(scene)
    scene.site.run("plan", "ntp.yaml", "-o", "change.plan").ok()
    run = cut_off(scene, "apply", "change.plan", "--yes")
    scene.site.run("recover", "--run", run).ok()
    assert configs(scene) == before
    assert timed(scene) == []


def test_a_run_that_cannot_be_recovered_keeps_no_other_one_waiting(made: Callable[..., Scene]) -> None:
    scene = made()
    before = configs(scene)
    hosts = scene.site.path / "inventory" / "hosts.yaml"
    inventory = hosts.read_text()
    first = json.loads(inventory)
    hosts.write_text(json.dumps({name: first[name] for name in ("sw2",)}))
    lost = cut_off(scene)
    scene.fleet["sw2"].sessions.abort(f"nornflow-{lost}-c1")
    hosts.write_text(json.dumps({name: first[name] for name in ("sw1", "sw3")}))  # it has left the inventory
    deadly = DeadlyTimer(scene.fleet["sw3"])
    with scene.start("run", "ntp.yaml", "--yes") as process:
        deadly.pid = process.pid
        process.communicate(timeout=110)
    outcome = scene.site.run("recover")
    assert outcome.exit_code == 2
    assert "the inventory: it has no sw2 any more" in outcome.stderr
    assert "ntp 1.0: rolled_back" in outcome.stdout
    assert configs(scene) == before
    hosts.write_text(inventory)
    scene.site.run("recover", "--run", lost).ok()
