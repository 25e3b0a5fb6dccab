"""What must say yes before anything is done: the gates, and a human where they hold the change or it changes devices."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from nornflow.engine.rollouts.batches import Batching
from nornflow.engine.tools import Tools
from nornflow.errors import ApprovalRequired, PolicyDenied
from nornflow.model.decision import Decision, GateRequest, Verdict, strictest
from nornflow.model.event import EventKind
from nornflow.model.plan import Plan
from nornflow.model.run import RunInfo
from nornflow.model.workflow import Workflow
from nornflow.policy.evaluate import evaluate_gates


class Admission:
    """Asks every gate about a run, before it is planned and with its plan, and remembers what they said last."""

    def __init__(
        self,
        info: RunInfo,
        workflow: Workflow,
        inputs: Mapping[str, Any],
        targets: Sequence[str],
        tools: Tools,
        batching: Batching,
        *,
        approved: bool = False,
    ) -> None:
        self._request = (info.user, info.profile.name, workflow, inputs, tuple(targets))
        self._profile = info.profile
        self._workflow = workflow
        self._tools = tools
        self._approved = approved
        self._batching = batching
        self._targets = tuple(targets)
        self.decisions: tuple[Decision, ...] = ()

    def judge(self, plan: Plan | None, left_out: Collection[str] = ()) -> tuple[Decision, ...]:
        """Return what every gate says of the run, with its plan when there is one; some devices may be left out of it."""
        unplanned = {host.host for host in plan.hosts if host.error} if plan is not None else frozenset()
        hosts = [host for host in self._targets if host not in unplanned | set(left_out)]
        batches = self._batching.cut(hosts or self._targets)
        request = GateRequest(*self._request, plan, in_force=self._profile, batches=batches, approved=self._approved)
        self.decisions = evaluate_gates(self._tools.gates, request)
        for decision in self.decisions:
            if decision.verdict is not Verdict.ALLOW:
                self._tools.emitter.emit(
                    EventKind.GATE_DECIDED,
                    decision.reason,
                    step=decision.step,
                    host=decision.host,
                    gate=decision.gate,
                    verdict=decision.verdict.value,
                    rule=decision.rule,
                )
        return self.decisions

    def demand(self, plan: Plan | None, left_out: Collection[str] = ()) -> None:
        """Let the gates judge and raise PolicyDenied, with every reason, when one of them denies."""
        denials = [decision for decision in self.judge(plan, left_out) if decision.verdict is Verdict.DENY]
        for decision in denials:
            self._tools.emitter.emit(
                EventKind.ACCESS_DENIED, decision.reason, step=decision.step, host=decision.host, rule=decision.rule
            )
        if denials:
            raise PolicyDenied("\n".join(dict.fromkeys(d.reason for d in denials)), hint=denials[0].hint)

    @property
    def held(self) -> bool:
        """Tell whether a gate wants somebody's approval."""
        return strictest(self.decisions) is Verdict.HOLD

    def demand_quorum(self) -> None:
        """Raise ApprovalRequired when the profile wants others to approve: whoever runs the change cannot do that alone."""
        for decision in self.decisions:
            if decision.verdict is Verdict.HOLD and decision.rule.startswith("approvals:"):
                raise ApprovalRequired(decision.reason, hint=decision.hint)

    def needs_approval(self, plan: Plan) -> bool:
        """Tell whether a human must be asked: devices would change, may change in a way not known yet, or a gate holds."""
        unknown = any(step.configures and step.id in plan.unplanned for step in self._workflow.steps)
        return plan.changes or unknown or self.held
