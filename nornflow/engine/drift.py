"""Drift: devices that are not any more as a sealed plan found them are told by name and left alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from nornflow.abc import DeviceSession
from nornflow.engine.tools import Tools
from nornflow.errors import NornFlowError, PlanStale
from nornflow.model.event import EventKind
from nornflow.model.plan import HostPlan, Plan
from nornflow.model.run import HostState, StepResult
from nornflow.model.sealed import SHORT
from nornflow.planning.diff import unified
from nornflow.planning.normalise import config_hash
from nornflow.platforms.load import platform_for

READ_TIMEOUT = 300.0
"""Seconds within which a device must give its configuration."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """A plan that was sealed before, for a run that applies just that.

    `approved` is the plan, and what planning found beside it, as the journal keeps it. `image` returns the configuration
    a device was planned on, if it is at hand, `blame` who changed a device since, in words. `outdated` says of devices why
    the inventory does not mean the same ones any more. With `strict` one stale device keeps all from being changed;
    `answered` says that the approvals are there and nobody is to be asked; `still` raises ApprovalRequired when they are not
    any more: devices may have been waited for. `after` is the hash of a plan that comes before this one, `awaited` the hash
    of the configuration by device that they had when it was still to be applied.
    """

    approved: Mapping[str, Any]
    image: Callable[[str, str], str | None] = lambda host, digest: None
    blame: Callable[[str], str] = lambda host: ""
    outdated: Mapping[str, str] = field(default_factory=dict)
    strict: bool = False
    answered: bool = False
    after: str = ""
    awaited: Mapping[str, str] = field(default_factory=dict)
    still: Callable[[], None] = lambda: None


class Drift:
    """Reads the devices that a plan would change and compares them with what it was made on.

    `early` are the devices that are as they were before another plan that has to be applied first.
    """

    def __init__(self, plan: Plan, sealed: Sealed, tools: Tools) -> None:
        self._plans = {host.host: host for host in plan.hosts}
        self._sealed = sealed
        self._tools = tools
        self.early: set[str] = set()

    def check(self, hosts: Sequence[str]) -> tuple[dict[str, StepResult], dict[str, NornFlowError]]:
        """Return which devices are stale, with the diff of the drift, and which could not be read."""
        stale = {host: _stale(why) for host in hosts if (why := self._sealed.outdated.get(host))}
        todo = [host for host in hosts if host not in stale and self._connection(host)]
        unreadable: dict[str, NornFlowError] = {}
        if todo and self._tools.devices is not None:
            answers = self._tools.devices.run(
                "drift", todo, self._unit, timeout=READ_TIMEOUT, cancellation=self._tools.switch
            )
            for host in todo:
                answer = answers[host]
                if isinstance(answer, NornFlowError):
                    unreadable[host] = answer
                elif answer is not None:
                    stale[host] = _stale(f"{host}: {answer}", _EARLY if host in self.early else _AGAIN)
        for host, result in stale.items():
            self._tools.emitter.emit(EventKind.DRIFT_FOUND, result.error, host=host, state=result.state.value)
        self._tools.emitter.emit(EventKind.DRIFT_CHECKED, hosts=len(todo), stale=sorted(stale))
        return stale, unreadable

    def _connection(self, host: str) -> str:
        """Return over which connection the plan read the device, empty when nothing of it was compared."""
        plan: HostPlan | None = self._plans.get(host)
        if plan is None or not plan.changes or not plan.pre_hash:
            return ""
        return next((step.connection for step in plan.steps if step.pre_hash), "")

    def _unit(self, session: DeviceSession) -> str | None:
        """Return what has drifted in words, None when nothing has."""
        host = session.host.name
        platform = platform_for(session.host.nos)
        now = session.read_config(self._connection(host))
        digest = self._plans[host].pre_hash
        if config_hash(now, platform) == digest:
            return None
        if config_hash(now, platform) == self._sealed.awaited.get(host):
            self.early.add(host)
            return f"plan {self._sealed.after[:SHORT]} has to be applied first, this one is made for what that leaves"
        who = self._sealed.blame(host) or "somebody"
        what = f"{who} changed it since: its configuration is not the one that was planned on"
        before = self._sealed.image(host, digest)
        if before is None:
            return f"{what} (that one is not kept here, so there is no diff)"
        return f"{what}:\n{unified(before, now, platform)}".rstrip()


_AGAIN = "nothing was sent to it; plan again for it (--replan-stale), and have that approved"
_EARLY = "nothing was sent to it; apply that plan, then this one"


def _stale(why: str, hint: str = _AGAIN) -> StepResult:
    return StepResult(HostState.STALE, error=why, reason=PlanStale.reason, hint=hint)
