"""The gate of ways back: a profile may demand that every change can be taken back, as far as a rehearsal can tell."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from nornflow.model.decision import Decision, GateRequest, Verdict
from nornflow.model.plan import HostPlan, Method, Rehearsal
from nornflow.model.profile import Profile
from nornflow.policy.profile_gate import ProfileGate
from nornflow.policy.rules import Refusals


class RollbackGate(ProfileGate):
    """A profile with `rollback` changes only devices whose way back was rehearsed and is worth at least that."""

    name = "rollback"

    def __init__(self, profiles: Mapping[str, Profile], refusals: Refusals) -> None:
        super().__init__(profiles)
        self._refusals = refusals

    def check(self, request: GateRequest) -> Sequence[Decision]:
        """Deny, or hold, each device that could not be taken back as surely as the profile demands."""
        demanding = [profile for profile in self._configuring(request) if profile.rollback is not None]
        if request.plan is None or not demanding:
            return ()
        return [
            decision
            for host in request.plan.hosts
            if not host.error and (host.changes or host.rollback is not None)
            for decision in self._short(host, max(demanding, key=_strictness_of_rollback))
        ]

    def _short(self, host: HostPlan, profile: Profile) -> Iterator[Decision]:
        tried, least = host.rollback or Rehearsal(Method.IMPOSSIBLE, evidence="it was not rehearsed"), profile.rollback
        assert least is not None
        said = ""
        if not tried.method.suffices(least):
            said = f"is {tried.method} ({tried.evidence})"
        elif refused := self._refusals(host.platform, tried.lines, profile.deny_rules):
            said = f"has the line {refused[0][0]!r}, which the profile refuses"
        if said:
            reason = f"{host.host}: the way back {said}; profile {profile.name!r} demands one that is {least}"
            hint = "change less at once, let the change be played on a twin, or take a profile that does not demand it"
            verdict = Verdict.HOLD if profile.unproven == "hold" else Verdict.DENY
            where = f"{profile.where}.rollback"
            yield Decision(verdict, reason, self.name, f"rollback: {least}", where, host=host.host, hint=hint)


def _strictness_of_rollback(profile: Profile) -> tuple[bool, bool]:
    least = profile.rollback or Method.IMPOSSIBLE
    return least.suffices(Method.PROVEN), profile.unproven == "deny"
