"""What differs between two runs: inputs, what changed on the devices, and how steps and devices ended."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import field
from typing import Any

from nornflow.model.plain import plain
from nornflow.model.plan import Plan
from nornflow.model.run import RunRecord
from nornflow.record import record

Pair = tuple[Any, Any]

_HEAD = ("workflow", "version", "profile", "user", "state", "error")


@record
class RunDifference:
    """Pairs (first run, second run) of what differs, None where a run has nothing; lines are unified diffs by device.

    `lines` compares what the runs changed on each device, so it is a diff of two diffs, and `planned` the lines that
    they meant to send there.
    """

    a: str
    b: str
    run: Mapping[str, Pair] = field(default_factory=dict)
    inputs: Mapping[str, Pair] = field(default_factory=dict)
    hosts: Mapping[str, Pair] = field(default_factory=dict)
    steps: Mapping[str, Mapping[str, Pair]] = field(default_factory=dict)
    planned: Mapping[str, str] = field(default_factory=dict)
    lines: Mapping[str, str] = field(default_factory=dict)

    @property
    def same(self) -> bool:
        """Tell whether nothing differs."""
        return not (self.run or self.inputs or self.hosts or self.steps or self.planned or self.lines)


def compare(a: RunRecord, b: RunRecord, plan_a: Plan | None = None, plan_b: Plan | None = None) -> RunDifference:
    """Return what differs between two runs; times, durations and outputs that merely pass by are not compared."""
    meant_a, meant_b = _planned_lines(plan_a), _planned_lines(plan_b)
    steps_a, steps_b = _step_states(a), _step_states(b)
    steps = {
        step: found
        for step in dict.fromkeys((*steps_a, *steps_b))
        if (found := _differing(steps_a.get(step, {}), steps_b.get(step, {})))
    }
    diffs_a, diffs_b = ({host.host: host.diff for host in record.hosts} for record in (a, b))
    return RunDifference(
        a.id,
        b.id,
        run=_differing({name: plain(getattr(a, name)) for name in _HEAD}, {n: plain(getattr(b, n)) for n in _HEAD}),
        inputs=_differing(a.inputs, b.inputs),
        hosts=_differing(
            {host.host: host.state.value for host in a.hosts}, {host.host: host.state.value for host in b.hosts}
        ),
        steps=steps,
        planned=_texts(meant_a, meant_b, a.id, b.id),
        lines=_texts(diffs_a, diffs_b, a.id, b.id),
    )


def _planned_lines(plan: Plan | None) -> dict[str, str]:
    """Return the lines of a plan by device, each with its step."""
    return {
        host.host: "\n".join(f"{step.step}: {line}" for step in host.steps for line in step.lines)
        for host in (plan.hosts if plan else ())
    }


def _texts(a: Mapping[str, str], b: Mapping[str, str], name_a: str, name_b: str) -> dict[str, str]:
    return {
        host: "\n".join(_unified(a.get(host, ""), b.get(host, ""), name_a, name_b))
        for host in dict.fromkeys((*a, *b))
        if a.get(host, "") != b.get(host, "")
    }


def _differing(a: Mapping[str, Any], b: Mapping[str, Any]) -> dict[str, Pair]:
    return {key: (a.get(key), b.get(key)) for key in dict.fromkeys((*a, *b)) if a.get(key) != b.get(key)}


def _step_states(record: RunRecord) -> dict[str, dict[str, str]]:
    """Return how each step ended, by device; a step that ran once stands under an empty name."""
    return {
        step.step: {
            **({"": step.result.state.value} if step.result else {}),
            **{host: result.state.value for host, result in step.hosts.items()},
        }
        for step in record.steps
    }


def _unified(a: str, b: str, name_a: str, name_b: str) -> list[str]:
    return list(difflib.unified_diff(a.splitlines(), b.splitlines(), name_a, name_b, n=1, lineterm=""))
