"""Telling beside a plan where it was sealed, and which other plans wait for the same devices."""

from __future__ import annotations

from pathlib import Path

from nornflow.app.build import Project
from nornflow.model.sealed import SealedPlan


def tell_sealed(project: Project, plan: SealedPlan, file: Path) -> None:
    """Tell where a plan was sealed, and warn of others that wait for its devices."""
    from nornflow.cli.output import tell

    tell(f"sealed in {file}: sha256 {plan.hash}")
    warn_of_neighbours(project, plan)


def warn_of_neighbours(project: Project, plan: SealedPlan) -> None:
    """Tell of each other plan that waits for devices of this one."""
    from nornflow.app.services.plans.conflicting import neighbours
    from nornflow.cli.output import tell

    found = neighbours(project, plan)
    for each in found:
        tell(f"warning: {project.redactor.text(str(each))}", colour="yellow")
    if found:
        tell("hint: `nornflow plan conflicts A B` says more of two plan files; one that nobody wants is to be rejected")
