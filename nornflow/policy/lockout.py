"""The lock-out gate: what becomes of a plan with a line that could cut the way into a device."""

from __future__ import annotations

from collections.abc import Sequence

from nornflow.model.decision import Decision, GateRequest, Verdict
from nornflow.model.plan import HostPlan, Risk
from nornflow.model.profile import Profile
from nornflow.policy.profile_gate import ProfileGate


def lockout_verdict(profile: Profile, risk: Risk) -> Verdict:
    """Return what a profile says to a risk: `deny` denies what is certain and holds what nobody can tell."""
    said = Verdict(profile.lockout)
    return Verdict.HOLD if said is Verdict.DENY and not risk.certain else said


class LockoutGate(ProfileGate):
    """No planned line cuts the way from the controller to a device, unless the profile lets it."""

    name = "lockout"

    def check(self, request: GateRequest) -> Sequence[Decision]:
        """Judge each risk of the plan by the profile of its step; what is let pass is said too."""
        base = self._profile(request)
        if request.plan is None or not base.allows("device.configure"):  # no line may reach a device anyway
            return ()
        profiles = {step.id: self._step_profile(base, step) for step in request.workflow.steps}
        return [
            self._decided(profiles.get(risk.step, base), host, risk)
            for host in request.plan.hosts
            for risk in host.risks
        ]

    def _decided(self, profile: Profile, host: HostPlan, risk: Risk) -> Decision:
        line = f" plans {risk.line!r}" if risk.line else ""
        could = "locks the controller out" if risk.certain else "may lock the controller out"
        rule = f"lockout: {profile.lockout}"
        return Decision(
            lockout_verdict(profile, risk),
            f"{host.host}: step {risk.step!r}{line}, which {could}: {risk.why}",
            self.name,
            rule,
            f"{profile.where}.lockout",
            risk.step,
            host.host,
            "leave the line out, reach the device another way (`management_address`, `controller_address` and"
            " `management_interface` of its data say how), or run the change under a profile with `lockout: hold`",
        )
