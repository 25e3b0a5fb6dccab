"""What a step may do is what profile, workflow and user all allow; and who of them says no is always told."""

from __future__ import annotations

from collections.abc import Collection

from nornflow.model.permission import PERMISSIONS, covers
from nornflow.model.profile import Profile
from nornflow.record import record


@record
class Ruling:
    """Whether a permission is given, the rule that decided, where that rule stands and how to proceed."""

    permission: str
    allowed: bool
    rule: str
    where: str
    hint: str = ""


@record
class Allowance:
    """The permissions of one run (or step): None for workflow or user means that they leave it to the others."""

    profile: Profile
    workflow: frozenset[str] | None = None
    user: frozenset[str] | None = None
    workflow_where: str = "the workflow's permissions"
    user_where: str = "the user's roles"

    @property
    def names(self) -> frozenset[str]:
        """Return every permission that is given."""
        return frozenset(name for name in PERMISSIONS if self.judge(name).allowed)

    def judge(self, permission: str) -> Ruling:
        """Say whether a permission is given and which rule decided; profile first, then workflow, then user."""
        profile = self.profile
        if permission not in PERMISSIONS:
            return Ruling(
                permission, False, "unknown permission", "", f"permissions are: {', '.join(sorted(PERMISSIONS))}"
            )
        if covers(profile.deny, permission):
            return Ruling(
                permission,
                False,
                f"profile {profile.name}: deny has {permission}",
                f"{profile.where}.deny",
                _HINT_PROFILE,
            )
        if not covers(profile.allow, permission):
            return Ruling(
                permission,
                False,
                f"profile {profile.name}: allow has no {permission}",
                f"{profile.where}.allow",
                _HINT_PROFILE,
            )
        if self.workflow is not None and not covers(self.workflow, permission):
            hint = f"add {permission} to the workflow's `permissions:`, or take that key away"
            return Ruling(
                permission, False, f"the workflow's permissions leave out {permission}", self.workflow_where, hint
            )
        if self.user is not None and not covers(self.user, permission):
            hint = f"ask an administrator for a role with {permission}"
            return Ruling(permission, False, f"the user has no {permission}", self.user_where, hint)
        return Ruling(permission, True, f"profile {profile.name}: allow has {permission}", f"{profile.where}.allow")


_HINT_PROFILE = (
    "take another profile (`nornflow profile list`), or write one that extends this one (docs/reference/profiles.md)"
)


def effective(
    profile: Profile,
    workflow_permissions: Collection[str] | None = None,
    user_permissions: Collection[str] | None = None,
    *,
    workflow_where: str = "the workflow's permissions",
) -> Allowance:
    """Return the intersection of what profile, workflow and user allow."""
    return Allowance(
        profile,
        None if workflow_permissions is None else frozenset(workflow_permissions),
        None if user_permissions is None else frozenset(user_permissions),
        workflow_where,
    )
