"""What a step remembers of the devices that it changes: what it found there, what was expected, and what saves it."""

from __future__ import annotations

from nornflow.engine.plans.plan_step import PlannedWork
from nornflow.engine.progress import PreImage, Progress
from nornflow.errors import PlanStale
from nornflow.model.plan import Method, PlannedStep
from nornflow.model.step import Step


class DeviceMemory:
    """The pre-images of a run, as one of its steps uses them."""

    def __init__(self, step: Step, planned: PlannedWork, progress: Progress) -> None:
        self._step, self._planned, self._progress = step, planned, progress

    def image(self, host: str) -> PreImage | None:
        """Return the pre-image of a device that the step was about to change, or None when it was not."""
        image = self._progress.pre_images.get(host)
        return image if image is not None and self._step.id in image.found else None

    def remember(self, host: str, planned: PlannedStep, before: str, digest: str) -> PreImage:
        """Keep what the step found (`before`, with its hash); PlanStale when it is not what was planned against, or left."""
        image = self._progress.pre_images.get(host)
        expected = image.expected if image else self._planned.read_hash(host)
        if expected and digest != expected and planned.method is not Method.IMPOSSIBLE:
            raise PlanStale(
                f"{host}: the configuration is not the one that was planned against"
                if image is None
                else f"{host}: the configuration is not the one that this run left there",
                hint="somebody else changed the device: plan again"
                if image is None
                else "somebody else changed the device, or its own timer took the change back",
            )
        if image is None:
            image = self._progress.pre_images[host] = PreImage(planned.connection, before, expected=digest)
        image.remember(self._step, before)
        return image

    def saves(self, host: str, planned: PlannedStep, command: str) -> None:
        """Note that the step saves: it has, or that is held back until the change is confirmed."""
        image = self._progress.pre_images.get(host)
        if host in self._progress.holds:
            self._progress.held_saves[host] = (self._step.id, planned.connection, command)
        elif image is not None:
            image.saved = command
