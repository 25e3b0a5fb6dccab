"""What is said of a workflow before it runs: a commit under the device's timer that nobody confirms cannot stay."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from nornflow import Check, Diagnostic


def unconfirmed(workflow: Any) -> Iterator[Diagnostic]:
    """Yield every step that commits with `revert_in`, ours or NAPALM's task, behind which no `napalm.confirm` step comes.

    The device would take the change back when its session ends or its time is over, after a run that had succeeded.
    """
    before: dict[str, set[str]] = {}
    for step in workflow.steps:  # in topological order
        before[step.id] = {edge.step for edge in step.after}.union(*(before[edge.step] for edge in step.after))
    confirming = [step.id for step in workflow.steps if step.type == "napalm.confirm"]
    for step in workflow.steps:
        waits = step.type == "napalm.config" and step.params.get("revert_in") is not None
        args = step.params.get("args")
        if _task_of(step).endswith(".napalm_configure") and isinstance(args, Mapping):
            waits = args.get("revert_in") is not None
        if waits and not any(step.id in before[confirm] for confirm in confirming):
            yield Diagnostic(
                "NAPALM001",
                f"step '{step.id}' commits with `revert_in`, and no napalm.confirm step depends on it",
                step.places.get("revert_in", step.places.get("args", step.location)),
                expected="a napalm.confirm step after the checks",
                hint=f"add {{id: confirm, type: napalm.confirm, depends_on: ..., when: steps.{step.id}.changed}}: without "
                "it the device takes the change back by itself",
            )


def _task_of(step: Any) -> str:
    """Return the path of the task that a `nornir.task` step runs, an empty string for any other step."""
    return str(step.params.get("task", "")) if step.type == "nornir.task" else ""


UNCONFIRMED = Check("NAPALM001", "a commit under a timer is confirmed", unconfirmed)
