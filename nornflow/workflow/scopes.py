"""Whether a step that may run on devices or once does which: what it builds on and what it speaks of decides."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from nornflow.errors import ExpressionError
from nornflow.model.step import Scope, Step
from nornflow.workflow.drafts import CALL
from nornflow.workflow.expressions import names_used


def settle(
    steps: Sequence[Step],
    expressions: Mapping[str, Sequence[Any]],
    call: Callable[[Step, bool], Step],
    *,
    on_devices: bool = False,
) -> list[Step]:
    """Return the steps (in topological order) without a scope of `any`.

    Such a step runs per device when a step before it does, or when one of its `expressions` (by step id) speaks of
    `host`, or when all of them are `on_devices`; otherwise once. For a step that calls a workflow `call` says it, which is
    told whether a step before it runs per device.
    """
    settled: dict[str, Step] = {}
    ids = [step.id for step in steps]
    for step in steps:
        if step.scope is not Scope.ANY:
            settled[step.id] = step
            continue
        before = [settled[edge.step] for edge in step.after if edge.step in settled]  # in a circle some are not
        behind = on_devices or any(one.scope is Scope.DEVICE for one in before)
        if step.type == CALL:
            settled[step.id] = call(step, behind)
            continue
        about_host = any(_speaks_of_host(text, ids) for text in (step.when, *expressions.get(step.id, ())))
        settled[step.id] = replace(step, scope=Scope.DEVICE if behind or about_host else Scope.RUN)
    return list(settled.values())


def _speaks_of_host(text: Any, step_ids: Sequence[str]) -> bool:
    if not isinstance(text, str) or not text:
        return False
    try:
        return "host" in names_used(text, step_ids)
    except ExpressionError:  # told as a diagnostic of its own
        return False
