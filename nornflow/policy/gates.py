"""The built-in gates: each says which rule decided and where it stands."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

from nornflow.abc import Gate
from nornflow.errors import NornFlowError
from nornflow.model.decision import Decision, GateRequest, Verdict
from nornflow.model.permission import LineRule, Mode, both
from nornflow.model.plan import HostPlan, PlannedStep
from nornflow.model.profile import Profile
from nornflow.model.step import Step
from nornflow.policy.lockout import LockoutGate
from nornflow.policy.permissions import Allowance, effective
from nornflow.policy.profile_gate import ProfileGate
from nornflow.policy.rollback import RollbackGate
from nornflow.policy.rules import Refusals, readable, rule_book, sections


def by_indentation(platform: str, lines: Sequence[str], rules: Sequence[LineRule]) -> Sequence[tuple[str, LineRule]]:
    """Judge lines as they are written, whatever the platform: what can be done without a grammar of it."""
    book = rule_book(tuple(rules))
    found = []
    for line, path in sections(lines):
        command = line.removeprefix("exec:").strip()
        # an exec command is held against both: what it does depends on the mode in which the device reads it
        both = book.judge(command, "exec") or book.judge(command)
        rule = both if line.startswith("exec:") else book.judge(path)
        if rule is not None:
            found.append((path, rule))
    return found


class PermissionGate(ProfileGate):
    """Every step's needs lie within profile, workflow and user; nothing starts when one does not.

    In plan mode a step only needs to read: `device.read` for a step on devices; and the run as a whole `workflow.plan`.
    """

    name = "permissions"

    def __init__(
        self,
        profiles: Mapping[str, Profile],
        mode: Mode = Mode.APPLY,
        user_permissions: Callable[[str], Collection[str] | None] = lambda user: None,
    ) -> None:
        super().__init__(profiles)
        self._mode = mode
        self._user_permissions = user_permissions

    def check(self, request: GateRequest) -> Sequence[Decision]:
        """Deny each permission of each step that somebody does not give."""
        base = self._profile(request)
        workflow = request.workflow
        user = self._user_permissions(request.user)
        whole = "workflow.plan" if self._mode is Mode.PLAN else "workflow.execute"
        decisions = list(self._missing(effective(base, None, user), {whole}, ""))
        for step in workflow.judged_steps:
            try:
                profile = self._step_profile(base, step)
            except NornFlowError as error:
                decisions.append(
                    Decision(
                        Verdict.DENY,
                        error.message,
                        self.name,
                        "a step's profile may only lower the run's",
                        str(step.places.get("profile", step.location)),
                        step.id,
                        hint=error.hint,
                    )
                )
                continue
            granted, where = both(workflow.permissions, step.permitted), f"{workflow.file}: permissions"
            allowance = effective(profile, granted, user, workflow_where=where)
            decisions += self._missing(allowance, needed(step, self._mode), step.id)
        return decisions

    def _missing(self, allowance: Allowance, wanted: Collection[str], step: str) -> Iterator[Decision]:
        for permission in sorted(wanted):
            ruling = allowance.judge(permission)
            if not ruling.allowed:
                subject = f"step {step!r} needs {permission}" if step else f"the run needs {permission}"
                reason = f"{subject}, which is not allowed under profile {allowance.profile.name!r}: {ruling.rule}"
                yield Decision(Verdict.DENY, reason, self.name, ruling.rule, ruling.where, step, hint=ruling.hint)


class LineGate(ProfileGate):
    """No planned line matches a deny rule of the profile."""

    name = "lines"

    def __init__(self, profiles: Mapping[str, Profile], refusals: Refusals = by_indentation) -> None:
        super().__init__(profiles)
        self._refusals = refusals

    def check(self, request: GateRequest) -> Sequence[Decision]:
        """Deny each planned line that must never reach a device, with host, step and rule."""
        if request.plan is None:
            return ()
        base = self._profile(request)
        if not base.allows("device.configure"):  # no line may reach a device: the permission gate says so, once
            return ()
        profiles = {step.id: self._step_profile(base, step) for step in request.workflow.steps}
        # many devices have the same lines
        known: dict[tuple[str, str, tuple[str, ...]], Sequence[tuple[str, LineRule]]] = {}
        decisions = []
        for host in request.plan.hosts:
            for planned in host.steps:
                profile = profiles.get(planned.step, base)
                key = (planned.step, host.platform, tuple(planned.lines))
                if key not in known:
                    known[key] = self._refusals(host.platform, planned.lines, profile.deny_rules)
                decisions += [self._denied(profile, host, planned, path, rule) for path, rule in known[key]]
        return decisions

    def _denied(self, profile: Profile, host: HostPlan, planned: PlannedStep, path: str, rule: LineRule) -> Decision:
        refused = f"which profile {profile.name!r} refuses: {rule.reason or readable(rule.pattern)}"
        reason = f"{host.host}: step {planned.step!r} plans {path!r}, {refused}"
        hint = "take the line out of the change, or run it under a profile without this rule"
        return Decision(
            Verdict.DENY, reason, self.name, readable(rule.pattern), rule.where, planned.step, host.host, hint
        )


class CanaryGate(ProfileGate):
    """A profile with `canary` changes one device first when there are several; so does a step that lowers to such a one."""

    name = "canary"

    def check(self, request: GateRequest) -> Sequence[Decision]:
        """Deny a first batch of more than one device."""
        profile = next((profile for profile in self._configuring(request) if profile.canary), None)
        if profile is None or len(request.hosts) < 2:
            return ()
        # an expression that names no device makes a batch of none: the next one is the first then
        first = next((len(batch.hosts) for batch in request.batches if batch.hosts), len(request.hosts))
        if first <= 1:
            return ()
        reason = f"the first batch would be {first} of {len(request.hosts)} devices; profile {profile.name!r} starts with one"
        hint = "begin the workflow's rollout with one device: `rollout: {batches: [1, 10%, 100%]}`"
        return (Decision(Verdict.DENY, reason, self.name, "canary: true", f"{profile.where}.canary", hint=hint),)


class LimitsGate(ProfileGate):
    """Timeouts that a workflow asks for lie within the profile's durations."""

    name = "limits"

    def check(self, request: GateRequest) -> Sequence[Decision]:
        """Deny a timeout above the profile's maximum; a workflow that asks for none is simply cut to it."""
        base, workflow = self._profile(request), request.workflow
        decisions = []
        if workflow.timeout is not None and workflow.timeout > base.max_workflow_duration:
            decisions.append(self._over("the workflow", workflow.timeout, base, "max_workflow_duration", ""))
        for step in workflow.judged_steps:
            if step.timeout is None:
                continue
            profile = self._step_profile(base, step)
            if step.timeout > profile.max_step_duration:
                decisions.append(self._over(f"step {step.id!r}", step.timeout, profile, "max_step_duration", step.id))
        return decisions

    def _over(self, subject: str, wanted: float, profile: Profile, limit: str, step: str) -> Decision:
        most = getattr(profile, limit)
        reason = f"{subject} asks for {wanted:g} s, and profile {profile.name!r} allows {most} s"
        hint = f"lower `timeout:` to {most} or less, or take a profile with a larger {limit}"
        return Decision(
            Verdict.DENY, reason, self.name, f"{limit}: {most}", f"{profile.where}.limits.{limit}", step, hint=hint
        )


