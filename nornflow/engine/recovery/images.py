"""Pre-images out of a journal: what a run found on each device before it changed it, and what it left there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from nornflow.engine.journal import result_of
from nornflow.engine.progress import PreImage
from nornflow.model.device import HostView
from nornflow.model.journal import Entry, EntryKind
from nornflow.model.kept_plan import plan_of, planned_of
from nornflow.model.plan import SAVES, HostPlan, Rehearsal
from nornflow.model.step import Step
from nornflow.model.workflow import Workflow
from nornflow.planning.normalise import config_hash
from nornflow.platforms.load import platform_for
from nornflow.record import record


def image_before(images: dict[str, PreImage], entry: Entry, step: Step, nos: str) -> None:
    """Take an intent: a step is about to change a device by lines, from the configuration that it found."""
    planned, found = planned_of(entry.data["planned"]), str(entry.data["found"])
    platform = platform_for(nos)
    if entry.host not in images:
        images[entry.host] = PreImage(planned.connection, found, expected=config_hash(found, platform))
    images[entry.host].remember(step, found)
    if platform.exec.commit_line in planned.lines:
        images[entry.host].commit = platform.exec.commit_line


def image_after(images: Mapping[str, PreImage], entry: Entry) -> None:
    """Take an outcome: what the step left on the device, and whether it took its change back itself."""
    image, said = images.get(entry.host), entry.data.get("image")
    if image is not None and said is not None:
        image.expected, image.saved, image.commit = said["expected"], said["saved"], said["commit"]
        image.text = said.get("text", image.text)
    if image is not None and entry.data.get("taken_back"):
        image.found.pop(entry.step, None)


@record
class Left:
    """What a run left on a device that it changed: the pre-image, and how its plan rehearsed the way back to it.

    `pre_hash` and `rehearsed` are of the plan, empty and None where it has none; `lines` are those that were planned.
    """

    image: PreImage
    pre_hash: str = ""
    rehearsed: Rehearsal | None = None
    lines: tuple[str, ...] = ()


def left_by(entries: Sequence[Entry], workflow: Workflow, hosts: Mapping[str, HostView]) -> dict[str, Left]:
    """Return what an ended run left on the devices that it changed by lines and did not take back.

    A device of which nobody knows what stands there now has an image without `expected`: the run could not read it any
    more, or did not get it back. Devices that the inventory does not have any more have no platform of theirs.
    """
    images: dict[str, PreImage] = {}
    plans: dict[str, HostPlan] = {}
    at_work: set[tuple[str, str]] = set()
    saves: dict[tuple[str, str], str] = {}
    back: set[str] = set()
    for entry in entries:
        host = entry.host
        if entry.kind is EntryKind.APPROVED and "plan" in entry.data:
            plans = {plan.host: plan for plan in plan_of(entry.data["plan"]).hosts}
        elif entry.kind is EntryKind.INTENT:
            lines = planned_of(entry.data["planned"]).lines
            saves[entry.step, host] = next((line for line in lines if line.startswith(SAVES)), "")
            if entry.data["found"]:
                nos = hosts[host].nos if host in hosts else ""
                image_before(images, entry, workflow.step(entry.step), nos)
                at_work.add((entry.step, host))
        elif entry.kind is EntryKind.OUTCOME:
            image_after(images, entry)
            at_work.discard((entry.step, host))
            saved = saves.get((entry.step, host), "")
            if saved and host in images and not result_of(entry.data["result"]).failed:
                images[host].saved = saved  # also by a step of its own, or when the change was confirmed
        elif entry.kind is EntryKind.ROLLED_BACK and host in images:
            images[host].expected = ""
            back |= {host} if entry.data.get("error") is None else set()
    for _, host in at_work:
        images[host].expected = ""
    changed = {host: image for host, image in images.items() if host not in back and image.steps and image.found}
    return {host: _left(image, plans.get(host)) for host, image in changed.items()}


def _left(image: PreImage, plan: HostPlan | None) -> Left:
    if plan is None:
        return Left(image)
    lines = tuple(line for step in plan.steps if step.step in image.steps for line in step.configuration)
    return Left(image, plan.pre_hash, plan.rollback, lines)
