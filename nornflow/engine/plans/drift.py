"""Drift: devices that are not any more as a sealed plan found them are told by name and left alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from typing import Any

from nornflow.abc import DeviceSession
from nornflow.engine.progress import Progress
from nornflow.engine.shards.shards import Desk, Done, Round, Work
from nornflow.engine.tools import Tools
from nornflow.errors import NornFlowError, PlanStale
from nornflow.model.event import EventKind
from nornflow.model.plan import HostPlan, Plan
from nornflow.model.run import HostState, StepResult
from nornflow.model.sealed import SHORT
from nornflow.planning.diff import unified
from nornflow.planning.normalise import config_hash
from nornflow.platforms.load import platform_for
from nornflow.record import record

READ_TIMEOUT = 300.0
"""Seconds within which a device must give its configuration."""


@record
class Sealed:
    """A plan that was sealed before, for a run that applies just that.

    `approved` is the plan, and what planning found beside it, as the journal keeps it. `image` returns the configuration
    a device was planned on, if it is at hand, `blame` who changed a device since, in words. `outdated` says of devices why
    the inventory does not mean the same ones any more. With `strict` one stale device keeps all from being changed;
    `answered` says that the approvals are there and nobody is to be asked; `still` raises ApprovalRequired when they are not
    any more: devices may have been waited for. `after` is the hash of a plan that comes before this one, `awaited` the hash
    of the configuration by device that they had when it was still to be applied. `hash` is that of the plan.
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
    hash: str = ""


class Reading:
    """Reads devices over the connections that their plans were made over."""

    def __init__(self, progress: Progress, tools: Tools) -> None:
        self._plans = progress.plans
        self._tools = tools

    def here(self, round: Round) -> Done:
        """Read the devices of a round in this process; a result's `stdout` is the running configuration."""
        devices = self._tools.devices
        assert devices is not None  # a round has devices
        answers = devices.run("drift", round.hosts, self._unit, timeout=READ_TIMEOUT, cancellation=self._tools.switch)
        return Done(
            {host: StepResult(stdout=answer) for host, answer in answers.items() if isinstance(answer, str)},
            {host: answer for host, answer in answers.items() if isinstance(answer, NornFlowError)},
        )

    def _unit(self, session: DeviceSession) -> str:
        return session.read_config(connection_of(self._plans.get(session.host.name)))


def connection_of(plan: HostPlan | None) -> str:
    """Return over which connection a plan read its device, empty when nothing of it was compared."""
    if plan is None or not plan.changes or not plan.pre_hash:
        return ""
    return next((step.connection for step in plan.steps if step.pre_hash), "")


class Drift:
    """Reads the devices that a plan would change and compares them with what it was made on.

    `early` are the devices that are as they were before another plan that has to be applied first.
    """

    def __init__(self, plan: Plan, sealed: Sealed, progress: Progress, tools: Tools) -> None:
        self._plans = progress.plans = {host.host: host for host in plan.hosts}
        self._progress = progress
        self._sealed = sealed
        self._tools = tools
        self.early: set[str] = set()

    def check(self, hosts: Sequence[str]) -> tuple[dict[str, StepResult], dict[str, NornFlowError]]:
        """Return which devices are stale, with the diff of the drift, and which could not be read."""
        stale = {host: _stale(why) for host in hosts if (why := self._sealed.outdated.get(host))}
        todo = [host for host in hosts if host not in stale and connection_of(self._plans.get(host))]
        unreadable: dict[str, NornFlowError] = {}
        if todo and self._tools.devices is not None:
            reading = Reading(self._progress, self._tools)
            round = Round(Work.READ, tuple(todo))
            done = self._tools.shards.do(round, Desk(self._progress), reading.here, self._tools.switch)
            unreadable = dict(done.errors)
            for host, read in done.results.items():
                drifted = self._drifted(host, read.stdout)
                if drifted is not None:
                    stale[host] = _stale(f"{host}: {drifted}", _EARLY if host in self.early else _AGAIN)
        for host, result in stale.items():
            self._tools.emitter.emit(EventKind.DRIFT_FOUND, result.error, host=host, state=result.state.value)
        self._tools.emitter.emit(EventKind.DRIFT_CHECKED, hosts=len(todo), stale=sorted(stale))
        return stale, unreadable

    def _drifted(self, host: str, now: str) -> str | None:
        """Return what has drifted in words, None when nothing has."""
        platform = platform_for(self._progress.hosts[host].nos)
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
