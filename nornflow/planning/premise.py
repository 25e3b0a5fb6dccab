"""What a device has once a plan is applied to it: for another plan that is made to come after it."""

from __future__ import annotations

from collections.abc import Callable

from nornflow.errors import PlanStale
from nornflow.model.plan import HostPlan, Method, Plan
from nornflow.planning.diff import patched
from nornflow.planning.normalise import config_hash, normalise, volatile_head
from nornflow.planning.predict import predict
from nornflow.platforms.load import platform_for
from nornflow.record import record


@record
class Supposed:
    """A configuration that a device is supposed to have when its plan is applied, and why it is."""

    text: str
    why: str


def left_by(host: HostPlan, text: str) -> str | None:
    """Return what a plan leaves of a device with this configuration; None when that cannot be told.

    What a twin showed counts, where there was one, else the text model. It is a normalised listing.
    """
    platform = platform_for(host.platform)
    now: str | None = normalise(text, platform)
    for step in host.steps:
        if now is None or step.actions or (step.diff and not step.configuration):
            return None
        if step.method is Method.PROVEN:
            now = patched(now, step.diff)
        elif step.configuration:
            outcome = predict(now, step.configuration, platform)
            now = outcome.text if outcome.method is Method.MODEL else None
    return now


def hash_left_by(host: HostPlan, text: Callable[[], str | None] = lambda: None) -> str:
    """Return the hash of what a plan leaves of a device, as planning has found it; empty when that cannot be told.

    `text` gives the configuration that the plan was made on, for plans that do not say the hash.
    """
    if host.rollback is not None and host.rollback.start_hash:
        return host.rollback.start_hash
    before = text()
    after = left_by(host, before) if before is not None else None
    return config_hash(after, platform_for(host.platform)) if after is not None else ""


class AfterPlan:
    """Takes devices for what they have once a plan is applied; `awaited` are those that it is not applied to yet.

    `name` is what people call that plan, `image` returns the configuration that it was made on by device, if it is kept.
    """

    def __init__(self, plan: Plan, name: str, image: Callable[[str], str | None] = lambda host: None) -> None:
        self._hosts = {host.host: host for host in plan.hosts if host.changes}
        self._name = name
        self._image = image
        self.awaited: dict[str, str] = {}

    def __call__(self, host: str, running: str) -> Supposed | None:
        """Return what is to be planned on, None for just what the device has now.

        PlanStale for a device that is neither as the plan found it nor as that leaves it.
        """
        plan = self._hosts.get(host)
        if plan is None:
            return None
        platform = platform_for(plan.platform)
        digest = config_hash(running, platform)
        left = hash_left_by(plan, lambda: self._image(host))
        if digest == left != plan.pre_hash:
            return None
        if digest != plan.pre_hash:
            raise PlanStale(
                f"{host} is neither as plan {self._name} found it nor as that leaves it",
                hint="somebody changed it: plan that one again, or, if it is applied, plan this change anew",
            )
        text = left_by(plan, running)
        if text is None or config_hash(text, platform) != left:  # with a secret in it that is masked, for one
            raise PlanStale(
                f"what plan {self._name} leaves of {host} cannot be told from its lines",
                hint="apply that one first, then plan this change anew: nornflow plan WORKFLOW -o FILE",
            )
        self.awaited[host] = digest
        return Supposed(volatile_head(running, platform) + text, f"planned on what plan {self._name} will have left")
