"""What the gates have in common that judge by a run's profile and by those of its steps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from nornflow.abc import Gate
from nornflow.model.decision import GateRequest
from nornflow.model.profile import Profile
from nornflow.model.step import Step
from nornflow.policy.lowering import of_step
from nornflow.policy.profiles import profile_named


class ProfileGate(Gate):
    """A gate that judges by the request's profile."""

    required = True

    def __init__(self, profiles: Mapping[str, Profile]) -> None:
        self._profiles = profiles

    def _profile(self, request: GateRequest) -> Profile:
        return request.in_force or profile_named(self._profiles, request.profile)

    def _step_profile(self, base: Profile, step: Step) -> Profile:
        return of_step(base, step, self._profiles)

    def _configuring(self, request: GateRequest) -> Iterator[Profile]:
        """Yield the run's profile, when a step changes devices, and that of each such step which lowers it."""
        base = self._profile(request)
        steps = [step for step in request.workflow.steps if step.configures]
        yield from (base for _ in steps[:1])
        yield from (self._step_profile(base, step) for step in steps if step.lowered_to)
