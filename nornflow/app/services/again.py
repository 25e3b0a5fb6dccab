"""Doing once more what failed in a run that has ended: a new run of the same change, on the devices that ended badly."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import datetime

from nornflow.app.build import Project
from nornflow.app.clock import now
from nornflow.app.services.asking import Voices
from nornflow.app.services.change import carry_out
from nornflow.app.services.decided import kept_change
from nornflow.app.services.spec import fingerprints, kept_spec
from nornflow.engine.graph import descendants
from nornflow.engine.journal import compact
from nornflow.engine.recovery.recovery import Earlier
from nornflow.errors import UsageError
from nornflow.model.journal import Entry, EntryKind
from nornflow.model.run import BAD_ENDS, HostState, RunRecord, RunState, StepResult
from nornflow.model.step import Scope
from nornflow.model.workflow import Workflow
from nornflow.redaction import MASK
from nornflow.workflow.drafts import CALL


def run_failed_again(project: Project, run: str, voices: Voices, step: str = "") -> RunRecord:
    """Run the change of an ended run again, as it was kept, on the devices that ended badly; return the new run's record.

    With a step, what stands before it is not done again: its results are those of the ended run. UsageError when there is
    nothing to do again, or when the step builds on what is not there any more.
    """
    with closing(project.store(create=False)) as store:
        found = store.find(run)
        standing, record = store.standing(found), store.record(found)
    if not standing.ended:
        raise UsageError(f"run {found} has not ended", hint=f"nornflow runs resume {found}")
    if not standing.spec:
        raise UsageError(f"run {found} did not keep what it takes to run it again", hint="run its workflow")
    hosts = [host.host for host in record.hosts if host.state in BAD_ENDS]
    if not hosts:
        raise UsageError(
            f"no device ended badly in run {found}: it is {record.state}", hint="there is nothing to do again"
        )
    change, _ = kept_change(project, kept_spec(standing.spec, project.folder))
    try:
        missing = [host for host in hosts if host not in change.hosts]
        if missing:
            raise UsageError(f"the inventory has no {', '.join(missing)} any more", hint="run the change anew")
        # it is planned anew, so what was sealed for the run before is not what this one applies
        devices = fingerprints(hosts, change.hosts, project.redactor)
        spec = replace(change.spec, targets=tuple(hosts), devices=devices, sealed="", strict=False)
        earlier = _known(record, change.workflow, hosts, step) if step else None
        return carry_out(project, replace(change, spec=spec), voices, earlier=earlier)
    finally:
        change.close()


def _known(record: RunRecord, workflow: Workflow, hosts: Sequence[str], step: str) -> Earlier:
    """Return what is known of the steps before one, as a run's journal would say it."""
    ids = {each.id for each in workflow.steps}
    if step not in ids:
        raise UsageError(f"there is no step {step!r} in the workflow", hint=f"its steps are {', '.join(sorted(ids))}")
    back = [host.host for host in record.hosts if host.host in hosts and host.state is HostState.ROLLED_BACK]
    if back:
        raise UsageError(
            f"what the steps before {step} changed was taken back on {', '.join(back[:5])}",
            hint="leave --from out: the devices are done from the beginning",
        )
    # states are compared with what is there now, and what was found in a check was found in another run
    looks = frozenset(each.id for each in workflow.every_step if each.id not in ids or each.check)
    anew = descendants(workflow.steps, [step]) | {step} | looks
    entries = list(_entries(record, workflow, hosts, anew, record.completed_at or now()))
    if MASK in repr(entries):
        raise UsageError(
            f"a result of the steps before {step} holds a secret, which no record keeps",
            hint="leave --from out: the devices are done from the beginning",
        )
    return Earlier(RunState.PENDING, entries, now())


def _entries(
    record: RunRecord, workflow: Workflow, hosts: Sequence[str], anew: frozenset[str], at: datetime
) -> Iterator[Entry]:
    for kept in record.steps:
        step = workflow.step(kept.step)
        if step.id in anew or step.type == CALL:  # how a call ended is seen from its steps
            continue
        if step.scope is Scope.RUN and kept.result is not None and not kept.result.failed:
            yield Entry(EntryKind.RESULT, step.id, data={"batch": 0, "result": _data(kept.result)})
        for host in hosts:
            result = kept.hosts.get(host)
            if result is not None and not result.failed:
                # it changed the device in the run before: this one neither reports that nor takes it back
                done = replace(result, changed=False, diff="", state=_unchanged(result.state))
                yield Entry(EntryKind.OUTCOME, step.id, host, {"result": _data(done), "final": True})


def _unchanged(state: HostState) -> HostState:
    return HostState.OK if state is HostState.CHANGED else state


def _data(result: StepResult) -> dict[str, object]:
    return compact(replace(result, started_at=None, completed_at=None))
