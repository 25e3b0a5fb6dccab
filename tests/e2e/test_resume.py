"""Going on with a run from the command line: what is refused and why, who of two wins, and doing again what failed."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from freezing import frozen
from killed import BAD, CutRouter, Scene, routers
from nornflow.model.journal import EntryKind
from nornflow.store.opening import open_store

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

FEW = [f"r{n}" for n in range(25, 29)]


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    with routers() as fleet:
        yield Scene.made(tmp_path / "project", fleet)


def few(scene: Scene, *words: str) -> tuple[str, ...]:
    return ("run", "ntp.yaml", "--yes", "--limit", ",".join(FEW), *words)


def killed(scene: Scene, entry: int, *, after: bool = True) -> str:
    scene.nornflow(*few(scene), entry=entry, after=after)
    return str(scene.ask("runs", "list", "--format", "json")[0]["id"])


def test_of_two_controllers_that_resume_one_run_one_does(scene: Scene) -> None:
    run = killed(scene, 4)
    with ThreadPoolExecutor(3) as pool:
        processes = list(pool.map(lambda _: scene.start("runs", "resume", run, "--yes"), range(3)))
        told = list(pool.map(lambda process: process.communicate(timeout=110), processes))
    codes = [process.returncode for process in processes]
    assert sorted(codes) == [0, 1, 2] or sorted(codes) in ([0, 1, 1], [0, 2, 2]), told
    errors = [err for code, (_, err) in zip(codes, told, strict=True) if code]
    assert all("taken over by" in err or "carried out by" in err or "has ended" in err for err in errors), errors
    end = scene.end()
    assert {host: fate[0] for host, fate in end.fates.items()} == {
        host: "rolled_back" if host == BAD else "changed" for host in FEW
    }
    assert all(max(end.lines[host].values()) == 1 for host in FEW)


def test_a_run_whose_process_lives_is_left_to_it_and_a_frozen_one_too(scene: Scene) -> None:
    with scene.start(*few(scene)) as process:
        while not any(scene.written(host) for host in FEW):
            time.sleep(0.02)
            assert process.poll() is None
        with frozen(process, scene.database):
            run = scene.ask("runs", "list", "--format", "json")[0]["id"]
            refused = scene.site.run("runs", "resume", run)
        process.communicate(timeout=110)
    assert refused.exit_code == 1
    assert f"process {process.pid}" in refused.stderr
    assert process.returncode == 0


def test_a_run_that_ended_is_not_resumed_but_what_failed_can_be_done_again(scene: Scene) -> None:
    scene.nornflow(*few(scene))
    (first,) = scene.ask("runs", "list", "--format", "json")
    refused = scene.site.run("runs", "resume", first["id"])
    assert refused.exit_code == 2
    assert "has ended: it is succeeded" in refused.stderr
    assert "--hosts failed" in refused.stderr
    scene.fleet.ntp_reachable(None)
    wrong = scene.site.run("runs", "resume", first["id"], "--hosts", "failed", "--from", "synchronised", "--yes")
    assert wrong.exit_code == 2
    assert f"was taken back on {BAD}" in wrong.stderr
    scene.site.run("runs", "resume", first["id"], "--hosts", "failed", "--yes").ok()
    runs = scene.ask("runs", "list", "--format", "json")
    record = scene.ask("runs", "show", runs[0]["id"])
    assert [(host["host"], host["state"]) for host in record["hosts"]] == [(BAD, "changed")]
    nothing = scene.site.run("runs", "resume", runs[0]["id"], "--hosts", "failed")
    assert (nothing.exit_code, "no device ended badly" in nothing.stderr) == (2, True)


def test_what_failed_is_done_again_from_a_step_on(scene: Scene) -> None:
    text = (scene.site.path / "ntp.yaml").read_text().replace("on_failure: rollback", "on_failure: stop")
    scene.site.write("ntp.yaml", text)
    scene.nornflow(*few(scene))
    (first,) = scene.ask("runs", "list", "--format", "json")
    before = scene.written(BAD)
    scene.fleet.ntp_reachable(None)
    scene.site.write("ntp.yaml", text.replace("version: 1.0", "version: 2.0"))  # the run's own text is what is run
    again = ("runs", "resume", first["id"], "--hosts", "failed", "--from", "associations", "--yes")
    scene.site.run(*again).ok()
    record = scene.ask("runs", "show", scene.ask("runs", "list", "--format", "json")[0]["id"])
    assert record["version"] == "1.0"
    assert [(host["host"], host["state"]) for host in record["hosts"]] == [(BAD, "ok")]
    assert scene.written(BAD) == before
    assert scene.site.run(*again[:-2], "nonsense").exit_code == 2


@pytest.mark.parametrize("what", ["inventory", "settings", "template"])
def test_what_is_not_as_it_was_is_named_and_nothing_is_done(scene: Scene, what: str) -> None:
    run = killed(scene, 6)
    folder = scene.site.path
    if what == "inventory":
        hosts = folder / "inventory" / "hosts.yaml"
        before = hosts.read_text()
        hosts.write_text(before.replace("203.0.113.99", "203.0.113.98"))
        told = f"the inventory: what it says of {BAD}"
    elif what == "settings":
        before = (folder / "nornflow.yaml").read_text()
        scene.site.write("nornflow.yaml", "profile: elevated\n")
        told = "the profile: it was standard and would be elevated"
    else:
        before = ""
        told = ""
    sent = [len(router.log) for router in scene.fleet]
    outcome = scene.site.run("runs", "resume", run, "--yes")
    if not told:  # the workflow's own text is kept: that the file has changed since is nothing to the run
        scene.site.write("ntp.yaml", "name: other\n")
        outcome.ok()
        return
    assert outcome.exit_code == 2
    assert told in outcome.stderr
    assert [len(router.log) for router in scene.fleet] == sent
    if what == "inventory":
        (folder / "inventory" / "hosts.yaml").write_text(before)
    else:
        scene.site.write("nornflow.yaml", before)
    scene.site.run("runs", "resume", run, "--yes").ok()


def test_a_run_that_died_while_planning_begins_with_its_plan_and_the_next_start_tells_of_it(scene: Scene) -> None:
    run = killed(scene, 1, after=False)
    assert all(not router.written() for router in scene.fleet)
    other = scene.site.run("run", "ntp.yaml", "--yes", "--limit", "r1").ok()
    assert f"nornflow runs resume {run}" in other.stderr
    listed = {each["id"]: each["cut_off"] for each in scene.ask("runs", "list", "--format", "json")}
    assert [each for each, cut_off in listed.items() if cut_off] == [run]
    assert f"cut off: nornflow runs resume {run}" in scene.site.run("runs", "list").ok().stdout
    scene.site.run("runs", "resume", run, "--yes").ok()
    later = scene.site.run("run", "ntp.yaml", "--yes", "--limit", "r1").ok()
    assert run not in later.stderr
    logs = scene.site.run("runs", "logs", run, "--format", "jsonl").ok().stdout
    assert '"run.resumed"' in logs


def test_without_an_answer_a_run_that_died_at_its_question_waits_for_an_approval(scene: Scene) -> None:
    run = killed(scene, 1, after=False)
    waiting = scene.site.run("runs", "resume", run)
    assert waiting.exit_code == 4
    assert all(not router.written() for router in scene.fleet)


@pytest.mark.parametrize("lines", [1, 3])
def test_a_device_that_reboots_between_intent_and_outcome_is_done_from_the_beginning(scene: Scene, lines: int) -> None:
    cut = CutRouter(scene.fleet["r25"], lines)
    with scene.start(*few(scene)) as process:
        cut.pid = process.pid
        assert process.wait(60) == -signal.SIGKILL
    scene.fleet.reload("r25")
    scene.fleet["r25"].log.clear()
    (run,) = scene.ask("runs", "list", "--format", "json")
    scene.site.run("runs", "resume", run["id"], "--yes").ok()
    end = scene.end()
    assert end.fates["r25"][0] == "changed"
    assert end.lines["r25"] == end.lines["r26"]
    assert end.running["r25"] == end.startup["r25"]


def test_a_process_that_wakes_up_when_its_run_is_another_ones_sends_nothing_more(scene: Scene) -> None:
    with scene.start(*few(scene)) as process:
        while not any(scene.written(host) for host in FEW):
            time.sleep(0.01)
            assert process.poll() is None
        with frozen(process, scene.database), closing(open_store("", scene.site.path / ".nornflow")) as store:
            (standing,) = store.unended()
            store.take_over(standing.run, standing.fence, "one that knew it dead")
            intents = {entry.host for entry in store.entries(standing.run) if entry.kind is EntryKind.INTENT}
        out, err = process.communicate(timeout=110)
    assert process.returncode == 1
    assert "carried on by another process" in out + err
    assert {host for host in FEW if scene.written(host)} <= intents
    assert not list((scene.site.path / ".nornflow" / "runs").glob("*/run.json"))
    assert scene.resume(standing.run) == 0
    assert {host: fate[0] for host, fate in scene.end().fates.items()} == {
        host: "rolled_back" if host == BAD else "changed" for host in FEW
    }
