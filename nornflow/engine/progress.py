"""What a run knows so far: every step's result, every device's state, and what a rollback would need."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from nornflow.engine.deadlines import HostTimes
from nornflow.engine.names import StepNames, Unknown, fleet_names, host_names, result_names
from nornflow.model.confirm import Armed, Hold
from nornflow.model.device import HostView
from nornflow.model.frame import Frame
from nornflow.model.plan import HostPlan
from nornflow.model.run import HostState, RunInfo, StepResult
from nornflow.model.step import On, OnFailure, Scope, Step
from nornflow.model.workflow import Workflow
from nornflow.workflow.drafts import CALL
from nornflow.workflow.frames import Passing

NOT_TAKEN = frozenset(("dependency", "branch"))
"""Reasons of a skipped step after which its dependants are skipped too; a false `when` is not among them."""


UNPLANNED = "unplanned"
"""The reason of a result that stands for one which only the run itself will give."""


@dataclass(slots=True)
class PreImage:
    """A device before the run changed it: over which connection it was read, the text, and the command that saved it since.

    `commit` is the line that put the change in force, where the connection itself does not do that.

    `steps` are those whose changes may be taken back, `found` is what each step found when it first came to the device.
    `expected` is the hash of the configuration that the run left last, empty when nobody knows it.
    """

    connection: str
    text: str
    saved: str = ""
    commit: str = ""
    steps: list[str] = field(default_factory=list)
    found: dict[str, str] = field(default_factory=dict)
    expected: str = ""

    def remember(self, step: Step, before: str) -> None:
        """Keep what a step found, when it first came to the device."""
        self.found.setdefault(step.id, before)
        if step.rollback is not False and step.id not in self.steps:
            if not self.steps:
                self.text = before  # with what steps before it changed that are never taken back
            self.steps.append(step.id)


@dataclass(slots=True)
class Past:
    """What a process before this one left open, by step and device, or by step of the run and batch (0 outside of them).

    `open` holds what a step found on a device that it was about to change, when nobody knows how it ended. `begun` are
    steps of the run of which nobody knows it either, `ended` those that are done, `rolling` devices that were being
    taken back.
    """

    open: dict[tuple[str, str], str] = field(default_factory=dict)
    begun: set[tuple[str, int]] = field(default_factory=set)
    ended: set[tuple[str, int]] = field(default_factory=set)
    rolling: set[str] = field(default_factory=set)


class Progress:
    """The results of one pass over the graph (a plan or a run); thread-safe for one writer per (step, host)."""

    def __init__(
        self,
        workflow: Workflow,
        hosts: Mapping[str, HostView],
        run: RunInfo,
        inputs: Mapping[str, Any],
        user_vars: Mapping[str, Any],
        passing: Passing | None = None,
    ) -> None:
        self.workflow = workflow
        self.run = run
        self.hosts = hosts
        self.results: dict[str, StepResult] = {}
        self.host_results: dict[str, dict[str, StepResult]] = {}
        self.pre_images: dict[str, PreImage] = {}
        self.taken_back: set[str] = set()
        """Devices on which a step failed and took its own change back at once."""
        self.batch_of: Mapping[str, int] = {}
        self.plans: Mapping[str, HostPlan] = {}
        """What is applied to each device, with the way back that was rehearsed."""
        self.armed: dict[str, Armed] = {}
        """Devices whose change has, or had, to be confirmed."""
        self.holds: dict[str, Hold] = {}
        """What binds the steps on each device of the batch at work until it is confirmed."""
        self.held_saves: dict[str, tuple[str, str, str]] = {}
        """By device, what is done once its change is confirmed: step, connection and the command that saves."""
        self.past = Past()
        self.times = HostTimes(workflow)
        self.batch = 0
        """The batch that is at work; 0 before the first one and after the last."""
        self.over = False
        """True once the run has failed as a whole: device steps then count as failed for steps of the run."""
        self._passing = passing
        self._ids: dict[str, tuple[str, ...]] = {"": ()}
        """The steps of each frame, by their ids there."""
        for step in workflow.steps:
            local = workflow.frames[step.frame].local(step.id) if step.frame else step.id
            self._ids[step.frame] = (*self._ids.get(step.frame, ()), local)
        self._scope = {step.id: step.scope for step in workflow.every_step}
        self._every_step = workflow.every_step
        self._calls = {step.id for step in workflow.steps if step.type == CALL}
        bearing = (
            step.id for step in workflow.steps if step.id in self._calls and step.on_failure is not OnFailure.FAIL
        )
        self._borne = frozenset(inner for call in bearing for inner in self._steps_of(call))
        """The steps of called workflows whose failure is borne by the call."""
        self._lock = threading.Lock()
        self._base: dict[str, Any] = {
            "inputs": dict(inputs),
            "vars": dict(user_vars),
            "env": dict(workflow.environment),
            "workflow": {"name": workflow.name, "version": workflow.version, "description": workflow.description},
            "run": {"id": run.id, "user": run.user, "profile": run.profile.name, "workspace": str(run.workspace)},
            "execution_id": run.id,
        }

    def record(self, step: Step, results: Mapping[str, StepResult] | StepResult) -> None:
        """Keep a step's result, or its results by host."""
        with self._lock:
            if isinstance(results, StepResult):
                self.results[step.id] = results
            else:
                self.host_results.setdefault(step.id, {}).update(results)

    def result(self, step_id: str, host: str | None) -> StepResult | None:
        """Return a step's result as the host (or, without one, the run) sees it: within a batch that is about its devices."""
        if self._scope[step_id] is Scope.RUN or step_id in self.results:
            return self.results.get(step_id)
        per_host = self.host_results.get(step_id)
        if per_host is None:
            return None
        if host is not None:
            return per_host.get(host)
        if self.batch:
            per_host = {name: one for name, one in list(per_host.items()) if self.batch_of.get(name) == self.batch}
            if not per_host:
                return None
        return _summary(per_host, self.over)

    def forget(self, step: Step, hosts: Sequence[str]) -> None:
        """Forget how a check ended, so that it is done anew; a device on which it failed stays failed."""
        with self._lock:
            self.results.pop(step.id, None)
            per_host = self.host_results.get(step.id, {})
            for host in hosts:
                if host in per_host and not per_host[host].failed:
                    del per_host[host]

    def complete(self, step: Step, batch: Sequence[str]) -> bool:
        """Tell whether a process before this one has done all of a step, as far as the batch at work goes.

        What was found in a check is not: the network may be another now.
        """
        if step.check:
            return False
        if step.scope is Scope.RUN:
            return (step.id, self.batch) in self.past.ended
        if step.once:
            return step.id in self.results
        return all(host in self.host_results.get(step.id, {}) for host in batch)

    def names(self, host: str | None, frame: str = "", *, fleet: bool = False) -> dict[str, Any]:
        """Return the namespace of expressions and templates for a host, or for the run, in a frame.

        With `fleet` steps are seen as the run sees them, also for a host. In the frame of a called workflow ExpressionError
        and StepError say that its inputs cannot be worked out, or do not fit.
        """
        names = {**self._base, "steps": StepNames(self._ids[frame], self._viewer(frame, None if fleet else host))}
        if frame:
            names |= self._called(self.workflow.frames[frame], host)
        if host is not None and host in self.hosts:
            names["host"] = host_names(self.hosts[host])
        return names

    def _called(self, frame: Frame, host: str | None) -> dict[str, Any]:
        """Return what a called workflow has in place of what its caller sees."""
        assert self._passing is not None
        outer = self.names(host, frame.outer)
        seen = tuple(step for step in self._ids[frame.outer] if self._whole(frame.outer, step) in frame.seen)
        outer["steps"] = StepNames(seen, self._viewer(frame.outer, host))
        about = {"name": frame.name, "version": frame.version, "description": frame.description}
        env = {**outer["env"], **frame.environments[0], **frame.environments[1]}
        return {"inputs": self._passing.inputs(frame, outer), "vars": {}, "workflow": about, "env": env}

    def _viewer(self, frame: str, host: str | None) -> Callable[[str], dict[str, Any] | None]:
        return lambda step: self._view(self._whole(frame, step), host)

    @staticmethod
    def _whole(frame: str, step: str) -> str:
        return f"{frame}.{step}" if frame else step

    def _view(self, step: str, host: str | None) -> dict[str, Any] | None:
        if self.is_unplanned(step):
            return Unknown(step)
        if step in self.results:
            return result_names(self.results[step])
        per_host = self.host_results.get(step)
        if per_host is None:
            return None
        if host is None:
            return {**self._shared(step, per_host), **fleet_names(per_host)}
        return result_names(per_host[host]) if host in per_host else None

    def _shared(self, step: str, per_host: Mapping[str, StepResult]) -> Mapping[str, Any]:
        """Return the outputs that the run sees of a step on devices: those of a called workflow, which are about all of them."""
        if step not in self._calls:
            return {}
        given = [result.outputs for result in per_host.values() if result.outputs]
        return given[-1] if given else {}  # a later batch has seen more devices

    def is_unplanned(self, step: str) -> bool:
        """Tell whether the step's results only stand for those which the run itself will give."""
        results = [self.results[step]] if step in self.results else self.host_results.get(step, {}).values()
        return any(result.reason == UNPLANNED for result in results)

    def blocked(self, step: Step, host: str | None) -> str:
        """Return why a step must not run on the host ("" when it may): `dependency` or `branch`."""
        for edge in step.after:
            result = self.result(edge.step, host)
            reason = _unwalkable(edge.on, result)
            if reason and not (reason == "branch" and edge.on is On.OK and self._only_waits(step, edge.step)):
                return reason
        return ""

    def _only_waits(self, step: Step, inner: str) -> bool:
        """Tell whether a step waits for `inner` because it depends on the step whose block `inner` is in.

        It is not blocked then when the block was not taken: the other branch, or no rescue, was what had to be done.
        """
        awaited = {edge.step for edge in step.after}
        return any(edge.on is not On.OK and edge.step in awaited for edge in self.workflow.step(inner).after)

    def rescue(self, group: Mapping[str, Iterable[str]]) -> None:
        """Mark failed results as rescued where every step of their rescue block ran and succeeded."""
        for failed, rescuers in group.items():
            steps = (failed, *self._steps_of(failed))
            for host, result in list(self.host_results.get(failed, {}).items()):
                if result.failed and self._all_well(rescuers, host):
                    self._bear(steps, host)
            single = self.results.get(failed)
            if single is not None and single.failed and self._all_well(rescuers, None):
                self._bear(steps, None)

    def mending(self, group: Mapping[str, Iterable[str]]) -> tuple[set[str], set[str]]:
        """Return what failed and may still be rescued: steps that failed for the run, and devices."""
        steps, hosts = set[str](), set[str]()
        for failed, rescuers in group.items():
            covers = (failed, *self._steps_of(failed))
            broken = {step for step in covers if step in self.results and self.results[step].failed}
            if broken and self._may_be_well(rescuers, None):
                steps |= broken
            for step in covers:
                found = self.host_results.get(step, {})
                hosts |= {
                    host for host, result in list(found.items()) if result.failed and self._may_be_well(rescuers, host)
                }
        return steps, hosts

    def _may_be_well(self, steps: Iterable[str], host: str | None) -> bool:
        results = [self.result(step, host) for step in steps]
        return not any(result is not None and (result.failed or result.reason in NOT_TAKEN) for result in results)

    def _bear(self, steps: Iterable[str], host: str | None) -> None:
        """Mark what failed of these steps, on a host or once, as rescued: it is no failure of the run."""
        for step in steps:
            kept = self.results if host is None else self.host_results.get(step, {})
            key = step if host is None else host
            if key in kept and kept[key].failed:
                kept[key] = replace(kept[key], rescued=True)

    def _steps_of(self, call: str) -> Iterator[str]:
        """Yield the steps of the workflow that a step calls, if it does."""
        if call in self._calls:
            frames = [frame for frame in self.workflow.frames.values() if frame.call == call]
            yield from (step.id for step in self.workflow.steps if any(frame.holds(step.frame) for frame in frames))

    def _all_well(self, steps: Iterable[str], host: str | None) -> bool:
        results = [self.result(step, host) for step in steps]
        return bool(results) and all(
            result is not None and not result.failed and result.reason not in NOT_TAKEN for result in results
        )

    def failure(self, host: str | None, but: Collection[str] = ()) -> tuple[Step, StepResult] | None:
        """Return the first step (in the graph's order) that failed on the host, with its result; `but` those are left out.

        What `on_failure: warn | continue` bears is no failure any more when it is recorded; what it does not bear (a
        device whose state is unknown, a stale one) counts under it as well.
        """
        for step in self._every_step:
            result = self.results.get(step.id) if host is None else self.host_results.get(step.id, {}).get(host)
            if result is not None and step.id not in but and self._counts(step.id, result):
                return step, result
        return None

    def _counts(self, step: str, result: StepResult) -> bool:
        return result.failed and not (step in self._borne and is_bearable(result))

    def failed_hosts(self) -> set[str]:
        """Return the devices on which any step failed; of many devices this is faster than to ask for each."""
        return {
            host
            for step, results in self.host_results.items()
            for host, result in list(results.items())
            if self._counts(step, result)
        }

    def changed(self, host: str) -> bool:
        """Tell whether any step changed the host."""
        return any(results[host].changed for results in self.host_results.values() if host in results)


def is_bearable(result: StepResult) -> bool:
    """Tell whether `on_failure: warn | continue` bears it: a failure, or that it took too long and changed nothing."""
    return result.state is HostState.FAILED or (result.state is HostState.TIMED_OUT and not result.changed)


def _unwalkable(on: On, result: StepResult | None) -> str:
    if result is None:
        return "dependency"
    if on is On.FINISHED:
        return "dependency" if result.reason == "dependency" else ""
    if on is On.FAILED:
        return "" if result.failed or result.rescued else "branch"
    if result.failed or result.reason in NOT_TAKEN:
        return "branch" if result.reason == "branch" else "dependency"
    if on in (On.THEN, On.ELSE):
        return "" if result.outputs.get("branch") == on.value else "branch"
    return ""


def _summary(per_host: Mapping[str, StepResult], over: bool) -> StepResult:
    """Return a device step as a step of the run may depend on it: failed when the run is over or no host succeeded."""
    states = list(per_host.values())
    if states and (over or all(result.failed for result in states)):
        return StepResult(HostState.FAILED, error="failed on every device", reason="dependency")
    return StepResult(changed=any(result.changed for result in states))
