"""The plan of a run while it is being made: what each step planned where, and on which configuration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from nornflow.engine.journal import approved_data
from nornflow.engine.plans.plan import Planning
from nornflow.engine.plans.plan_step import PlannedWork
from nornflow.engine.plans.rehearsal import Rehearsals
from nornflow.engine.progress import Progress
from nornflow.engine.rollouts.batches import Batching
from nornflow.engine.tools import Tools
from nornflow.engine.work import StepWork
from nornflow.model.plan import Plan
from nornflow.planning.planner import Planner


class Drafts:
    """What was planned so far; `works` are the steps with it, bound to the pass over the graph that is at work."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._planners: dict[str, Planner] = {}
        self.works: dict[str, PlannedWork] = {}

    def bind(self, works: Mapping[str, StepWork], progress: Progress) -> None:
        """Take what was planned over to another pass."""
        before, keyed, premise = self.works, self._tools.keyed, self._tools.premise
        self.works = {name: PlannedWork(work, progress, self._planners, keyed, premise) for name, work in works.items()}
        for name, earlier in before.items():
            self.works[name].take_over(earlier)

    def plan(
        self,
        works: Mapping[str, StepWork],
        progress: Progress,
        targets: Sequence[str],
        inputs: Mapping[str, Any],
        profile: str,
        batching: Batching,
    ) -> Plan:
        """Plan every step on every target, with the way back rehearsed and the batches cut."""
        self.bind(works, progress)
        planning = Planning(progress, works, self.works, self._tools, profile)
        rehearsals = Rehearsals(progress, works, self.works, self._planners, self._tools)
        plan = planning.plan(targets, inputs, rehearsals.rehearse)
        batches = batching.cut([host.host for host in plan.hosts if not host.error])
        return replace(plan, batches=batches, checks=tuple(step.id for step in progress.workflow.checks))

    def kept(self, plan: Plan) -> tuple[dict[str, Any], dict[str, str]]:
        """Return the plan as a plan file keeps it, and the configuration of each device that it was made on."""
        return approved_data(plan, self.works), {host: planner.pre for host, planner in self._planners.items()}
