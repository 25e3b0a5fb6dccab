"""The time that a call of a workflow has: what its steps work together, on each device or once, also over a process's death."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from called import compiled, running
from engine_stage import Stage, fates, network
from mortal import CONFIG, Death, Mortal, both, undisturbed
from nornflow.engine.deadlines import ONCE, HostTimes
from nornflow.model.journal import EntryKind
from nornflow.model.run import RunRecord, RunState

PART = """
name: part
version: 1.0
steps:
  - {id: one, type: fake.check, condition: "true"}
  - {id: two, type: fake.configure, depends_on: one, lines: ["ntp server 192.0.2.9"]}
  - {id: three, type: fake.check, depends_on: two, condition: "true"}
"""
MAIN = """
name: main
version: 1.0
on_failure: continue
steps:
  - {id: look, type: fake.check, condition: "true"}
  - {id: part, type: workflow, workflow: part, depends_on: look, timeout: LIMIT}
  - {id: after, type: fake.check, depends_on: part, condition: "true"}
"""
ROOMY = "1000"


def states(record: RunRecord) -> dict[str, dict[str, str]]:
    return {
        step.step: {host: result.state.value for host, result in step.hosts.items()}
        for step in record.steps
        if step.hosts
    }


def used(main: str, **others: str) -> dict[str, Mapping[str, float]]:
    """Return the seconds that the calls of a workflow have used up behind each of its steps on the only device."""
    calm, record = undisturbed(lambda stage: running(stage, main, **others), devices())
    assert record.state is RunState.SUCCEEDED, record.error
    return {entry.step: entry.data.get("used", {}) for entry in calm.entries if entry.kind is EntryKind.OUTCOME}


def devices(count: int = 1) -> dict[str, Mortal]:
    return {f"r{number}": Mortal(CONFIG.format(f"r{number}")) for number in range(1, count + 1)}


def test_the_steps_of_a_call_have_its_time_together_and_no_other_step_does() -> None:
    calm = used(MAIN.replace("LIMIT", ROOMY), part=PART)
    assert calm["look"] == {}
    assert 0 < calm["part.one"]["part"] < calm["part.two"]["part"] < calm["part.three"]["part"] == calm["after"]["part"]
    limit = f"{calm['part.two']['part']:g}"  # nothing is left when it comes to the last step
    record = running(network(1), MAIN.replace("LIMIT", limit), part=PART).run()
    assert {step: found["r1"] for step, found in states(record).items()} == {
        "look": "ok",
        "part.one": "ok",
        "part.two": "changed",
        "part.three": "timed_out",
        "part": "timed_out",
        "after": "skipped",
    }
    assert f"r1: the {limit} s of step part, which calls a workflow, are used up" in record.hosts[0].error
    assert "raise `timeout` of step part" in record.hosts[0].hint


def test_it_counts_on_wherever_the_process_dies() -> None:
    limit = f"{used(MAIN.replace('LIMIT', ROOMY), part=PART)['part.two']['part']:g}"

    def script(stage: Stage) -> Stage:
        return running(stage, MAIN.replace("LIMIT", limit), part=PART)

    calm, record = undisturbed(script, devices())
    assert fates(record) == {"r1": "timed_out"}
    ended = [number for number, entry in enumerate(calm.entries, 1) if entry.kind is EntryKind.OUTCOME]
    for entry in ended[:3]:
        calm, story = both(script, devices, Death(entry, after=True, notes=True))
        assert (story.end, story.deaths) == (calm.end, 1)


@pytest.mark.parametrize("processes", [1, 2])
def test_each_device_has_all_of_the_time_in_whatever_process_it_is(processes: int) -> None:
    stage = running(network(3), MAIN.replace("LIMIT", "60"), part=PART)
    stage.processes = processes
    assert fates(stage.run()) == dict.fromkeys(("r1", "r2", "r3"), "changed")


def test_whoever_calls_may_bear_that_it_took_too_long() -> None:
    limit = f"{used(MAIN.replace('LIMIT', ROOMY), part=PART)['part.one']['part']:g}"
    main = MAIN.replace("LIMIT", f"{limit}, on_failure: warn").replace("on_failure: continue\n", "")
    record = running(network(1), main, part=PART).run()
    assert record.state is RunState.SUCCEEDED
    found = {step: each["r1"] for step, each in states(record).items()}
    assert (found["part.two"], found["part.three"], found["after"]) == ("timed_out", "skipped", "ok")


def test_all_items_of_a_call_have_its_time_together() -> None:
    main = MAIN.replace("timeout: LIMIT", "for_each: [1, 2, 3], timeout: LIMIT")
    calm = used(main.replace("LIMIT", ROOMY), part=PART)
    assert calm["part.3.three"]["part"] > calm["part.1.three"]["part"]
    limit = f"{calm['part.2.one']['part']:g}"
    record = running(network(1), main.replace("LIMIT", limit), part=PART).run()
    assert states(record)["part.2.two"] == {"r1": "timed_out"}
    assert f"the {limit} s of step part, which" in record.hosts[0].error


@pytest.mark.parametrize(("outer", "inner", "named"), [("1", ROOMY, "outer"), (ROOMY, "1", "outer.part")])
def test_a_call_in_a_call_has_no_more_time_than_what_is_around_it(outer: str, inner: str, named: str) -> None:
    main = MAIN.replace("{id: part, type: workflow, workflow: part", "{id: outer, type: workflow, workflow: middle")
    main = main.replace("depends_on: part", "depends_on: outer").replace("LIMIT", outer)
    middle = f"name: middle\nversion: 1.0\nsteps: [{{id: part, type: workflow, workflow: part, timeout: {inner}}}]\n"
    record = running(network(1), main, middle=middle, part=PART).run()
    assert states(record)["outer.part.two"] == {"r1": "timed_out"}
    assert f"the 1 s of step {named}, which calls" in record.hosts[0].error


def test_steps_that_run_once_have_its_time_together() -> None:
    part = """
