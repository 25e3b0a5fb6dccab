"""`nornflow plan`: work out what a change would do; devices are read, never written."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import click

from nornflow.cli.change_options import change_options, overrides
from nornflow.cli.plan_group import PlanCommand

if TYPE_CHECKING:
    from nornflow.app.services.change import PlannedChange
    from nornflow.redaction import Redactor

CHANGES = 10
"""The exit code of `--detailed-exitcode` when a device would change."""


class _Plan(PlanCommand):
    words: ClassVar = {
        "show": ("show_plan", "show what a plan file would do, and who approved it"),
        "diff": ("diff_plans", "tell what one plan would do otherwise than another"),
        "conflicts": ("plan_conflicts", "tell whether two plan files are in each other's way"),
        "rebase": ("rebase_plan_file", "make a plan anew, so that it comes after another one"),
        "verify": ("verify_plan", "check a plan file, its signature, and whether it could be applied now"),
    }


@click.command(name="plan", cls=_Plan)
@change_options
@click.option("-o", "--output", type=click.Path(path_type=Path), default=None, help="Seal the plan into this file.")
@click.option(
    "--sign",
    "key",
    type=click.Path(path_type=Path),
    default=None,
    metavar="KEY",
    help="Sign it with this Ed25519 private key.",
)
@click.option(
    "--format", "form", type=click.Choice(["text", "json", "markdown"]), default="text", help="How to show the plan."
)
@click.option("--detailed-exitcode", is_flag=True, help="End with 10 when a device would change, 0 when none would.")
def command(
    workflow: Path,
    inputs: tuple[str, ...],
    limit: str,
    profile: str,
    inventory: Path | None,
    config_file: Path | None,
    workers: int | None,
    output: Path | None,
    key: Path | None,
    form: str,
    detailed_exitcode: bool,
) -> int:
    """Work out what WORKFLOW would do to every device, with a diff for each; no device is written to.

    With -o the plan is sealed into a file: `nornflow approve` approves exactly that, `nornflow apply` applies it.
    """
    from nornflow.app.build import load_project
    from nornflow.app.services.change import Request, plan_change
    from nornflow.app.services.plans.sealing import seal_change
    from nornflow.cli.interrupt import stopping_on_interrupt
    from nornflow.cli.planned import tell_sealed
    from nornflow.cli.plugins import warn_of_plugins
    from nornflow.cli.screen import screen_for
    from nornflow.errors import UsageError

    project = load_project(config_file=config_file, overrides=overrides(workers))
    warn_of_plugins(project.plugin_host)
    request = Request(workflow, inputs, limit, profile, inventory)
    with screen_for(answer=False, mask=project.redactor.text) as screen, stopping_on_interrupt() as switch:
        if key is not None and output is None:
            raise UsageError("--sign signs a plan file, and there is none", hint="name one: -o FILE")
        sealed = None
        if output is None:
            change = plan_change(project, request, screen.voices(switch))
        else:
            change, sealed = seal_change(project, request, screen.voices(switch), output, key)
    shown = show_plan(change, form, project.redactor)
    if sealed is not None and output is not None:
        tell_sealed(project, sealed, output)
    return CHANGES if not shown and detailed_exitcode and change.plan.changes else shown


def show_plan(change: PlannedChange, form: str, masked: Redactor) -> int:
    """Show a plan and return how the command ends."""
    from nornflow.cli.plan_view import plan_json, plan_markdown, plan_text

    if form == "json":
        from nornflow.cli.output import show_json

        show_json(masked.value(plan_json(change)))
    else:
        from nornflow.cli.output import show_diff

        for line in (plan_markdown if form == "markdown" else plan_text)(change):
            show_diff(masked.text(line), coloured=form == "text")
    return plan_exit(change)


def plan_exit(change: PlannedChange) -> int:
    """Return how a command ends that shows a plan: 3 when a gate denies it, 1 when a device could not be planned, else 0."""
    from nornflow.model.decision import Verdict, strictest

    if strictest(change.decisions) is Verdict.DENY:
        return 3
    return 1 if any(host.error for host in change.plan.hosts) else 0
