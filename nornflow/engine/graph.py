"""Walking the graph of steps: each starts when all before it have ended, independent ones side by side."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import pairwise

from nornflow.abc import Cancellation
from nornflow.model.step import On, Scope, Step

PARALLEL_STEPS = 8
"""How many steps of the graph work at the same time; devices have threads of their own."""


def rescue_groups(steps: Sequence[Step]) -> dict[str, frozenset[str]]:
    """Return, for each step with a `rescue` block, the ids of the steps in that block."""
    groups: dict[str, set[str]] = {}
    for step in steps:
        for edge in step.after:
            if edge.on is On.FAILED:
                groups.setdefault(edge.step, set()).add(step.id)
    for failed, group in groups.items():
        for step in steps:  # topological order: one pass finds the rest of each block
            if step.after and step.id not in group and all(edge.step in group | {failed} for edge in step.after):
                on_failed_step = [edge for edge in step.after if edge.step == failed]
                if not on_failed_step and any(edge.step in group for edge in step.after):
                    group.add(step.id)
    return {failed: frozenset(group) for failed, group in groups.items()}


def predecessors(steps: Sequence[Step]) -> dict[str, frozenset[str]]:
    """Return what must have ended before each step: its edges, and the rescue blocks of the steps it builds on.

    Steps that configure devices wait for each other, in one order: a device takes one change at a time, and what was
    planned on top of another change is applied on top of it.
    """
    groups = rescue_groups(steps)
    present = {step.id for step in steps}
    before: dict[str, frozenset[str]] = {}
    for step in steps:
        wanted: set[str] = set()
        for edge in step.after:
            wanted.add(edge.step)
            group = groups.get(edge.step, frozenset())
            if edge.on is On.OK and step.id not in group:
                wanted |= group
        before[step.id] = frozenset(wanted & present - {step.id})
    configuring = [step.id for step in _in_order(steps, before) if step.configures]
    for earlier, later in pairwise(configuring):
        before[later] |= {earlier}
    return before


def _in_order(steps: Sequence[Step], before: Mapping[str, frozenset[str]]) -> list[Step]:
    """Return the steps so that each stands behind what it waits for, otherwise as they were given."""
    ordered: list[Step] = []
    todo, done = list(steps), set[str]()
    while todo:
        step = next((step for step in todo if before[step.id] <= done), todo[0])
        todo.remove(step)
        done.add(step.id)
        ordered.append(step)
    return ordered


def ancestors(steps: Sequence[Step], of: Collection[str]) -> frozenset[str]:
    """Return the ids of all steps from which one of the given steps can be reached, these excluded."""
    by_id = {step.id: step for step in steps}
    found: set[str] = set()
    todo = list(of)
    while todo:
        for edge in by_id[todo.pop()].after:
            if edge.step in by_id and edge.step not in found:
                found.add(edge.step)
                todo.append(edge.step)
    return frozenset(found - set(of))


def descendants(steps: Sequence[Step], of: Collection[str]) -> frozenset[str]:
    """Return the ids of all steps that can be reached from one of the given steps, these excluded."""
    return frozenset(step.id for step in steps if ancestors(steps, [step.id]) & set(of)) - set(of)


def device_phases(steps: Sequence[Step]) -> tuple[list[Step], list[Step], list[Step]]:
    """Cut the graph for a rollout in batches: what runs once before, what runs in each batch, what runs once after.

    Steps of the run before any device step belong to the first part, those that no device step waits for to the last.
    Checks of the rollout are in none of them.
    """
    steps = [step for step in steps if not step.check]
    device = [step.id for step in steps if step.scope is Scope.DEVICE]
    before_devices = ancestors(steps, device)
    after_devices = {step.id for step in steps if ancestors(steps, [step.id]) & set(device)}
    first = [step for step in steps if step.id not in device and step.id not in after_devices]
    last = [step for step in steps if step.id not in device and step.id in after_devices - before_devices]
    body = [step for step in steps if step not in first and step not in last]
    return first, body, last


def walk(
    steps: Sequence[Step], execute: Callable[[Step], bool], ended: Callable[[Step], None], cancellation: Cancellation
) -> None:
    """Execute each step once all its predecessors among `steps` have ended; no new step starts after a stop.

    `execute` must not raise for a step that fails (it records the failure); what it raises is a bug and is raised here. It is
    False for a step that has not ended, because it waits: what comes behind it is left alone.
    """
    before: Mapping[str, frozenset[str]] = predecessors(steps)
    waiting = list(steps)
    done: set[str] = set()
    running: dict[Future[bool], Step] = {}
    with ThreadPoolExecutor(PARALLEL_STEPS, thread_name_prefix="step") as pool:
        while waiting or running:
            ready = [] if cancellation.stopping else [step for step in waiting if before[step.id] <= done]
            waiting = [step for step in waiting if step not in ready]
            running.update({pool.submit(execute, step): step for step in ready})
            if not running:
                return
            finished, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in finished:
                step = running.pop(future)
                if future.result():
                    done.add(step.id)
                    ended(step)
