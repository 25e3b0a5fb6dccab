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

    Raises UsageError for a name that nobody knows, and PolicyDenied for a workflow whose own profile would raise.
    """
    if asked:
        return profile_named(project.profiles, asked)
    base = profile_named(project.profiles, project.settings.profile)
    if not workflow.profile or workflow.profile == base.name:
        return base
    wanted = profile_named(project.profiles, workflow.profile)
    if gains := raised(base, wanted):
        raise PolicyDenied(
            f"the workflow asks for profile {wanted.name!r}, which would raise {base.name!r} of the settings:"
            f" {', '.join(gains[:4])}{' …' if len(gains) > 4 else ''}",
            hint=f"read the workflow, then run it with `--profile {wanted.name}`",
        )
    return lower(base, wanted)
