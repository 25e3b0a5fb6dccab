"""Whether a step that may run on devices or once does which: what it builds on and what it speaks of decides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from nornflow.errors import ExpressionError
from nornflow.model.workflow import Scope, Step
from nornflow.workflow.expressions import names_used


def settle(steps: Sequence[Step], expressions: Mapping[str, Sequence[Any]]) -> list[Step]:
    """Return the steps (in topological order) without a scope of `any`.

    Such a step runs per device when a step before it does, or when one of its `expressions` (by step id) speaks of
    `host`; otherwise once.
    """
    settled: dict[str, Step] = {}
    ids = [step.id for step in steps]
    for step in steps:
        scope = step.scope
        if scope is Scope.ANY:
            on_devices = any(settled[edge.step].scope is Scope.DEVICE for edge in step.after)
            about_host = any(_speaks_of_host(text, ids) for text in (step.when, *expressions.get(step.id, ())))
            scope = Scope.DEVICE if on_devices or about_host else Scope.RUN
        settled[step.id] = replace(step, scope=scope)
    return list(settled.values())


def _speaks_of_host(text: Any, step_ids: Sequence[str]) -> bool:
    if not isinstance(text, str) or not text:
        return False
    try:
        return "host" in names_used(text, step_ids)
    except ExpressionError:  # told as a diagnostic of its own
        return False
