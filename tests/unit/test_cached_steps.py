"""Steps beside the cache: what is taken from earlier runs, what never is, and what makes one result another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from engine_stage import Stage, changing, network
from nornflow.abc import ResultCache
from nornflow.engine.tools import Results
from nornflow.model.cached import Doing
from nornflow.model.event import EventKind
from nornflow.model.inputs import Output
from nornflow.model.run import HostState, RunRecord, StepResult
from nornflow.model.step import Cache


@dataclass
class Memory(ResultCache):
    """Keeps everything for ever; `busy` are devices that a run changes, `changed` how often one was."""

    kept: dict[str, StepResult] = field(default_factory=dict)
    asked: list[Doing] = field(default_factory=list)
    busy: set[str] = field(default_factory=set)
    changed: dict[str, int] = field(default_factory=dict)

    def get(self, wanted: Sequence[Doing], now: datetime, ttl: int) -> Mapping[str, StepResult]:
        self.asked.extend(wanted)
        found = {one.key: self.kept[one.key] for one in wanted if one.key in self.kept}
        return {key: replace(result, cache_key=key, cache_age=1.5) for key, result in found.items()}

    def put(self, ended: Sequence[tuple[Doing, StepResult]], now: datetime, ttl: int) -> None:
        self.kept.update({one.key: result for one, result in ended})

    def changes(self, hosts: Sequence[str]) -> Mapping[str, int]:
        return {host: self.changed.get(host, 0) for host in hosts if host not in self.busy}


def results(memory: Memory, made_by: Any = "plugin 1.0", files: Sequence[str] = ()) -> Results:
    return Results(memory, lambda step: made_by, lambda params: files)


def looking(memory: Memory, count: int = 2, **keys: Any) -> Stage:
    stage = network(count)
    for device in stage.devices.values():
        device.answers = {"show state": "{}"}
    stage.results = results(memory)
    return stage.step("look", "fake.look", cache=Cache(), **keys)


def states(record: RunRecord, step: str = "look") -> dict[str, str]:
    (found,) = [one for one in record.steps if one.step == step]
    return {host: result.state.value for host, result in found.hosts.items()}


class TestHits:
    def test_a_step_that_runs_once(self) -> None:
        memory, stage = Memory(), Stage({}).step("slow", "fake.say", text="{{ inputs.x }}", cache=Cache())
        stage.results = results(memory)
        records = []
        for text in ("one", "one", "two"):
            stage.inputs = {"x": text}
            records.append(stage.run())
        assert stage.say.said == ["one", "two"]
        first, second, third = (record.steps[0].result or StepResult() for record in records)
        assert [result.state for result in (first, second, third)] == [HostState.OK, HostState.CACHED, HostState.OK]
        assert (second.stdout, second.cache_age) == ("one\n", 1.5)
        assert first.cache_key == second.cache_key != third.cache_key
        kinds = [
            event.kind for event in stage.observer.events if event.kind in (EventKind.CACHE_HIT, EventKind.CACHE_MISS)
        ]
        assert kinds == [EventKind.CACHE_MISS, EventKind.CACHE_HIT, EventKind.CACHE_MISS]

    def test_a_device_is_not_asked_again(self) -> None:
        memory = Memory()
        first = looking(memory).run()
        stage = looking(memory, 3)
        stage.devices["r1"].config = stage.devices["r2"].config = "hostname other\nend\n"
        record = stage.run()
        assert states(record) == {"r1": "cached", "r2": "cached", "r3": "ok"}
        assert record.steps[0].hosts["r1"].outputs == first.steps[0].hosts["r1"].outputs
        (hit,), (miss,) = stage.observer.of(EventKind.CACHE_HIT), stage.observer.of(EventKind.CACHE_MISS)
        assert (hit.step, hit.data) == ("look", {"count": 2, "hosts": ["r1", "r2"]})
        assert miss.data == {"count": 1, "hosts": ["r3"]}
        assert [host.state for host in record.hosts] == [HostState.OK] * 3

    def test_the_steps_after_it_see_its_outputs(self) -> None:
        memory = Memory()
        for _ in range(2):
            stage = looking(memory, 1).step(
                "use", "fake.check", "look", condition="steps.look.parsed.ntp[0].server != ''"
            )
            record = stage.run()
        assert states(record) == {"r1": "cached"}
        assert states(record, "use") == {"r1": "ok"}


class TestNever:
    def test_a_failure_is_not_kept(self) -> None:
        memory, stage = Memory(), Stage({}).step("slow", "fake.say", text="x", fail=1, cache=Cache())
        stage.results = results(memory)
        stage.run()
        assert not memory.kept

    def test_a_step_that_changes_devices(self) -> None:
        memory = Memory()
        stage = changing(network(1), cache=Cache())
        stage.results = results(memory)
        stage.run()
        assert not memory.asked
        assert not memory.kept

    def test_a_device_that_a_run_is_changing(self) -> None:
        memory = Memory()
        looking(memory).run()
        memory.busy = {"r1"}
        assert states(looking(memory).run()) == {"r1": "ok", "r2": "cached"}

    def test_a_device_that_a_run_has_changed_since(self) -> None:
        memory = Memory()
        looking(memory).run()
        memory.changed = {"r1": 1}
        assert states(looking(memory).run()) == {"r1": "ok", "r2": "cached"}

    def test_a_device_that_this_run_has_changed(self) -> None:
        memory = Memory()
        looking(memory).run()
        stage = changing(network(2))
        for device in stage.devices.values():
            device.answers = {"show state": "{}"}
        stage.results = results(memory)
        record = stage.step("look", "fake.look", "configure", cache=Cache()).run()
        assert states(record) == {"r1": "ok", "r2": "ok"}

    def test_while_planning(self) -> None:
        memory = Memory()
        looking(memory).run()
        memory.asked.clear()
        stage = looking(memory)
        for device in stage.devices.values():
            device.config = device.config.replace("192.0.2.1", "192.0.2.77")
        stage = stage.step("set", "fake.configure", "look", lines=["ntp server {{ steps.look.parsed.ntp[0].server }}9"])
        plan, _ = stage.prepare().plan()
        assert not memory.asked
        assert all("192.0.2.779" in line for host in plan.hosts for step in host.steps for line in step.lines)

    def test_a_broken_key_fails_the_step_with_its_error(self) -> None:
        stage = network(1).step("look", "fake.look", cache=Cache(key="{{ inputs.nothing }}"))
        stage.results = results(Memory())
        record = stage.run()
        assert states(record) == {"r1": "failed"}
        assert "nothing" in record.steps[0].hosts["r1"].error


words = st.sampled_from(["", "a", "b"])


@dataclass(frozen=True)
class Case:
    """Everything that a result may depend on."""

    text: str = ""
    kind: Any = ""
    each: bool = False
    environment: str = ""
    key: str = ""
    version: str = ""
    output: str = "stdout"
    seen: str = ""
    profile: str = "standard"
    made_by: str = ""
    files: tuple[str, ...] = ()


cases = st.builds(
    Case,
    text=words,
    kind=st.sampled_from(["1", 1, 1.0, True, None]),
    each=st.booleans(),
    environment=words,
    key=words,
    version=words,
    output=st.sampled_from(["stdout", "text", "inputs.seen", "regex: x"]),
    seen=words,
    profile=st.sampled_from(["standard", "elevated"]),
    made_by=words,
    files=st.sampled_from([(), ("aa",), ("aa", "bb")]),
)


def key_of(case: Case) -> str:
    memory = Memory()
    stage = Stage({}, profile=case.profile, inputs={"seen": case.seen, "kind": case.kind, "text": case.text})
    stage.results = results(memory, case.made_by, case.files)
    keys: dict[str, Any] = {"for_each": [1]} if case.each else {}
    stage.step(
        "say",
        "fake.say",
        text="{{ inputs.text }}",
        cache=Cache(key=case.key, version=case.version),
        environment={"A": case.environment, "KIND": "{{ inputs.kind }}"}
        if case.kind is not None
        else {"A": case.environment},
        outputs=(Output("out", case.output),),
        **keys,
    )
    stage.run()
    return memory.asked[0].key


@settings(max_examples=60, deadline=None)
@given(cases, cases)
def test_two_steps_that_differ_in_anything_that_matters_never_share_a_key(one: Case, other: Case) -> None:
    matters = [_what_matters(case) for case in (one, other)]
    assert (key_of(one) == key_of(other)) is (matters[0] == matters[1])


def _what_matters(case: Case) -> Any:
    """A case without what cannot be seen: an input that no output is worked out from; variables are texts."""
    kind = {None: "none", True: "true"}.get(case.kind, str(case.kind)) if not isinstance(case.kind, float) else "1.0"
    kind = "1" if case.kind == 1 and type(case.kind) is int else "true" if case.kind is True else kind
    return replace(case, kind=kind, seen=case.seen if case.output == "inputs.seen" else "")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3) | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(json_values, json_values)
def test_a_key_tells_every_plain_value_from_every_other(one: Any, other: Any) -> None:
    first, second = (Doing("w", "s", "t", "", {"value": value}) for value in (one, other))
    assert (first.key == second.key) is (repr_of(one) == repr_of(other))


def repr_of(value: Any) -> str:
    """A value as text, types and all, whatever the order of keys."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{key!r}:{repr_of(value[key])}" for key in sorted(value)) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(repr_of, value)) + "]"
    if isinstance(value, float) and value in (float("inf"), float("-inf")):
        return repr(str(value))
    return repr(value)


