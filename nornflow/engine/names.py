"""What expressions and templates see: inputs, results of earlier steps, the run and the host, as plain data."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from nornflow.errors import ExpressionError
from nornflow.model.device import HostView
from nornflow.model.run import BAD_ENDS, HostState, StepResult


def host_names(host: HostView) -> dict[str, Any]:
    """Return the host as a mapping: its data, and over it name, hostname, platform and groups."""
    return {
        **host.data,
        "name": host.name,
        "hostname": host.hostname,
        "platform": host.platform,
        "groups": list(host.groups),
    }


def result_names(result: StepResult) -> dict[str, Any]:
    """Return one result as a mapping: its named outputs, and over them the fixed fields of a step."""
    return {
        **result.outputs,
        "outputs": dict(result.outputs),
        "status": result.state.value,
        "ok": not result.failed,
        "failed": result.failed,
        "changed": result.changed,
        "skipped": result.state is HostState.SKIPPED,
        "exit_code": result.exit_code,
        "stdout": result.stdout,
        "stderr": result.stderr,
        "error": result.error,
        "diff": result.diff,
        "duration": result.duration,
        "attempts": result.attempts,
    }


def fleet_names(results: Mapping[str, StepResult]) -> dict[str, Any]:
    """Return a device step as the run sees it: who changed, who failed, and each host's result under `hosts`."""
    states = [result.state for result in results.values()]
    if any(state in BAD_ENDS for state in states):
        status = HostState.FAILED
    elif HostState.CHANGED in states:
        status = HostState.CHANGED
    else:
        status = HostState.SKIPPED if states and all(state is HostState.SKIPPED for state in states) else HostState.OK
    return {
        "status": status.value,
        "ok": status is not HostState.FAILED,
        "failed": status is HostState.FAILED,
        "changed": HostState.CHANGED in states,
        "skipped": status is HostState.SKIPPED,
        "changed_hosts": [host for host, result in results.items() if result.changed],
        "failed_hosts": [host for host, result in results.items() if result.failed],
        "ok_hosts": [host for host, result in results.items() if not result.failed],
        "hosts": {host: result_names(result) for host, result in results.items()},
    }


class Unknown(dict[str, Any]):
    """The result of a step that is not run while planning: to look into it is an error, never a guess."""

    def __init__(self, step: str) -> None:
        super().__init__()
        self._step = step

    def _refuse(self, *arguments: Any) -> Any:
        raise ExpressionError(f"the result of step {self._step} is not known while planning")

    __getitem__ = __contains__ = __iter__ = __len__ = __eq__ = __ne__ = _refuse
    get = keys = values = items = _refuse
    __hash__ = None


class StepNames(Mapping[str, Any]):
    """The `steps` of an expression: each step's view is made when it is asked for and kept."""

    def __init__(self, ids: tuple[str, ...], view: Callable[[str], dict[str, Any] | None]) -> None:
        self._ids = ids
        self._view = view
        self._made: dict[str, dict[str, Any]] = {}

    def __getitem__(self, step: str) -> dict[str, Any]:
        if step not in self._made:
            view = self._view(step) if step in self._ids else None
            if view is None:
                raise KeyError(step)
            self._made[step] = view
        return self._made[step]

    def __iter__(self) -> Iterator[str]:
        return (step for step in self._ids if step in self)

    def __contains__(self, step: object) -> bool:
        return isinstance(step, str) and (step in self._made or (step in self._ids and self._view(step) is not None))

    def __len__(self) -> int:
        return sum(1 for _ in self)
