"""What is said of a workflow before it runs: a commit under the device's timer that nobody confirms cannot stay."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from nornflow import Check, Diagnostic


def unconfirmed(workflow: Any) -> Iterator[Diagnostic]:
    """Yield every `napalm.config` step with `revert_in` behind which no `napalm.confirm` step comes.

    The device would take the change back when its session ends or its time is over, after a run that had succeeded.
    """
    before: dict[str, set[str]] = {}
    for step in workflow.steps:  # in topological order
        before[step.id] = {edge.step for edge in step.after}.union(*(before[edge.step] for edge in step.after))
    confirming = [step.id for step in workflow.steps if step.type == "napalm.confirm"]
    for step in workflow.steps:
        waits = step.type == "napalm.config" and step.params.get("revert_in") is not None
        if waits and not any(step.id in before[confirm] for confirm in confirming):
            yield Diagnostic(
                "NAPALM001",
                f"step '{step.id}' commits with `revert_in`, and no napalm.confirm step depends on it",
                step.places.get("revert_in", step.location),
                expected="a napalm.confirm step after the checks",
                hint=f"add {{id: confirm, type: napalm.confirm, depends_on: ..., when: steps.{step.id}.changed}}: without "
                "it the device takes the change back by itself",
            )


UNCONFIRMED = Check("NAPALM001", "a commit under a timer is confirmed", unconfirmed)