def test_the_order_of_a_set_or_of_keys_is_no_difference() -> None:
    orders = [{"a": {1, 2, 33}, "b": frozenset("xyz")}, {"b": frozenset("zyx"), "a": {33, 2, 1}}]
    assert len({Doing("w", "s", "t", "", what).key for what in orders}) == 1


class TestDevices:
    def key(self, reached: Any = None, **about: Any) -> str:
        memory = Memory()
        stage = looking(memory, 1)
        for name, value in about.items():
            setattr(stage.devices["r1"], name, value)
        run = stage.prepare()
        stage.fleet.reached_by = lambda host: reached or {}  # type: ignore[method-assign]
        run.execute()
        (asked,) = memory.asked
        return asked.key

    def test_another_address_platform_group_or_value_is_another_device(self) -> None:
        keys = [
            self.key(),
            self.key({"address": ["192.0.2.1", 22]}),
            self.key({"address": ["192.0.2.1", 2222]}),
            self.key(platform="arista_eos"),
            self.key(groups=("edge",)),
            self.key(data={"site": "ams"}),
        ]
        assert len(set(keys)) == len(keys)
        assert self.key() == keys[0]

    def test_another_device_is_another_device(self) -> None:
        memory = Memory()
        looking(memory, 2).run()
        assert len({one.key for one in memory.asked}) == 2
        assert {one.host for one in memory.asked} == {"r1", "r2"}
