"""How long work may take over several steps: on each device in the whole rollout, and on each device in a call of a workflow."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping

from nornflow.errors import StepTimeout
from nornflow.model.step import Scope
from nornflow.model.workflow import Workflow

ROLLOUT = ""
"""The name under which the time in the whole rollout is counted; that of a call is counted under its step's id."""
ONCE = ""
"""What stands in place of a device for steps that run once."""
Used = Mapping[str, float]
"""Seconds that were worked, by what limits them."""


class HostTimes:
    """The seconds of work that each device has used up, and has left: in the rollout (`host_timeout`) and in calls (`timeout`).

    What a device waits for others, for people, or between two attempts, does not count. Steps of a call that run once have
    its time together. Only what is limited is counted. Thread-safe.
    """

    def __init__(self, workflow: Workflow) -> None:
        limits = {ROLLOUT: workflow.rollout.host_timeout}
        limits |= {step.id: step.timeout or 0.0 for step in workflow.steps if step.id in _calls(workflow)}
        self._limits = {name: limit for name, limit in limits.items() if limit}
        self._within = {
            step.id: tuple(
                name
                for name in (*((ROLLOUT,) if step.scope is not Scope.RUN else ()), *_around(workflow, step.frame))
                if name in self._limits
            )
            for step in workflow.every_step
        }
        self._planning = (ROLLOUT,) if ROLLOUT in self._limits else ()
        self._used: dict[str, dict[str, float]] = {}
        self._lock = threading.Lock()

    def use(self, host: str, seconds: float, step: str = "") -> None:
        """Note that so much time was worked on the device, at a step or (without one) at the planning of one."""
        with self._lock:
            used = self._used.setdefault(host, {})
            for name in self._names(step):
                used[name] = used.get(name, 0.0) + seconds

    def know(self, host: str, used: Used) -> None:
        """Note what a device has used up in all, as another process has counted it: it is not less than what is known here."""
        with self._lock:
            mine = self._used.setdefault(host, {})
            for name, seconds in used.items():
                mine[name] = max(mine.get(name, 0.0), seconds)

    def used(self, host: str) -> Used:
        """Return the seconds that were worked on the device, by what limits them."""
        with self._lock:
            return dict(self._used.get(host, {}))

    def left(self, hosts: Iterable[str], step: str = "") -> Mapping[str, float] | None:
        """Return how much each of these devices has left for a step, or for planning; None without a limit."""
        if not self._names(step):
            return None
        return {host: min(self._rest(host, name) for name in self._names(step)) for host in hosts}

    def over(self, host: str, step: str = "") -> StepTimeout | None:
        """Return the error of a device that has nothing left for a step."""
        name = next((name for name in self._names(step) if not self._rest(host, name)), None)
        return None if name is None else self._error(host, name)

    def _error(self, host: str, name: str) -> StepTimeout:
        where = f"{host}: " if host else ""
        if name == ROLLOUT:
            return StepTimeout(
                f"{where}the {self._limits[name]:g} s of its host_timeout are used up",
                hint="raise `host_timeout` of the rollout, or look at what the device was doing",
            )
        return StepTimeout(
            f"{where}the {self._limits[name]:g} s of step {name}, which calls a workflow, are used up",
            hint=f"raise `timeout` of step {name}, or look at which of its steps takes so long",
        )

    def _names(self, step: str) -> tuple[str, ...]:
        return self._within[step] if step else self._planning

    def _rest(self, host: str, name: str) -> float:
        with self._lock:
            return max(0.0, self._limits[name] - self._used.get(host, {}).get(name, 0.0))


def _calls(workflow: Workflow) -> frozenset[str]:
    return frozenset(frame.call for frame in workflow.frames.values())


def _around(workflow: Workflow, frame: str) -> Iterator[str]:
    """Yield the calls that steps of a frame stand in, the innermost first."""
    while frame:
        yield workflow.frames[frame].call
        frame = workflow.frames[frame].outer
