"""Any pipeline, whatever becomes of its runs and processes, keeps its order and its limits, and comes to an end."""

from __future__ import annotations

import random
from collections.abc import Collection
from datetime import timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from memory_pipelines import NOON, MemoryPipelines, Process, World
from nornflow.engine.pipelines.orchestration import next_moment, stopping
from nornflow.model.pipeline import After, Entry, EntryState, Mode, On, Pipeline, PipelineState
from nornflow.model.pool import Asked, fits, total
from nornflow.model.run import RUN_MOVES, RunState
from nornflow.store.database import StoreAway

POOLS = {"cpu": 4.0, "licences": 1.0}
ENDS = (RunState.SUCCEEDED, RunState.SUCCEEDED, RunState.FAILED, RunState.DENIED, RunState.ROLLED_BACK)


@st.composite
def pipelines(draw: st.DrawFn) -> Pipeline:
    mode = draw(st.sampled_from(Mode))
    entries: list[Entry] = []
    for number in range(draw(st.integers(1, 7))):
        earlier = [one.id for one in entries]
        names = draw(st.lists(st.sampled_from(earlier), unique=True, max_size=3)) if earlier else []
        after = () if mode is Mode.PARALLEL else tuple(After(one, draw(st.sampled_from(On))) for one in names)
        wants = draw(
            st.fixed_dictionaries({}, optional={"cpu": st.sampled_from((0.5, 1, 3, 4)), "licences": st.just(1)})
        )
        asks = Asked(wants, draw(st.integers(-1, 1)))
        retries = draw(st.integers(0, 2))
        entries.append(Entry(f"e{number}", "w.yaml", after=after, retries=retries, delay=1, asks=asks))
    order = draw(st.permutations(entries)) if mode is not Mode.SEQUENTIAL else entries
    return Pipeline("any", tuple(order), mode=mode, max_parallel=draw(st.integers(1, 3)), stops=draw(st.booleans()))


def fitting(on: On) -> frozenset[str]:
    bad = {"failed", "denied", "timed_out", "cancelled"}
    return frozenset({On.SUCCESS: {"succeeded"}, On.FAILURE: bad, On.COMPLETION: {"succeeded", *bad}}[on])


def check(world: World, seen: set[str], waited: Collection[str] = ()) -> None:
    """Hold how the world stands against what must always be so; a run that has waited gave up its place, and goes on without."""
    pipeline, states = world.pipeline, world.states()
    working = [pipeline.entry(one.id) for one in world.record.entries if one.at_work and one.run not in waited]
    assert len(working) <= (1 if pipeline.mode is Mode.SEQUENTIAL else pipeline.max_parallel)
    if pipeline.mode is Mode.RESOURCE_OPTIMIZED:
        assert fits(total(one.asks.wants for one in working), {}, POOLS)
    stopped = stopping(pipeline, {one.id: one for one in world.record.entries})
    assert not [one for one in stopped if states[one] == "delayed"], "none of these is tried once more"
    for process in world.processes:
        if process.entry in seen:
            continue
        seen.add(process.entry)
        for after in pipeline.entry(process.entry).after:
            assert states[after.run] in fitting(after.on)
        if pipeline.mode is Mode.SEQUENTIAL:
            ids = [one.id for one in pipeline.entries]
            assert all(world.record.entry(one).over for one in ids[: ids.index(process.entry)])


@settings(max_examples=120)
@given(pipeline=pipelines(), seed=st.integers(0, 2**32), troubles=st.integers(0, 8), flaky=st.booleans())
def test_a_pipeline_keeps_its_order_and_its_limits_and_ends_however_often_everything_dies(
    pipeline: Pipeline, seed: int, troubles: int, flaky: bool
) -> None:
    rng = random.Random(seed)
    world = World(pipeline, POOLS, Flaky(random.Random(seed)) if flaky else MemoryPipelines())
    lead = world.lead()
    seen: set[str] = set()
    for _ in range(400):
        try:
            record = lead.step()
        except StoreAway:  # as `Patience` does: the same once more
            continue
        check(world, seen)
        if record.over:
            break
        world.seconds += 0.6
        alive = [one for one in world.processes if one.alive]
        what = rng.choice(("lead", "kill", "begin", "end", "end", "end"))
        if what == "lead" and troubles:
            troubles -= 1
            lead = world.lead()
        elif what == "kill" and troubles and alive:
            troubles -= 1
            rng.choice(alive).alive = False
        elif alive:
            act(world, rng.choice(alive), what, rng)
    assert record.state in (PipelineState.SUCCEEDED, PipelineState.FAILED)
    judged(world)


