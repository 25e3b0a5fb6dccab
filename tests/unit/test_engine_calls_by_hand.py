"""A call of another workflow does what its steps do when they are written out by hand, whatever the two workflows are."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from called import running
from engine_stage import CONFIG, Stage, fates, network
from nornflow.model.run import HostState, StepResult
from nornflow.testing.fakes import FakeDevice


@dataclass(frozen=True)
class Written:
    """The same change twice: as a call, and with the steps written out."""

    main: str
    child: str
    by_hand: str
    ids: Mapping[str, str]


@st.composite
def changes(draw: st.DrawFn) -> Written:
    """Return a workflow of a few steps that is called with one input, with what it comes to when it is written out."""
    steps: list[dict[str, Any]] = []
    for number in range(draw(st.integers(1, 4))):
        step: dict[str, Any] = {"id": f"s{number}"}
        match draw(st.sampled_from(["configure", "check", "say"])):
            case "configure":
                step |= {"type": "fake.configure", "lines": [f"ntp server {{{{ inputs.server }}}} {number}"]}
            case "check":
                bad = draw(st.sampled_from(["nobody", "r1", "r2"]))
                step |= {"type": "fake.check", "condition": f"host.name != '{bad}' and inputs.server != ''"}
            case _:
                step |= {"type": "fake.say", "text": "{{ inputs.server }}"}
        before = draw(st.lists(st.sampled_from([one["id"] for one in steps]), max_size=2, unique=True)) if steps else []
        step |= {"depends_on": before} if before else {}
        if before and draw(st.booleans()):
            step["when"] = f"steps.{before[0]}.ok"
        if step["type"] != "fake.say" and draw(st.booleans()):
            step["when"] = "host.name != 'r3'"
        steps.append(step)
    whole = {"name": "main", "version": "1.0", "on_failure": draw(st.sampled_from(["stop", "continue", "rollback"]))}
    first = {"id": "first", "type": "fake.configure", "lines": ["hostname first"]}
    last = {"id": "last", "type": "fake.check", "condition": "host.name != 'r4'"}
    server = draw(st.sampled_from(["192.0.2.9", "192.0.2.1"]))
    call = {
        "id": "call",
        "type": "workflow",
        "workflow": "child",
        "depends_on": ["first"],
        "inputs": {"server": server},
    }
    child = {"name": "child", "version": "1.0", "inputs": {"server": {"type": "string"}}, "steps": steps}

    def out(text: str) -> str:
        return re.sub(r"steps\.(s\d)", r"steps.call_\1", text.replace("inputs.server", f"'{server}'"))

    by_hand = []
    for one in steps:
        made = {
            key: [out(each) for each in value] if isinstance(value, list) else out(value) for key, value in one.items()
        }
        after = [f"call_{step}" for step in one.get("depends_on", [])]
        by_hand.append({**made, "id": f"call_{one['id']}", "depends_on": ["first", *after]})
    ids = {f"call_{one['id']}": f"call.{one['id']}" for one in steps}
    return Written(
        yaml.safe_dump({**whole, "steps": [first, call, {**last, "depends_on": ["call"]}]}),
        yaml.safe_dump(child),
        yaml.safe_dump({**whole, "steps": [first, *by_hand, {**last, "depends_on": list(ids)}]}),
        ids,
    )


def told(result: StepResult | None) -> tuple[Any, ...]:
    return () if result is None else (result.state, result.changed, result.diff, result.reason, result.outputs)


@settings(max_examples=60, deadline=None)
@given(changes())
def test_a_call_is_what_its_steps_are_when_they_are_written_out(written: Written) -> None:
    ends = []
    for main, ids in ((written.main, {}), (written.by_hand, written.ids)):
        stage = running(
            Stage({f"r{n}": FakeDevice(CONFIG.format(f"r{n}")) for n in range(1, 5)}), main, child=written.child
        )
        plan, _ = stage.prepare().plan()
        record = stage.run()
        steps = {ids.get(one.step, one.step): one for one in record.steps if one.step != "call"}
        ends.append(
            (
                record.state,
                fates(record),
                {name: (device.config, device.received) for name, device in stage.devices.items()},
                {name: {host: told(result) for host, result in one.hosts.items()} for name, one in steps.items()},
                {name: told(one.result) for name, one in steps.items()},
                [
                    [(ids.get(step.step, step.step), step.lines, step.diff) for step in host.steps]
                    for host in plan.hosts
                ],
                [host.rollback.lines if host.rollback else () for host in plan.hosts],
            )
        )
    assert ends[0] == ends[1]


def test_the_drawn_changes_are_of_every_kind() -> None:
    seen: set[HostState] = set()

    @settings(max_examples=40, deadline=None, database=None, derandomize=True)
    @given(changes())
    def look(written: Written) -> None:
        stage = running(network(4), written.main, child=written.child)
        seen.update(result.state for step in stage.run().steps for result in step.hosts.values())

    look()
    assert seen >= {HostState.OK, HostState.CHANGED, HostState.FAILED, HostState.SKIPPED}