class ApprovalGate(ProfileGate):
    """A profile with `sealed_only` holds a change of devices until somebody has seen the plan and says yes."""

    name = "approval"

    def check(self, request: GateRequest) -> Sequence[Decision]:
        """Hold a plan that would change a device."""
        if request.approved:
            return ()
        asking = (profile for profile in self._configuring(request) if profile.sealed_only or profile.approvals.count)
        profile = next(asking, None)
        if profile is None:
            return ()
        if request.plan is not None and not request.plan.changes:
            return ()
        count = profile.approvals.count
        if count:
            rule = f"approvals: {count}"
            reason = f"profile {profile.name!r} changes devices only by a sealed plan with {count} approval{'s' * (count > 1)}"
            hint = (
                "seal the plan (nornflow plan WORKFLOW -o FILE), have it approved (nornflow approve FILE), and apply it"
            )
        else:
            rule = "sealed_only: true"
            reason = f"profile {profile.name!r} changes devices only by an approved plan"
            hint = "look at the plan and answer the question, or give --yes"
        where = f"{profile.where}.{rule.partition(':')[0]}"
        return (Decision(Verdict.HOLD, reason, self.name, rule, where, hint=hint),)


def needed(step: Step, mode: Mode) -> frozenset[str]:
    """Return the permissions a step needs: in plan mode nothing is written, so reading the device is all."""
    if mode is Mode.APPLY:
        return step.permissions
    return frozenset({"device.read"} if any(name.startswith("device.") for name in step.permissions) else ())


def built_in_gates(
    profiles: Mapping[str, Profile],
    *,
    mode: Mode = Mode.APPLY,
    refusals: Refusals = by_indentation,
    user_permissions: Callable[[str], Collection[str] | None] = lambda user: None,
) -> tuple[Gate, ...]:
    """Return the gates that every run passes, in the order in which they are told.

    `refusals` is what judges planned lines; the guard's own way is that of an adapter, which the application brings.
    """
    if mode is Mode.PLAN:
        return (
            PermissionGate(profiles, mode, user_permissions),
            LineGate(profiles, refusals),
            LockoutGate(profiles),
            RollbackGate(profiles, refusals),
        )
    return (
        PermissionGate(profiles, mode, user_permissions),
        LimitsGate(profiles),
        LineGate(profiles, refusals),
        LockoutGate(profiles),
        RollbackGate(profiles, refusals),
        CanaryGate(profiles),
        ApprovalGate(profiles),
    )
