"""What a gate is asked and what it answers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import field
from enum import StrEnum
from typing import Any

from nornflow.model.plan import Batch, Plan
from nornflow.model.profile import Profile
from nornflow.model.workflow import Workflow
from nornflow.record import record


class Verdict(StrEnum):
    """A gate's answer; `deny` is stricter than `hold`, and `hold` stricter than `allow`."""

    ALLOW = "allow"
    HOLD = "hold"
    DENY = "deny"


_STRICTNESS = (Verdict.ALLOW, Verdict.HOLD, Verdict.DENY)


@record
class Decision:
    """A gate's verdict with the reason, the rule that decided and where that rule stands."""

    verdict: Verdict
    reason: str
    gate: str = ""
    rule: str = ""
    where: str = ""
    step: str = ""
    host: str = ""
    hint: str = ""


@record
class GateRequest:
    """Everything a gate may look at: who wants to run what, under which profile, with which plan.

    `in_force` is the profile as this run has it: a workflow's own profile is taken together with that of the settings, so
    it may be narrower than the profile of the name. None means that the name says it all.
    `batches` is in which batches the devices would be changed, as far as they are known by now to be changed at all.
    `approved` says that the plan is a sealed one which has the approvals that the profile asks for.
    """

    user: str
    profile: str
    workflow: Workflow
    inputs: Mapping[str, Any]
    hosts: tuple[str, ...]
    plan: Plan | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    in_force: Profile | None = None
    batches: tuple[Batch, ...] = ()
    approved: bool = False


def strictest(decisions: Iterable[Decision]) -> Verdict:
    """Return the strictest verdict of all; without any decision the answer is `allow`."""
    return max((decision.verdict for decision in decisions), key=_STRICTNESS.index, default=Verdict.ALLOW)
