"""Taking back a run that has ended: a new run whose plan leads each device from what the run left to what it found."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from nornflow.app.services.asking import Voices
from nornflow.app.services.change import PlannedChange, carry_out, plan_made_ready
from nornflow.app.services.choice import chosen_profile
from nornflow.app.services.decided import Change, compiled, origin_of
from nornflow.app.services.spec import Spec, fingerprints
from nornflow.engine.recovery.images import Left
from nornflow.engine.taking_back import TakeBack
from nornflow.errors import UsageError
from nornflow.model.journal import Standing
from nornflow.model.run import BAD_ENDS, HostState, RunRecord
from nornflow.model.sealed import SealedPlan
from nornflow.record import record
from nornflow.workflow.loader import load

if TYPE_CHECKING:
    from nornflow.app.build import Project

STALE = 5
"""The exit code when no device was as the run left it, so nothing was taken back."""


@record
class Wanted:
    """Which run is to be taken back: on these devices, or (none named) on all that it changed.

    `merge` reverses only the run's own difference, and leaves alone what others changed since. `profile` and `locked` are
    as for a change.
    """

    run: str
    hosts: Sequence[str] = ()
    merge: bool = False
    profile: str = ""
    locked: str = ""


def plan_rollback(project: Project, wanted: Wanted, voices: Voices) -> PlannedChange:
    """Plan taking a run back: devices are read, nothing is written. Raises as `roll_back_run`."""
    with _change(project, wanted, voices) as change:
        return plan_made_ready(project, change, voices)


def roll_back_run(project: Project, wanted: Wanted, voices: Voices) -> RunRecord:
    """Take a run back, as a run of its own, and return that one's record; it ended badly where a device did not come back.

    UsageError when the run has not ended, or left nothing to take back on the devices that are named.
    """
    with _change(project, wanted, voices) as change:
        record = carry_out(project, change, voices, locked=wanted.locked)
    bad = [host for host in record.hosts if host.state in BAD_ENDS]
    if record.exit_code or not bad:
        return record
    stale = all(host.state is HostState.STALE for host in record.hosts)
    return replace(record, exit_code=STALE if stale else 1)


def seal_rollback(
    project: Project, wanted: Wanted, voices: Voices, file: Path, key: Path | None = None
) -> tuple[PlannedChange, SealedPlan]:
    """Plan taking a run back into a plan file: what takes it back can be approved and applied as any plan."""
    from nornflow.app.services.plans.files import demand_place
    from nornflow.app.services.plans.sealing import seal_made

    demand_place(file, key)
    with _change(project, wanted, voices) as change:
        return seal_made(project, change, voices, file, key)


@contextmanager
def _change(project: Project, wanted: Wanted, voices: Voices) -> Iterator[Change]:
    with closing(project.store(create=False)) as store:
        run = store.find(wanted.run)
        standing, record = store.standing(run), store.record(run)
    _demand_ended(standing)
    with origin_of(project, run) as (origin, left):
        for host in record.hosts:
            if host.diff and host.host not in left and host.state is not HostState.ROLLED_BACK:
                voices.notice(f"{host.host}: what run {run} changed was not sent as configuration lines, and stays")
        hosts = _chosen(run, left, wanted.hosts, origin)
        yield _made(project, origin, hosts, wanted, TakeBack(run, left, merge=wanted.merge))


def _demand_ended(standing: Standing) -> None:
    if not standing.ended:
        raise UsageError(
            f"run {standing.run} has not ended: it is {standing.state}",
            hint=f"nornflow runs cancel {standing.run} --now-and-roll-back, or nornflow runs resume {standing.run}",
        )
    if not standing.spec:
        raise UsageError(
            f"run {standing.run} did not keep what it takes to take it back", hint="its record has the diffs"
        )


def _chosen(run: str, left: Mapping[str, Left], asked: Sequence[str], origin: Change) -> tuple[str, ...]:
    unknown = [host for host in asked if host not in left]
    if unknown:
        changed = f"it changed {', '.join(sorted(left))}" if left else "it left no change on any device"
        raise UsageError(f"run {run} left no change on {', '.join(unknown)}", hint=changed)
    if not left:
        raise UsageError(f"run {run} left no change on any device", hint=f"see: nornflow runs show {run}")
    hosts = tuple(host for host in origin.spec.targets if host in left and (not asked or host in asked))
    gone = [host for host in hosts if host not in origin.hosts]
    if gone:
        raise UsageError(
            f"the inventory has no {', '.join(gone)} any more", hint="name the others with --hosts, or bring it back"
        )
    return hosts


def _made(project: Project, origin: Change, hosts: tuple[str, ...], wanted: Wanted, take_back: TakeBack) -> Change:
    text = document(take_back.run, hosts, merge=wanted.merge)
    types = {**project.step_types, TakeBack.name: take_back}
    workflow = compiled(project, load(TakeBack.name, text=text), types)
    profile = chosen_profile(project, wanted.profile, workflow)
    spec = Spec(
        text=text,
        file=TakeBack.name,
        folder=origin.spec.folder,
        project=str(project.folder.resolve()),
        used=profile.name,
        inputs={"run": take_back.run, "merge": wanted.merge},
        profile=wanted.profile,
        inventory=origin.spec.inventory,
        targets=hosts,
        devices=fingerprints(hosts, origin.hosts, project.redactor),
        takes_back=take_back.run,
    )
    return Change(workflow, profile, origin.devices, origin.hosts, spec, types)


def document(run: str, hosts: Sequence[str], *, merge: bool) -> str:
    """Return the workflow that takes a run back, as text: it is kept with the run, which can be resumed by it."""
    batches = [1, "100%"] if len(hosts) > 1 else [1]
    step = {"id": "take-back", "type": TakeBack.name, "run": run, "merge": merge}
    content = {
        "name": TakeBack.name,
        "version": "1.0",
        "description": f"takes back run {run}",
        "targets": {"hosts": list(hosts)},
        "rollout": {"batches": batches, "max_failures": "100%"},
        "on_failure": "continue",
        "steps": [step],
    }
    return json.dumps(content, indent=1)