@settings(max_examples=50)
@given(pipeline=pipelines(), seed=st.integers(0, 2**32), troubles=st.integers(0, 8))
def test_a_pipeline_that_workers_lead_ends_so_too_though_they_look_at_it_only_when_something_has_changed(
    pipeline: Pipeline, seed: int, troubles: int
) -> None:
    rng = random.Random(seed)
    world = World(pipeline, POOLS, left=True)
    lead, seen, rested, again = world.lead(), set[str](), None, None
    waited: set[str] = set()
    for _ in range(600):
        moment = NOON + timedelta(seconds=world.seconds)
        sight = world.sight()
        if sight != rested or (again is not None and again <= moment):
            before = world.record
            after = lead.step()
            rested = sight if after == before else None
            again = next_moment(pipeline, after, moment)
            check(world, seen, waited)
        if world.record.over:
            break
        world.seconds += 0.6
        alive = [one for one in world.processes if one.alive]
        at_work = [run for run, (state, _, _) in world.runs.items() if state in RUN_MOVES]
        what = rng.choice(("lead", "kill", "begin", "take", "wait", "end", "end"))
        if what == "lead" and troubles:  # and what it had started ends with it
            troubles -= 1
            for one in alive:
                one.alive = False
            lead = world.lead()
        elif what == "kill" and troubles and alive:
            troubles -= 1
            rng.choice(alive).alive = False
        elif alive and (what == "begin" or not at_work):
            world.begin(rng.choice(alive))
        elif at_work:
            run = rng.choice(at_work)
            carry(world, run, what, rng)
            if what == "wait":
                waited.add(run)
    assert world.record.state in (PipelineState.SUCCEEDED, PipelineState.FAILED)
    judged(world)


def carry(world: World, run: str, what: str, rng: random.Random) -> None:
    """Let a worker do something about a run: it dies, and others look after it; it waits; it ends."""
    world.due.discard(run)
    if what == "wait" and world.runs[run][0] is not RunState.WAITING:
        world.runs[run] = RunState.WAITING, "", 0
    elif what == "end":
        end = rng.choice(ENDS)
        world.runs[run] = end, "", int(end is not RunState.SUCCEEDED)
    elif world.runs[run][0] is RunState.WAITING and rng.random() < 0.5:
        world.due.add(run)
    else:
        world.runs[run] = RunState.RUNNING, rng.choice(("", "worker")), 0


class Flaky(MemoryPipelines):
    """Goes away now and then: before it has written something, or when it has and nobody hears of it."""

    def __init__(self, rng: random.Random) -> None:
        super().__init__()
        self._rng = rng

    def move_entry(self, *words: Any) -> None:
        self._away()
        super().move_entry(*words)
        self._away()

    def move(self, *words: Any) -> None:
        self._away()
        super().move(*words)
        self._away()

    def _away(self) -> None:
        if self._rng.random() < 0.05:
            raise StoreAway("the store is away")


def act(world: World, process: Process, what: str, rng: random.Random) -> None:
    state = world.runs.get(process.run, (RunState.PENDING, "", 0))
    if state[1] != process.worker and not world.begin(process):
        return
    if what == "end":
        world.end(process, rng.choice(ENDS))


def judged(world: World) -> None:
    """Hold the end of a pipeline against its entries."""
    states = world.states()
    for entry in world.pipeline.entries:
        attempts = world.begun.count(entry.id)
        assert attempts <= entry.retries + 1
        if states[entry.id] == "succeeded":
            assert attempts >= 1
        if states[entry.id] == EntryState.SKIPPED:
            assert attempts == 0
        elif any(states[one.run] not in fitting(one.on) for one in entry.after):
            raise AssertionError(f"{entry.id} was run against its conditions")
    bad = any(state not in ("succeeded", "skipped") for state in states.values())
    assert world.record.state is (PipelineState.FAILED if bad else PipelineState.SUCCEEDED)
