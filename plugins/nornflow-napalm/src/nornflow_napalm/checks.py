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


def confirmed_twice(workflow: Any) -> Iterator[Diagnostic]:
    """Yield every step that sets or confirms a timer itself in a workflow whose run does that for the whole batch."""
    if workflow.confirm is None:
        return
    for step in workflow.steps:
        args = step.params.get("args")
        own = step.params if step.type == "napalm.config" else args if isinstance(args, Mapping) else {}
        where = ""
        if own.get("revert_in") is not None and (step.type == "napalm.config" or _task_of(step)):
            where = "revert_in" if step.type == "napalm.config" else "args"
        elif step.type == "napalm.confirm" or _task_of(step).endswith(".napalm_confirm_commit"):
            where = "type"
        if where:
            yield Diagnostic(
                "NAPALM002",
                f"step '{step.id}' has a timer of its own, and `confirm` of the workflow holds the device's only one",
                step.places.get(where, step.location),
                expected="one of the two",
                hint="leave the step's out: the run commits under the timer, and confirms once the batch is verified",
            )


def _task_of(step: Any) -> str:
    """Return the path of the task that a `nornir.task` step runs, an empty string for any other step."""
    return str(step.params.get("task", "")) if step.type == "nornir.task" else ""


CONFIRMED_TWICE = Check("NAPALM002", "one timer holds a commit", confirmed_twice)
UNCONFIRMED = Check("NAPALM001", "a commit under a timer is confirmed", unconfirmed)
