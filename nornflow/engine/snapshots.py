"""What devices show before and after their change, compared: taken within the batch, kept in the journal like any result."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from nornflow.engine.plans.plan_step import PlannedWork
from nornflow.engine.progress import Progress
from nornflow.engine.record import Ledger, Times
from nornflow.engine.tools import Tools
from nornflow.model.event import EventKind
from nornflow.model.plain import plain
from nornflow.model.run import HostState, StepResult
from nornflow.model.snapshot import Snapshot
from nornflow.model.state import Difference, Explained, Explanation, Path, counted
from nornflow.model.step import OnFailure, Step
from nornflow.planning.diff import changes_in
from nornflow.planning.explain import Patterns, explain
from nornflow.planning.naming import Named
from nornflow.planning.state import compare
from nornflow.platforms.load import platform_for

LISTED = 500
"""So many differences of a device stand in its result, collateral ones first; all of them are counted."""
_TOLD = 3
_RAW = frozenset(("output", "results"))
"""Outputs that say once more, as text, what another one of the same result says."""
_ORDER = (Explanation.COLLATERAL, Explanation.INTENDED, Explanation.NOISE)


class Snapshots:
    """The two looks at the devices of each batch, and their comparison; does nothing without a `snapshot`."""

    def __init__(
        self,
        progress: Progress,
        planned: Mapping[str, PlannedWork],
        ledger: Ledger,
        tools: Tools,
        walk: Callable[[Sequence[Step], Sequence[str]], None],
    ) -> None:
        self._snapshot = progress.workflow.snapshot
        self._progress = progress
        self._planned = planned
        self._ledger = ledger
        self._tools = tools
        self._walk = walk

    def before(self, batch: Sequence[str]) -> list[str]:
        """Look at the devices before their change, and return those that can be changed: what was not seen is no `before`."""
        snapshot = self._snapshot
        if snapshot is None:
            return list(batch)
        if snapshot.learn:
            self._walk(snapshot.learn, batch)
            if not self._seen(snapshot.before, batch):
                self._tools.sleep(snapshot.learning)
        self._walk(snapshot.before, [host for host in batch if not self._progress.failure(host)])
        return [host for host in batch if self._has(snapshot.before, host) and not self._progress.failure(host)]

    def after(self, batch: Sequence[str]) -> None:
        """Look once more at the devices that are well, and compare; what nothing explains may fail a device."""
        snapshot = self._snapshot
        hosts = [host for host in batch if not self._progress.failure(host)]
        if snapshot is None or not hosts:
            return
        changed = any(map(self._progress.changed, hosts))
        if snapshot.settle and changed and not self._seen(snapshot.after, hosts):
            self._tools.sleep(snapshot.settle)
        self._walk(snapshot.after, hosts)
        step = snapshot.compare
        todo = [host for host in hosts if self._has(snapshot.after, host) and not self._has((step,), host)]
        if not todo:
            return
        tools = self._tools
        times = self._ledger.times.setdefault(step.id, Times(tools.clock()))
        tools.emitter.emit(EventKind.STEP_STARTED, step=step.id, type=step.type, hosts=len(todo))
        for host in todo:
            if not self._progress.failure(host):
                self._end(snapshot, host)
        times.ended = tools.clock()
        tools.log.settle()
        tools.emitter.emit(EventKind.STEP_FINISHED, step=step.id)

    def _has(self, steps: Sequence[Step], host: str) -> bool:
        return all(host in self._progress.host_results.get(step.id, {}) for step in steps)

    def _seen(self, steps: Sequence[Step], hosts: Sequence[str]) -> bool:
        """Tell whether a process before this one has looked at all of them already."""
        return all(self._has(steps, host) for host in hosts)

    def _end(self, snapshot: Snapshot, host: str) -> None:
        step, tools, started = snapshot.compare, self._tools, self._tools.clock()
        found, missing = self._compared(snapshot, host)
        ended = tools.clock()
        seconds = max(0.0, (ended - started).total_seconds())
        result = replace(_result(snapshot, found, missing), started_at=started, completed_at=ended, duration=seconds)
        self._progress.record(step, {host: result})
        tools.log.outcome(step.id, host, result, None, final=True)
        told = result.error or result.warning
        tools.emitter.emit(EventKind.STATE_COMPARED, told, step=step.id, host=host, **counted(found))
        tools.emitter.emit(
            EventKind.HOST_STATE,
            told,
            step=step.id,
            host=host,
            state=result.state.value,
            changed=False,
            duration=seconds,
        )

    def _compared(self, snapshot: Snapshot, host: str) -> tuple[tuple[Explained, ...], list[str]]:
        """Return every difference with its explanation, and the looks that could not be compared."""
        learned: set[Path] = set()
        differences: list[Difference] = []
        missing: list[str] = []
        for index, (before, after) in enumerate(zip(snapshot.before, snapshot.after, strict=True)):
            look = before.id.partition(":")[2]
            one, other = self._state(before, host), self._state(after, host)
            if one is None or other is None:
                missing.append(look)
                continue
            differences += compare(one, other, (look,), snapshot.keys)
            first = self._state(snapshot.learn[index], host) if snapshot.learn else None
            if first is not None:
                learned.update(each.path for each in compare(first, one, (look,), snapshot.keys))
        platform = platform_for(self._progress.hosts[host].nos)
        found = explain(
            differences,
            noise=Patterns((*snapshot.noise, *platform.noise)),
            learned=learned,
            intended=Patterns(snapshot.intended),
            named=Named(self._planned_lines(host), platform),
        )
        return found, missing

    def _state(self, step: Step, host: str) -> Any:
        """Return what a look showed as plain data; None when it did not show anything, because it was skipped or borne."""
        result = self._progress.host_results.get(step.id, {}).get(host)
        if result is None or result.failed or result.state is HostState.SKIPPED:
            return None
        if result.warning and not result.outputs:  # it failed, and `on_failure: warn` bears that
            return None
        outputs = plain(dict(result.outputs))
        if step.outputs:
            outputs = {output.name: outputs[output.name] for output in step.outputs}
        elif "parsed" in outputs:
            outputs = {"parsed": outputs["parsed"]}
        elif outputs.keys() - _RAW:
            outputs = {name: value for name, value in outputs.items() if name not in _RAW}
        else:
            outputs = outputs or {"stdout": result.stdout}
        return next(iter(outputs.values())) if len(outputs) == 1 else outputs

    def _planned_lines(self, host: str) -> list[str]:
        """Return the lines that the plan adds or takes away, with their sections; where nobody can tell, all that are sent."""
        lines: list[str] = []
        for work in self._planned.values():
            planned = work.planned.get(host)
            if planned is not None and planned.changes:
                lines += changes_in(planned.diff) if planned.diff else planned.lines
        return lines


def _result(snapshot: Snapshot, found: Sequence[Explained], missing: Sequence[str]) -> StepResult:
    """Return how the comparison ended on a device."""
    listed = [each.kept() for kind in _ORDER for each in found if each.explanation is kind]
    outputs = {"differences": listed[:LISTED], **counted(found)}
    warning = f"not compared, because it was not seen: {', '.join(missing)}" if missing else ""
    collateral = [each for each in found if each.explanation is Explanation.COLLATERAL]
    if not collateral:
        return StepResult(outputs=outputs, warning=warning)
    count = f"{len(collateral)} difference{'' if len(collateral) == 1 else 's'} of the state"
    places = "; ".join(each.told for each in collateral[:_TOLD])
    more = f"; and {len(collateral) - _TOLD} more" if len(collateral) > _TOLD else ""
    text = f"{count} that the plan does not explain: {places}{more}"
    if snapshot.unexplained is OnFailure.WARN:
        return StepResult(outputs=outputs, warning="; ".join(filter(None, (text, warning))))
    return StepResult(
        HostState.FAILED,
        outputs=outputs,
        error=text,
        reason="unexplained",
        warning=warning,
        hint="see whether the change did this; what is meant or changes by itself goes into `intended` or `noise` of `snapshot`",
    )