name: part
version: 1.0
steps:
  - {id: one, type: fake.say, text: one}
  - {id: two, type: fake.say, depends_on: one, text: two}
"""
    main = "name: main\nversion: 1.0\nsteps: [{id: part, type: workflow, workflow: part, timeout: 1}]\n"
    stage = running(network(0), main, part=part)
    record = stage.run()
    assert stage.say.said == ["one"]
    found = {step.step: step.result.state.value for step in record.steps if step.result is not None}
    assert found == {"part.one": "ok", "part.two": "timed_out", "part": "timed_out"}
    assert "the 1 s of step part, which calls a workflow, are used up" in record.error
    assert running(network(0), main.replace("timeout: 1", "timeout: 60"), part=part).run().state is RunState.SUCCEEDED


@given(
    work=st.lists(st.tuples(st.sampled_from(("look", "part.one", "part.two")), st.floats(0, 10)), max_size=12),
    passed=st.integers(0, 12),
)
def test_what_one_process_has_counted_another_one_counts_on(work: list[tuple[str, float]], passed: int) -> None:
    workflow = compiled(MAIN.replace("LIMIT", "30"), part=PART)
    first, second = HostTimes(workflow), HostTimes(workflow)
    for step, seconds in work[:passed]:
        first.use("r1", seconds, step)
        second.know("r1", first.used("r1"))
        second.know("r1", first.used("r1"))  # to be told twice says nothing more
    for step, seconds in work[passed:]:
        second.use("r1", seconds, step)
    spent = sum(seconds for step, seconds in work if step != "look")
    left = second.left(("r1",), "part.one")
    assert left is not None
    assert left["r1"] == pytest.approx(max(0.0, 30 - spent))
    assert (second.over("r1", "part.three") is not None) == (left["r1"] == 0)
    assert second.over("r1", "look") is second.over("r2", "part.one") is second.over(ONCE, "part.one") is None
    assert second.left(("r1",), "after") is None
