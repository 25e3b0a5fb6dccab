"""Which profile a run has: the one that its user names, else the workflow's own as far as it lowers the settings'."""

from __future__ import annotations

from nornflow.app.build import Project
from nornflow.errors import PolicyDenied
from nornflow.model.profile import Profile
from nornflow.model.workflow import Workflow
from nornflow.policy.lowering import lower, raised
from nornflow.policy.profiles import profile_named


def chosen_profile(project: Project, asked: str, workflow: Workflow) -> Profile:
    """Return the profile of a run. A file may ask for less than the settings say; for more its user has to ask.

    Raises UsageError for a name that nobody knows, and PolicyDenied for a workflow whose own profile would raise, and for
    what is more than `profile_limit` lets anybody have.
    """
    profile = _chosen(project, asked, workflow)
    if not project.settings.profile_limit:
        return profile
    limit = profile_named(project.profiles, project.settings.profile_limit)
    return within(
        limit,
        profile,
        f"profile {profile.name!r} would allow more, or ask for less, than {limit.name!r}, which `profile_limit` sets",
        hint=f"take {limit.name!r}, or one that extends it; `nornflow config explain profile_limit` says who set it",
    )


def _chosen(project: Project, asked: str, workflow: Workflow) -> Profile:
    if asked:
        return profile_named(project.profiles, asked)
    base = profile_named(project.profiles, project.settings.profile)
    if not workflow.profile or workflow.profile == base.name:
        return base
    wanted = profile_named(project.profiles, workflow.profile)
    return within(
        base,
        wanted,
        f"the workflow asks for profile {wanted.name!r}, which would raise {base.name!r} of the settings",
        hint=f"read the workflow, then run it with `--profile {wanted.name}`",
    )


def within(base: Profile, wanted: Profile, refusal: str, hint: str) -> Profile:
    """Return what both profiles allow and both ask for; PolicyDenied, with what is gained, when `wanted` would raise `base`."""
    if gains := raised(base, wanted):
        raise PolicyDenied(f"{refusal}: {', '.join(gains[:4])}{' …' if len(gains) > 4 else ''}", hint=hint)
    return lower(base, wanted)
