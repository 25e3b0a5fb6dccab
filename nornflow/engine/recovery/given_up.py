"""Devices that others have had since the run was cut off: whoever resumes it does nothing there, and says so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from nornflow.engine.stepping import Working
from nornflow.engine.tools import Tools
from nornflow.errors import RollbackFailed
from nornflow.model.event import EventKind
from nornflow.model.step import Scope, Step


class GivenUp:
    """The devices of `Ledger.given_up` in the steps of a rollout (`body`) and in its rollbacks; none in most runs."""

    def __init__(self, body: Sequence[Step], working: Working, tools: Tools) -> None:
        self._body = body
        self._progress = working.progress
        self._ledger = working.ledger
        self._tools = tools

    def end_what_was_open(self) -> None:
        """Give a result to steps that were cut off on such a device; they may have changed it."""
        for step_id, host in sorted(self._progress.past.open):
            if host in self._ledger.given_up:
                del self._progress.past.open[step_id, host]
                self._end(self._progress.workflow.step(step_id), host, changed=True)

    def others(self, hosts: Sequence[str]) -> tuple[str, ...]:
        """Return the devices among these that may be touched; those that may not end at the first step not done there."""
        for host in hosts:
            if host in self._ledger.given_up and not self._progress.failure(host):
                own = (step for step in self._body if step.scope is Scope.DEVICE and not step.once)
                undone = next((step for step in own if host not in self._progress.host_results.get(step.id, {})), None)
                if undone is not None:
                    self._end(undone, host)
        return tuple(host for host in hosts if host not in self._ledger.given_up)

    def to_take_back(self, hosts: Sequence[str]) -> list[str]:
        """Return the devices among these that may be taken back; that others are not is how their rollback ends."""
        for host in hosts:
            # what a step took back itself needs nobody any more
            if host in self._ledger.given_up and self._progress.changed(host):
                self._ledger.rollbacks[host] = self._not_ours(host)
        return [host for host in hosts if host not in self._ledger.given_up]

    def _end(self, step: Step, host: str, *, changed: bool = False) -> None:
        result = replace(self._ledger.given_up[host], changed=changed)
        self._progress.record(step, {host: result})
        self._tools.log.outcome(step.id, host, result, None, final=True)
        self._tools.emitter.emit(
            EventKind.HOST_STATE, result.error, step=step.id, host=host, state=result.state.value, changed=changed
        )

    def _not_ours(self, host: str) -> RollbackFailed:
        why = self._ledger.given_up[host]
        error = RollbackFailed(f"{host} was not taken back: {why.error}", hint=why.hint)
        self._tools.log.rolled_back(host, error)
        self._tools.emitter.emit(EventKind.ROLLBACK_FINISHED, error.message, host=host, state="rollback_failed")
        return error
