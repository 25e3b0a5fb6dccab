"""What a run knows of one device, as one value: taken from one process and put into another that goes on with the device."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import TypeVar

from nornflow.engine.deadlines import Used
from nornflow.engine.plans.plan_notes import PlanNotes, StepPlan
from nornflow.engine.progress import PreImage, Progress
from nornflow.model.confirm import Armed, Hold
from nornflow.model.plan import HostPlan
from nornflow.model.run import StepResult
from nornflow.record import record

K = TypeVar("K")
T = TypeVar("T")


@record
class HostNotes:
    """What is known of a device: results by step, its pre-image, what was left open by step, and how it is to be confirmed.

    `step` is what is planned of the step at work, `plan` the plan of all of them as it is applied.
    """

    step: PlanNotes | None = None
    plan: HostPlan | None = None
    results: Mapping[str, StepResult] = field(default_factory=dict)
    image: PreImage | None = None
    taken_back: bool = False
    open: Mapping[str, str] = field(default_factory=dict)
    rolling: bool = False
    armed: Armed | None = None
    hold: Hold | None = None
    held_save: tuple[str, str, str] | None = None
    used: Used = field(default_factory=dict)


def take_notes(progress: Progress, planned: StepPlan | None, host: str, *, planner: bool = False) -> HostNotes:
    """Return what is known of a device, with what is planned of a step, and the `planner` while there is more to plan."""
    open = progress.past.open
    return HostNotes(
        None if planned is None else planned.notes(host, planner=planner),
        progress.plans.get(host),
        {step: found[host] for step, found in progress.host_results.items() if host in found},
        progress.pre_images.get(host),
        host in progress.taken_back,
        {step.id: open[step.id, host] for step in progress.workflow.steps if (step.id, host) in open},
        host in progress.past.rolling,
        progress.armed.get(host),
        progress.holds.get(host),
        progress.held_saves.get(host),
        progress.times.used(host),
    )


def put_notes(progress: Progress, planned: StepPlan | None, host: str, notes: HostNotes, *, results: bool) -> None:
    """Know of a device what the notes say, and nothing else; `results` are taken where they are not recorded otherwise."""
    if planned is not None and notes.step is not None:
        planned.put_notes(host, notes.step)
    if results:
        for step in progress.workflow.every_step:
            found = progress.host_results.get(step.id, {})
            if step.id in notes.results:
                progress.record(step, {host: notes.results[step.id]})
            else:
                found.pop(host, None)
    _put(progress.pre_images, host, notes.image)
    _put(progress.armed, host, notes.armed)
    _put(progress.holds, host, notes.hold)
    _put(progress.held_saves, host, notes.held_save)
    for step in progress.workflow.steps:
        _put(progress.past.open, (step.id, host), notes.open.get(step.id))
    for group, there in ((progress.taken_back, notes.taken_back), (progress.past.rolling, notes.rolling)):
        (group.add if there else group.discard)(host)
    progress.times.know(host, notes.used)


def _put(where: dict[K, T], key: K, what: T | None) -> None:
    if what is None:
        where.pop(key, None)
    else:
        where[key] = what
