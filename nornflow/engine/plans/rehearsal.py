"""Rehearsing, while a change is planned, how each device is taken back: on a twin where one can run, else on the text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

from nornflow.engine.plans.plan_step import PlannedWork
from nornflow.engine.plans.twins import Case, Played, play
from nornflow.engine.progress import UNPLANNED, Progress
from nornflow.engine.rollback import own_lines
from nornflow.engine.tools import Tools
from nornflow.engine.work import StepWork
from nornflow.errors import NornFlowError
from nornflow.model.plan import HostPlan, Method, PlannedStep, Rehearsal
from nornflow.planning.diff import unified
from nornflow.planning.normalise import config_hash
from nornflow.planning.planner import Planner
from nornflow.planning.rehearse import way_back
from nornflow.platforms.load import platform_for


class Rehearsals:
    """Tries, device by device, how everything that a plan does would be taken back, and says how much that is worth."""

    def __init__(
        self,
        progress: Progress,
        works: Mapping[str, StepWork],
        planned: Mapping[str, PlannedWork],
        planners: Mapping[str, Planner],
        tools: Tools,
    ) -> None:
        self._progress = progress
        self._works = works
        self._planned = planned
        self._planners = planners
        self._tools = tools

    def rehearse(self, hosts: Sequence[HostPlan]) -> tuple[HostPlan, ...]:
        """Return the plans with a verdict on each way back, and with what a twin showed in place of what text predicted."""
        played = self._played([host for host in hosts if not host.error and host.host in self._planners])
        return tuple(host if host.error else self._judged(host, played.get(host.host)) for host in hosts)

    def _played(self, hosts: Sequence[HostPlan]) -> Mapping[str, Played]:
        found: dict[str, Played] = {}
        for twin in self._tools.twins:
            fitting = [
                host
                for host in hosts
                if host.host not in found
                and platform_for(host.platform).name in twin.platforms
                and any(step.configuration for step in host.steps)
            ]
            if fitting:
                found.update(play(twin, [self._case(host) for host in fitting], self._tools.switch))
        return found

    def _case(self, host: HostPlan) -> Case:
        steps = [step.configuration for step in host.steps if step.configuration]
        planner = self._planners[host.host]
        return Case(
            self._progress.hosts[host.host], platform_for(host.platform), planner.pre, steps, self._own(host)[0]
        )

    def _own(self, host: HostPlan) -> tuple[tuple[str, ...], str]:
        """Return the lines that the steps themselves give for a rollback, or why nobody knows them yet."""
        steps = [step.step for step in host.steps if step.configuration]
        try:
            return own_lines(steps, self._works, partial(self._progress.names, host.host), self._tools.renderer), ""
        except NornFlowError as error:
            return (), error.message

    def _judged(self, host: HostPlan, played: Played | None) -> HostPlan:
        if played is not None and not played.failure:
            host = self._as_shown(host, played)
        beyond = [*self._beyond(host), *self._later(host)]
        if not (host.changes or beyond):
            return host
        tried = self._tried(host, played) if host.host in self._planners else Rehearsal()
        if beyond:
            said = "; ".join(filter(None, (*beyond, tried.evidence)))
            tried = replace(tried, method=Method.IMPOSSIBLE, evidence=said)
        return replace(host, rollback=tried)

    def _as_shown(self, host: HostPlan, played: Played) -> HostPlan:
        """Return the plan with the diffs that the twin showed; what is applied later goes by them too."""
        planner = self._planners[host.host]
        after = iter(played.after)
        before, steps = planner.pre, []
        for step in host.steps:
            if step.configuration:
                shown = next(after)
                step = _as_shown(step, before, shown, planner)
                self._planned[step.step].planned[host.host] = step
                before = shown
            steps.append(step)
        planner.configuration = before
        return replace(host, steps=tuple(steps))

    def _tried(self, host: HostPlan, played: Played | None) -> Rehearsal:
        platform, planner = platform_for(host.platform), self._planners[host.host]
        own, unknown = self._own(host)
        start = config_hash(planner.configuration, platform)
        if unknown:
            return Rehearsal(evidence=f"the steps' own rollback lines are not known yet: {unknown}")
        if played is not None and not played.failure:
            passes = f"{played.passes} pass{'es' if played.passes != 1 else ''}"
            if played.remaining:
                said = f"played on the twin {played.twin}: not the pre-image after {passes}\n{played.remaining}"
                return Rehearsal(Method.IMPOSSIBLE, evidence=said)
            said = f"played on the twin {played.twin}: the pre-image again, line for line, after {passes}"
            return Rehearsal(Method.PROVEN, played.lines, said, start)
        if planner.native == "" and all(step.method is Method.NATIVE for step in host.steps if step.configuration):
            said = "the device's own candidate puts the pre-image back as a whole, and shows no difference to it"
            return Rehearsal(
                Method.NATIVE, way_back(planner.configuration, planner.pre, platform, own).lines, said, start
            )
        unproven = f"; not on the twin {played.twin}: {played.failure}" if played is not None else ""
        if blind := next((step for step in host.steps if _blind(step, planner)), None):
            said = f"what step {blind.step} changes cannot be told from text, so neither can the way back"
            return Rehearsal(Method.IMPOSSIBLE, evidence=f"{said}{unproven}")
        back = way_back(planner.configuration, planner.pre, platform, own)
        if back.remaining:
            said = f"predicted on the text{unproven}: not the pre-image\n{back.remaining}"
            return Rehearsal(Method.IMPOSSIBLE, evidence=said)
        return Rehearsal(Method.MODEL, back.lines, f"predicted on the text{unproven}", start)

    def _beyond(self, host: HostPlan) -> Iterator[str]:
        """Yield what the plan does that no lines take back."""
        for planned in host.steps:
            if not planned.changes:
                continue
            if self._works[planned.step].step.rollback is False:
                yield f"step {planned.step} is never taken back (`rollback: false`)"
            elif planned.actions:
                command = planned.actions[0].removeprefix("exec:").strip()
                yield f"what `{command}` of step {planned.step} does cannot be taken back"
            elif not planned.configuration:
                yield f"what step {planned.step} changes is not sent as configuration lines"

    def _later(self, host: HostPlan) -> Iterator[str]:
        """Yield the steps of which it is not known yet what they will change."""
        for step_id, work in self._works.items():
            result = self._progress.result(step_id, host.host) if work.step.configures else None
            if result is not None and result.reason == UNPLANNED:
                yield f"what step {step_id} changes is known only when it is applied"


def _as_shown(step: PlannedStep, before: str, after: str, planner: Planner) -> PlannedStep:
    """Return a planned step with what a twin showed; the device's own word, where there is one, is worth as much."""
    platform = planner.platform
    if step.method is Method.NATIVE:
        return step
    agreed = step.method is Method.MODEL and not unified(planner.after[step.step], after, platform)
    return replace(
        step,
        diff=unified(before, after, platform),
        method=Method.PROVEN,
        pre_hash=config_hash(before, platform),
        rollback=way_back(after, before, platform).lines,
        note="" if agreed else "the twin shows another diff than the text model, which cannot tell or is mistaken",
    )


def _blind(step: PlannedStep, planner: Planner) -> bool:
    """Tell whether a step changes the device by its lines, and the text model does not see how."""
    if step.method is Method.IMPOSSIBLE:
        return bool(step.configuration)
    return bool(step.configuration and step.diff) and planner.unseen(step.step)
