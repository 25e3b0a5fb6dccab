"""A run whose devices are shared among processes: what it does and how it ends is what one process would have done."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from change_shapes import DEATHS, Shape, devices_of, shapes
from engine_stage import changing, fates
from engine_stage import network as small
from mortal import Death, Mortal, Story, both, growing, network, sent
from nornflow.model.event import EventKind
from nornflow.model.run import HostState, RunState
from nornflow.model.step import OnFailure
from on_trial import MIXED, ends, script, script_with_a_bad_one, script_with_checks
from on_trial import network as on_trial
from sealed_stage import applying, plan_for
from split_up import ShardDeaths

SHARD_DEATHS = st.dictionaries(st.integers(1, 30), st.booleans(), max_size=2)


@settings(max_examples=100)
@given(shapes(), st.integers(2, 3), st.sampled_from((0, 2)), SHARD_DEATHS, st.booleans(), st.sampled_from((0, 1, 1000)))
def test_whatever_the_run_and_whichever_process_dies_the_end_is_the_same(
    shape: Shape, processes: int, below: int, dying: dict[int, bool], as_json: bool, replaced: int
) -> None:
    deaths = ShardDeaths(dying, as_json, replaced)
    calm, story = both(shape.script, lambda: devices_of(shape), processes=processes, below=below, shards=deaths)
    assert story.end == calm.end


@settings(max_examples=50)
@given(shapes(), st.lists(DEATHS, min_size=1, max_size=2), SHARD_DEATHS, st.sampled_from((0, 2)))
def test_nor_does_it_matter_when_the_run_itself_dies_with_them(
    shape: Shape, deaths: list[Death], dying: dict[int, bool], below: int
) -> None:
    shards = ShardDeaths(dying)
    calm, story = both(shape.script, lambda: devices_of(shape), *deaths, processes=2, below=below, shards=shards)
    assert story.end == calm.end


@pytest.mark.parametrize("below", [0, 2])
def test_a_process_that_dies_costs_no_device_anything_and_no_line_is_sent_twice(below: int) -> None:
    deaths = ShardDeaths({5: True, 9: False})
    calm, story = both(growing, lambda: network(6), processes=2, below=below, shards=deaths)
    assert deaths.come == 2
    assert story.end == calm.end
    assert sent(story) == sent(calm)


def test_a_device_that_processes_go_on_to_die_of_is_given_up_and_the_others_go_on() -> None:
    stage = small(4).step("look", "fake.check", condition="true")
    stage.processes = 2

    def deadly(step: str, host: str) -> None:
        if host == "r3":
            stage.shard_deaths.now()

    run = stage.prepare()
    stage.fleet.before = deadly
    record = run.execute()
    assert record.state is RunState.FAILED
    assert fates(record) == {"r1": "ok", "r2": "ok", "r3": "failed", "r4": "ok"}
    (look,) = record.steps
    assert look.hosts["r3"].state is HostState.FAILED
    assert look.hosts["r3"].error == "r3: 3 processes of the run died while they worked on it"
    assert stage.shard_deaths.come == 3
    assert len(stage.observer.of(EventKind.STEP_FINISHED)) == 1


@pytest.mark.parametrize("processes", [0, 2])
def test_rollbacks_that_are_given_up_are_not_begun_by_another_process_either(processes: int) -> None:
    stage = changing(small(2)).step("verify", "fake.check", "configure", condition="false")
    stage.workflow |= {"on_failure": OnFailure.ROLLBACK}
    stage.processes = processes

    def given_up(step: str, host: str) -> None:
        if step == "rollback":
            stage.switch.rollbacks.abort()

    run = stage.prepare()
    stage.fleet.before = given_up
    record = run.execute()
    assert record.state is RunState.ROLLBACK_FAILED
    assert fates(record)["r2"] == "rollback_failed"
    assert "ntp server 192.0.2.9" in stage.devices["r2"].config


@pytest.mark.parametrize("change", [script, script_with_a_bad_one, script_with_checks])
def test_a_change_on_trial_is_armed_and_confirmed_by_whoever_has_the_device(change: Any) -> None:
    calm = Story(change, on_trial(*MIXED))
    expected = ends(calm, calm.live())
    counts = ShardDeaths()
    shared = Story(change, on_trial(*MIXED), processes=2, shard_deaths=counts)
    assert ends(shared, shared.live()) == expected
    assert counts.count > 8
    for entry, after in itertools.product(range(1, counts.count + 1), (False, True)):
        dying = ShardDeaths({entry: after}, as_json=after, replaced=entry % 2)
        story = Story(change, on_trial(*MIXED), processes=2, shard_deaths=dying)
        assert ends(story, story.live()) == expected, (entry, after)


def test_devices_of_a_sealed_plan_are_read_by_their_processes_and_drifted_ones_left_alone() -> None:
    def drifted() -> dict[str, Mortal]:
        devices = network(4)
        devices["r2"].config += "snmp-server location here\n"
        return devices

    script = applying(changing, plan_for(changing, network(4)))
    calm, story = both(script, drifted, processes=2)
    assert story.end == calm.end
    assert sent(story) == sent(calm)
    assert story.devices["r2"].received == []
